"""Sketches of maps: equal for the same map at another scale, and as far apart as the maps themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from benchbench.regression import Sketch, difference

Array = np.ndarray


def drawn(seed: int, height: int, width: int) -> Array:
    return np.random.default_rng(seed).random((height, width)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.integers(2, 40), st.integers(2, 40), st.floats(0.1, 50), st.floats(-5, 5))
def test_scale_and_offset_change_nothing(seed: int, height: int, width: int, scale: float, offset: float) -> None:
    one = drawn(seed, height, width)
    other = (one.astype(np.float64) * scale + offset).astype(np.float32)
    assert difference(Sketch.of(one), Sketch.of(other)).largest < 1e-4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.integers(2, 16), st.integers(2, 16))
def test_of_small_maps_the_difference_is_the_maps_own(seed: int, height: int, width: int) -> None:
    one, other = drawn(seed, height, width), drawn(seed + 1, height, width)
    found = difference(Sketch.of(one), Sketch.of(other))
    scaled = [(m - m.min()) / (m.max() - m.min()) for m in (one.astype(float), other.astype(float))]
    assert found.largest == pytest.approx(np.abs(scaled[0] - scaled[1]).max(), abs=1e-4)
    assert found.rank == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-2)


def test_a_large_map_is_kept_as_the_means_of_its_parts() -> None:
    one = drawn(0, 224, 224)
    sketch = Sketch.of(one)
    scaled = (one - one.min()) / (one.max() - one.min())
    np.testing.assert_allclose(sketch.grid, scaled.reshape(16, 14, 16, 14).mean((1, 3)), atol=1e-4)
    assert len(sketch.cells) < 700
    turned = Sketch.of(one.T.copy())
    assert difference(sketch, turned).largest > 0.01


def test_flat_maps_and_other_shapes() -> None:
    flat, live = Sketch.of(np.full((4, 4), 3, np.float32)), Sketch.of(drawn(0, 4, 4))
    assert flat.flat
    assert difference(flat, Sketch.of(np.zeros((4, 4), np.float32))).largest == 0
    assert difference(flat, live).largest == np.inf
    assert difference(live, Sketch.of(drawn(0, 4, 5))).largest == np.inf


def test_what_rounding_leaves_of_a_flat_map_is_flat() -> None:
    noise = np.float32(1) + np.random.default_rng(0).random((5, 5)).astype(np.float32) * 2e-7
    assert Sketch.of(noise).flat
