"""Files of pictures, opened without harm: usual formats alone, no more pixels than memory has, one reason why not."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from .errors import BenchError

T = TypeVar("T")

MAX_PIXELS = 50_000_000  # takes some 0.8 GB to decode; more than any usual camera's
# JPEG opens MPO too. Not EPS: opening one starts Ghostscript.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")


def read_picture(
    source: Path | bytes,
    convert: Callable[[Image.Image], T],
    most: int = MAX_PIXELS,
    *,
    formats: Collection[str] = FORMATS,
    name: str = "",
) -> T:
    """What ``convert`` makes of the picture in a file.

    Args:
        source: the file, or its bytes.
        convert: called with the picture while its file is open; whatever it raises is the file's fault.
        most: the most pixels that a picture may have.
        formats: Pillow's names of those that are opened.
        name: what errors call the file; its own name if not given.

    Raises:
        BenchError: the file is missing, empty, not a picture of a known format, truncated or too large.
    """
    where = name or (source.name if isinstance(source, Path) else "the picture")
    try:
        if (source.stat().st_size if isinstance(source, Path) else len(source)) == 0:
            raise BenchError("the file is empty (0 bytes)")
        with Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=tuple(formats)) as image:
            _check_size(image, most)
            return convert(image)
    except BenchError as error:
        raise error.at(where) from None
    except FileNotFoundError:
        reason = "there is no such file"
    except UnidentifiedImageError:
        reason = f"the file is not an image of a known format ({', '.join(formats)})"
    except Image.DecompressionBombError:
        reason = _too_large(most)
    except Exception as error:  # a decoder raises whatever broken bytes lead it to
        reason = f"the file cannot be decoded: {type(error).__name__}: {error}"
    raise BenchError(reason, where=where)


def _check_size(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        raise BenchError(_too_large(most), hint="Scale it down; a dataset of files takes max_pixels: NUMBER")


def _too_large(most: int) -> str:
    return f"the image has more than {most:,} pixels"
