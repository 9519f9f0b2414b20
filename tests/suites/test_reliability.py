"""Is a metric to be trusted? It must fall as a true map is blended with noise, hardly move under slight noise, and move
under a map that is wrong (MetaQuantus: Hedstroem et al. 2023, arXiv:2302.07265, resilience and reactivity)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from benchbench.registry import METRICS

from ..helpers import map_of
from ..metrics.test_against_plain import SIZE, scores
from ..metrics.test_faithfulness import Sum
from ..networks import Pooled, seeded

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMES = [
    *("deletion", "insertion@rise-28-zero", "road_morf@zero-9", "road_lerf@zero-9", "lerf_morf@zero-9"),
    *("pixel_flipping", "average_drop@top50", "drop_in_deletion"),
    *("sensitivity_n", "faithfulness_correlation", "single_deletion", "infidelity"),
]


@pytest.fixture(scope="module")
def blended() -> dict[str, list[float]]:
    """By metric, for each share of noise, how good it calls the map: the mean over five draws."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.functional.interpolate(torch.rand(1, 1, 4, 5, generator=generator), SIZE, mode="bicubic")[0, 0]
    truth = weight - weight.min()
    truth = truth / truth.max()
    noise = torch.rand(5, *SIZE, generator=generator)
    maps = [(1 - share) * truth + share * noise for share in SHARES]
    by_metric = scores(NAMES, Sum(truth / truth.sum() * 6), torch.ones(5, 3, *SIZE), maps, 64)
    signs = {name: 1 if METRICS[name.split("@")[0]].higher_is_better else -1 for name in NAMES}
    return {name: [signs[name] * float(np.mean(row)) for row in rows] for name, rows in by_metric.items()}


@pytest.mark.parametrize("name", NAMES)
def test_it_falls_as_the_map_is_blended_with_noise(name: str, blended: dict[str, list[float]]) -> None:
    means = blended[name]
    span = means[0] - means[-1]
    assert span > 0.01, "a wrong map is told from the right one"
    rises = [b - a for a, b in pairwise(means) if b > a]
    assert all(rise < 0.03 * span for rise in rises), means


def test_noised_blends(images: Tensor) -> None:
    network = seeded(Pooled)
    plain = map_of("gradcam", network, images, "relu")
    low, high = plain.amin((1, 2), keepdim=True), plain.amax((1, 2), keepdim=True)
    torch.testing.assert_close(map_of("noised", network, images, "relu", share=0.0), (plain - low) / (high - low))
    noise = map_of("noised", network, images, "relu", share=1.0)
    assert 0.4 < float(noise.mean()) < 0.6
    half = map_of("noised", network, images, "relu")
    torch.testing.assert_close(half, ((plain - low) / (high - low) + noise) / 2)
