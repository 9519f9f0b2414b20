"""``benchbench run RUN/run.json``: a run done again, and what differs between then and now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from .output import say


def is_run(study: Path | None) -> bool:
    """Whether a study's file is the run.json of a run."""
    return study is not None and study.name == "run.json"


def keys_of(study: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The keys of the study that a run.json holds, with options in their place.

    Raises:
        BenchError: it is no run.json, or the study cannot be read again.
    """
    from ..study.again import keys_again

    return {**keys_again(study), **options}


def folder_again(study: Path) -> Path:
    """The folder of a run that is done again: beside the first."""
    first = study.resolve().parent
    return first.with_name(f"{first.name}-again")


@contextmanager
def compared_with(study: Path | None, out: Path) -> Iterator[None]:
    """The block does the run of a run.json again; what differs is printed after it. Nothing of any other study."""
    try:
        yield
    except typer.Exit:  # some rows failed
        _show(study, out)
        raise
    _show(study, out)


def _show(study: Path | None, out: Path) -> None:
    if study is None or not is_run(study):
        return
    from ..results.environment import differences, same_values
    from ..results.record import Record

    then, now = Record.load(study.parent), Record.load(out)
    changes = differences(then.info, now.info)
    say(f"Compared with {study.parent}:")
    for each in changes or ["nothing differs in versions, device, weights, data and code"]:
        say(f"  {each}")
    say(f"  {same_values(then, now)}")
