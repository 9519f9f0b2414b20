"""Masks that are grey levels: the same object whatever mode the file has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.datasets.sources.decode import decode_levels
from benchbench.errors import BenchError
from benchbench.registry import DATASETS

from . import layouts
from .test_decode import saved

GREY = np.array([[0, 1, 127, 128], [129, 200, 254, 255]], np.uint8)


def palette() -> Image.Image:
    """The greys as colours of a palette, in which white is index 0."""
    image = Image.fromarray(255 - GREY, mode="L").convert("P")
    image.putdata((255 - GREY).ravel().tolist())
    image.putpalette([value for grey in range(256) for value in [255 - grey] * 3])
    return image


KINDS = {
    "grey.png": Image.fromarray(GREY),
    "grey.bmp": Image.fromarray(GREY),
    "colours.png": Image.fromarray(np.stack([GREY] * 3, 2)),
    "palette.png": palette(),
    "deep.png": Image.fromarray(GREY.astype(np.uint16) * 257),
    "deep.tif": Image.fromarray(GREY.astype(np.uint16) * 257),
    "opaque.png": Image.fromarray(np.stack([GREY] * 3, 2)).convert("RGBA"),
    "grey-opaque.png": Image.fromarray(GREY).convert("LA"),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_grey_of_every_mode(name: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(decode_levels(saved(tmp_path, KINDS[name], name)), GREY)


@pytest.mark.parametrize("name", ["bit.png", "bit.bmp", "bit.tif"])
def test_one_bit_is_black_and_white(name: str, tmp_path: Path) -> None:
    bits = GREY >= 128
    np.testing.assert_array_equal(decode_levels(saved(tmp_path, Image.fromarray(bits), name)), bits * 255)


def test_sixteen_bits_at_the_level(tmp_path: Path) -> None:
    """256 is nearly black, and 65280, whose lower byte is 0, nearly white."""
    values = np.array([[256, 127 * 257, 128 * 257, 65280]], np.uint16)
    assert decode_levels(saved(tmp_path, Image.fromarray(values), "a.png")).tolist() == [[1, 127, 128, 254]]


def test_colours_by_their_luminance(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]], np.uint8)
    assert decode_levels(saved(tmp_path, Image.fromarray(pixels), "a.png")).tolist() == [[76, 150, 29, 226]]


def pairs(root: Path, mask: Image.Image, **params: Any) -> Any:
    layouts.photo(root / "images/a.jpg", size=(4, 2))
    (root / "ground_truth_mask").mkdir()
    mask.save(root / "ground_truth_mask/a.png")
    return DATASETS["pairs"].function(root=root, **params)


@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith("png")])
def test_pairs(name: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(pairs(tmp_path, KINDS[name])[0].mask.numpy(), GREY >= 128)


def test_pairs_of_one_bit(tmp_path: Path) -> None:
    np.testing.assert_array_equal(pairs(tmp_path, Image.fromarray(GREY >= 128))[0].mask.numpy(), GREY >= 128)


def test_masks_that_would_be_empty_by_their_range_are_refused(tmp_path: Path) -> None:
    """Zeros and ones in eight bits, and eight bits' values in sixteen, have no pixel at level 128."""
    ones = (GREY >= 128).astype(np.uint8)
    with pytest.raises(BenchError, match=r"a\.png: the brightest grey of the mask is 1 of 255.*level: 1"):
        pairs(tmp_path / "ones", Image.fromarray(ones))[0]
    with pytest.raises(BenchError, match=r"a\.png: a mask of 16 bits without a value above 255"):
        pairs(tmp_path / "deep", Image.fromarray(ones.astype(np.uint16) * 255))[0]
    np.testing.assert_array_equal(pairs(tmp_path / "one", Image.fromarray(ones), level=1)[0].mask.numpy(), ones > 0)
    assert not pairs(tmp_path / "none", Image.fromarray(ones * 0))[0].mask.any(), "black is an empty object"
    clear = Image.new("RGBA", (4, 2), (255, 255, 255, 0))
    with pytest.raises(BenchError, match="transparent pixels"):
        pairs(tmp_path / "clear", clear)[0]
