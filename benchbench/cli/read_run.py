"""A run's folder as commands read it; of one that is not finished, a warning says so."""

from __future__ import annotations

from pathlib import Path

from ..results.record import Record
from ..results.run_folder import UNFINISHED
from ..results.unfinished import caution_of
from .output import say


def read_record(folder: Path) -> Record:
    """The record of a finished run without torch; of a run that goes on or was killed, of what is finished.

    Raises:
        BenchError: the folder holds no run, no shard of it is finished, or a file is not what the run wrote.
    """
    if (folder / UNFINISHED).exists():
        from ..engine.unfinished_run import read_run

        record = read_run(folder)
    else:
        record = Record.load(folder)
    if caution := caution_of(record.info):
        say(f"WARNING: {folder}: {caution}", error=True)
    return record
