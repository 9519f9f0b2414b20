"""A frame of the overlay film: the frame under its map, side by side for several methods, with what is explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont

from ...maps.normalise import upsample
from ...models.preprocess import placed
from ...types import Preprocess
from ...viz.style import Style

_DIM = 0.45  # the brightness of what the network's crop does not have
_LEVELS = np.arange(256) / 255


@dataclass(frozen=True)
class Range:
    """The lowest and the highest value of the maps that share a scale."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FrameDrawing:
    """How frames of one film are drawn.

    Attributes:
        size: width and height of the film's frames.
        preprocess: what the network's crop is.
        methods: display names, in the order of the maps.
        ranges: by method, the values that are 0 and 1 for the whole film; empty where each map is scaled by itself.
        colours: a colour map's name. alpha: the map's share, in [0, 1].
    """

    size: tuple[int, int]
    preprocess: Preprocess
    methods: tuple[str, ...]
    colours: str
    alpha: float
    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        preprocess: Preprocess,
        methods: tuple[str, ...],
        style: Style,
        ranges: tuple[Range, ...] = (),
    ) -> FrameDrawing:
        """Frames of this size in a style; a ``map`` hides the frame below it."""
        return cls(size, preprocess, methods, style.colours, 1.0 if style.kind == "map" else style.alpha, ranges)

    @cached_property
    def crop(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of what the network sees, in pixels of the frame."""
        (across, down), (left, top) = placed(self.size, self.preprocess)
        side = self.preprocess.crop
        x0, x1 = (round(x * self.size[0] / across) for x in (left, left + side))
        y0, y1 = (round(y * self.size[1] / down) for y in (top, top + side))
        return max(0, x0), max(0, y0), min(self.size[0], x1), min(self.size[1], y1)

    @property
    def drawn_size(self) -> tuple[int, int]:
        """Width and height of a drawn frame: both even, as the encoder needs."""
        width, height = self.size[0] * (len(self.methods) + (len(self.methods) > 1)), self.size[1]
        return width + width % 2, height + height % 2

    def draw(self, picture: Image.Image, maps: Sequence[npt.NDArray[np.float32]], words: str) -> Image.Image:
        """The frame under each map; with several methods the plain frame stands first.

        Args:
            picture: the frame, RGB, of any size: it is fitted to the film's.
            maps: (h, w) each, at the layer's resolution, not normalised.
            words: the class and its probability.
        """
        plain = picture if picture.size == self.size else picture.resize(self.size, Image.Resampling.BILINEAR)
        panels = [self._overlaid(plain, each, k) for k, each in enumerate(maps)]
        names = list(self.methods)
        if len(panels) > 1:
            panels, names = [plain, *panels], ["", *names]
        film = Image.new("RGB", self.drawn_size)
        for k, (panel, name) in enumerate(zip(panels, names, strict=True)):
            film.paste(panel, (k * self.size[0], 0))
            self._write(film, k * self.size[0], "\n".join(filter(None, [name, words if k == 0 else ""])))
        return film

    def _overlaid(self, plain: Image.Image, saliency_map: npt.NDArray[np.float32], method: int) -> Image.Image:
        left, top, right, bottom = self.crop
        level = self._level(saliency_map, (bottom - top, right - left), method)
        inside = Image.blend(plain.crop(self.crop), self._coloured(level), self.alpha)
        shown = plain if self.crop == (0, 0, *self.size) else plain.point(lambda value: round(value * _DIM))
        shown = shown.copy()
        shown.paste(inside, (left, top))
        return shown

    def _level(
        self, saliency_map: npt.NDArray[np.float32], size: tuple[int, int], method: int
    ) -> npt.NDArray[np.uint8]:
        """The map at the crop's size, in 256 steps from its lowest value, or the film's, to the highest."""
        low, high = float(saliency_map.min()), float(saliency_map.max())
        if self.ranges:
            low, high = self.ranges[method].low, self.ranges[method].high
        scaled = (saliency_map - low) / (high - low) if high > low else np.zeros_like(saliency_map)
        large = upsample(torch.from_numpy(np.ascontiguousarray(scaled, dtype=np.float32))[None], size)[0]
        if not self.ranges and high > low:
            least, most = large.aminmax()
            large = (large - least) / (most - least)  # as maps.normalise.saliency: the upsampled map fills [0, 1]
        steps: npt.NDArray[np.uint8] = np.rint(large.clamp(0, 1).numpy() * 255).astype(np.uint8)
        return steps

    def _coloured(self, level: npt.NDArray[np.uint8]) -> Image.Image:
        picture = Image.fromarray(level, mode="P")
        picture.putpalette(self._palette)
        return picture.convert("RGB")

    @cached_property
    def _palette(self) -> bytes:
        return bytes(np.rint(mpl.colormaps[self.colours](_LEVELS)[:, :3] * 255).astype(np.uint8).ravel())

    def _write(self, film: Image.Image, left: int, text: str) -> None:
        """White letters with a dark edge, so that they are read on every picture."""
        if not text:
            return
        letters = max(11, self.size[1] // 26)
        font = ImageFont.load_default(letters)
        place = (left + letters // 2, letters // 3)
        ImageDraw.Draw(film).multiline_text(
            place, text, fill=(255, 255, 255), font=font, stroke_width=max(1, letters // 10), stroke_fill=(0, 0, 0)
        )
