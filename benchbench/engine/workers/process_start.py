"""The first thing that a process of a pool does; this file imports nothing that takes a while."""

from __future__ import annotations

from ...quick_imports import quick_imports


def begin() -> None:
    """In a process of the pool, before its first shard."""
    with quick_imports():
        from .worker import end_with_command, ignore_signals
    ignore_signals()
    end_with_command()
