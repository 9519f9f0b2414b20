"""The class scores of a segmentation network over sets of pixels: by hand, by a plain loop, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.models.pixel_sets import mean_where_won, pixel_score


def test_won_by_hand() -> None:
    """Class 0 wins two pixels, class 1 one, class 2 none: it is nearest to winning at the last, by 0.5."""
    maps = torch.tensor([[[[5.0, 3.0, 1.0, 1.0]], [[1.0, 1.0, 4.0, 0.0]], [[4.0, 2.4, 0.0, 0.5]]]])
    assert mean_where_won(maps).tolist() == [[pytest.approx(3.0), 4.0, 0.5]]
    assert mean_where_won(maps[..., :2]).tolist() == [[4.0, 1.0, pytest.approx(2.4)]], "nearest, not highest"


def by_loop(maps: np.ndarray) -> list[float]:
    """One image (C, H, W), pixel by pixel."""
    values = []
    pixels = maps.reshape(len(maps), -1).T.tolist()
    for c in range(len(maps)):
        margins = [p[c] - max(v for k, v in enumerate(p) if k != c) for p in pixels]
        chosen = [p[c] for p, margin in zip(pixels, margins, strict=True) if margin >= 0]
        chosen = chosen or [p[c] for p, margin in zip(pixels, margins, strict=True) if margin == max(margins)]
        values.append(sum(chosen) / len(chosen))
    return values


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_won_against_a_loop(seed: int, classes: int, height: int, width: int, ties: bool) -> None:
    maps = torch.randn(2, classes, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    maps = maps.round() if ties else maps
    expected = torch.tensor([by_loop(image.numpy()) for image in maps], dtype=torch.float64)
    torch.testing.assert_close(mean_where_won(maps), expected)


def test_won_has_the_gradient_of_a_mean_over_those_pixels_and_no_step_where_the_last_pixel_is_lost() -> None:
    maps = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    mask = maps.detach().argmax(1) == 1
    (gradient,) = torch.autograd.grad(mean_where_won(maps)[0, 1], maps)
    expected = torch.zeros(1, 3, 4, 4)
    expected[0, 1, mask[0]] = 1 / mask.sum()
    torch.testing.assert_close(gradient, expected)
    last = torch.tensor([[[[5.0, 3.0]], [[4.0, 9.0]]]])  # class 0 wins the first pixel alone
    above, below = last.clone(), last.clone()
    above[0, 0, 0, 0], below[0, 0, 0, 0] = 4 + 1e-5, 4 - 1e-5
    assert float(mean_where_won(above)[0, 0] - mean_where_won(below)[0, 0]) == pytest.approx(2e-5, abs=1e-6)


def ramp() -> Tensor:
    """(1, 2, 4, 8): the value says the pixel, 10 row + column; class 1 is the negative."""
    value = 10.0 * torch.arange(4)[:, None] + torch.arange(8)
    return torch.stack([value, -value])[None]


REGIONS = {
    "0,0,1,1": 18.5,  # all
    "0 0 0.5 0.25": 1.5,  # columns 0 to 3 of row 0
    "0.25,0.5,0.5,1": 27.5,  # columns 2 and 3 of rows 2 and 3
    "0.26,0.5,0.3,0.76": 22.0,  # no centre of a column: that of the box, 2; row 2
    "0,0": 0.0,
    "1,1": 37.0,
    "0.5,0.5": 24.0,
    "0.49,0.49": 13.0,
}


@pytest.mark.parametrize("text", REGIONS)
def test_regions_and_points_by_hand(text: str) -> None:
    score, _ = pixel_score(text)
    assert score(ramp()).tolist() == [[pytest.approx(REGIONS[text]), pytest.approx(-REGIONS[text])]]
    numbers = tuple(float(part) for part in text.replace(",", " ").split())
    assert torch.equal(pixel_score(numbers)[0](ramp()), score(ramp()))


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    """Two by two, white at the lower left: rows 2 and 3, columns 0 to 3."""
    path = tmp_path / "0.5 mask.png"
    Image.fromarray(np.array([[0, 0], [255, 0]], dtype=np.uint8)).save(path)
    score, name = pixel_score(str(path))
    assert score(ramp()).tolist() == [[26.5, -26.5]]
    assert name == "mask 0.5 mask.png"


WRONG = {
    "lost": "'lost' is no set of pixels, and no such file",
    "0.1,0.2,0.3": "cannot read 0.1, 0.2, 0.3. Use won",
    "10,20,30,40": "10, 20, 30, 40 are not fractions between 0 and 1. Divide x by the width",
    "0.5,0.1,0.5,0.9": "the box 0.5, 0.1, 0.5, 0.9 is empty",
    "nan,0.5": "not fractions",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_set_of_pixels_is_refused(text: str) -> None:
    with pytest.raises(BenchError, match=WRONG[text]):
        pixel_score(text)


def test_masks_that_are_no_mask_are_refused(tmp_path: Path) -> None:
    black, text, dot = tmp_path / "black.png", tmp_path / "text.png", tmp_path / "dot.png"
    Image.new("L", (4, 4)).save(black)
    text.write_text("no picture")
    picture = np.zeros((64, 64), dtype=np.uint8)
    picture[0, 0] = 255
    Image.fromarray(picture).save(dot)
    for path, message in ((black, "is black"), (text, "is not a readable image")):
        with pytest.raises(BenchError, match=message):
            pixel_score(str(path))
    with pytest.raises(BenchError, match="the mask is empty at 4 x 8 pixels"):
        pixel_score(str(dot))[0](ramp())
