"""Small films for the tests, made with PyAV and Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

MILLISECOND = Fraction(1, 1000)
UNEVEN = (0, 40, 80, 200, 240, 400, 440, 480, 900, 940)  # a variable frame rate


def picture(number: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A bright square on grey, which moves to the right and gets brighter."""
    pixels = np.full((size[1], size[0], 3), 60, dtype=np.uint8)
    left = (number * 4) % max(1, size[0] - 16)
    pixels[8:24, left : left + 16] = 100 + 15 * (number % 10)
    return Image.fromarray(pixels)


def film(
    path: Path,
    times: Sequence[int] = UNEVEN,
    size: tuple[int, int] = (64, 48),
    *,
    sound: bool = False,
    codec: str = "libx264",
) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        tone: Any = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number, time in enumerate(times):
            frame: Any = av.VideoFrame.from_ndarray(np.asarray(picture(number, size)), format="rgb24")
            frame.pts, frame.time_base = time, MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            wave = (np.sin(np.arange(16000) / 10) * 8000).astype(np.int16)[None]
            heard: Any = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            heard.sample_rate, heard.pts = 16000, 0
            container.mux(tone.encode(heard))
            container.mux(tone.encode(None))
    return path


def animation(path: Path, durations: Sequence[int]) -> Path:
    first, *others = (picture(number) for number in range(len(durations)))
    first.save(path, save_all=True, append_images=others, duration=list(durations), loop=0)
    return path
