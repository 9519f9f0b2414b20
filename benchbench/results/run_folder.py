"""What a run wrote into its folder, read back only as it was written."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import BenchError, message_of
from ..files import Damaged, read
from .info_shape import refuse_other_shape
from .table_file import table_of, typed_table

INFO = "run.json"
UNFINISHED = "unfinished.json"  # the plan of a run, from its start until its tables are written
FORMAT = 2  # of the folder: a pack for each shard; 1 had a file for each cell, map and photograph


def refuse_unfinished(folder: Path) -> None:
    """Raises BenchError where the folder holds no run, or one whose tables are still to be made."""
    if (folder / UNFINISHED).exists():
        hint = "Run it again to continue, or read it by bb.Run.load"
        raise BenchError("a run into this folder has not written its tables", where=str(folder), hint=hint)
    if not (folder / INFO).exists():
        hint = "Give the folder that benchbench run wrote"
        raise BenchError(f"{folder} is not the folder of a finished run", hint=hint)


def read_info(folder: Path) -> dict[str, Any]:
    """run.json.

    Raises:
        BenchError: the folder is of another format.
        ValueError: it is not what a run wrote.
        OSError: it is absent.
    """
    info = json.loads(read(folder / INFO), parse_constant=_finite, parse_float=_finite)
    if not isinstance(info, dict) or info.pop("digest", None) != info_digest(info):
        raise Damaged(f"{INFO} is not what was written, or another version of benchbench wrote it")
    if info.get("format", 1) != FORMAT:
        what = f"the folder has format {info.get('format', 1)}, which benchbench {info.get('benchbench')} wrote"
        hint = "Run the study into a new folder, or read it with that version"
        raise BenchError(f"{what}; this version has format {FORMAT}", where=str(folder), hint=hint)
    refuse_other_shape(info)
    return info


def _finite(text: str) -> float:
    """A number of run.json, which has no infinite ones, and none that is not a number.

    Raises:
        Damaged: it is such a number.
    """
    number = float(text)
    if not math.isfinite(number):
        raise Damaged(f"{INFO} has the number {text[:20]}")
    return number


def info_digest(info: Mapping[str, Any]) -> str:
    """Of what run.json says, but for the digest itself."""
    return hashlib.sha256(json.dumps(info, sort_keys=True).encode()).hexdigest()


def read_table(folder: Path, info: Mapping[str, Any], name: str) -> pd.DataFrame:
    """A table of a run, of any columns.

    Args:
        info: run.json, which has the table's digest.

    Raises:
        BenchError: it is not what the run wrote.
    """
    with plainly(folder):
        return table_of(read_known(folder, info, name), name)


def read_typed(folder: Path, info: Mapping[str, Any], name: str, columns: dict[str, str]) -> pd.DataFrame:
    """A table of a run by its columns in schema.py.

    Args:
        info: run.json, which has the table's digest, and every name that may stand in it.

    Raises:
        BenchError: it is not what the run wrote.
    """
    with plainly(folder):
        return typed_table(read_known(folder, info, name), name, columns, info)


def read_known(folder: Path, info: Mapping[str, Any], name: str) -> bytes:
    """A file of a run whose digest run.json has.

    Raises:
        Damaged: it is not what the run wrote.
        OSError: it cannot be read.
    """
    seal = info.get("files", {}).get(name)  # names of run.json lead nowhere out of the folder
    if seal is None:
        raise Damaged(f"run.json does not know {name}")
    if (folder / name).parent.is_symlink():
        raise Damaged(f"{Path(name).parent} is a link")
    data = read(folder / name)
    if hashlib.sha256(data).hexdigest() != seal:
        raise Damaged(f"{name} is not what the run wrote")
    return data


def checked_info(folder: Path) -> dict[str, Any]:
    """run.json.

    Raises:
        BenchError: it is not what a run wrote.
    """
    with plainly(folder):
        return read_info(folder)


@contextmanager
def plainly(folder: Path) -> Iterator[None]:
    """What is wrong with a run's file, as a BenchError."""
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:  # pyarrow's and json's errors are ValueErrors
        hint = "Run it again: undamaged results are not recomputed"
        raise BenchError(
            f"a file of the run cannot be read: {message_of(error)}", where=str(folder), hint=hint
        ) from None


def has_tables(folder: Path) -> bool:
    """Whether the folder's last run wrote its tables, of everything or of what was there when it was stopped."""
    return (folder / INFO).exists() and not (folder / UNFINISHED).exists()
