"""Maps laid over pictures, to be looked at: in a notebook, or as a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..errors import BenchError
from ..files import publish
from ..maps.normalise import saliency
from ..models.preprocess import colours, denormalise
from ..paths import expanded
from ..types import Preprocess

COLOURS = "inferno"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".pdf")
PANEL = 2.6  # inches


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
        """Write a PNG, JPEG, WebP or PDF; returns the path.

        Raises:
            BenchError: another suffix, or a folder that is not there.
        """
        path = expanded(path)
        if path.suffix.lower() not in SUFFIXES:
            raise BenchError(f"cannot write {path.suffix or 'a file without suffix'!r}", where=str(path), hint=_SUFFIX)
        if not path.parent.is_dir():
            raise BenchError("no such folder", where=str(path.parent), hint="Make it first")
        return publish(path, self._drawn(path.suffix.lower().removeprefix(".")), hint="Give another path")

    def _repr_png_(self) -> bytes:
        return self._drawn("png")

    def _drawn(self, format: str) -> bytes:
        out = io.BytesIO()
        with mpl.rc_context({"text.parse_math": False, "font.size": 9, "pdf.fonttype": 42}):
            self._figure().savefig(out, format=format, dpi=110)
        return out.getvalue()

    def _figure(self) -> Figure:
        across, down = max(map(len, self.rows)), len(self.rows)
        caption = 0.55 if any(self.says) else 0.1
        figure = Figure(figsize=(self.panel * across, (self.panel + caption) * down + 0.3), layout="constrained")
        for y, row in enumerate(self.rows):
            for x, picture in enumerate(row):
                axis = figure.add_subplot(down, across, y * across + x + 1)
                axis.imshow(np.asarray(picture))
                axis.set_axis_off()
                if y == 0 and x < len(self.heads):
                    axis.set_title(_folded(self.heads[x]), fontsize=9)
                if x == 0 and y < len(self.says):
                    axis.text(0, -0.03, _folded(self.says[y]), transform=axis.transAxes, va="top", fontsize=8)
        return figure


_SUFFIX = f"Name a file that ends in {', '.join(SUFFIXES)}"


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
    plain = saliency_map.detach().float().cpu()
    plain = plain.reshape(plain.shape[-2:]) if plain.ndim > 1 and plain[..., 0, 0].numel() == 1 else plain
    if plain.ndim != 2 or not torch.isfinite(plain).all():
        hint = "Give one finite map (h, w) for one image"
        raise BenchError(f"the map's shape is {tuple(saliency_map.shape)}", where="overlay", hint=hint)
    scaled = saliency(plain[None], (picture.height, picture.width))[0].numpy()
    colours = mpl.colormaps[COLOURS](scaled)[..., :3] * 255
    mixed = (1 - strength) * np.asarray(picture, dtype=np.float64) + strength * colours
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


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


def _short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _folded(text: str) -> str:
    return "\n".join(_short(line) for line in text.split("\n"))
