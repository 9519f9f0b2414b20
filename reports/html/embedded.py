"""What lives in the page as text: photographs, and bytes in base64."""

from __future__ import annotations

import io
from base64 import b64encode

from PIL import Image

from ...results.record import Record

COLOURS = "inferno"  # of maps


def base64_text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def thumbnail(record: Record, file: str, side: int) -> Image.Image:
    """A photograph of the run, neither side longer than ``side`` pixels."""
    with Image.open(io.BytesIO(record.photo(file))) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((side, side))
    return picture


def jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def jpeg_uri(data: bytes) -> str:
    """A JPEG as a data address."""
    return f"data:image/jpeg;base64,{base64_text(data)}"
