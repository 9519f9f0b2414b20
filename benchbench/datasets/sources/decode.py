"""Files to pictures: any usual image file to RGB, any usual mask file to bool, or one plain reason why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ...errors import BenchError
from ...untrusted_picture import FORMATS as FORMATS
from ...untrusted_picture import MAX_PIXELS as MAX_PIXELS
from ...untrusted_picture import read_picture
from .frame import TURNS, Frame, frame_of, orientation_of

T = TypeVar("T")
Indices: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]

_WHITE = (255, 255, 255, 255)


def decode(path: Path, most: int = MAX_PIXELS) -> Image.Image:
    """The picture in a file as RGB, upright, at least 1 x 1; of an animation the first frame.

    EXIF orientation is applied. Transparency is composited on white. Sixteen-bit grey is scaled by its range, 0 to
    65535 (Pillow's own conversion clips it at 255). Four-colour JPEGs are read inverted, as Adobe writes them and
    Pillow and the browsers assume; no colour profile is applied.

    Args:
        most: the most pixels that a picture may have.

    Raises:
        BenchError: the file is missing, empty, not an image, truncated, too large, or of 32-bit pixels, whose range
            is not known. ``where`` is the file's name.
    """
    return decode_framed(path, most)[0]


def decode_framed(path: Path, most: int = MAX_PIXELS) -> tuple[Image.Image, Frame]:
    """The picture, as ``decode`` gives it, and the frame of the pixels that its file stores.

    Raises:
        BenchError: as ``decode``.
    """

    def convert(image: Image.Image) -> tuple[Image.Image, Frame]:
        orientation = orientation_of(image)
        shown = to_rgb(_upright(image))
        return shown, frame_of(shown, orientation)

    return read_picture(path, convert, most)


def decode_mask(path: Path, most: int = MAX_PIXELS, frame: Frame | None = None) -> Tensor:
    """The mask in a file, bool (H, W), upright: true where any colour channel is not zero.

    A JPEG blurs its edges, so there the threshold is half the range.

    Args:
        frame: of its photograph. A mask file with an EXIF orientation is turned by that; another one by the
            photograph's, if it has the size of the photograph's stored pixels.

    Raises:
        BenchError: as ``decode``; or the mask has transparency, which may mean object or background.
    """
    return _guarded(path, _to_mask, most, frame)


def decode_indices(path: Path, most: int = MAX_PIXELS, frame: Frame | None = None) -> Indices:
    """The numbers (H, W) that a file of class indices holds: of a palette the indices, of grey the values.

    Of colours it is red + 256 green, as in ImageNet-S. ``frame`` as in ``decode_mask``.

    Raises:
        BenchError: as ``decode``.
    """
    return _guarded(path, _to_indices, most, frame)


def decode_levels(path: Path, most: int = MAX_PIXELS, frame: Frame | None = None) -> Indices:
    """The grey (H, W) of a file, 0 to 255, whatever its mode: black and white, grey, a palette's colours, colours.

    Sixteen bits are divided by 257. ``frame`` as in ``decode_mask``.

    Raises:
        BenchError: as ``decode_mask``; or a file of 16 bits has no value above 255.
    """
    return _guarded(path, _to_levels, most, frame)


def _to_levels(image: Image.Image) -> Indices:
    _refuse_transparent(image)
    levels: Indices = np.asarray(to_rgb(image).convert("L")).astype(np.int64)
    if image.mode.startswith("I") and 0 < int(np.asarray(image).max()) < 256:
        raise BenchError("a mask of 16 bits without a value above 255", hint="Save it with 8 bits, or object as 65535")
    return levels


def _to_indices(image: Image.Image) -> Indices:
    plain = image if image.mode in ("P", "L", "1", "I") or image.mode.startswith("I;16") else image.convert("RGB")
    values = np.asarray(plain).astype(np.int64)
    indices: Indices = values if values.ndim == 2 else values[:, :, 0] + 256 * values[:, :, 1]
    return indices


def open_rgba(path: Path) -> Image.Image:
    """The picture in a file as RGBA, transparency kept.

    Raises:
        BenchError: as ``decode``.
    """
    return _guarded(path, lambda image: image.convert("RGBA"))


def to_rgb(image: Image.Image) -> Image.Image:
    """An opened picture as RGB, as ``decode`` says, orientation apart.

    Raises:
        BenchError: 32-bit pixels.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return _from_sixteen_bits(image)
    if image.mode in ("I", "F"):
        raise BenchError("32-bit pixels, whose range is not known", hint="Save it with 8 or 16 bits per channel")
    if _transparent(image):
        opaque = Image.new("RGBA", image.size, _WHITE)
        return Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    grey = np.rint(values.clip(0, 65535) / 257).astype(np.uint8)
    if isinstance(image.info.get("transparency"), int):
        grey[values == image.info["transparency"]] = 255
    return Image.fromarray(grey).convert("RGB")


def _to_mask(image: Image.Image) -> Tensor:
    _refuse_transparent(image)
    # A palette's index says nothing of its colour: white may be index 0.
    known = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16")
    values = np.asarray(image if known else image.convert("RGB")).astype(np.float64)
    values = values if values.ndim == 2 else values.max(axis=2)
    if image.format not in ("JPEG", "MPO"):
        return torch.from_numpy(values != 0)
    if 0 < values.max() < 128:
        raise BenchError("a JPEG mask whose brightest pixel is below 128", hint="Save it as PNG, or object as 255")
    return torch.from_numpy(values >= 128)


def _refuse_transparent(image: Image.Image) -> None:
    if _transparent(image) and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise BenchError(
            "the mask has transparent pixels, which may mean object or background",
            hint="Save it as grey, zero on the background",
        )


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info


def _guarded(path: Path, convert: Callable[[Image.Image], T], most: int = MAX_PIXELS, frame: Frame | None = None) -> T:
    return read_picture(path, lambda image: convert(_upright(image, frame)), most)


def _upright(image: Image.Image, frame: Frame | None = None) -> Image.Image:
    """The picture turned by its EXIF orientation; without one by the frame's, if it has the size of its pixels."""
    orientation = orientation_of(image)
    image.load()
    if orientation is None and frame is not None and frame.orientation > 1 and _size(image) == frame.stored:
        upright = image.transpose(TURNS[frame.orientation])
    else:
        upright = ImageOps.exif_transpose(image)
    upright.format = image.format  # lost in the copy, and the only sign of what "I" pixels mean
    return upright


def _size(image: Image.Image) -> tuple[int, int]:
    return image.height, image.width
