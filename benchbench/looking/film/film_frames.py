"""A few frames of a film, spread evenly, for a sheet."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ...errors import BenchError
from .source import FilmFrame, open_film

FRAMES = 8


def film_frames(path: Path, count: int) -> tuple[tuple[str, ...], tuple[Image.Image, ...]]:
    """Frames of a film, from its first to its last, and their names, such as ``film.mp4, 1.20 s``.

    The film is read once, however long it is, and at most twice ``count`` frames are in memory.

    Raises:
        BenchError: it cannot be read as a film, or ``count`` is not from 1 to 64.
    """
    if not 1 <= count <= 64:
        raise BenchError(f"frames is {count}", where="frames", hint="Give a number from 1 to 64")
    film = open_film(path)
    kept: list[FilmFrame] = []
    last, every = None, 1
    for number, frame in enumerate(film):
        last = frame
        if number % every == 0:
            kept.append(frame)
            if len(kept) == 2 * count:
                kept, every = kept[::2], 2 * every
    if last is None:
        raise BenchError("it has no frames", where=str(path), hint="Give another file")
    if kept[-1] is not last:
        kept.append(last)
    shown = [kept[place] for place in _spread(len(kept), count)]
    names = tuple(f"{path.name}, {float(frame.time * film.time_base):.2f} s" for frame in shown)
    return names, tuple(frame.picture for frame in shown)


def _spread(total: int, count: int) -> list[int]:
    """Places from the first to the last, evenly."""
    if count >= total:
        return list(range(total))
    return [round(k * (total - 1) / max(1, count - 1)) for k in range(count)]
