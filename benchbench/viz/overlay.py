"""Maps laid over pictures, to be looked at: in a notebook, or as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import BenchError
from ..models.preprocess import colours, denormalise
from ..types import Preprocess
from .picture_grid import PANEL, PictureGrid, sheet_of
from .style import Style, styled


@dataclass(frozen=True, eq=False)
class Overlay:
    """Pictures in a grid, with captions. A notebook shows it; ``save`` writes it.

    Attributes:
        rows: RGB pictures, a list per row, all of one size.
        heads: above the columns; ``says``: below the first picture of each row.
        panel: inches of a picture.

    Example:
        >>> picture = bb.overlay(torch.rand(3, 32, 32), torch.rand(4, 4))
        >>> picture.save("map.png").name
        'map.png'
    """

    rows: tuple[tuple[Image.Image, ...], ...]
    heads: tuple[str, ...] = ()
    says: tuple[str, ...] = field(default=())
    panel: float = PANEL

    def save(self, path: str | Path) -> Path:
        """Write a PNG, JPEG, WebP, SVG or PDF; returns the path.

        Args:
            path: the file to write; its suffix chooses the format.

        Returns:
            The path of the file.

        Raises:
            BenchError: another suffix, or a folder that is not there.
        """
        return self._sheet.save(path)

    def _repr_png_(self) -> bytes:
        return self._sheet.drawn("png")

    @property
    def _sheet(self) -> PictureGrid:
        return sheet_of(self.rows, self.heads, self.says, self.panel)


def overlay(
    image: Any, maps: Tensor | Sequence[Tensor], *, preprocess: Preprocess | None = None, strength: float = 0.5
) -> Overlay:
    """A picture with one map or several beside it, coloured and laid over it.

    Args:
        image: a PIL image; or a tensor (channels, H, W), or a batch of one, in [0, 1], or as a network takes it with
            its ``preprocess``. One channel is shown as grey, two as the grey of their mean, and of three or more the
            first three as red, green and blue.
        maps: (h, w), (1, h, w) or (1, 1, h, w) at any size, as ``explain`` gives; or several in a list. Each is
            min-max normalised by itself.
        strength: of the map's colour, in [0, 1].
        preprocess: undoes the normalisation of a tensor that is as the network takes it; None (default) for a tensor
            in [0, 1].

    Returns:
        The picture; notebooks display it, and ``save`` writes it.

    Raises:
        BenchError: something of another shape or range.

    Example:
        >>> maps = bb.explain(network, images[:1], method="gradcam", layer="features")
        >>> bb.overlay(images[0].sigmoid(), maps).save("overlay.png").name
        'overlay.png'
    """
    if not 0 <= strength <= 1:
        raise BenchError(f"strength is {strength}", where="overlay", hint="Give a number from 0 to 1")
    picture = _picture(image, preprocess)
    several = [maps] if isinstance(maps, Tensor) else list(maps)
    return Overlay(((picture, *(laid(picture, saliency_map, strength) for saliency_map in several)),))


def laid(picture: Image.Image, saliency_map: Tensor, strength: float = 0.5) -> Image.Image:
    """The picture under one coloured map."""
    return styled(picture, saliency_map, Style(alpha=strength))


def _picture(image: Any, preprocess: Preprocess | None) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    if not isinstance(image, Tensor):
        raise BenchError(f"the image is {type(image).__name__}", where="overlay", hint="Give a PIL image or a tensor")
    plain = image.detach().float().cpu()
    plain = plain[0] if plain.ndim == 4 and len(plain) == 1 else plain
    if plain.ndim != 3 or not plain.numel():
        raise BenchError(f"the image's shape is {tuple(image.shape)}", where="overlay", hint="Give (channels, H, W)")
    if preprocess is not None and len(preprocess.mean) != len(plain):
        message = f"the image has {len(plain)} channels, and preprocess has a mean for {len(preprocess.mean)}"
        raise BenchError(message, where="overlay", hint="Give the Preprocess that the image was normalised with")
    if preprocess is not None:
        return Image.fromarray(denormalise(plain, preprocess).numpy())
    if not (torch.isfinite(plain).all() and plain.min() >= 0 and plain.max() <= 1):
        hint = "Give preprocess=bb.Preprocess(...), whose mean and std it was normalised with"
        raise BenchError("the image's values are not in [0, 1]", where="overlay", hint=hint)
    return Image.fromarray((colours(plain) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())
