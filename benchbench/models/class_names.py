"""The names of a network's classes, read from a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BenchError
from ..paths import expanded

_NAMES = ("name", "class_name", "classname", "class", "label", "category", "description")
_MOST_DIGITS = 10
MOST_CLASSES = 1_000_000
_WAYS = "Give a line for each class, a CSV with a column of names, or JSON: a list, {index: name}, or {name: index}"


def read_class_names(path: str | Path, least: int = 1) -> tuple[str, ...]:
    """Class names in the order of the network's outputs.

    A text file has one name in each line. A CSV has a column of names and may have a column of the indices 0 to N - 1
    and a header. JSON is a list of names, ``{index: name}``, ``{name: index}``, ``{index: [wordnet id, name]}`` as
    Keras' ImageNet file is, or a dictionary that has one of these under ``id2label``, ``label2id``, ``classes`` or
    ``names``.

    Args:
        least: the least number of classes, for the error that says that a number is none.

    Raises:
        BenchError: there is no such file, it holds no names, or its indices are not 0 to N - 1.
    """
    file = expanded(path)
    if not file.is_file() and str(path).lstrip("-").isdigit():
        raise _error(f"{path} is no number of classes", f"Give {least} to {MOST_CLASSES:,}, or a file of their names")
    if not file.is_file():
        raise _error(f"no file {str(path)!r}", "Give a number of classes, or a file of their names")
    try:
        text = file.read_text(encoding="utf-8-sig")
        names = _of_text(text, file.suffix.lower(), str(path))
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise _error(f"{path} cannot be read: {error}", _WAYS) from None
    if len(names) < 2 or not all(names):
        what = f"has {len(names)} names" if len(names) < 2 else f"has no name for class {names.index('')}"
        raise _error(f"{path} {what}", _WAYS)
    return tuple(names)


def _error(what: str, hint: str) -> BenchError:
    return BenchError(what, where="classes", hint=hint)


def _of_text(text: str, suffix: str, path: str) -> list[str]:
    if suffix == ".json" or text.lstrip()[:1] in ("{", "["):
        return _of_json(json.loads(text), path)
    if suffix in (".csv", ".tsv"):
        rows = [row for row in csv.reader(text.splitlines(), delimiter="\t" if suffix == ".tsv" else ",") if any(row)]
        return _of_rows([[cell.strip() for cell in row] for row in rows], path)
    return [line.strip() for line in text.rstrip().splitlines()]


def _of_json(value: Any, path: str) -> list[str]:
    if isinstance(value, Mapping):
        inner = next((value[key] for key in ("id2label", "label2id", "classes", "names") if key in value), None)
        if isinstance(inner, (Mapping, list)):
            return _of_json(inner, path)
    if isinstance(value, list):
        return [_name(each) for each in value]
    if not isinstance(value, Mapping):
        raise _error(f"{path} holds {type(value).__name__}", _WAYS)
    if all(_is_index(str(key)) for key in value):
        return _ordered([(int(key), _name(each)) for key, each in value.items()], path)
    if all(type(each) is int for each in value.values()):
        return _ordered([(index, str(key)) for key, index in value.items()], path)
    raise _error(f"{path} is neither {{index: name}} nor {{name: index}}", _WAYS)


def _is_index(text: str) -> bool:
    """Whether it is written as the index of a class: other digits than 0 to 9 are letters of a name."""
    return text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS


def _name(value: Any) -> str:
    """A name, or the last of several texts, as in [wordnet id, name]."""
    several = isinstance(value, (list, tuple)) and value
    return str(value[-1] if several else value).strip()


def _ordered(pairs: Sequence[tuple[int, str]], path: str) -> list[str]:
    indices = sorted(index for index, _ in pairs)
    if indices != list(range(len(pairs))):
        raise _error(f"{path}: the indices are {_some(indices)}, not 0 to {len(pairs) - 1}", "Number classes from 0")
    return [name for _, name in sorted(pairs)]


def _some(indices: Sequence[int]) -> str:
    return ", ".join(map(str, indices[:5])) + (" ..." if len(indices) > 5 else "")


def _of_rows(rows: list[list[str]], path: str) -> list[str]:
    if not rows or len({len(row) for row in rows}) > 1:
        raise _error(f"{path} has no rows, or rows of several lengths", _WAYS)
    header = [cell.lower() for cell in rows[0]]
    titled = any(cell in (*_NAMES, "index", "id", "idx", "class_id", "class_index") for cell in header)
    body = rows[1:] if titled else rows
    columns = list(zip(*body, strict=True))
    numbered = [i for i, column in enumerate(columns) if column and all(map(_is_index, column))]
    named = [i for i in range(len(columns)) if i not in numbered]
    if not named:
        raise _error(f"{path} has no column of names", _WAYS)
    wanted = next(
        (header.index(word) for word in _NAMES if titled and word in header and header.index(word) in named), named[-1]
    )
    if not numbered:
        return list(columns[wanted])
    return _ordered(
        [(int(index), name) for index, name in zip(columns[numbered[0]], columns[wanted], strict=True)], path
    )
