"""What a page is made of, as one digest: the same digest, the same page, but for what each run says of itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from ...results.record import Record

OF_EACH_RUN = ("created", "seconds", "work", "digest")  # of run.json: what differs where nothing was computed
FILES = ("run.json", "results.parquet", "curves.parquet", "maps/index.parquet", "photos/index.parquet")
LIBRARIES = ("numpy", "scipy", "pandas", "matplotlib", "seaborn", "pillow", "jinja2", "itables", "contourpy")
SUFFIXES = {".py", ".j2", ".js", ".css", ".yaml"}


def page_key(record: Record) -> str:
    """Of the tables, of run.json without what differs between two runs of the same, and of the code that draws."""
    info = {key: value for key, value in record.info.items() if key not in OF_EACH_RUN}
    text = json.dumps([info, _code()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def source_files(record: Record) -> list[tuple[str, str]]:
    """The tables that a page is written from, with their SHA-256."""
    places = ((name, record.folder / name) for name in FILES)
    return [(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in places if path.is_file()]


@cache
def _code() -> str:
    state = hashlib.sha256(repr([importlib.metadata.version(name) for name in LIBRARIES]).encode())
    for path in _code_files():
        state.update(path.read_bytes())
    return state.hexdigest()


def _code_files() -> Iterator[Path]:
    """In a checkout, ``benchbench/reports`` is a link, which a search of ``benchbench`` does not follow."""
    for package in ("benchbench", "benchbench.reports"):
        home = Path(str(files(package))).resolve()
        yield from sorted(path for path in home.rglob("*") if path.suffix in SUFFIXES)
