"""Overlay films: frames, times and sound of the source; the maps of the methods; whole after an interruption."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

import benchbench as bb
from benchbench.attribution.method_maps import method_maps
from benchbench.engine.progress import Silent
from benchbench.looking.film import overlay_film as work
from benchbench.looking.film import source
from benchbench.looking.film.command import FilmRequest
from benchbench.looking.film.drawing import FrameDrawing, Range
from benchbench.looking.film.frame_maps import FrameExplainer, FrameMaps
from benchbench.looking.film.overlay_film import FilmOptions, overlay_film
from benchbench.looking.film.sink import join, write_part
from benchbench.looking.film.source import Film, FilmFrame, open_film
from benchbench.maps.normalise import saliency
from benchbench.models.preprocess import prepare
from benchbench.registry import METHODS
from benchbench.seeds import sample_seeds
from benchbench.viz.style import Style, styled

from ..cli.commands import benchbench
from ..viz.test_overlay import NET
from .films import MILLISECOND, UNEVEN, animation, film, picture


class Told(Silent):
    def follow(self, outlook: object) -> None: ...


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    (folder / "net.py").write_text(NET.replace("warning='random'", "warning=''"))
    return folder


@pytest.fixture(scope="module")
def explainer(place: Path) -> FrameExplainer:
    words = [{"name": "gradcam"}, {"name": "smoothgradcam++", "samples": 2}]
    return FilmRequest(f"{place}/net.py:small", words, "1", ["predicted"]).explainer()


def film_of(path: Path, explainer: FrameExplainer, out: Path, **words: Any) -> list[Image.Image]:
    overlay_film(path, explainer, FilmOptions(out, Style(), **words), Told())
    return [frame.picture for frame in open_film(out)]


def test_the_maps_are_the_methods_and_do_not_depend_on_the_batch(explainer: FrameExplainer) -> None:
    frames = [picture(number) for number in range(5)]
    whole = explainer.explain(frames, range(5))
    parts = [explainer.explain([frame], [number]) for number, frame in enumerate(frames)]
    for k in range(2):
        assert np.allclose(whole.maps[k], np.concatenate([part.maps[k] for part in parts]), atol=1e-6)
    spec = explainer.spec
    images = torch.stack([prepare(frame, None, spec.preprocess)[0] for frame in frames])
    seeds = sample_seeds(0, "gradcam/1", [f"frame {n}" for n in range(5)])
    method, network = METHODS["gradcam"], spec.network
    maps = method_maps(method, method.bind({}), network, images, "1", lambda logits: logits.argmax(1), seeds)
    assert np.allclose(whole.maps[0], maps.numpy(), atol=1e-6)
    with torch.no_grad():
        chances = network(images).softmax(1)
    assert whole.targets.tolist() == chances.argmax(1).tolist()
    assert np.allclose(whole.probabilities, chances.amax(1).numpy(), atol=1e-6)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_times_and_sound_are_those_of_the_source(explainer: FrameExplainer, tmp_path: Path, suffix: str) -> None:
    origin = film(tmp_path / "x.mp4", sound=True)
    pictures = film_of(origin, explainer, tmp_path / f"seen{suffix}")
    assert [each.size for each in pictures] == [(3 * 64, 48)] * len(UNEVEN)
    opened = open_film(tmp_path / f"seen{suffix}")
    times = [float(frame.time * opened.time_base) for frame in opened]
    assert np.diff(times) == pytest.approx(np.diff(UNEVEN) / 1000, abs=0.0015)
    assert opened.audio
    heard = [packets(path) for path in (origin, tmp_path / f"seen{suffix}")]
    assert heard[0] == heard[1]
    assert not (tmp_path / f"seen{suffix}.parts").exists()
    assert not open_film(quiet(origin, explainer, tmp_path / f"quiet{suffix}")).audio


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def quiet(origin: Path, explainer: FrameExplainer, out: Path) -> Path:
    overlay_film(origin, explainer, FilmOptions(out, Style(), sound=False), Told())
    return out


def test_a_frame_is_drawn_as_a_sheet_draws_it(explainer: FrameExplainer) -> None:
    """Within the steps of eight bits; the network's crop is the middle of the frame, and the rest is dark."""
    frame, side = picture(3, (96, 64)), 56
    drawing = FrameDrawing((96, 64), explainer.spec.preprocess, ("",), "inferno", 0.5)
    assert drawing.crop == (20, 4, 76, 60)
    saliency_map = torch.rand(5, 6, generator=torch.Generator().manual_seed(0))
    drawn = np.asarray(drawing.draw(frame, [saliency_map.numpy()], ""), float)
    expected = np.asarray(styled(frame.crop(drawing.crop), saliency_map, Style()), float)
    assert np.abs(drawn[4:60, 20:76] - expected).max() <= 3
    assert expected.shape == (side, side, 3)
    outside = np.asarray(frame, float)[:, :20] * 0.45
    assert np.abs(drawn[:, :20] - outside).max() <= 1


def test_with_one_range_equal_values_have_equal_colours(explainer: FrameExplainer) -> None:
    words = {"size": (56, 56), "preprocess": explainer.spec.preprocess, "methods": ("Grad-CAM",), "colours": "gray"}
    drawing = FrameDrawing(**words, alpha=1.0, ranges=(Range(0.0, 4.0),))  # type: ignore[arg-type]
    plain = Image.new("RGB", (56, 56))
    levels = [np.asarray(drawing.draw(plain, [np.full((2, 2), v, np.float32)], ""))[28, 28, 0] for v in (0, 1, 2, 4)]
    assert levels == [0, 64, 128, 255]


@pytest.mark.parametrize("scaling", ["frame", "film"])
def test_an_interrupted_film_is_continued_and_is_the_same(
    explainer: FrameExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scaling: str
) -> None:
    """The frames that are drawn are the same in every bit. libx264 does not always encode them into the same bits."""
    monkeypatch.setattr(work, "PART", 4)
    pictures, draw = dict[bytes, bytes](), FrameDrawing.draw

    def noted(self: FrameDrawing, frame: Image.Image, *arguments: Any) -> Image.Image:
        drawn = draw(self, frame, *arguments)
        pictures[frame.tobytes()] = drawn.tobytes()
        return drawn

    monkeypatch.setattr(FrameDrawing, "draw", noted)
    origin, words = film(tmp_path / "x.mp4"), {"scaling": scaling, "batch": 3}
    whole = film_of(origin, explainer, tmp_path / "whole.mp4", **words)
    at_once = dict(pictures)
    pictures.clear()
    calls, explain = [], FrameExplainer.explain

    def stops(self: FrameExplainer, pictures: Sequence[Image.Image], numbers: Sequence[int]) -> FrameMaps:
        calls.append(list(numbers))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return explain(self, pictures, numbers)

    monkeypatch.setattr(FrameExplainer, "explain", stops)
    with pytest.raises(KeyboardInterrupt):
        film_of(origin, explainer, tmp_path / "seen.mp4", **words)
    assert not (tmp_path / "seen.mp4").exists()
    options = FilmOptions(tmp_path / "seen.mp4", Style(), **words)  # type: ignore[arg-type]
    done = overlay_film(origin, explainer, options, Told())
    assert (done.frames, done.resumed) == (10, 4)
    assert calls == [[0, 1, 2], [3], [4, 5, 6], [7], [4, 5, 6], [7], [8, 9]]
    again = [frame.picture for frame in open_film(tmp_path / "seen.mp4")]
    assert pictures == at_once
    assert len(at_once) == 10
    assert max(np.abs(np.asarray(a, float) - np.asarray(b)).mean() for a, b in zip(again, whole, strict=True)) < 2


def test_no_part_is_lost_however_many_frames_it_has(tmp_path: Path) -> None:
    """Of a part of seven frames FFmpeg tells no decoding times."""
    for count in range(1, 10):
        parts = [tmp_path / f"{count}-{k}.mkv" for k in range(2)]
        for path in parts:
            write_part(path, [picture(k) for k in range(count)], (64, 48))
        times, out = list(range(0, 80 * count, 40)), tmp_path / f"{count}.mp4"
        join(parts, times, Film(parts[0], MILLISECOND, 0, False), out)
        opened = open_film(out)
        assert [round(1000 * frame.time * opened.time_base) for frame in opened] == times
    with pytest.raises(bb.BenchError, match="18 of its 19 frames could be read back"):
        join(parts, [*times, 800], Film(parts[0], MILLISECOND, 0, False), out)


def test_parts_of_another_look_are_not_continued(explainer: FrameExplainer, tmp_path: Path) -> None:
    origin, out = film(tmp_path / "x.mp4", UNEVEN[:3]), tmp_path / "seen.mp4"
    parts = tmp_path / "seen.mp4.parts"
    parts.mkdir()
    with pytest.raises(bb.BenchError, match="it is not the parts of a film"):
        film_of(origin, explainer, out)
    (parts / "of.json").write_text("another film")
    (parts / "maps-000000.npz").write_text("stale")
    done = overlay_film(origin, explainer, FilmOptions(out, Style()), Told())
    assert (done.frames, done.resumed) == (3, 0)


def test_few_frames_are_in_memory_at_a_time(
    explainer: FrameExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PART", 10)
    most, known, draw = [0], list[weakref.ref[FilmFrame]](), FrameDrawing.draw

    def noted(time: int, picture: Image.Image) -> FilmFrame:
        known.append(weakref.ref(frame := FilmFrame(time, picture)))
        return frame

    def counting(self: FrameDrawing, *arguments: Any) -> Image.Image:
        most[0] = max(most[0], sum(frame() is not None for frame in known))
        return draw(self, *arguments)

    monkeypatch.setattr(source, "FilmFrame", noted)
    monkeypatch.setattr(FrameDrawing, "draw", counting)
    film_of(film(tmp_path / "x.mp4", tuple(range(0, 40 * 25, 40))), explainer, tmp_path / "seen.mp4", batch=3)
    assert 1 <= most[0] <= 2 * 3 + 2


def test_the_command(place: Path) -> None:
    animation(place / "x.gif", [100] * 4)
    words = ["--model", "net.py:small", "--layer", "1", "--methods", "gradcam", "--classes", "dog"]
    done = benchbench("explain", "x.gif", *words, "--out", "seen.mp4", "--scaling", "film", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["x.gif: 4 frames", "seen.mp4"]
    frames = list(open_film(place / "seen.mp4"))
    assert [frame.picture.size for frame in frames] == [(64, 48)] * 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "top2"], "classes: a film is explained for one class"),
        (["--classes", "cat,dog"], "classes: a film is explained for one class"),
        (["--layers", "stages"], "layers: a film is explained at one layer"),
        (["--scores"], "--scores: it is for photographs"),
        (["--out", "x.png"], "x.png: cannot write a film as '.png'"),
        (["--scaling", "flm"], "scaling: no scaling 'flm'"),
        (["--style", "contour"], "style: a film is not drawn as contour"),
        (["--methods", "expectedgradients"], "expectedgradients compares an image with others"),
    ],
)
def test_a_mistake_is_one_line(place: Path, words: list[str], message: str) -> None:
    if not (place / "y.gif").exists():
        animation(place / "y.gif", [100] * 2)
    done = benchbench("explain", "y.gif", "--model", "net.py:small", *words, cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_scaled_alike_the_highest_value_of_the_film_is_the_brightest(explainer: FrameExplainer, tmp_path: Path) -> None:
    """Against the maps of all frames, computed at once."""
    origin = film(tmp_path / "x.mp4", UNEVEN[:6], (56, 56))
    frames = [frame.picture for frame in open_film(origin)]
    maps = explainer.explain(frames, range(6)).maps[0]
    options = FilmOptions(tmp_path / "seen.mkv", Style("map", "gray"), scaling="film")
    overlay_film(origin, explainer, options, Told())
    seen = [np.asarray(f.picture, float)[20:, 56:112].mean((0, 1))[0] for f in open_film(tmp_path / "seen.mkv")]
    assert int(np.argmax(seen)) == int(np.argmax([m.mean() for m in maps]))
    single = saliency(torch.from_numpy(maps[:1]), (56, 56))
    assert single.max() == 1
