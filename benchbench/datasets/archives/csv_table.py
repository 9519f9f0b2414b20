"""A table of one's own: paths, labels, boxes, masks and groups by column."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import BenchError
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.truth import Box

_INDEX = re.compile(r"[0-9]{1,9}(\.0*)?")  # longer ones are dates and serial numbers: names; pandas writes 1.0
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]*)?")
_CORNERS = ("x0", "y0", "x1", "y1")
_HEADER = "Its first line names the columns: file, and any of label, mask, group, x0, y0, x1, y1"


@dataset("csv", title="{table}", source=f"A table is a CSV. {_HEADER}")
def csv_table(
    *,
    table: Path,
    root: Path | None = None,
    file: str = "file",
    label: str = "label",
    mask: str = "mask",
    group: str = "group",
) -> Files:
    """A CSV with a row for each image, or for each box: paths, labels, boxes, masks and groups by column.

    Columns that are not there are unknown. Rows of the same file and label are one sample with several boxes; a file
    with several labels is a sample for each, all in one group. The box is in the columns x0, y0, x1, y1, in pixels of
    the file as it is, x1 - x0 the width; a row with none of them has no box. If the photograph has an EXIF orientation,
    the box is turned with it. A label is a class index (3, or 3.0 as pandas writes it) or, if any label is no number,
    a name: the classes are then the names in sorted order. A mask's file is not zero on the object.

    Args:
        table: the CSV, UTF-8, with a header.
        root: the folder that paths are relative to; by default the one of ``table``.
        file: the column of paths.
        label: the column of labels. A column that is named here and is not in the header is an error, also of masks and
            groups.
        mask: the column of the masks' paths.
        group: the column of what belongs together: a patient, a film.

    Raises:
        BenchError: the file cannot be read, a column is missing, or a row is wrong; the line is given.
    """
    asked = [column for column, usual in ((label, "label"), (mask, "mask"), (group, "group")) if column != usual]
    rows = _rows(table, [file, *asked])
    home = root or table.parent
    classes = _classes([row.get(label, "") for _, row in rows], label)
    merged: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = {}
    for line, row in rows:
        name = row.get(label, "")
        merged.setdefault((row[file], name if classes else name.partition(".")[0]), []).append((line, row))
    files = Counter(path for path, _ in merged)
    items = []
    for (path, name), parts in merged.items():
        line, row = parts[0]
        number = (classes.index(name) if classes else int(name)) if name else None
        several = files[path] > 1
        place = f"{table.name} line {line}"
        items.append(
            Item(
                f"{path}/{name}" if several else path,
                _there(home / path, place),
                number,
                _there(home / row[mask], place) if row.get(mask) else None,
                row.get(group) or (path if several else None),
                _boxes(parts, table),
            )
        )
    boxed, masked = (sum(getattr(item, part) is not None for item in items) for part in ("boxes", "mask"))
    about = {
        "table": str(table),
        "root": str(home),
        "samples": f"{len(items)} of {len(files)} files",
        "labels": f"names, in sorted order: {len(classes)} classes" if classes else "class indices",
        **({} if classes else {"class names": _nameless(items)}),
        "boxes": f"{boxed}",
        "masks": f"{masked}",
    }
    return Files("csv", items, about, class_names=classes)


def _rows(table: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line and columns of every row; those of ``columns`` must be there."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            header = reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            lacking = [column for column in columns if column not in header]
            if lacking:
                message = f"there is no column {lacking[0]!r}; the header is {','.join(header)!r}"
                raise BenchError(message, where="table", hint=_HEADER)
            rows = [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader]
    except OSError as error:
        raise BenchError(f"the file cannot be read: {error.strerror}", where="table", hint=_HEADER) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"the file is not a UTF-8 CSV: {error}", where="table", hint=_HEADER) from None
    if not rows:
        raise BenchError("the table has no rows", where="table", hint=_HEADER)
    return rows


def _classes(labels: Sequence[str], column: str) -> tuple[str, ...]:
    """The names in sorted order; none where all labels are class indices.

    Raises:
        BenchError: all labels are numbers, and some of them are no class index.
    """
    known = {label for label in labels if label}
    others = sorted(label for label in known if not _INDEX.fullmatch(label))
    if others and all(_NUMBER.fullmatch(label) for label in known):
        hint = "Give class indices of at least 0, or names; leave the cell empty where the label is unknown"
        raise BenchError(f"the labels are numbers, and {others[0]} is no class index", where=column, hint=hint)
    return tuple(sorted(known)) if others else ()


def _nameless(items: Sequence[Item]) -> str:
    labelled = any(item.label is not None for item in items)
    return "none: labels are numbers, and count by number" if labelled else "none: there are no labels"


def _there(path: Path, where: str) -> Path:
    if not path.is_file():
        hint = "Paths are relative to root, or to the table's folder"
        raise BenchError(f"there is no file {path}", where=f"{where}", hint=hint)
    return path


def _boxes(parts: Sequence[tuple[int, Mapping[str, str]]], table: Path) -> tuple[Box, ...] | None:
    boxes: list[Box] = []
    for line, row in parts:
        words = [row.get(corner, "") for corner in _CORNERS]
        if not any(words):
            continue
        try:
            x0, y0, x1, y1 = map(float, words)
        except ValueError:
            message = f"the box is {', '.join(words)}"
            raise BenchError(message, where=f"{table.name} line {line}", hint="Give x0, y0, x1, y1") from None
        boxes.append((x0, y0, x1, y1))
    return tuple(boxes) if boxes else None
