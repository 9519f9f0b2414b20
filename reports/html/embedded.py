"""What lives in the page as text: photographs, and bytes in base64."""

from __future__ import annotations

import gzip
import io
import json
from base64 import b64encode
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image

from ...results.record import Record

COLOURS = "inferno"  # of maps
FEWEST_FOLDED = 30_000  # characters of a part of the page that is compressed


def base64_text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def packed(data: bytes, level: int = 9) -> str:
    """Compressed, in base64: the same text each time."""
    return base64_text(gzip.compress(data, compresslevel=level, mtime=0))


def packed_json(value: Any) -> str:
    """A value as JSON, compressed, in base64."""
    return packed(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(), level=6)


def folded(markup: Markup) -> Markup:
    """A large part of the page, compressed: unpack.js puts it in its place when it comes near the window.

    A small part stays as it is.
    """
    if len(markup) < FEWEST_FOLDED:
        return markup
    words = "This part is compressed, to keep the page small: it needs JavaScript."
    packing = '<div class="packed"><script type="text/plain">{}</script><noscript><p>{}</p></noscript></div>'
    return Markup(packing).format(packed(markup.encode()), words)


def thumbnail(record: Record, file: str, side: int) -> Image.Image:
    """A photograph of the run, neither side longer than ``side`` pixels."""
    picture = record.picture(file)
    picture.thumbnail((side, side))
    return picture


def jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def jpeg_uri(data: bytes) -> str:
    """A JPEG as a data address."""
    return f"data:image/jpeg;base64,{base64_text(data)}"


def png_uri(levels: npt.NDArray[np.uint8]) -> str:
    """A grey PNG of 256 levels (h, w) as a data address."""
    out = io.BytesIO()
    Image.fromarray(levels).save(out, "PNG", optimize=True)
    return png_file_uri(out.getvalue())


def png_file_uri(data: bytes) -> str:
    """A PNG as a data address."""
    return f"data:image/png;base64,{base64_text(data)}"
