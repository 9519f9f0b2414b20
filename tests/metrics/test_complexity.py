"""Complexity of planted maps, against plain numpy and Quantus."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchbench.maps.normalise import minmax, upsample
from benchbench.metrics.complexity import CONSTANT
from benchbench.registry import METRICS

from . import plain_maps as plain
from .planted_maps import arrays, random_maps, values, why

NAMES = ["sparseness", "entropy", "effective_complexity", "total_variation", "map_mean"]
ALL = [f"{name}@{protocol}" for name in NAMES for protocol in METRICS[name].protocols]
PLAIN: dict[str, Callable[[np.ndarray], float]] = {
    "sparseness": plain.gini,
    "entropy": plain.entropy,
    "effective_complexity": lambda s: float((s > 1e-5).mean()),
    "total_variation": plain.total_variation,
    "map_mean": lambda s: float(s.mean()),
}


def test_one_pixel() -> None:
    """All the mass in one pixel of 8 x 10, not at the border: four differences of 1."""
    raw = torch.zeros(1, 8, 10)
    raw[0, 3, 4] = 5
    wanted = {"sparseness": 79 / 80, "entropy": 0, "total_variation": 4 / 80}
    for name in NAMES:
        assert values(name, raw, None) == pytest.approx([wanted.get(name, 1 / 80)])


def test_half_the_image() -> None:
    raw = torch.zeros(1, 8, 10)
    raw[0, :, :5] = 2
    wanted = {"entropy": math.log(40), "total_variation": 8 / 80}
    for name in NAMES:
        assert values(name, raw, None) == pytest.approx([wanted.get(name, 0.5)])


def test_a_chessboard_varies_most() -> None:
    raw = (torch.arange(8)[:, None] + torch.arange(10)[None]).remainder(2).float()[None]
    assert values("total_variation", raw, None) == pytest.approx([(7 * 10 + 8 * 9) / 80])


@pytest.mark.parametrize("constant", [0.0, 0.7, -3.0])
@pytest.mark.parametrize("size", ["image", "layer"])
def test_a_constant_map_is_the_most_complex(constant: float, size: str) -> None:
    raw = torch.full((2, 8, 10), constant)
    protocols = {"effective_complexity": "quantus-1e-5" + ("-layer" if size == "layer" else "")}
    wanted = {"sparseness": 0, "entropy": math.log(80), "effective_complexity": 1, "map_mean": 1}
    for name, value in wanted.items():
        assert values(f"{name}@{protocols.get(name, size)}", raw, None) == pytest.approx([value] * 2)
    assert why(f"total_variation@{size}", raw, None) == [CONSTANT] * 2


@pytest.mark.parametrize("name", NAMES)
def test_equals_plain_numpy_at_both_sizes(name: str) -> None:
    raw, of = random_maps(4, 6, 7), PLAIN[name]
    large, small = METRICS[name].protocols if name != "effective_complexity" else ("quantus-1e-5", "quantus-1e-5-layer")
    scores = values(f"{name}@{large}", raw, None, (20, 24))
    np.testing.assert_allclose(scores, [of(s) for s in arrays(raw, (20, 24))], atol=1e-9)
    scores = values(f"{name}@{small}", raw, None, (20, 24))
    np.testing.assert_allclose(scores, [of(s) for s in minmax(raw.double()).numpy()], atol=1e-9)


def test_above_half() -> None:
    raw = torch.tensor([[[0.0, 0.5, 0.6, 1.0]]])
    assert values("effective_complexity@above-half", raw, None) == [0.5]


def test_equals_quantus() -> None:
    """On normalised maps, Quantus' own normalisation off; it adds 1e-7 to each value of sparseness."""
    quantus = pytest.importorskip("quantus")
    raw = random_maps(4)
    maps = np.stack(arrays(raw))[:, None]
    pixels = maps[0].size
    peers = {
        "sparseness": (quantus.Sparseness, 1.0),
        "entropy": (quantus.Complexity, 1.0),
        "effective_complexity": (quantus.EffectiveComplexity, 1 / pixels),
    }
    for name, (peer, factor) in peers.items():
        judge = peer(abs=False, normalise=False, disable_warnings=True, display_progressbar=False)
        peer_values = judge.evaluate_batch(x_batch=np.zeros((4, 3, 20, 28)), a_batch=maps.copy())
        np.testing.assert_allclose(values(name, raw, None), np.array(peer_values) * factor, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", [n for n in ALL if "total" not in n])
def test_where_pixels_lie_does_not_matter(name: str) -> None:
    raw = random_maps(4)
    order = torch.randperm(raw[0].numel(), generator=torch.Generator().manual_seed(1))
    moved = raw.flatten(1)[:, order].view_as(raw)
    np.testing.assert_allclose(values(name, moved, None), values(name, raw, None), atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_batches_change_nothing(name: str) -> None:
    raw = random_maps(4)
    assert values(name, raw, None) == [values(name, raw[i : i + 1], None)[0] for i in range(4)]


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_values_stay_in_the_range_and_know_no_unit(name: str, seed: int, scale: float, shift: float) -> None:
    raw = random_maps(2, 5, 6, seed)
    low, high = METRICS[name.partition("@")[0]].range
    scores = values(name, raw, None, (10, 12))
    assert all(low <= value <= high for value in scores)
    moved = at_the_height(raw, 0.5 if name.endswith("half") else 1e-5) if name.startswith("effective") else 1e-3
    np.testing.assert_allclose(values(name, raw * scale + shift, None, (10, 12)), scores, atol=moved + 1e-9)


def at_the_height(raw: Tensor, height: float) -> float:
    """The largest share of a map's pixels, or cells, that rounding may carry across the height that is counted."""
    both = [minmax(upsample(raw, (10, 12))), minmax(raw)]
    return max(float(((heights - height).abs() < 1e-4).double().mean((1, 2)).max()) for heights in both)
