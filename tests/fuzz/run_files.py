"""Run folders whose files are changed for a while, and what the commands read of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from benchbench.cli.read_run import read_record
from benchbench.cli.status import status_command
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.terminal.overview import Overview
from benchbench.results.run_folder import info_digest


@contextmanager
def changed(folder: Path, **files: bytes) -> Iterator[None]:
    """While it lasts, files of the folder have another content."""
    before = {name: (folder / name).read_bytes() for name in files}
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        yield
    finally:
        for name, content in before.items():
            (folder / name).write_bytes(content)


NO_URLS: Any = SimpleNamespace(meta={})  # the context of a command line without URLs


def sealed(info: Any) -> bytes:
    """run.json with the digest of what it says."""
    plain = {key: value for key, value in info.items() if key != "digest"} if isinstance(info, dict) else info
    if isinstance(plain, dict):
        plain = {**plain, "digest": info_digest(plain)}
    return json.dumps(plain).encode()


def shown(folder: Path) -> str:
    """What the command report shows first: the record, its leaderboard, and the text for a terminal."""
    marked = Marked.of(read_record(folder))
    console = Console(file=io.StringIO(), width=100)
    console.print(Overview(marked))
    for file, row in zip(marked.board.record.maps["file"], marked.board.record.maps["row"], strict=True):
        marked.board.record.map(file, int(row))
    for file in marked.board.record.photos["file"]:
        marked.board.record.photo(file)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def status(folder: Path) -> None:
    try:
        status_command(NO_URLS, folder)
        status_command(NO_URLS, folder, as_json=True)
    except BaseException as end:
        if type(end).__name__ != "Exit":
            raise
