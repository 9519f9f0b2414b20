"""A run's folder, read back: torch is imported only for a run whose tables are still to be made."""

from __future__ import annotations

from pathlib import Path

from ..paths import expanded
from ..results.record import Record
from ..results.run_folder import UNFINISHED


def read_run(folder: str | Path) -> Record:
    """A run's record: its tables, or for a run without tables of its own what its cells hold.

    Nothing is written, so the run may go on meanwhile.

    Raises:
        BenchError: the folder holds no run, no shard of it is finished, or a file is not what the run wrote.
    """
    folder = expanded(folder)
    if not (folder / UNFINISHED).exists():
        return Record.load(folder)
    from .unfinished_run import made_record  # torch takes seconds to import, and 500 MB

    return made_record(folder)
