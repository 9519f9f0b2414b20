"""A run's folder as commands read it; of one that is not finished, a warning says so."""

from __future__ import annotations

from pathlib import Path

from ..engine.read_run import read_run
from ..results.record import Record
from ..results.unfinished import caution_of
from .output import say


def read_record(folder: Path) -> Record:
    """The record of a finished run without torch; of a run that goes on or was killed, of what is finished.

    Raises:
        BenchError: the folder holds no run, no shard of it is finished, or a file is not what the run wrote.
    """
    record = read_run(folder)
    if caution := caution_of(record.info):
        say(f"WARNING: {folder}: {caution}", error=True)
    return record
