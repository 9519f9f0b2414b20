"""Frames to a film: written in parts that are whole or not there, joined in the end, with the sound of the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import BenchError
from ...files import ASIDE
from .source import Film, imported_av

SUFFIXES = (".mp4", ".mov", ".mkv")
_CODEC = "libx264"
_OPTIONS = {"crf": "20", "preset": "veryfast", "bf": "0"}  # without B-frames, packets are in the order of frames


def write_part(path: Path, frames: Iterable[Image.Image], size: tuple[int, int]) -> int:
    """Encode frames into a part of the film, whole or not at all; returns how many there were.

    The times of its packets are their numbers: ``join`` gives them the film's.
    """
    av = imported_av()
    aside, count = path.with_name(f"{ASIDE}{path.name}"), 0
    with av.open(str(aside), "w", format="matroska") as container:
        stream = _stream(container, size)
        for count, picture in enumerate(frames, start=1):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = count - 1, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    aside.replace(path)
    return count


def _stream(container: Any, size: tuple[int, int]) -> Any:
    stream = container.add_stream(_CODEC, rate=25, options=dict(_OPTIONS))
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 25)
    return stream


def join(parts: Sequence[Path], times: Sequence[int], film: Film, out: Path) -> None:
    """Put the parts together, at the times of the source's frames, and copy its sound.

    Args:
        times: of each frame, in units of the film's ``time_base``, rising.

    Raises:
        BenchError: the sound cannot stand in a file of this kind.
    """
    av = imported_av()
    aside = out.with_name(f"{ASIDE}{out.name}")
    try:
        with av.open(str(aside), "w", format=_format(out)) as container:
            _join(av, container, parts, times, film)
        aside.replace(out)
    except (av.error.FFmpegError, ValueError) as error:
        aside.unlink(missing_ok=True)
        hint = "Write a .mkv file, which holds every kind of sound; or --no-audio"
        raise BenchError(f"the film cannot be written: {error}", where=str(out), hint=hint) from None


def _format(out: Path) -> str:
    return {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}[out.suffix.lower()]


def _join(av: Any, container: Any, parts: Sequence[Path], times: Sequence[int], film: Film) -> None:
    with av.open(str(parts[0])) as first:
        stream = container.add_stream_from_template(first.streams.video[0])
    stream.time_base = film.time_base
    sound = None
    if film.audio:
        source = av.open(str(film.path), metadata_errors="replace")
        sound = (source, container.add_stream_from_template(source.streams.audio[0]))
    for packet in _in_order(_packets(av, parts, times, film, stream), _sound(av, sound) if sound else iter(())):
        container.mux(packet)
    if sound:
        sound[0].close()


def _packets(av: Any, parts: Sequence[Path], times: Sequence[int], film: Film, stream: Any) -> Iterator[Any]:
    number = 0
    for part in parts:
        with av.open(str(part)) as container:
            for packet in container.demux(video=0):
                if not packet.size:  # the end of the part; a frame's dts may be None, as in a part of seven frames
                    continue
                packet.stream = stream
                packet.time_base = film.time_base
                packet.pts = packet.dts = times[number]
                following = times[number + 1] if number + 1 < len(times) else None
                packet.duration = following - times[number] if following is not None else _last_step(times)
                number += 1
                yield packet
    if number != len(times):
        raise ValueError(f"{number} of its {len(times)} frames could be read back")


def _last_step(times: Sequence[int]) -> int:
    return times[-1] - times[-2] if len(times) > 1 else 1


def _sound(av: Any, sound: tuple[Any, Any]) -> Iterator[Any]:
    source, stream = sound
    for packet in source.demux(audio=0):
        if packet.dts is not None and packet.size:
            packet.stream = stream
            yield packet


def _in_order(pictures: Iterator[Any], sound: Iterator[Any]) -> Iterator[Any]:
    """Packets of both by their times, as a file that is read from its start needs them."""
    picture, tone = next(pictures, None), next(sound, None)
    while picture is not None or tone is not None:
        if tone is None or (picture is not None and _seconds(picture) <= _seconds(tone)):
            yield picture
            picture = next(pictures, None)
        else:
            yield tone
            tone = next(sound, None)


def _seconds(packet: Any) -> Fraction:
    seconds: Fraction = packet.dts * packet.time_base
    return seconds
