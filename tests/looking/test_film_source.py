"""Films are read as they are shown: upright, at their times, whatever the rate; damage is counted, not fatal."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import benchbench as bb
from benchbench.looking.film.source import films_among, is_film, open_film

from .films import UNEVEN, animation, film, picture


def seconds(path: Path) -> list[float]:
    opened = open_film(path)
    return [round(float(frame.time * opened.time_base), 3) for frame in opened]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi"])
def test_frames_have_the_times_of_a_variable_rate(tmp_path: Path, suffix: str) -> None:
    times = UNEVEN if suffix != "avi" else tuple(range(0, 400, 40))  # AVI has one rate
    path = film(tmp_path / f"x.{suffix}", times, codec="mpeg4" if suffix == "avi" else "libx264")
    assert seconds(path) == pytest.approx([time / 1000 for time in times], abs=0.0015)
    for number, frame in enumerate(open_film(path)):
        assert frame.picture.mode == "RGB"
        difference = np.abs(np.asarray(frame.picture, float) - np.asarray(picture(number), float))
        assert difference.mean() < 6


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_is_a_film_and_a_picture_is_none(tmp_path: Path, suffix: str) -> None:
    path = animation(tmp_path / f"x.{suffix}", [50, 100, 0, 70])
    assert is_film(path)
    assert seconds(path) == [0.0, 0.05, 0.15, 0.25]  # a frame of no length is shown for 100 ms
    picture(0).save(tmp_path / f"one.{suffix}")
    assert not is_film(tmp_path / f"one.{suffix}")


def test_a_rotation_flag_is_followed(tmp_path: Path) -> None:
    plain = film(tmp_path / "x.mp4", UNEVEN[:2])
    turned = tmp_path / "turned.mp4"
    with av.open(str(plain)) as source, av.open(str(turned), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    before, after = (next(iter(open_film(path))).picture for path in (plain, turned))
    assert after.size == before.size[::-1]
    assert np.array_equal(np.asarray(after), np.rot90(np.asarray(before)))


def test_odd_sizes(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", UNEVEN[:3], (63, 47))
    assert [frame.picture.size for frame in open_film(path)] == [(63, 47)] * 3


def test_damaged_packets_are_counted_and_left_out(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", tuple(range(0, 1200, 40)), codec="mpeg4")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for packet in packets[10:13]:
        start = data.index(packet)
        data[start : start + len(packet)] = b"\x55" * len(packet)
    path.write_bytes(bytes(data))
    opened = open_film(path)
    frames = list(opened)
    assert 10 <= len(frames) < 30
    assert opened.damaged > 0
    assert frames[-1].time * opened.time_base >= 1.1
    assert [f.time for f in frames] == sorted({f.time for f in frames})


@pytest.mark.parametrize("cut", [10, 200, 600])
def test_a_film_that_is_cut_off_gives_what_is_there_or_one_reason(tmp_path: Path, cut: int) -> None:
    path = film(tmp_path / "x.mkv")
    path.write_bytes(path.read_bytes()[:cut])
    try:
        frames = len(list(open_film(path)))
    except bb.BenchError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert frames <= len(UNEVEN)


def test_what_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(bb.BenchError, match=r"text.mp4: it cannot be read as a film"):
        open_film(tmp_path / "text.mp4")
    with pytest.raises(bb.BenchError, match="there is no such file"):
        open_film(tmp_path / "absent.mp4")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    shutil.copy(film(tmp_path / "x.mp4", UNEVEN[:2]), tmp_path / "y.mp4")
    assert films_among([str(tmp_path / "a.png")]) is None
    with pytest.raises(bb.BenchError, match="a film is explained alone"):
        films_among([str(tmp_path / "x.mp4"), str(tmp_path / "a.png")])
