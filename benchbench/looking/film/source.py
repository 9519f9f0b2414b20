"""The frames of a film, one after the other: upright, in RGB, with their times; never more than one at a time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from ...errors import BenchError
from ...paths import expanded
from ...untrusted_picture import MAX_PIXELS, read_picture

FILMS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv"})
ANIMATIONS = frozenset({".gif", ".webp", ".apng", ".png"})
_FORMATS = ("GIF", "WEBP", "PNG")
_INSTALL = "Install it with: pip install 'benchbench-saliency[video]'"
_LEAST, _USUAL = 20, 100  # milliseconds: browsers show a frame of less than the first for the second


@dataclass(frozen=True)
class FilmFrame:
    """A frame of a film.

    Attributes:
        time: since the film's start, in units of the film's ``time_base``.
        picture: RGB, upright.
    """

    time: int
    picture: Image.Image


@dataclass(eq=False)
class Film:
    """A film on disk.

    Attributes:
        time_base: seconds of a unit of time. frames: how many there are, as far as the file says; 0 if it does not.
        audio: whether it has sound.
        damaged: how many packets could not be decoded, so far.
    """

    path: Path
    time_base: Fraction
    frames: int
    audio: bool
    damaged: int = field(default=0)

    def __iter__(self) -> Iterator[FilmFrame]:
        """Raises BenchError: nothing of the file can be decoded."""
        yield from _animation(self.path) if is_animation(self.path) else _decoded(self)


def is_animation(path: Path) -> bool:
    return path.suffix.lower() in ANIMATIONS


def is_film(path: Path) -> bool:
    """Whether a file is a film or an animation of several pictures, by its name and, for pictures, its content."""
    if path.suffix.lower() in FILMS:
        return True
    if not is_animation(path) or not path.is_file():
        return False
    try:
        return read_picture(path, _pictures, formats=_FORMATS) > 1
    except BenchError:
        return False  # the reader of photographs says what is wrong


def films_among(names: Sequence[str]) -> Path | None:
    """The film, if a film is named.

    Raises:
        BenchError: something else is named beside it.
    """
    films = [expanded(name) for name in names if is_film(expanded(name))]
    if films and len(names) > 1:
        raise BenchError("a film is explained alone", where=str(films[0]), hint="Name the other files in another call")
    return films[0] if films else None


def open_film(path: Path) -> Film:
    """A film, opened as far as its description.

    Raises:
        BenchError: it is not there, it is no film, it has no pictures, or PyAV is not installed.
    """
    if not path.is_file():
        raise BenchError("there is no such file", where=str(path), hint="Check the path")
    if is_animation(path):
        return Film(path, Fraction(1, 1000), read_picture(path, _pictures, formats=_FORMATS), False)
    av = imported_av()
    with _opened(av, path) as container:
        if not container.streams.video:
            raise BenchError("the file has no pictures", where=str(path), hint="Give a film")
        stream = container.streams.video[0]
        return Film(path, stream.time_base, _count(stream), bool(container.streams.audio))


def imported_av() -> Any:
    """PyAV.

    Raises:
        BenchError: it is not installed.
    """
    try:
        return importlib.import_module("av")
    except ImportError:
        raise BenchError(
            "PyAV, which reads and writes films, is not installed", where="explain", hint=_INSTALL
        ) from None


def _opened(av: Any, path: Path) -> Any:
    try:
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BenchError(f"it cannot be read as a film: {error}", where=str(path), hint="Give another file") from None


def _count(stream: Any) -> int:
    """The frames of a stream as its container counts them, or by its length and rate; 0 if neither is known."""
    if stream.frames:
        return int(stream.frames)
    rate, duration = stream.average_rate, stream.duration
    return round(float(duration * stream.time_base * rate)) if rate and duration else 0


def _decoded(film: Film) -> Iterator[FilmFrame]:
    """Frames in the order in which they are shown; a packet that cannot be decoded is counted and left out."""
    av = imported_av()
    last, step = -1, 1
    with _opened(av, film.path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = stream.average_rate
        step = max(1, round(1 / (rate * film.time_base))) if rate else 1
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                film.damaged += 1
                continue
            for frame in decoded:
                time = last + step if frame.pts is None or frame.pts <= last else frame.pts
                last = time
                yield FilmFrame(time, upright(frame))
    if last < 0:
        raise BenchError("no frame of it can be decoded", where=str(film.path), hint="Give another file")


def upright(frame: Any) -> Image.Image:
    """The frame as its rotation flag says that it is to be shown."""
    if frame.width * frame.height > MAX_PIXELS:
        raise BenchError(f"a frame has {frame.width} x {frame.height} pixels", where="film", hint="Give a smaller film")
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels)


def _pictures(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _animation(path: Path) -> Iterator[FilmFrame]:
    time = 0
    with Image.open(path, formats=_FORMATS) as picture:  # its size was looked at when the film was opened
        for shown in ImageSequence.Iterator(picture):
            flat = Image.new("RGBA", shown.size, (255, 255, 255, 255))
            flat.alpha_composite(shown.convert("RGBA"))
            duration = int(shown.info.get("duration", 0) or 0)  # of a WebP it is known once the frame is decoded
            yield FilmFrame(time, flat.convert("RGB"))
            time += duration if duration >= _LEAST else _USUAL
