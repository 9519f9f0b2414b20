"""Masks as COCO writes them, checked before pycocotools gets them: its C code writes wherever they say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...errors import BenchError

_FAR = 10  # times the picture's side: no polygon reaches farther
_LONGEST = 7  # letters of a number of a compressed mask: 35 bits


def checked_mask(known: Any, size: tuple[int, int], where: str) -> Any:
    """The mask as ``pycocotools.mask.frPyObjects`` takes it: polygons, or a dictionary with a list of run lengths.

    Args:
        known: a list of polygons, each x0, y0, x1, y1, ...; or ``{"size": [height, width], "counts": ...}``, the run
            lengths of columns, as a list or compressed to a text.
        size: height and width of the photograph.

    Raises:
        BenchError: it is neither, or run lengths that are not as many pixels as the photograph has.
    """
    if isinstance(known, Mapping):
        stated = known.get("size")
        if not isinstance(stated, (list, tuple)) or list(stated) != list(size):
            raise BenchError(f"the mask is {stated} and its photograph {size}", where=where)
        counts = known.get("counts")
        lengths: Any = run_lengths(counts, where) if isinstance(counts, str) else counts
        if not _are_lengths(lengths) or sum(lengths) != size[0] * size[1]:
            raise BenchError("the run lengths of its mask are not those of its size", where=where)
        return {"size": list(size), "counts": list(lengths)}
    far = _FAR * max(size)
    if isinstance(known, (list, tuple)) and known and all(_is_polygon(each, far) for each in known):
        return [[float(value) for value in each] for each in known]
    raise BenchError("its mask is neither polygons nor run lengths", where=where)


def run_lengths(text: str, where: str) -> list[int]:
    """The run lengths of a compressed mask.

    A letter has five bits of a number, the lowest first, and whether another letter follows; the highest bit of the
    last letter is the sign. From the fourth number on, each is the difference to the one two before it.

    Raises:
        BenchError: a letter is none of the code, or a number does not end.

    Example:
        >>> run_lengths("52L0", "a mask")
        [5, 2, -4, 2]
    """
    numbers: list[int] = []
    number = letters = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or letters == _LONGEST:
            raise BenchError("its compressed mask cannot be read", where=where)
        number |= (code & 31) << (5 * letters)
        letters += 1
        if code & 32:
            continue
        number -= (1 << (5 * letters)) if code & 16 else 0
        numbers.append(number + (numbers[-2] if len(numbers) > 2 else 0))
        number = letters = 0
    if letters:
        raise BenchError("its compressed mask ends in the middle of a number", where=where)
    return numbers


def _are_lengths(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(type(value) is int and value >= 0 for value in values)


def _is_polygon(values: Any, far: float) -> bool:
    if not isinstance(values, (list, tuple)) or len(values) < 6 or len(values) % 2:
        return False
    return all(type(value) in (int, float) and math.isfinite(value) and abs(value) <= far for value in values)
