"""The photographs on which the methods disagree most, each with the two maps that are most unlike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from PIL import Image

from ...results.schema import FloatArray
from ..leaderboard.board import Block
from .disagreement import correlations, least_alike
from .embedded import COLOURS, jpeg, jpeg_uri, thumbnail
from .images import ImageSet

PHOTOS = 4
SIDE = 128  # pixels of a thumbnail's longer side
OPACITY = 0.55


@dataclass(frozen=True)
class MapThumbnail:
    """One method's map over the photograph: a JPEG as a data address; ``place``: the method's in the gallery."""

    method: str
    place: int
    uri: str


@dataclass(frozen=True)
class Contrast:
    """A photograph with the two maps that order its cells most differently.

    Attributes:
        sample: the image's id.
        place: its place in the study, which the gallery shows it under.
        uri: the photograph, a JPEG as a data address.
        maps: of two methods.
        correlation: Spearman's, of the two maps.
    """

    sample: str
    place: int
    uri: str
    width: int
    height: int
    maps: tuple[MapThumbnail, MapThumbnail]
    correlation: float


@dataclass(frozen=True)
class BlockContrasts:
    """The photographs of one setting; ``set`` and ``layer`` are the places in the gallery.

    Attributes:
        among: which images they were chosen from, where not all: ``, among the first 200 of 1,000 images``.
    """

    block: Block
    set: int
    layer: int
    contrasts: tuple[Contrast, ...]
    among: str = ""


def contrasts(images: ImageSet, layer: str, disagreements: Sequence[float | None]) -> tuple[Contrast, ...]:
    """Up to four, the greatest disagreement first; those without two live maps are left out.

    Args:
        disagreements: of the methods' maps at the layer, an entry per image of the set; None where there is none.
    """
    known = [(value, place) for place, value in enumerate(disagreements) if value is not None]
    places = [place for _, place in sorted(known, key=lambda entry: (-entry[0], entry[1]))[:PHOTOS]]
    drawn = (_contrast(images, layer, place) for place in places)
    return tuple(contrast for contrast in drawn if contrast is not None)


def _contrast(images: ImageSet, layer: str, place: int) -> Contrast | None:
    sample = images.samples[place]
    names = [name for name in images.methods if name not in images.board.controls]
    maps = [images.map((sample, layer, name)) for name in names]
    matrix = correlations(maps)
    pair = least_alike([matrix])
    if pair is None:
        return None
    file = str(images.photos["file"].iloc[place])
    photo = thumbnail(images.board.record, file, SIDE)
    chosen = [(names[at], saliency) for at in pair if (saliency := maps[at]) is not None]
    first, second = (
        MapThumbnail(name, images.methods.index(name), _uri(_over(photo, saliency))) for name, saliency in chosen
    )
    return Contrast(sample, place, _uri(photo), photo.width, photo.height, (first, second), float(matrix[pair]))


def _over(photo: Image.Image, saliency: FloatArray) -> Image.Image:
    """The map, upsampled (bilinear) and stretched to its own range, coloured, over the photograph."""
    small = Image.fromarray(np.ascontiguousarray(saliency, dtype=np.float32))
    values = np.asarray(small.resize(photo.size, Image.Resampling.BILINEAR))
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    coloured = Image.fromarray(mpl.colormaps[COLOURS](scaled, bytes=True)[..., :3])
    return Image.blend(photo, coloured, OPACITY)


def _uri(picture: Image.Image) -> str:
    return jpeg_uri(jpeg(picture, 80))
