"""What can go wrong with a run's disk or memory, in one line; finished work is kept."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import BenchError
from ..failure_policy import out_of_memory
from ..files import Damaged
from ..results.run_folder import UNFINISHED
from ..study.spec import StudySpec
from .progress import Progress

_KEPT = "Finished work is kept, and the same command continues from there"
_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def as_bench_errors(study: StudySpec, folder: Path, progress: Progress) -> Iterator[None]:
    """What can go wrong for want of disk or memory, as a BenchError; the progress is stopped."""
    try:
        yield
    except OSError as error:
        raise _disk_error(error, folder) from error
    except Damaged as error:  # since the run began: the start looked at every file
        hint = "Run it again: what is damaged is computed anew"
        raise BenchError(str(error), where=str(folder), hint=hint) from error
    except Exception as error:
        if not out_of_memory(error):
            raise
        hint = "Finished work is kept. Free some memory, or give smaller images"
        raise BenchError("out of memory with a single image", where=f"device: {study.device}", hint=hint) from error
    finally:
        progress.stop()


def refuse_removed(folder: Path) -> None:
    """Raises BenchError where the folder that a run writes into has gone; a run would write half a folder anew."""
    if not (folder / UNFINISHED).exists():
        message = "the run's folder was removed, or emptied, while the run wrote into it"
        raise BenchError(message, where=str(folder), hint="Run it again")


def _disk_error(error: OSError, folder: Path) -> BenchError:
    if not folder.is_dir():
        message = "the run's folder was removed while the run wrote into it"
        return BenchError(message, where=str(folder), hint="Run it again")
    if error.errno in _FULL:
        return BenchError(f"the disk is full ({error.strerror})", where=str(folder), hint=f"Free some space. {_KEPT}")
    if error.errno in _CLOSED:
        return BenchError(f"it can no longer be written: {error.strerror}", where=str(folder), hint=_KEPT)
    return BenchError(f"{type(error).__name__}: {error}", where=str(folder), hint=_KEPT)
