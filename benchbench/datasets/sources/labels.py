"""Where the labels of a folder's photographs come from."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from ...errors import BenchError
from .scan import Scan

_INTEGER = re.compile(r"[0-9]{1,9}")  # longer ones are dates and serial numbers
_WORDNET = re.compile(r"n[0-9]{8}")
Classes: TypeAlias = Literal["numeric", "one-based", "sorted"]
_RULES = {
    "numeric": "the integer that names the sub-folder",
    "one-based": "the integer that names the sub-folder, less one",
    "sorted": "the sub-folder's index in sorted order, as in torchvision's ImageFolder",
}
_HEADER = "Its first line must be: file,label"
_NUMBERS = "labels are numbers, and count by number"


@dataclass(frozen=True)
class Labels:
    """The label of each photograph by id, and the rule they follow, in words.

    Attributes:
        readings: other ways to number the classes, by name: from the label to the label that it would be.
        warning: what the user should know of the rule, or "".
        names: by label, the names of the classes, where nobody has said how they are numbered; else empty.
        nameless: why there are no names, where there are none.
    """

    rule: str
    of: Mapping[str, int] = field(default_factory=dict)
    readings: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    warning: str = ""
    names: tuple[str, ...] = ()
    nameless: str = _NUMBERS


def no_labels() -> Labels:
    rule = "none: the photographs are in root itself, and there is no labels file"
    return Labels(rule, nameless="there are no labels")


def labels_of_folders(contents: Scan, classes: Classes | None = None) -> Labels:
    """The label of each photograph by its sub-folder.

    Args:
        classes: ``numeric`` is the number that names the sub-folder, ``one-based`` that number less one, ``sorted`` the
            sub-folder's index in the order of names, as in torchvision's ImageFolder. None is ``numeric`` where all
            names are numbers, with a warning where ImageFolder has other labels, and ``sorted`` elsewhere.

    Raises:
        BenchError: two sub-folders mean one integer; an empty sub-folder would shift the other indices; the names are
            not the numbers that ``classes`` asks for.
    """
    rules = _rules(contents.folders)
    chosen = classes or list(rules)[0]  # noqa: RUF015 - mypy
    if chosen not in rules:
        reason = (
            "a sub-folder is named 0" if chosen == "one-based" and "numeric" in rules else "not all names are numbers"
        )
        raise BenchError(f"classes is {chosen}, and {reason}", where="root", hint=f"Use classes: {' or '.join(rules)}")
    index = rules[chosen]
    if chosen == "sorted":
        _refuse_empty(contents)
    else:
        _refuse_twins(index)
    readings: dict[str, dict[int, int]] = {
        rule: {index[name]: of[name] for name in index} for rule, of in rules.items() if of != index
    }
    rule = f"{_RULES[chosen]} ({len(index)} sub-folders)"
    if chosen == "sorted" and len(index) != 1000 and all(_WORDNET.fullmatch(name) for name in index):
        rule += "; the names are WordNet ids but not ImageNet's 1000, so this is not ImageNet's class index"
    warning = "" if classes else _warning(rules)
    names = tuple(index) if chosen == "sorted" and classes is None else ()
    of = {id: index[id.split("/")[0]] for id in contents.photos}
    nameless = "classes: sorted takes the sub-folders in their order" if chosen == "sorted" else _NUMBERS
    return Labels(rule, of, readings, warning, names, nameless)


def _rules(folders: Sequence[str]) -> dict[Classes, dict[str, int]]:
    """The label of each sub-folder under every rule that can be followed; the default is the first."""
    rules: dict[Classes, dict[str, int]] = {}
    if all(_INTEGER.fullmatch(name) for name in folders):
        rules["numeric"] = {name: int(name) for name in folders}
        if min(rules["numeric"].values()) > 0:
            rules["one-based"] = {name: int(name) - 1 for name in folders}
    rules["sorted"] = {name: i for i, name in enumerate(sorted(folders))}
    return rules


def _warning(rules: Mapping[Classes, Mapping[str, int]]) -> str:
    """What must be said where the numbers are read otherwise than by ImageFolder: the first sub-folder that differs."""
    if "numeric" not in rules:
        return ""
    for name, label in rules["numeric"].items():
        sorted_label = rules["sorted"][name]
        if sorted_label != label:
            start = " No folder is 0, so the numbers may start at 1." if "one-based" in rules else ""
            return (
                f"class folders are numbers, and the label is the number. torchvision's ImageFolder would number them "
                f"differently: folder {name!r} is class {label} here and {sorted_label} there.{start} "
                f"Choose with classes: {', '.join(rules)}"
            )
    return ""


def labels_of_table(path: Path, photos: Mapping[str, Path]) -> Labels:
    """The labels in a CSV with the columns ``file`` and ``label``.

    Raises:
        BenchError: there is no such file, a column is missing, or a row names no photograph, has no integer, or names
            a photograph again. The line is given.
    """
    lines: dict[str, int] = {}
    labels: dict[str, int] = {}
    composed = {unicodedata.normalize("NFC", id): id for id in photos}
    for line, file, label in _rows(path):
        where = f"labels: {path.name} line {line}"
        id = str(PurePosixPath(file))
        id = id if id in photos else composed.get(unicodedata.normalize("NFC", id), id)
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
            "the table has no rows", where=f"labels: {path.name}", hint="Leave labels out if there are none"
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


def _refuse_empty(contents: Scan) -> None:
    empty = sorted(set(contents.folders) - {id.split("/")[0] for id in contents.photos})
    if empty:
        raise BenchError(
            f"the sub-folder {empty[0]!r} has no photographs, and classes are numbered by sub-folder",
            where="root",
            hint="Remove it, or give labels: a CSV with the columns file,label",
        )
