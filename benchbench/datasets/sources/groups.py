"""Which photographs of a folder belong together, from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ...errors import BenchError

_HEADER = "Its first line must name the columns file and group"


def has_groups(path: Path) -> bool:
    """Whether the CSV has a column ``group``; not where it cannot be read, which its other reader says."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            return "group" in [name.strip() for name in next(csv.reader(text), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def groups_of_table(path: Path, photos: Mapping[str, Path], key: str) -> dict[str, str]:
    """The groups in a CSV with the columns ``file`` and ``group``; a row without a group is independent.

    Args:
        key: of the study file, for errors.

    Raises:
        BenchError: the file cannot be read, a column is missing, or a row names no photograph, or one twice.
    """
    groups: dict[str, str] = {}
    lines: dict[str, int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in ("file", "group") if name not in reader.fieldnames]
            if missing:
                raise BenchError(f"there is no column {missing[0]!r}", where=f"{key}: {path.name}", hint=_HEADER)
            for row in reader:
                id = str(PurePosixPath(row["file"] or ""))
                where = f"{key}: {path.name} line {reader.line_num}"
                if id not in photos:
                    raise BenchError(f"{row['file']!r} is not a photograph in root", where=where, hint="Remove the row")
                if id in lines:
                    reason = f"{row['file']!r} is on line {lines[id]} already"
                    raise BenchError(reason, where=where, hint="Remove one of the two")
                lines[id] = reader.line_num
                if (row["group"] or "").strip():
                    groups[id] = row["group"].strip()
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror or error}"
        raise BenchError(reason, where=f"{key}: {path}", hint="Give a CSV: file,group") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"the file is not a UTF-8 CSV: {error}", where=f"{key}: {path.name}", hint=_HEADER) from None
    return groups
