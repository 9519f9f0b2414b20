"""A cell of no shard, such as the cost of a method: a JSON file with a digest of its name and content in front."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..files import Damaged, read, write


def read_cell_file(path: Path) -> dict[str, Any]:
    """The cell.

    Raises:
        Damaged: it is not what was written under this name.
        OSError: it is absent or cannot be read.
    """
    data = read(path)
    head, text = data[:_HEAD], data[_HEAD:-1]
    if head != _head(path.stem, text) or data[-1:] != b"}":
        raise Damaged(f"cell {path.stem} is not what was written")
    cell: dict[str, Any] = json.loads(text)
    return cell


def write_cell_file(path: Path, cell: dict[str, Any]) -> None:
    """Write a cell whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(cell, allow_nan=False).encode()
    write(path, lambda file: file.write(_head(path.stem, text) + text + b"}"))


def is_sound(path: Path) -> bool:
    """Whether the file of a cell is what was written."""
    try:
        read_cell_file(path)
    except (OSError, Damaged):
        return False
    return True


def _head(name: str, text: bytes) -> bytes:
    seal = hashlib.sha256(f"{name}\n".encode() + text).hexdigest()
    return f'{{"digest": "{seal}", "cell": '.encode()


_HEAD = len(_head("", b""))
