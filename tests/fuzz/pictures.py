"""Pictures: valid ones of every kind, and some that are made to cost memory."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

KINDS = ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM")
_GREY, _SIDE = 0, 60_000


def pixels(side: int = 6) -> Image.Image:
    values = np.arange(side * side * 3, dtype=np.uint8).reshape(side, side, 3) * 2
    return Image.fromarray(values)


def saved(kind: str, picture: Image.Image | None = None, **how: object) -> bytes:
    out = io.BytesIO()
    (picture or pixels()).save(out, kind, **how)
    return out.getvalue()


def mask(side: int = 6) -> bytes:
    values = np.zeros((side, side), np.uint8)
    values[1:3, 2:5] = 255
    return saved("PNG", Image.fromarray(values))


VALID = [*(saved(kind) for kind in KINDS), mask(), saved("PNG", pixels().convert("P")), saved("JPEG", quality=95)]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *extra: bytes, data: bytes = b"") -> bytes:
    """A grey PNG that says that it has so many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, _GREY, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *extra, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@cache
def bombs() -> dict[str, bytes]:
    """Small files whose content is large."""
    zeros = zlib.compress(bytes(_SIDE * 200), 9)
    text = zlib.compress(b"x" * 20_000_000, 9)
    gif = bytearray(saved("GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    bmp = bytearray(saved("BMP"))
    bmp[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    tiff = bytearray(saved("TIFF"))
    return {
        "wide.png": png(_SIDE, _SIDE, data=zeros),
        "line.png": png(2**31 - 1, 1, data=zeros),
        "text.png": png(1, 1, chunk(b"zTXt", b"a\0\0" + text), data=zlib.compress(b"\0\0")),
        "profile.png": png(1, 1, chunk(b"iCCP", b"a\0\0" + text), data=zlib.compress(b"\0\0")),
        "texts.png": png(1, 1, *[chunk(b"zTXt", b"a\0\0" + text[:2000])] * 500, data=zlib.compress(b"\0\0")),
        "canvas.gif": bytes(gif),
        "sides.bmp": bytes(bmp),
        "sides.ppm": b"P6 99999999 99999999 255\n" + bytes(9),
        "digits.ppm": b"P3 " + b"9" * 100_000 + b" 1 255\n0 0 0\n",
        "self.tif": bytes(tiff[:4]) + struct.pack("<I", 4) + bytes(tiff[8:]),
        "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "page.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "folder.ico": b"\0\0\1\0\xff\xff" + bytes(40),
    }
