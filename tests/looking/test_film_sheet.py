"""bb.show of a film: frames from the first to the last, each with the maps that the picture by itself has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import benchbench as bb
from benchbench.looking.film.film_frames import film_frames

from ..networks import Pooled, seeded
from .films import UNEVEN, animation, film, picture


@pytest.fixture(scope="module")
def spec() -> bb.ModelSpec:
    return bb.ModelSpec("pooled", seeded(Pooled).eval(), bb.Preprocess(64, 64), classes=("cat", "dog", "cow", *"abcd"))


def test_frames_are_spread_from_the_first_to_the_last(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4")
    for count, times in ((1, (0,)), (2, (0, 940)), (3, (0, 240, 940)), (20, UNEVEN)):
        names, shown = film_frames(path, count)
        assert names == tuple(f"x.mp4, {time / 1000:.2f} s" for time in times)
        assert len(shown) == len(times)


@pytest.mark.parametrize("length", [1, 2, 7, 40])
@pytest.mark.parametrize("count", [2, 5])
def test_however_long_the_film_is(tmp_path: Path, length: int, count: int) -> None:
    path = animation(tmp_path / "x.gif", [100 + k for k in range(length)]) if length > 1 else None
    if path is None:
        path = film(tmp_path / "x.mp4", [0])
    names, shown = film_frames(path, count)
    assert len(shown) == min(count, length)
    seconds = [float(name.split(", ")[1].removesuffix(" s")) for name in names]
    assert seconds == sorted(seconds)
    if length > 1:
        ends = [np.asarray(each, float) for each in (shown[0], shown[-1])]
        for end, number in zip(ends, (0, length - 1), strict=True):
            assert np.abs(end - np.asarray(picture(number), float)).max() < 8  # a GIF has 256 colours


def test_the_maps_are_those_of_the_frames_as_pictures(spec: bb.ModelSpec, tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4")
    sheet = bb.show(spec, path, methods=["gradcam", "layercam"], layers="conv", frames=3)
    names, shown = film_frames(path, 3)
    alone = bb.show(spec, list(shown), methods=["gradcam", "layercam"], layers="conv")
    assert [row[0].says.split("\n")[0] for row in sheet.rows] == list(names)
    for row, other in zip(sheet.rows, alone.rows, strict=True):
        for panel, expected in zip(row, other, strict=True):
            assert panel.picture is not None
            assert expected.picture is not None
            assert np.array_equal(np.asarray(panel.picture), np.asarray(expected.picture))


def test_mistakes(spec: bb.ModelSpec, tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4")
    with pytest.raises(bb.BenchError, match="frames is 0"):
        bb.show(spec, path, frames=0)
    (tmp_path / "y.mp4").write_bytes(b"no film")
    with pytest.raises(bb.BenchError, match="cannot be read as a film"):
        bb.show(spec, tmp_path / "y.mp4")
    with pytest.raises(bb.BenchError, match="a film is explained alone"):
        bb.show(spec, [path, tmp_path / "a.png"])
