"""Boxes and masks of maps, in the pixels of the photograph: against what a plain loop finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchbench as bb
from benchbench.looking.weak_objects import box_around, in_photograph, largest_region


def flooded(level: npt.NDArray[np.float32], threshold: float) -> int:
    """The pixels of the largest region, by flooding from every pixel."""
    high = {(y, x) for y, x in np.ndindex(level.shape) if level[y, x] >= threshold and level[y, x] > 0}
    most = 0
    while high:
        front = [high.pop()]
        count = 0
        while front:
            y, x = front.pop()
            count += 1
            near = {(y + dy, x + dx) for dy, dx in product((-1, 0, 1), repeat=2)} & high
            high -= near
            front += near
        most = max(most, count)
    return most


@given(st.integers(0, 2**31), st.sampled_from([0.25, 0.5, 1.0]))
def test_the_largest_region_is_the_one_that_flooding_finds(seed: int, threshold: float) -> None:
    draw = np.random.default_rng(seed)
    level = draw.choice(np.array([0, 0.125, 0.25, 0.5, 1], dtype=np.float32), size=(6, 7), p=[0.4, 0.2, 0.2, 0.1, 0.1])
    region = largest_region(level, threshold)
    assert region.sum() == flooded(level, threshold)
    assert (level[region] >= threshold).all()


@pytest.mark.parametrize(
    ("size", "preprocess", "box"),
    [
        ((56, 56), bb.Preprocess(56, 56), (8, 16, 24, 16)),  # nothing is changed
        ((112, 112), bb.Preprocess(56, 56), (16, 32, 48, 32)),  # half the size
        ((64, 64), bb.Preprocess(64, 56), (12, 20, 24, 16)),  # a margin of 4 is cut off
        ((112, 56), bb.Preprocess(56, 56), (36, 16, 24, 16)),  # 28 to the left and to the right
        ((112, 56), bb.Preprocess(None, 56), (16, 16, 48, 16)),  # both sides resized
        ((128, 256), bb.Preprocess(64, 56), (24, 104, 48, 32)),  # tall: 64 x 128, of which 56 x 56 from (4, 36)
    ],
)
def test_a_region_in_the_pixels_of_its_photograph(
    size: tuple[int, int], preprocess: bb.Preprocess, box: tuple[float, ...]
) -> None:
    region = np.zeros((56, 56), dtype=bool)
    region[16:32, 8:32] = True
    assert box_around(region, size, preprocess) == box
    mask = in_photograph(region, size, preprocess)
    assert mask.shape == size[::-1]
    x, y, width, height = map(int, box)
    wanted = np.zeros(size[::-1], dtype=bool)
    wanted[y : y + height, x : x + width] = True
    assert np.array_equal(mask, wanted)


def test_a_constant_map_has_no_region() -> None:
    assert not largest_region(np.zeros((4, 4), dtype=np.float32), 0.2).any()
