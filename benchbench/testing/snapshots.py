"""Maps stored beside a test: JSON with a line per row of a map, so that a diff shows where one changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import BenchError
from ..files import publish
from ..regression.map_parts import normalised, part_means

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Maps: TypeAlias = Mapping[str, Array]  # by what they are of, (h, w) each, not normalised
FORMAT = 1
SIDE = 32  # a larger map is stored as the means of so many parts on a side
DIGITS = 4
_MOST = 8  # differences that are told


class Unlike(Exception):  # noqa: N818 - an answer: what differs, a line each
    """What is found is not what is stored."""


def kept(values: Array) -> Array:
    """What a snapshot keeps of a map: at most 32 x 32 means of the normalised one, rounded to four digits.

    Raises:
        Unlike: a value is not finite.
    """
    if not np.isfinite(values).all():
        raise Unlike("it has values that are not finite")
    return np.round(part_means(normalised(values), SIDE), DIGITS) + 0.0  # without -0


def compare(maps: Maps, path: Path, tolerance: float) -> None:
    """Hold maps to a snapshot.

    Args:
        tolerance: by how much a cell may differ, in shares of the map's range.

    Raises:
        Unlike: they differ; the lines say which map, where and by how much.
        BenchError: there is no snapshot, or it cannot be read.
    """
    stored = read(path)
    lines = [*_missing(maps, stored), *_differences(maps, stored, tolerance)]
    if lines:
        more = f"\n  and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
        raise Unlike("\n".join(f"  {line}" for line in lines[:_MOST]) + more)


def write(maps: Maps, path: Path) -> None:
    """Store maps, atomically: of two processes that write at once, one has written.

    Raises:
        Unlike: a map has values that are not finite.
        BenchError: it cannot be written there.
    """
    blocks = ",\n".join(_block(name, values) for name, values in maps.items())
    text = f'{{\n"snapshot": {FORMAT},\n"maps": {{\n{blocks}\n}}\n}}\n'
    publish(path, text, hint="Snapshots lie beside their test", parents=True)


def read(path: Path) -> dict[str, tuple[tuple[int, int], Array]]:
    """By what they are of: each map's shape, and what is kept of it.

    Raises:
        BenchError: there is no such file, or it is no snapshot.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "Run pytest --benchbench-update, look at what it wrote, and commit it"
        raise BenchError("there is no snapshot yet", where=str(path), hint=hint) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BenchError(f"the snapshot cannot be read: {error}", where=str(path), hint=_AGAIN) from None
    try:
        if content["snapshot"] != FORMAT:
            raise ValueError(f"its format is {content['snapshot']}, and this benchbench reads {FORMAT}")
        return {name: _map(entry) for name, entry in content["maps"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BenchError(f"this file is not a snapshot: {error}", where=str(path), hint=_AGAIN) from None


_AGAIN = "Write it again: pytest --benchbench-update"


def _map(entry: Mapping[str, Any]) -> tuple[tuple[int, int], Array]:
    height, width = entry["shape"]
    values: Array = np.array(entry["rows"], dtype=np.float64)
    if values.shape != (min(height, SIDE), min(width, SIDE)) or not np.isfinite(values).all():
        raise ValueError(f"rows of {values.shape} do not fit a map of {height} x {width}")
    return (height, width), values


def _block(name: str, values: Array) -> str:
    rows = ",\n".join("  " + json.dumps([float(v) for v in row]) for row in kept(values))
    shape = json.dumps(list(values.shape))
    return f'{json.dumps(name, ensure_ascii=False)}: {{"shape": {shape}, "rows": [\n{rows}\n]}}'


def _missing(maps: Maps, stored: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: the snapshot has this map, but the test does not" for name in stored if name not in maps)
    yield from (f"{name}: the snapshot has no such map" for name in maps if name not in stored)


def _differences(maps: Maps, stored: Mapping[str, tuple[tuple[int, int], Array]], tolerance: float) -> Iterator[str]:
    for name, values in maps.items():
        if name not in stored:
            continue
        shape, expected = stored[name]
        if values.shape != shape:
            yield f"{name}: {_size(values.shape)} cells, and the snapshot has {_size(shape)}"
            continue
        try:
            now = kept(values)
        except Unlike as error:
            yield f"{name}: {error}"
            continue
        off = np.abs(now - expected)
        row, column = (int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
        if off[row, column] > tolerance:
            yield (
                f"{name}: off by {off[row, column]:.2g} at row {row}, column {column} ({now[row, column]:g}, and was "
                f"{expected[row, column]:g}); {int((off > tolerance).sum())} of {off.size} cells are"
            )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
