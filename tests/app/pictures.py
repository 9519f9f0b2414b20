"""Files that visitors of the app may send: good ones and hostile ones."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HTML = b"<html><script>window.hacked=1</script></html>"


def photograph(path: Path, seed: int = 0) -> Path:
    """A small picture with structure."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC).save(path)
    return path


def truncated_jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(out, "JPEG")
    return out.getvalue()[:3000]


def png_of(width: int, height: int) -> bytes:
    """A PNG of one grey: a few kilobytes for as many pixels as its head says."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(width + 1)) for _ in range(height)) + rows.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose head says so many pixels, and which has none."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def hostile_files() -> dict[str, tuple[bytes, str]]:
    """By name, a file's content and what is said of it."""
    return {
        "page.png": (HTML, "not an image of a known format"),
        "cut.jpg": (truncated_jpeg(), "cannot be decoded"),
        "bomb.png": (png_that_claims(60_000, 60_000), "more than 50,000,000 pixels"),
        "large.png": (png_of(10_000, 10_000), "more than 50,000,000 pixels"),
        "empty.png": (b"", "empty"),
        "drawing.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image of a known format"),
    }
