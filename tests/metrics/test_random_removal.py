"""F-Fidelity, untuned: the pictures by hand, deletion as its limit, and the expectation on a network that adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import saliency
from benchbench.metrics.random_removal import chance_of
from benchbench.network.scorer import Scorer, TargetScores
from benchbench.perturbation.parts import parts_in
from benchbench.registry import METRICS
from benchbench.types import Scored, Seen
from benchbench.types.probes import Remove, Whole, canonical

from ..helpers import pixels

SIZE = (16, 20)


class Adds(nn.Module):
    """p is the mean over the pixels of the first channel times weights."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, images: Tensor) -> Tensor:
        p = (images[:, 0].double() * self.weight).mean((1, 2)).clamp(1e-9, 1 - 1e-9)
        return torch.stack([(1 - p).log(), p.log()], 1)


def weights(seed: int) -> Tensor:
    return torch.rand(*SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def value(name: str, network: nn.Module, images: Tensor, raw: Tensor, **params: Any) -> np.ndarray:
    """(B,), of the second class."""
    inputs, plugin = pixels(images), METRICS[name]
    bound = plugin.bind(params)
    probes = list(plugin.probes(**bound))  # type: ignore[misc]
    answers = score_probes(Scorer(network, 32), inputs, torch.ones(len(images), dtype=torch.long), [raw], probes)
    each = TargetScores.stack([answers[canonical(probe)][0] for probe in probes])
    whole, height = answers[Whole()][0], saliency(raw, SIZE)
    seen = Seen(each.probability, each.logit, each.correct, whole.probability, whole.logit, height, None, raw, inputs)
    result: Scored = plugin.function(seen, **bound)
    return torch.as_tensor(result.value).numpy()


@pytest.mark.parametrize("name", ["f_fidelity_plus", "f_fidelity_minus"])
def test_the_pictures_by_hand(name: str) -> None:
    """Each pixel of the share goes where its number of the draw is below the chance; at 70 % that is 1/7."""
    images, network = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)), Adds(weights(1))
    raw = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(2))
    shares, parts = (0.1, 0.7), parts_in("pixels", pixels(images))
    measured = value(name, network, images, raw, shares=shares, draws=3)
    for i in range(2):
        height = saliency(raw[i : i + 1], SIZE)[0].flatten().tolist()
        order = sorted(range(len(height)), key=lambda p: height[p] if name.endswith("minus") else -height[p])
        falls = []
        for share, chance in zip(shares, (0.5, 1 / 7), strict=True):
            for draw in range(3):
                numbers = parts.chances(draw)[i].flatten().tolist()
                shown = images[i].clone().view(3, -1)
                for pixel in order[: round(share * len(order))]:
                    if numbers[pixel] < chance:
                        shown[:, pixel] = 0
                with torch.no_grad():
                    pair = network(torch.stack([images[i], shown.view(3, *SIZE)])).softmax(1)[:, 1]
                falls.append(float(pair[0] - pair[1]))
        assert measured[i] == pytest.approx(np.mean(falls), abs=1e-6)


def test_with_certainty_it_is_deletion() -> None:
    """Chance and cap 1: what p loses on deletion's pictures at these shares."""
    images, network = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)), Adds(weights(1))
    raw = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(2))
    params: dict[str, Any] = {"shares": (0.2, 0.6), "draws": 1, "chance": 1.0, "cap": 1.0}
    measured = value("f_fidelity_plus", network, images, raw, **params)
    probes = [Remove(0.2), Remove(0.6)]
    answers = score_probes(Scorer(network, 8), pixels(images), torch.tensor([1, 1]), [raw], [Whole(), *probes])
    left = torch.stack([answers[probe][0].probability for probe in probes]).mean(0)
    np.testing.assert_allclose(measured, answers[Whole()][0].probability - left, atol=1e-6)


def test_the_mean_over_draws_is_the_expectation() -> None:
    """On a network that adds up, a times what the share adds; the true map is best, its inverse worst."""
    weight = weights(4)
    images, network = torch.full((1, 3, *SIZE), 0.9), Adds(weight)
    generator = torch.Generator().manual_seed(0)
    maps = [weight[None].float(), torch.rand(1, *SIZE, generator=generator), -weight[None].float()]
    params: dict[str, Any] = {"shares": (0.25,), "draws": 60, "cap": 1.0}
    plus = [float(value("f_fidelity_plus", network, images, m, **params)[0]) for m in maps]
    minus = [float(value("f_fidelity_minus", network, images, m, **params)[0]) for m in maps]
    first = float(weight.flatten().sort(descending=True).values[:80].sum()) * 0.9 / 320
    last = float(weight.flatten().sort().values[:80].sum()) * 0.9 / 320
    assert plus[0] == pytest.approx(first / 2, rel=0.03)
    assert minus[0] == pytest.approx(last / 2, rel=0.05)
    assert plus[0] > plus[1] + 0.01 > plus[2] + 0.02
    assert minus[0] < minus[1] - 0.01 < minus[2] - 0.02


@given(st.floats(0.01, 0.99), st.floats(0.01, 1), st.floats(0.01, 1))
def test_no_more_than_the_cap_is_expected_to_go(share: float, chance: float, cap: float) -> None:
    probability = chance_of(share, chance, cap)
    assert probability <= chance
    assert probability * share <= cap * (1 + 1e-12)
    assert probability == chance or probability * share == pytest.approx(cap)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["pixels", "grid-3"]))
def test_numbers_are_of_the_image_and_the_draw(seed: int, kind: str) -> None:
    parts = parts_in(kind, pixels(torch.rand(2, 3, 9, 12)))
    numbers = parts.chances(seed)
    assert numbers.shape == (2, 9, 12)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert torch.equal(numbers, parts.chances(seed))
    assert not torch.equal(numbers, parts.chances(seed + 1))
    assert not torch.equal(numbers[0], numbers[1])
    assert torch.equal(parts[torch.tensor([1])].chances(seed)[0], numbers[1])
    assert len(set(numbers[0].flatten().tolist())) == (9 if kind == "grid-3" else 108)


def test_what_the_authors_ask() -> None:
    plugin = METRICS["f_fidelity_plus"]
    params = plugin.bind(plugin.protocols["authors-19x50"])
    probes = plugin.probes(**params)  # type: ignore[misc]
    assert len(set(probes)) == 1 + 19 * 50
    assert plugin.reading_of(params).unit == "share of correct answers"
    y = torch.tensor([[0.9, 0.8, 0.4, 0.3]])
    seen = Seen(y, y, (y > 0.5).float(), y[:, 0], y[:, 0], torch.zeros(1, 2, 2))
    assert float(plugin.function(seen, **params).value) == pytest.approx(1 - 1 / 3)
    assert float(plugin.function(seen).value) == pytest.approx(0.9 - 0.5)
