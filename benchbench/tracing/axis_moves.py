"""How torch's operations that only move numbers move rows, columns and channels: reshapes, slices, concatenations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from .axes import Axes, Axis, agreed, join, plain, reshaped, sliced

MaybeAxes: TypeAlias = "Axes | None"


@dataclass(frozen=True, eq=False)
class Call:
    """One operation: its arguments by the schema's names, its results, and the axes of a tensor, None if unknown."""

    named: dict[str, Any]
    results: list[Tensor]
    axes: Callable[[Tensor], MaybeAxes]
    depends: Callable[[Tensor], bool]  # whether a tensor is made of the image

    def __getitem__(self, name: str) -> Any:
        return self.named[name]

    @property
    def first(self) -> Tensor:
        tensor: Tensor = next(iter(self.named.values()))
        return tensor

    @property
    def first_axes(self) -> Axes:
        """The axes of the first argument; of one that the image does not reach, none of them a place."""
        return self.of(self.first)

    def of(self, tensor: Tensor) -> Axes:
        """The axes of an argument.

        Raises:
            Unknown: they are not known.
        """
        axes = self.axes(tensor)
        if axes is None:
            if self.depends(tensor):
                raise Unknown
            return tuple(map(plain, tensor.shape))
        return axes


class Unknown(Exception):  # noqa: N818 - an answer inside this file and the tracer
    """The axes of a result are not known."""


Rule: TypeAlias = Callable[[Call], Sequence[MaybeAxes]]


def dim_of(call: Call, name: str = "dim") -> int:
    return int(call[name]) % max(1, call.first.ndim)


def _reshape(call: Call) -> Sequence[MaybeAxes]:
    return [reshaped(call.first_axes, call.first.shape, call.results[0].shape)]


def _permute(call: Call) -> Sequence[MaybeAxes]:
    return [tuple(call.first_axes[d] for d in call["dims"])]


def _transpose(call: Call) -> Sequence[MaybeAxes]:
    order = list(call.first_axes)
    a, b = dim_of(call, "dim0"), dim_of(call, "dim1")
    order[a], order[b] = order[b], order[a]
    return [tuple(order)]


def _turned(call: Call) -> Sequence[MaybeAxes]:
    return [tuple(reversed(call.first_axes))]


def _unsqueeze(call: Call) -> Sequence[MaybeAxes]:
    axes, place = list(call.first_axes), call["dim"]
    axes.insert(place % (len(axes) + 1), ())
    return [tuple(axes)]


def _squeeze(call: Call) -> Sequence[MaybeAxes]:
    dims = call.named.get("dim")
    candidates = range(call.first.ndim) if dims is None else [dims] if isinstance(dims, int) else dims
    gone = {d % call.first.ndim for d in candidates if call.first.shape[d] == 1}
    return [tuple(axis for d, axis in enumerate(call.first_axes) if d not in gone)]


def _select(call: Call) -> Sequence[MaybeAxes]:
    dim = dim_of(call)
    return [(*call.first_axes[:dim], *call.first_axes[dim + 1 :])]


def _slice(call: Call) -> Sequence[MaybeAxes]:
    dim, size = dim_of(call), call.first.shape[dim_of(call)]
    start = call.named.get("start") or 0
    start = min(max(start + size if start < 0 else start, 0), size)
    return [_cut(call.first_axes, dim, size, start, call.named.get("step") or 1, call.results[0].shape[dim])]


def _cut(axes: Axes, dim: int, size: int, start: int, step: int, after: int) -> Axes:
    return (*axes[:dim], sliced(axes[dim], size, start, step, after), *axes[dim + 1 :])


def _split(call: Call) -> Sequence[MaybeAxes]:
    dim, start, pieces = dim_of(call), 0, []
    for result in call.results:
        pieces.append(_cut(call.first_axes, dim, call.first.shape[dim], start, 1, result.shape[dim]))
        start += result.shape[dim]
    return pieces


def _unbind(call: Call) -> Sequence[MaybeAxes]:
    return list(_select(call)) * len(call.results)


def _cat(call: Call) -> Sequence[MaybeAxes]:
    tensors = [t for t in call["tensors"] if t.numel()]
    dim = int(call.named.get("dim") or 0) % call.results[0].ndim
    parts = [call.of(t) for t in tensors]
    axes: list[Axis] = []
    for d in range(call.results[0].ndim):
        if d == dim:
            axes.append(join([part[d] for part in parts]))
        else:
            axes.append(agreed([p[d] for p, t in zip(parts, tensors, strict=True) if call.depends(t)]))
    return [tuple(axes)]


def _stack(call: Call) -> Sequence[MaybeAxes]:
    axes = [agreed(same) for same in zip(*(call.of(t) for t in call["tensors"] if call.depends(t)), strict=True)]
    axes.insert(int(call.named.get("dim") or 0) % call.results[0].ndim, plain(len(call["tensors"])))
    return [tuple(axes)]


def _expand(call: Call) -> Sequence[MaybeAxes]:
    shape, axes = call.results[0].shape, call.first_axes
    more = len(shape) - len(axes)
    old = [axis if call.first.shape[d] == shape[d + more] else plain(shape[d + more]) for d, axis in enumerate(axes)]
    return [(*map(plain, shape[:more]), *old)]


def _repeat(call: Call) -> Sequence[MaybeAxes]:
    shape, axes = call.results[0].shape, call.first_axes
    more = len(shape) - len(axes)
    old = [(*plain(shape[d + more] // call.first.shape[d]), *axis) for d, axis in enumerate(axes)]
    return [(*map(plain, shape[:more]), *old)]


MOVES: dict[str, Rule] = {
    "permute": _permute, "transpose": _transpose, "t": _turned, "unsqueeze": _unsqueeze, "squeeze": _squeeze,
    "select": _select, "slice": _slice, "narrow": _slice, "unbind": _unbind, "cat": _cat, "stack": _stack,
    "expand": _expand, "repeat": _repeat,
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "_reshape_copy", "view_copy"), _reshape),
    **dict.fromkeys(("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes", "chunk"), _split),
}  # fmt: skip
