"""What a sketch tells of two maps: nothing where they are the same picture, and how much where they are not."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchbench.maps.normalise import minmax
from benchbench.regression import Sketch, difference
from benchbench.regression.map_parts import normalised
from benchbench.regression.map_sketch import OTHER, SAME
from benchbench.results.schema import FloatArray

SMALL = [(7, 7), (14, 14), (1, 9), (16, 16), (12, 3)]
LARGE = [(224, 224), (17, 16), (33, 5), (40, 100)]


def blob(shape: tuple[int, int], seed: int = 0) -> FloatArray:
    """A map as methods make them: a bump, and a little of everything."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / max(shape)
    a, b = rng.uniform(0.2, 0.8, 2)
    saliency: FloatArray = (np.exp(-((x - a) ** 2 + (y - b) ** 2) * 8) + rng.uniform(0, 0.1, shape)).astype(np.float32)
    return saliency


def normal(values: FloatArray) -> np.ndarray:
    """Min-max, written apart from the sketch's."""
    wide = values.astype(np.float64)
    scaled: np.ndarray = (wide - wide.min()) / np.ptp(wide)
    return scaled


@pytest.mark.parametrize("shape", [*SMALL, *LARGE])
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**16), st.floats(1e-3, 1e3), st.floats(-10, 10))
def test_a_map_is_the_same_after_a_positive_affine_map(
    shape: tuple[int, int], seed: int, scale: float, offset: float
) -> None:
    values = blob(shape, seed)
    assume(abs(offset) < 100 * scale)
    other = (values * scale + offset).astype(np.float32)
    distance = difference(Sketch.of(values), Sketch.of(other))
    assert not distance.beyond(1e-4)
    assert distance.rank > 0.999


@pytest.mark.parametrize("shape", SMALL)
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**16), st.floats(1e-3, 0.5))
def test_of_small_maps_the_difference_is_the_maps_own(shape: tuple[int, int], seed: int, size: float) -> None:
    values = blob(shape, seed)
    other = (values + np.random.default_rng(seed + 1).uniform(-size, size, shape)).astype(np.float32)
    off = normal(values) - normal(other)
    distance = difference(Sketch.of(values), Sketch.of(other))
    assert distance.largest == pytest.approx(np.abs(off).max(), abs=3e-5)
    assert distance.rms == pytest.approx(np.sqrt((off**2).mean()), abs=3e-5)
    assert distance.rank == pytest.approx(scipy.stats.spearmanr(values.ravel(), other.ravel()).statistic, abs=1e-2)


@pytest.mark.parametrize("size", [0.02, 0.1, 0.5])
def test_of_large_maps_the_mean_square_is_estimated_also_where_means_hide_it(size: float) -> None:
    """Each pixel's sign is drawn: the means of 14 x 14 pixels move by a fourteenth of what the pixels do."""
    values: FloatArray = blob((224, 224)) / np.float32(2) + np.float32(0.25)
    values[0, 0], values[-1, -1] = 0, 1
    flips = np.random.default_rng(3).choice([-size / 2, size / 2], values.shape)
    flips[0, 0] = flips[-1, -1] = 0
    other: FloatArray = np.clip(values + flips, 0, 1).astype(np.float32)
    truth = float(np.sqrt(((normal(values) - normal(other)) ** 2).mean()))
    distance = difference(Sketch.of(values), Sketch.of(other))
    assert distance.rms == pytest.approx(truth, rel=0.15)
    assert distance.largest < truth / 2


@pytest.mark.parametrize("shape", LARGE)
def test_a_large_map_that_is_transposed_shifted_or_upside_down_is_another(shape: tuple[int, int]) -> None:
    values = blob(shape)
    for other in (np.roll(values, 1, axis=0), values[::-1], values[:, ::-1]):
        assert difference(Sketch.of(values), Sketch.of(np.ascontiguousarray(other))).beyond(5e-3)


def test_an_inverted_map_has_the_opposite_ranks() -> None:
    values = blob((7, 7))
    distance = difference(Sketch.of(values), Sketch.of(-values))
    assert distance.rank == pytest.approx(-1)
    assert distance.largest == pytest.approx(1)


def test_the_two_digests_tell_a_hair_from_a_difference() -> None:
    values = np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7)
    hair, more = values.copy(), values.copy()
    hair[3, 3] += 2e-5
    more[3, 3] += 3e-3
    sketch, hair_sketch, more_sketch = map(Sketch.of, (values, hair, more))
    assert sketch.fine != hair_sketch.fine
    assert sketch.coarse == hair_sketch.coarse
    assert sketch.coarse != more_sketch.coarse
    assert difference(sketch, Sketch.of(values.copy())) is SAME


def test_flat_maps_are_equal_and_unlike_all_others() -> None:
    ones, zeros, varied = (
        Sketch.of(v) for v in (np.ones((7, 7), np.float32), np.zeros((7, 7), np.float32), blob((7, 7)))
    )
    assert ones.flat
    assert difference(ones, zeros) is SAME
    assert difference(ones, varied) is OTHER
    assert difference(varied, ones).beyond(0.99)
    assert difference(varied, Sketch.of(blob((7, 8)))) is OTHER


def test_what_rounding_makes_of_a_map_of_little_contrast_is_no_difference() -> None:
    """A range of a hundred thousandth of the values is a few of float32's steps: its picture is half rounding."""
    rng = np.random.default_rng(0)
    values = (1 + 2e-5 * blob((7, 7))).astype(np.float32)
    other = (values * (1 + rng.uniform(-1e-7, 1e-7, values.shape))).astype(np.float32)
    off = np.abs(normal(values) - normal(other)).max()
    assert off > 5e-3, "else nothing is tried"
    assert not difference(Sketch.of(values), Sketch.of(other)).beyond(5e-3)
    assert difference(Sketch.of(values), Sketch.of(values[::-1])).beyond(5e-3), "and a real one still is"


def test_the_signs_are_the_same_on_every_machine() -> None:
    """Bits of a digest: no random generator's stream, which a version may change."""
    ramp = np.arange(289, dtype=np.float32).reshape(17, 17)
    drawn = hashlib.shake_128(b"17 x 17").digest(40)
    signs = [1 if drawn[i // 8] >> (7 - i % 8) & 1 else -1 for i in range(15)]
    assert Sketch.of(ramp).hashed[0, :15] == pytest.approx(np.array(signs) * np.arange(15) / 288, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_maps_are_normalised_as_metrics_see_them_but_for_what_rounding_leaves(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(7, 9)) * 10.0 ** (seed - 2) + seed
    np.testing.assert_array_equal(normalised(values), minmax(torch.from_numpy(values)).numpy())
    values[2, 3] = np.nan
    assert np.isnan(normalised(values)).all()
    assert minmax(torch.from_numpy(values)).isnan().all()
    nearly = np.full((4, 4), 3.0)
    nearly[0, 0] += 1e-7  # what another order of sums makes of a constant map
    assert not normalised(nearly).any()
    assert minmax(torch.from_numpy(nearly)).amax() == 1
