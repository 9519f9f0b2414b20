"""Runs that a command line names by URL: commands work on their working copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import typer

from ..errors import BenchError
from ..remote.run_url import is_url, local_path, without_secrets

_READ = ("run", "run_a", "run_b")  # arguments that are a run's folder, of every command
_WRITTEN = ("run", "reliability", "merge")  # commands whose --out is a run's folder
_PLANNED = ("estimate",)  # whose --out is a run's folder that is only read
META = "benchbench.urls"


def urls_among(command: str, params: dict[str, Any], words: Mapping[str, Any]) -> dict[str, str]:
    """The URLs of runs among a command's parameters, by name; ``file://`` URLs become paths.

    Args:
        command: its name.
        params: what was made of the words, which is changed where a word is a file's URL.
        words: the words as they stand in the command line.

    Raises:
        BenchError: a URL stands where no run's folder is meant.
    """
    urls: dict[str, str] = {}
    for name, value in params.items():
        word = words.get(name)
        if not isinstance(value, Path) or not isinstance(word, str):
            continue
        if not is_url(word):
            params[name] = local_path(word) if "://" in word else value
        elif name in _READ or (name == "out" and command in (*_WRITTEN, *_PLANNED)):
            urls[name] = word
        else:
            option = f"--{name}" if name != "study" else "STUDY"
            hint = "Only a run's folder can be a URL; give a path of this machine"
            raise BenchError(f"{without_secrets(word)} is a URL", where=option, hint=hint)
    return urls


def place_of(context: Any, name: str, folder: Path) -> str:
    """How a run's folder is shown: by its URL, where the command line has one.

    Args:
        context: of the command.
        name: of the parameter.
        folder: where the run is on this machine.
    """
    return without_secrets(context.meta.get(META, {}).get(name, "")) or str(folder)


@contextmanager
def at_hand(command: str, params: dict[str, Any], urls: Mapping[str, str]) -> Iterator[None]:
    """Within the block the parameters that are URLs are folders of this machine; what is written there is sent.

    Raises:
        BenchError: a URL or its driver is wrong, another run writes there, or the store fails.
    """
    try:
        with ExitStack() as stack:
            for name, url in sorted(urls.items(), key=lambda item: item[0] == "out"):
                params[name] = stack.enter_context(_place(command, name, url, params))
            yield
    except typer.Exit:  # some rows failed
        _say_where(command, params, urls)
        raise
    _say_where(command, params, urls)


def _say_where(command: str, params: Mapping[str, Any], urls: Mapping[str, str]) -> None:
    for name, url in urls.items():
        if _is_written(command, name, params):
            print(f"Stored: {without_secrets(url)}")


def _is_written(command: str, name: str, params: Mapping[str, Any]) -> bool:
    return name == "out" and command in _WRITTEN and not params.get("dry_run")


def _place(command: str, name: str, url: str, params: Mapping[str, Any]) -> AbstractContextManager[Path]:
    from ..remote.run_places import place_to_read, run_place
    from ..remote.working_copy import top_only

    if _is_written(command, name, params):
        return run_place(url, take_over=bool(params.get("take_over")))
    if command == "status":
        return place_to_read(url, top_only)
    return place_to_read(url, new=name == "out")
