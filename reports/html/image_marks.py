"""Which method is the best on an image, and which the worst: a mark for each number of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Note: TypeAlias = tuple[str, str, str]  # a class of CSS, the words under a map, the words beside an enlarged one
Marks: TypeAlias = list[list[list[list[int]]]]  # by layer, metric, image and method: places among the notes
PLAIN: Note = ("", "", "")
DIGITS = 3  # that the gallery shows


def marks_of(
    values: Sequence[Sequence[npt.NDArray[np.float64]]], signs: Sequence[int], judged: Sequence[bool]
) -> tuple[Marks, list[Note]]:
    """The marks of all numbers, and the notes that they are places in; numbers that are shown as equal tie.

    Args:
        values: by layer and metric, (images, methods), NaN where there is none.
        signs: of each metric, 1 where more is better, else -1.
        judged: whether a method counts; a control does not.
    """
    notes: dict[Note, int] = {PLAIN: 0}
    counts = np.asarray(judged)
    marks = [
        [_marks(sign * np.round(numbers, DIGITS), counts, notes) for sign, numbers in zip(signs, metrics, strict=True)]
        for metrics in values
    ]
    return marks, list(notes)


def _marks(scores: npt.NDArray[np.float64], judged: npt.NDArray[np.bool_], notes: dict[Note, int]) -> list[list[int]]:
    """Of (images, methods), where more is better; adds to ``notes`` what is new."""
    known = np.where(judged, scores, np.nan)
    better = (known[:, None, :] > known[:, :, None]).sum(axis=2)
    worse = (known[:, None, :] < known[:, :, None]).sum(axis=2)
    total = (~np.isnan(known)).sum(axis=1, keepdims=True)
    differ = (better + worse).max(axis=1, keepdims=True, initial=0) > 0
    places = np.stack(np.broadcast_arrays(better, worse, total), axis=2)
    speaks = ~np.isnan(known) & differ
    return [
        [notes.setdefault(_note(*place), len(notes)) if says else 0 for place, says in zip(*row, strict=True)]
        for row in zip(places.tolist(), speaks.tolist(), strict=True)
    ]


def _note(better: int, worse: int, total: int) -> Note:
    """Of a method that ``better`` of ``total`` methods beat, and that beats ``worse`` of them."""
    mark = "best" if not better else "worst" if not worse else ""
    words = ", ".join(filter(None, (mark, f"{better + 1} of {total}")))
    return mark, f" ({mark})" if mark else "", f" ({words})"
