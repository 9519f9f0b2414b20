"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path

from .errors import BenchError


def expanded(path: str | Path) -> Path:
    """The path, with ``~`` and ``~name`` replaced by the home folder.

    Raises:
        BenchError: there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BenchError(f"no home folder for {str(path)!r}", hint="Write the path in full") from None
