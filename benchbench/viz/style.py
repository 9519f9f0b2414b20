"""How a map is drawn on a picture: its colours, and whether it is laid over, traced, or cuts out what matters most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from ..errors import BenchError, nearest
from ..maps.normalise import quantile, saliency

Kind: TypeAlias = Literal["overlay", "contour", "top", "map"]
COLOURS = "inferno"  # perceptually uniform, and monotone in lightness
UNIFORM = ("inferno", "magma", "plasma", "viridis", "cividis", "gray")  # cividis: alike for colour-blind eyes
KNOWN_COLOURS = (*UNIFORM, "jet")
LEVELS = (0.25, 0.5, 0.75)  # of a map's range, where contours run
TOP = 0.2  # the share of the pixels that "top" shows
_FAINT = 0.35  # the brightness of the others
_LIGHTNESS = np.array([0.299, 0.587, 0.114])  # ITU-R 601


@dataclass(frozen=True)
class Style:
    """How maps are drawn.

    Attributes:
        kind: ``overlay``, the coloured map mixed with the picture; ``contour``, lines at 25, 50 and 75 % of the map's
            range; ``top``, the picture where the map is highest (a fifth of the pixels), the rest grey and dark;
            ``map``, the coloured map alone.
        colours: ``inferno`` (default), ``magma``, ``plasma``, ``viridis``, ``cividis`` or ``gray``, whose lightness
            rises evenly; or ``jet``, whose lightness does not, so that it shows edges that no map has.
        alpha: the map's share of an ``overlay``, in [0, 1].

    Raises:
        BenchError: another kind or colour map, or ``alpha`` outside [0, 1].
    """

    kind: Kind = "overlay"
    colours: str = COLOURS
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise BenchError(f"no style {self.kind!r}", where="style", hint=nearest(str(self.kind), get_args(Kind)))
        if self.colours not in KNOWN_COLOURS:
            hint = nearest(str(self.colours), KNOWN_COLOURS)
            raise BenchError(f"no colour map {self.colours!r}", where="colours", hint=hint)
        if not 0 <= self.alpha <= 1:
            raise BenchError(f"alpha is {self.alpha}", where="alpha", hint="Give a number from 0 to 1")

    @property
    def shows_scale(self) -> bool:
        """Whether colours stand for values, so that a colour bar says which."""
        return self.kind != "top"


def styled(picture: Image.Image, saliency_map: Tensor, style: Style | None = None) -> Image.Image:
    """The picture with one map drawn on it.

    Args:
        saliency_map: (h, w) at any size, not normalised.

    Raises:
        BenchError: the map is not one finite map.
    """
    style = style or Style()
    plain = saliency_map.detach().float().cpu()
    plain = plain.reshape(plain.shape[-2:]) if plain.ndim > 1 and plain[..., 0, 0].numel() == 1 else plain
    if plain.ndim != 2 or not torch.isfinite(plain).all():
        hint = "Give one finite map (h, w) for one image"
        raise BenchError(f"the map's shape is {tuple(saliency_map.shape)}", where="overlay", hint=hint)
    scaled = saliency(plain[None], (picture.height, picture.width))[0]
    if style.kind == "top":
        return _top(picture, scaled)
    if style.kind == "contour":
        return _contours(picture, scaled.numpy(), style.colours)
    alpha = 1.0 if style.kind == "map" else style.alpha
    colours = mpl.colormaps[style.colours](scaled.numpy())[..., :3] * 255
    mixed = (1 - alpha) * np.asarray(picture, dtype=np.float64) + alpha * colours
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def top_region(scaled: Tensor, share: float = TOP) -> Tensor:
    """Bool (H, W): the pixels of a normalised map that are in its top share; none of a constant map.

    Pixels as high as the last of them are in it too, but never the lowest ones of the map.
    """
    return (scaled >= quantile(scaled, 1 - share)) & (scaled > scaled.min())


def _top(picture: Image.Image, scaled: Tensor) -> Image.Image:
    shown = top_region(scaled).numpy()
    faint = np.asarray(picture.convert("L").convert("RGB"), dtype=np.float64) * _FAINT
    mixed = np.where(shown[..., None], np.asarray(picture, dtype=np.float64), faint)
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def _contours(picture: Image.Image, scaled: npt.NDArray[np.float32], colours: str) -> Image.Image:
    """Lines in the colours of their levels, with a light or a dark seam, so that they are seen on every picture."""
    shown = np.array(picture)
    width = 1 + 2 * (max(picture.size) // 400)
    for level in LEVELS:
        line, colour = _border(scaled >= level), np.array(mpl.colormaps[colours](level)[:3])
        shown[_wider(line, width + 2)] = 255 if colour @ _LIGHTNESS < 0.5 else 0
        shown[_wider(line, width)] = np.rint(colour * 255)
    return Image.fromarray(shown)


def _border(region: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The pixels of a region that have a neighbour outside it; the picture's edge is no border."""
    around = np.pad(region, 1, mode="edge")
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    border: npt.NDArray[np.bool_] = region & ~inner
    return border


def _wider(line: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    if width == 1:  # Pillow's filter of one pixel ends the process in Pillow 12.3
        return line
    grown = Image.fromarray(line.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(width))
    return np.asarray(grown) > 0
