"""``benchbench validate``: a study, read, checked and resolved, without a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import BenchError
from .common import study_of
from .output import say, screen


def validate_command(
    study: Annotated[Path | None, typer.Argument(help="A study file; default: the embedded study")] = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", "--plugins", help="A Python file that registers methods or metrics"),
    ] = None,
    load: Annotated[
        bool, typer.Option("--load/--no-load", help="Also load the networks and data, and find the layers")
    ] = True,
) -> None:
    """Check a study without running it: names, parameters, files, networks, layers and data."""
    final_study = study_of(study, plugin, {}, {}, {})
    for where, path in _files(final_study):
        if not path.exists():
            raise BenchError(f"no such file or folder: {path}", where=where, hint="Correct the path")
    name = str(study) if study else "the embedded study"
    if not load:
        say(f"OK: {name}. Names, parameters and files are right; networks and data were not loaded")
        return
    with tempfile.TemporaryDirectory() as scratch:
        plan = final_study.dry_run(Path(scratch) / "run")
    lines = [f"OK: {name}", *plan.subject(), *(f"WARNING: {caution}" for caution in plan.cautions)]
    screen(highlight=False, markup=False, soft_wrap=True).print("\n".join(lines))


def _files(study: Any) -> Iterator[tuple[str, Path]]:
    """The files and folders that the study names, with the keys that name them."""
    for key in ("models", "datasets", "methods", "metrics"):
        for choice in getattr(study, key):
            yield from ((f"{key}: {choice.label}", each) for each in choice.params.values() if isinstance(each, Path))
            subset = getattr(choice, "subset", None)
            if subset is not None and subset.ids is not None:
                yield f"{key}: {choice.label}: subset", subset.ids
