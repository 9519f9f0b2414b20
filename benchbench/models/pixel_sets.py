"""The class scores of a segmentation network: each class averaged over a set of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import BenchError
from ..paths import expanded
from ..untrusted_picture import read_picture

PixelScore: TypeAlias = Callable[[Tensor], Tensor]
_HINT = "Use won, x,y for a point, x0,y0,x1,y1 for a box (fractions of the network's input, 0 to 1), or a mask's PATH"


def pixel_score(pixels: str | Path | Sequence[float]) -> tuple[PixelScore, str]:
    """From ``pixels`` as a study says it to a function of class maps (B, C, H, W) with logits (B, C); and its name.

    Args:
        pixels: ``won``; two or four numbers, or a text of these, in fractions of the network's input; or the path of an
            image, whose pixels that are not black are the set.

    Raises:
        BenchError: it is none of these.
    """
    if isinstance(pixels, (str, Path)):
        if str(pixels) == "won":
            return mean_where_won, "won"
        numbers = numbers_of(str(pixels))
        if numbers is None:
            return MaskedPixels(_mask_of(expanded(str(pixels)))), f"mask {Path(pixels).name}"
        pixels = numbers
    region = checked_region(pixels, "pixels", (2, 4))
    return RegionPixels(region), ("point " if len(region) == 2 else "box ") + " ".join(f"{value:g}" for value in region)


def mean_where_won(maps: Tensor) -> Tensor:
    """Each class's score averaged over the pixels at which no other class has a higher score.

    Seg-Grad-CAM's target (Vinogradova et al. 2020, arXiv:2002.11434), as a mean and not a sum. The pixels
    are found anew on every input, so that the score depends on nothing else. A class that wins nowhere has its score at
    the pixel at which it is nearest to winning: the score is continuous where the last pixel is lost. The choice of
    pixels has no derivative; the scores there have.

    Args:
        maps: class scores (B, C, H, W), C at least 2.

    Returns:
        Logits (B, C).

    Example:
        >>> mean_where_won(torch.tensor([[[[5.0, 1.0]], [[2.0, 4.0]], [[0.0, 3.0]]]]))
        tensor([[5., 4., 3.]])
    """
    best, second = torch.split(maps.topk(2, dim=1).values, 1, dim=1)
    margin = maps - torch.where(maps == best, second, best)
    won = margin >= 0
    nearest = margin == margin.amax((2, 3), keepdim=True)
    chosen = torch.where(won.flatten(2).any(2)[:, :, None, None], won, nearest)
    return torch.where(chosen, maps, 0.0).sum((2, 3)) / chosen.sum((2, 3))


@dataclass(frozen=True)
class RegionPixels:
    """Each class's score averaged over a box (x0, y0, x1, y1), or at a point (x, y), in fractions of the input.

    The box holds the pixels whose centres lie in it; a box between two centres holds the pixel of its own centre.
    """

    region: tuple[float, ...]

    def __call__(self, maps: Tensor) -> Tensor:
        return mean_in_region(maps, self.region)


@dataclass(frozen=True, eq=False)
class MaskedPixels:
    """Each class's score averaged over a mask, bool (h, w), which is resized to the nearest pixel."""

    mask: Tensor

    def __call__(self, maps: Tensor) -> Tensor:
        return mean_in_mask(maps, self.mask)


@torch.fx.wrap  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def mean_in_region(maps: Tensor, region: tuple[float, ...]) -> Tensor:
    """The mean (B, C) of maps (B, C, H, W) over a box or at a point: see RegionPixels."""
    height, width = maps.shape[2:]
    left, top, right, bottom = region if len(region) == 4 else (*region, *region)
    rows, columns = _span(top, bottom, height), _span(left, right, width)
    return maps[:, :, rows, columns].mean((2, 3))


@torch.fx.wrap  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def mean_in_mask(maps: Tensor, mask: Tensor) -> Tensor:
    """The mean (B, C) of maps (B, C, H, W) over a mask, bool (h, w): see MaskedPixels.

    Raises:
        BenchError: no pixel of the maps is in the mask.
    """
    size = (maps.shape[2], maps.shape[3])
    chosen = F.interpolate(mask[None, None].to(maps), size=size, mode="nearest-exact")[0, 0] > 0
    if not chosen.any():
        raise BenchError(f"the mask is empty at {size[0]} x {size[1]} pixels", where="pixels", hint="Give a larger one")
    return maps[:, :, chosen].mean(2)


def checked_region(values: Sequence[float], where: str, lengths: tuple[int, ...]) -> tuple[float, ...]:
    """A point or a box in fractions, of one of these ``lengths``.

    Raises:
        BenchError: it has another length, is not in 0 .. 1, or is empty.
    """
    region = tuple(float(value) for value in values)
    shown = ", ".join(f"{value:g}" for value in region)
    if len(region) not in lengths:
        raise BenchError(f"cannot read {shown or 'nothing'}", where=where, hint=_HINT if 2 in lengths else _BOX)
    if not all(0 <= value <= 1 for value in region):
        hint = "Divide x by the width and y by the height of the network's input"
        raise BenchError(f"{shown} are not fractions between 0 and 1", where=where, hint=hint)
    if len(region) == 4 and not (region[0] < region[2] and region[1] < region[3]):
        raise BenchError(f"the box {shown} is empty", where=where, hint="Give x0,y0,x1,y1 with x0 < x1 and y0 < y1")
    return region


_BOX = "Give x0,y0,x1,y1 in fractions of the network's input, 0 to 1"


def _span(low: float, high: float, size: int) -> slice:
    """The pixels, of ``size``, whose centres lie between two fractions; at least that of the middle."""
    first, end = math.ceil(low * size - 0.5), math.ceil(high * size - 0.5)
    if first >= end:
        first = min(int((low + high) / 2 * size), size - 1)
        end = first + 1
    return slice(first, end)


def numbers_of(text: str) -> list[float] | None:
    """The numbers of a text with commas or spaces between them; None where it holds something else."""
    try:
        return [float(part) for part in text.replace(",", " ").split()] or None
    except ValueError:
        return None


def _mask_of(path: Path) -> Tensor:
    if not path.is_file():
        raise BenchError(f"{str(path)!r} is no set of pixels, and no such file", where="pixels", hint=_HINT)
    try:
        mask = read_picture(path, lambda image: torch.from_numpy(np.array(image.convert("L")) > 0))
    except BenchError as error:
        message = f"{path} is not a readable image: {error.what}"
        raise BenchError(message, where="pixels", hint="Give a mask, such as a PNG") from None
    if not mask.any():
        raise BenchError(f"the mask {path} is black", where="pixels", hint="Paint the pixels of the set white")
    return mask
