"""What the positions along one dimension of a tensor stand for: the image's rows, its columns, or neither.

An axis is a product of parts, the outermost first, as einops writes ``(rows columns)`` for the tokens of a grid. The
parts are followed through reshapes, so that windows, patches and tokens keep their places in the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

Role = Literal["row", "column", "none", "lost"]


@dataclass(frozen=True)
class Atom:
    """One part. ``none``: channels, heads and the like. ``lost``: it may be a place, but it is not known which.

    A row or column atom counts every ``step``-th of ``total`` cells. It is whole where it reaches over all of them.
    """

    role: Role
    size: int
    step: int = 1
    total: int = 0

    @property
    def whole(self) -> bool:
        return self.role in ("row", "column") and self.step * self.size == self.total


@dataclass(frozen=True)
class Joined:
    """Axes one behind the other along a dimension, as a class token before the patches."""

    axes: tuple[Axis, ...]
    size: int


Axis: TypeAlias = "tuple[Atom | Joined, ...]"
Axes: TypeAlias = "tuple[Axis, ...]"


@dataclass(frozen=True)
class Place:
    """A grid of cells (rows, columns) along one axis, behind ``prefix`` others; ``turned``: column by column."""

    height: int
    width: int
    prefix: int = 0
    turned: bool = False


def plain(size: int, role: Role = "none") -> Axis:
    """An axis of one part; of size 1 it has none."""
    if size == 1:
        return ()
    return (Atom(role, size, 1, size if role in ("row", "column") else 0),)


def has(axis: Axis, *roles: Role) -> bool:
    """Whether a part of the axis has one of these roles."""
    return any(
        any(has(inner, *roles) for inner in part.axes) if isinstance(part, Joined) else part.role in roles
        for part in axis
    )


def is_place(axis: Axis) -> bool:
    return has(axis, "row", "column")


def whole(axis: Axis) -> Role | None:
    """``row`` or ``column`` where the axis is all of the image's rows or columns; None where it is not."""
    if len(axis) == 1 and isinstance(axis[0], Atom) and axis[0].whole:
        return axis[0].role
    return None


def place_of(axis: Axis) -> Place | None:
    """The grid along an axis of tokens: rows and columns, or one of the two; None where it is none of these."""
    if len(axis) == 1 and isinstance(axis[0], Joined):
        *others, last = axis[0].axes
        place = place_of(last)
        if place is None or any(has(other, "row", "column", "lost") for other in others):
            return None
        return Place(place.height, place.width, axis[0].size - _size(last), place.turned)
    if not axis or len(axis) > 2 or not all(isinstance(part, Atom) and part.whole for part in axis):
        return None
    sizes = {part.role: part.size for part in axis if isinstance(part, Atom)}
    if len(sizes) < len(axis):
        return None
    first = axis[0]
    turned = len(axis) == 2 and isinstance(first, Atom) and first.role == "column"
    return Place(sizes.get("row", 1), sizes.get("column", 1), 0, turned)


def _size(axis: Axis) -> int:
    return prod(part.size for part in axis)


def resized(axis: Axis, before: int, after: int) -> Axis:
    """The axis of a dimension whose size a convolution, pooling, padding or interpolation changes."""
    if before == after:
        return axis
    role = whole(axis)
    if role is not None:
        return plain(after, role)
    return plain(after, "lost" if has(axis, "row", "column", "lost") else "none")


def sliced(axis: Axis, before: int, start: int, step: int, after: int) -> Axis:
    """The axis of ``after`` positions from ``start`` on, every ``step``-th.

    All rows but a few are rows, as where padding is cut off; every second one of the rows are rows of a coarser map;
    a smaller part of the rows is no map of the image.
    """
    if before == after:
        return axis
    if step == 1 and len(axis) == 1 and isinstance(axis[0], Joined):
        return _part(axis[0], start, start + after)
    if whole(axis) and step == 1 and 2 * after <= before and after > 1:
        return plain(after, "lost")
    return resized(axis, before, after)


def _part(joined: Joined, start: int, end: int) -> Axis:
    kept: list[Axis] = []
    at = 0
    for inner in joined.axes:
        size = _size(inner)
        low, high = max(start - at, 0), min(end - at, size)
        if low < high:
            kept.append(sliced(inner, size, low, 1, high - low))
        at += size
    return join(kept)


def join(axes: Sequence[Axis]) -> Axis:
    """Axes one behind the other along a dimension; neighbours that are no places are one axis, however often cut."""
    flat: list[Axis] = []
    for axis in axes:
        for inner in axis[0].axes if len(axis) == 1 and isinstance(axis[0], Joined) else [axis]:
            if flat and not any(has(part, "row", "column", "lost") for part in (flat[-1], inner)):
                flat[-1] = plain(_size(flat[-1]) + _size(inner))
            else:
                flat.append(inner)
    size = sum(map(_size, flat))
    if len(flat) == 1:
        return flat[0]
    if not any(has(axis, "row", "column", "lost") for axis in flat):
        return plain(size)
    return (Joined(tuple(flat), size),)


def agreed(axes: Sequence[Axis]) -> Axis:
    """Of tensors of one size that meet element by element: a place is believed before a channel or a lost place."""
    places = {axis for axis in axes if is_place(axis) and not has(axis, "lost")}
    if len(places) == 1:
        return places.pop()
    (size,) = {_size(axis) for axis in axes}
    return plain(size, "lost" if places or any(has(axis, "lost") for axis in axes) else "none")


def reshaped(axes: Axes, before: Sequence[int], after: Sequence[int]) -> Axes:
    """The axes of a tensor that is read in another shape."""
    if 0 in after:
        return tuple(plain(size, "lost") for size in after)
    new_axes: list[Axis] = []
    left, right = 0, 0
    while right < len(after):
        group, sizes = [axes[left]] if left < len(before) else [], [after[right]]
        here, there = before[left] if left < len(before) else 1, after[right]
        left, right = left + 1, right + 1
        while here != there:
            if here < there:
                here *= before[left]
                group.append(axes[left])
                left += 1
            else:
                there *= after[right]
                sizes.append(after[right])
                right += 1
        new_axes += _dealt([part for axis in group for part in axis], sizes)
    return tuple(new_axes)


def _dealt(parts: list[Atom | Joined], sizes: Sequence[int]) -> list[Axis]:
    """The parts dealt out to dimensions of these sizes; lost where they cannot be."""
    queue, axes = list(parts), []
    for size in sizes:
        portion: list[Atom | Joined] = []
        missing = size
        while missing > 1:
            part = queue.pop(0)
            if missing % part.size == 0:
                portion.append(part)
                missing //= part.size
            elif part.size % missing == 0 and isinstance(part, Atom):
                inner = part.size // missing
                portion.append(Atom(part.role, missing, part.step * inner, part.total))
                queue.insert(0, Atom(part.role, inner, part.step, part.total))
                missing = 1
            else:
                lost = has(tuple(parts), "row", "column", "lost")
                return [plain(each, "lost" if lost else "none") for each in sizes]
        axes.append(_merged(portion))
    return axes


def _merged(parts: Sequence[Atom | Joined]) -> Axis:
    merged: list[Atom | Joined] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Atom) and isinstance(last, Atom) and part.role == last.role:
            if part.role in ("none", "lost"):
                merged[-1] = Atom(part.role, last.size * part.size)
                continue
            if last.step == part.step * part.size and last.total == part.total:
                merged[-1] = Atom(part.role, last.size * part.size, part.step, part.total)
                continue
        merged.append(part)
    return tuple(merged)
