"""Styles of maps: what each shows, pixel by pixel, and that the default colours can be read in grey."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image

import benchbench as bb
from benchbench.viz.style import KNOWN_COLOURS, UNIFORM, Style, styled, top_region

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8))
RAMP = torch.arange(400.0).view(20, 20)


def test_the_top_fifth_is_the_picture_and_the_rest_is_grey() -> None:
    shown, plain = np.asarray(styled(PHOTO, RAMP, Style("top"))), np.asarray(PHOTO)
    assert np.array_equal(shown[16:], plain[16:])
    rest = shown[:16]
    assert (rest == rest[..., :1]).all()
    assert rest.max() <= 0.35 * 255 + 0.5


@pytest.mark.parametrize(("level", "count"), [(RAMP / 399, 80), (torch.zeros(20, 20), 0), (torch.eye(20), 20)])
def test_the_top_region_holds_a_fifth_and_never_the_lowest(level: torch.Tensor, count: int) -> None:
    assert int(top_region(level).sum()) == count


def test_contours_run_where_the_map_crosses_their_levels() -> None:
    ramp = torch.arange(100.0).expand(100, 100)
    photo = Image.new("RGB", (100, 100), (10, 200, 30))
    shown = np.asarray(styled(photo, ramp, Style("contour")))
    for level, column in ((0.25, 25), (0.5, 50), (0.75, 75)):
        colour = np.rint(np.array(mpl.colormaps["inferno"](level)[:3]) * 255)
        assert (shown[:, column] == colour).all()
        assert set(np.unique(shown[:, column - 1])) <= {0, 255}
    assert (shown[:, [0, 10, 40, 60, 99]] == np.array([10, 200, 30])).all()


def test_the_map_alone_is_the_colour_of_its_value() -> None:
    shown = np.asarray(styled(PHOTO, RAMP, Style("map", "viridis")))
    colours = mpl.colormaps["viridis"](RAMP.numpy() / 399)[..., :3] * 255
    assert np.abs(shown - colours).max() <= 1


@pytest.mark.parametrize("name", UNIFORM)
def test_the_lightness_of_a_uniform_colour_map_rises(name: str) -> None:
    lightness = mpl.colormaps[name](np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_jet_is_known_and_its_lightness_does_not_rise() -> None:
    assert "jet" in KNOWN_COLOURS
    assert (np.diff(mpl.colormaps["jet"](np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]) < 0).any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"kind": "overlai"}, "no style 'overlai'. Did you mean 'overlay'"),
        ({"colours": "virdis"}, "no colour map 'virdis'. Did you mean 'viridis'"),
        ({"alpha": 1.5}, "alpha is 1.5"),
    ],
)
def test_mistakes(words: dict[str, object], message: str) -> None:
    with pytest.raises(bb.BenchError, match=message):
        Style(**words)  # type: ignore[arg-type]
