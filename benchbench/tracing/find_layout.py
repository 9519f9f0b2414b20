"""How a layer's output holds its map: channels first, channels last, or as tokens behind some without a place."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import nn

from ..errors import BenchError, NotApplicable, nearest
from ..types.token_grid import Layout
from .axes import Axes, has, is_place, place_of, whole

_MOST_PREFIX = 8  # class token, distillation token, registers; and at most one to eight patches
_FIRST = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm, nn.Dropout2d, nn.PixelShuffle),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.LPPool2d, nn.Upsample),
)
_LAST = (nn.LayerNorm, nn.Linear)

LayoutChoice: TypeAlias = "Literal['first', 'last'] | tuple[int, int]"


@dataclass(frozen=True)
class Tokens:
    """How a network's tokens are told: by their ``widths``, and the ``grid`` (h, w) that was given by hand, if any."""

    widths: frozenset[int]
    grid: tuple[int, int] | None = None


def with_grid(network: nn.Module, grid: tuple[int, int]) -> nn.Module:
    """The network, with the grid (h, w) in which its tokens lie, where its operations do not tell it.

    Layers of so many tokens, or of at most eight more in front, are read by it; others as without it. The network's
    parameters and modules are shared, not copied.

    Args:
        network: a module with layers of tokens (B, tokens, channels).
        grid: rows and columns (h, w) of the tokens.

    Returns:
        A module that computes the same as ``network`` and knows the grid.

    Raises:
        BenchError: the grid is not two positive numbers.

    Example:
        >>> tokens = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.Flatten(2)).eval()
        >>> bb.with_grid(tokens, (4, 4))(images).shape
        torch.Size([2, 4, 16])
    """
    if not _is_grid(grid):
        raise BenchError(f"the grid is {grid!r}", where="with_grid", hint="Give (rows, columns) of tokens")
    clone = copy.copy(network)
    clone.benchbench_grid = tuple(grid)  # type: ignore[assignment]
    return clone


def with_layout(network: nn.Module, layouts: Mapping[str, LayoutChoice]) -> nn.Module:
    """The network, with the layout of some of its layers' outputs given by hand.

    What is given is believed: use it where benchbench refuses a layer because it cannot tell its layout. The network's
    parameters and modules are shared, not copied.

    Args:
        network: any module.
        layouts: by module path, ``"first"`` for outputs (B, channels, rows, columns), ``"last"`` for outputs
            (B, rows, columns, channels), or the grid (rows, columns) for outputs (B, tokens, channels), which may have
            more tokens in front of the grid's, as a class token.

    Returns:
        A module that computes the same as ``network`` and knows the layouts.

    Raises:
        BenchError: a layer is not in the network, or a layout is none of these.

    Example:
        >>> annotated = bb.with_layout(network, {"features": "first"})
        >>> bb.explain(annotated, images, layer="features").shape
        torch.Size([2, 1, 32, 32])
    """
    known = {name for name, _ in network.named_modules() if name}
    for name, choice in layouts.items():
        if name not in known:
            raise BenchError(f"the network has no layer {name!r}", where="with_layout", hint=nearest(name, known, 12))
        if choice not in ("first", "last") and not _is_grid(choice):
            hint = "Give 'first', 'last', or (rows, columns) of tokens"
            raise BenchError(f"the layout of {name!r} is {choice!r}", where="with_layout", hint=hint)
    clone = copy.copy(network)
    clone.benchbench_layouts = {**layouts_given(network), **layouts}  # type: ignore[assignment]
    return clone


def layouts_given(network: nn.Module) -> dict[str, LayoutChoice]:
    """The layouts that were given by hand, by layer."""
    layouts: dict[str, LayoutChoice] = getattr(network, "benchbench_layouts", {})
    return layouts


def _is_grid(value: Any) -> bool:
    sides = tuple(value) if isinstance(value, (tuple, list)) else ()
    return len(sides) == 2 and all(isinstance(side, int) and side > 0 for side in sides)


def tokens_of(network: nn.Module) -> Tokens:
    """The widths are what the network's layer norms normalise over."""
    shapes = (getattr(module, "normalized_shape", None) for module in network.modules())
    grid: tuple[int, int] | None = getattr(network, "benchbench_grid", None)
    return Tokens(frozenset(int(shape[-1]) for shape in shapes if shape), grid)


def layout_given(choice: LayoutChoice, shape: Sequence[int], name: str) -> Layout:
    """The layout that was given by hand, for an output of this shape.

    Raises:
        BenchError: an output of this shape cannot have it.
    """
    if choice == "first" and len(shape) == 4:
        return Layout("first", shape[2], shape[3])
    if choice == "last" and len(shape) == 4:
        return Layout("last", shape[1], shape[2])
    if isinstance(choice, (tuple, list)) and len(shape) == 3 and shape[1] >= choice[0] * choice[1]:
        return Layout("tokens", choice[0], choice[1], shape[1] - choice[0] * choice[1])
    reason = f"the layout of {name!r} is {choice!r}, and its output is {tuple(shape)}"
    hint = "'first' and 'last' are for four dimensions, (rows, columns) for at least so many tokens in three"
    raise BenchError(reason, where="with_layout", hint=hint)


def layout_from(axes: Axes, shape: Sequence[int]) -> Layout | None:
    """The layout of an output whose axes are known; None where it holds no map of its image."""
    if not shape or is_place(axes[0]) or has(axes[0], "lost"):
        return None
    if len(shape) == 3 and _is_channel(axes[2]):
        place = place_of(axes[1])
        return None if place is None else Layout("tokens", place.height, place.width, place.prefix, place.turned)
    if len(shape) != 4:
        return None
    sides: tuple[tuple[Literal["first", "last"], int], ...] = (("first", 2), ("last", 1))
    for kind, at in sides:
        roles = [whole(axis) if axis else None for axis in axes[at : at + 2]]
        right = all(role is not None or not axis for role, axis in zip(roles, axes[at : at + 2], strict=True))
        if right and roles not in (["row", "row"], ["column", "column"]) and _is_channel(axes[1 if at == 2 else 3]):
            turned = roles[0] == "column" or roles[1] == "row"
            height, width = shape[at], shape[at + 1]
            return Layout(kind, width, height, 0, True) if turned else Layout(kind, height, width)
    return None


def _is_channel(axis: Any) -> bool:
    return not has(axis, "lost") and whole(axis) is None and place_of(axis) is None


def clear(axes: Axes) -> bool:
    """Whether the axes tell all: none of them may be a place or not."""
    return not any(has(axis, "lost") for axis in axes)


def layout_of(
    shape: Sequence[int], size: tuple[int, int], tokens: Tokens, module: nn.Module | None = None
) -> Layout | None:
    """The layout of an output of this shape on images of this size (H, W), by its shape; None where it holds no map.

    This is for outputs whose axes are not known. Of four dimensions, a convolution, batch norm or pooling tells that
    channels are first, a layer norm or linear layer that they are last. Otherwise they are where the other two
    dimensions have the image's proportions. Three are tokens if they are of one of the widths: in the grid that was
    given, or in one of the image's proportions.

    Raises:
        NotApplicable: several layouts fit the shape, or none.
    """
    if len(shape) == 4:
        return _four(shape, size, module)
    if len(shape) != 3 or shape[2] not in tokens.widths:
        return None
    if tokens.grid and 0 <= (others := shape[1] - tokens.grid[0] * tokens.grid[1]) <= _MOST_PREFIX:
        return Layout("tokens", *tokens.grid, others)
    layouts = []
    for prefix in range(min(_MOST_PREFIX, shape[1] - 1) + 1):
        grid = _grid(shape[1] - prefix, size)
        if grid and grid[0] * grid[1] > 1:
            layouts.append(Layout("tokens", *grid, prefix))
    if len(layouts) > 1 or any(8 * each.prefix > each.height * each.width for each in layouts):
        reason = f"{shape[1]} tokens may be {' or '.join(_read(each) for each in layouts)}"
        raise NotApplicable(reason, hint="Choose: bb.with_grid(network, (rows, columns))")
    return layouts[0] if layouts else None


def _read(layout: Layout) -> str:
    more = f" behind {layout.prefix} other tokens" if layout.prefix else ""
    return f"{layout.height} x {layout.width}{more}"


def _four(shape: Sequence[int], size: tuple[int, int], module: nn.Module | None) -> Layout:
    first, last = Layout("first", shape[2], shape[3]), Layout("last", shape[1], shape[2])
    if isinstance(module, _FIRST):
        return first
    if isinstance(module, _LAST) and type(module).forward in (nn.LayerNorm.forward, nn.Linear.forward):
        return last
    fits = [each for each in (first, last) if proportional(each.height, each.width, size)]
    if len(fits) != 1:
        reason = f"its output {tuple(shape)} can be read with its channels first or last"
        raise NotApplicable(reason, hint="Choose: bb.with_layout(network, {layer: 'first'}), or 'last'")
    return fits[0]


def proportional(height: int, width: int, size: tuple[int, int]) -> bool:
    """Whether a map has the image's proportions, up to the rounding of a cell."""
    return abs(height * size[1] - width * size[0]) <= 2 * max(size)


def _grid(count: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """The grid (h, w) of ``count`` square patches that cover the image up to less than a patch; None without one."""
    height = round((count * size[0] / size[1]) ** 0.5)
    for rows in (height, height - 1, height + 1):
        if rows > 0 and count % rows == 0:
            patch = min(size[0] // rows, size[1] // (count // rows))
            if patch and size[0] // patch == rows and size[1] // patch == count // rows:
                return rows, count // rows
    return None
