"""Where the labels of a folder's photographs come from."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..errors import BenchError
from .scan import Scan

_INTEGER = re.compile(r"[0-9]{1,9}")  # longer ones are dates and serial numbers
_WORDNET = re.compile(r"n[0-9]{8}")
_HEADER = "Its first line must be: file,label"


@dataclass(frozen=True)
class Labels:
    """The label of each photograph by id, and the rule they follow, in words."""

    rule: str
    of: Mapping[str, int] = field(default_factory=dict)


def no_labels() -> Labels:
    return Labels("none: the photographs are in root itself, and there is no labels file")


def labels_of_folders(found: Scan) -> Labels:
    """The integer that names each photograph's sub-folder, if all are integers; or else its index in sorted order.

    Raises:
        BenchError: two sub-folders mean one integer; or an empty sub-folder would shift the other indices.
    """
    if all(_INTEGER.fullmatch(name) for name in found.folders):
        index = {name: int(name) for name in found.folders}
        _refuse_twins(index)
        rule = f"the integer that names the sub-folder ({len(index)} sub-folders)"
    else:
        index = {name: i for i, name in enumerate(found.folders)}
        _refuse_empty(found)
        rule = f"the sub-folder's index in sorted order ({len(index)} sub-folders), as in torchvision's ImageFolder"
        if len(index) != 1000 and all(_WORDNET.fullmatch(name) for name in index):
            rule += "; the names are WordNet ids but not ImageNet's 1000, so this is not ImageNet's class index"
    return Labels(rule, {id: index[id.split("/")[0]] for id in found.photos})


def labels_of_table(path: Path, photos: Mapping[str, Path]) -> Labels:
    """The labels in a CSV with the columns ``file`` and ``label``.

    Raises:
        BenchError: there is no such file, a column is missing, or a row names no photograph, has no integer, or names
            a photograph again. The line is given.
    """
    lines: dict[str, int] = {}
    labels: dict[str, int] = {}
    for line, file, label in _rows(path):
        where = f"labels: {path.name} line {line}"
        id = str(PurePosixPath(file))
        if id not in photos:
            raise BenchError(
                f"{file!r} is not a photograph in root", where=where, hint="Name files relative to root, or remove it"
            )
        if id in lines:
            raise BenchError(f"{file!r} is on line {lines[id]} already", where=where, hint="Remove one of the two")
        if not _INTEGER.fullmatch(label.strip()):
            raise BenchError(
                f"{file!r} has the label {label!r}, not a class index", where=where, hint="Give integers of at least 0"
            )
        lines[id], labels[id] = line, int(label)
    if not labels:
        raise BenchError(
            "the table has no rows", where=f"labels: {path.name}", hint="Leave labels out if there is none"
        )
    return Labels(f"from {path.name}", labels)


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, file, label) of every row."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:  # spreadsheets begin a CSV with a byte-order mark
            reader = csv.DictReader(text)
            header = [name.strip() for name in reader.fieldnames or ()]
            for name in ("file", "label"):
                if name not in header:
                    raise BenchError(f"no column {name!r}; the header is {','.join(header)!r}", hint=_HEADER)
            reader.fieldnames = header
            for row in reader:
                yield reader.line_num, row["file"] or "", row["label"] or ""
    except BenchError as error:
        raise error.at(f"labels: {path.name}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(f"cannot be read: {reason}", where=f"labels: {path}", hint="Give a CSV: file,label") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"is not a UTF-8 CSV: {error}", where=f"labels: {path.name}", hint=_HEADER) from None


def _refuse_twins(index: Mapping[str, int]) -> None:
    seen: dict[int, str] = {}
    for name, label in index.items():
        if label in seen:
            raise BenchError(
                f"the sub-folders {seen[label]!r} and {name!r} are both class {label}", where="root", hint="Merge them"
            )
        seen[label] = name


def _refuse_empty(found: Scan) -> None:
    empty = sorted(set(found.folders) - {id.split("/")[0] for id in found.photos})
    if empty:
        raise BenchError(
            f"the sub-folder {empty[0]!r} has no photographs, and classes are numbered by sub-folder",
            where="root",
            hint="Remove it, or give labels: a CSV with the columns file,label",
        )
