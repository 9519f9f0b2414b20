"""Sobol and HSIC attribution: known indices, estimators as loops, and the designs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import qmc
from torch import Tensor, nn

from benchbench.methods.hsic import dependence
from benchbench.methods.sobol import design, total_indices
from benchbench.types import INPUT

from ..helpers import layer_of, map_of

WEIGHT = torch.tensor([3.0, -2.0, 0.0, 1.0])


class OfCells(nn.Module):
    """A logit of the means of the four quarters of an image of ones, which are the masks' values."""

    def __init__(self, product: bool = False, offset: float = 0.0) -> None:
        super().__init__()
        self.product, self.offset = product, offset

    def forward(self, images: Tensor) -> Tensor:
        means = nn.functional.adaptive_avg_pool2d(images, 2).mean(1).flatten(1)
        z = means[:, 0] * means[:, 1] if self.product else (means * WEIGHT).sum(1)
        return torch.stack([z + self.offset, torch.zeros_like(z)], 1)


def cells_of(name: str, network: nn.Module, **params: Any) -> Tensor:
    targets = torch.zeros(2, dtype=torch.long)
    return map_of(name, network, torch.ones(2, 3, 4, 6), "", targets, cells=2, **params)


def test_sobol_of_a_sum_is_each_term_s_share_of_the_variance() -> None:
    """f = sum w_i m_i with independent m_i: ST_i = w_i^2 / sum w^2."""
    maps = cells_of("sobol", OfCells(), designs=1024)
    assert maps.shape == (2, 2, 2)
    assert torch.equal(maps[0], maps[1]), "all images have the same masks"
    expected = WEIGHT.square() / WEIGHT.square().sum()
    torch.testing.assert_close(maps[0].flatten(), expected, rtol=0.01, atol=1e-6)


def test_sobol_of_a_product() -> None:
    """f = m_0 m_1, uniform: var f = 1/9 - 1/16 = 7/144; ST = E[var(f | other)] / var = (1/3 / 12) / (7/144) = 4/7."""
    maps = cells_of("sobol", OfCells(product=True), designs=1024)
    torch.testing.assert_close(maps[0].flatten(), torch.tensor([4 / 7, 4 / 7, 0, 0]), rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("designs", [32, 20])
def test_jansen_s_estimator_as_a_loop(designs: int) -> None:
    """On the two halves of scipy's sequence, one number exchanged at a time."""
    points = qmc.Sobol(8, scramble=False).random(32)[:designs]

    def f(x: np.ndarray[Any, Any]) -> float:
        return float(math.sin(3 * x[0]) + x[1] * x[2] - x[3] ** 2)

    first, second = points[:, :4], points[:, 4:]
    a = [f(x) for x in first]
    mean = sum(a) / designs
    variance = sum((y - mean) ** 2 for y in a) / (designs - 1)
    expected = []
    for i in range(4):
        total = 0.0
        for n in range(designs):
            exchanged = first[n].copy()
            exchanged[i] = second[n, i]
            total += (a[n] - f(exchanged)) ** 2
        expected.append(total / (2 * designs * variance))
    scores = torch.tensor([[f(x) for x in design(4, designs).numpy()]], dtype=torch.float64)
    np.testing.assert_allclose(total_indices(scores, designs)[0].numpy(), expected, rtol=1e-9)


def test_a_score_that_does_not_vary_has_no_index() -> None:
    assert torch.equal(total_indices(torch.ones(2, 40), 8), torch.zeros(2, 4))


def test_the_pictures_lie_between_the_image_and_the_fill() -> None:
    """A mask's value blends its cell: with the mean fill, an image of one colour never changes."""
    network = OfCells()
    assert float(cells_of("sobol", network, designs=8, fill="mean").abs().max()) < 1e-6
    assert float(cells_of("sobol", network, designs=8, fill="zero").max()) > 0.1


def by_loop(masks: np.ndarray[Any, Any], scores: list[float], sigma: float) -> list[float]:
    """tr(K H L H) / (n - 1)^2 by its matrices, entry by entry."""
    n, values = len(scores), []
    centre = np.eye(n) - np.ones((n, n)) / n
    kernel = np.array([[math.exp(-((a - b) ** 2) / (2 * sigma**2)) for b in scores] for a in scores])
    for cell in masks.T:
        dirac = np.array([[0.5 - (a - b) ** 2 for b in cell] for a in cell])
        values.append(float(np.trace(dirac @ centre @ kernel @ centre)) / (n - 1) ** 2)
    return values


@pytest.mark.parametrize("bandwidth", ["score", "difference"])
def test_hsic_as_a_loop(bandwidth: Any) -> None:
    """The masks are those of each image's own seed: half of them hide each cell."""
    designs = 31
    network, images = OfCells(offset=1.5), torch.ones(2, 3, 4, 6)
    maps = cells_of("hsic", network, designs=designs, bandwidth=bandwidth)
    layer = layer_of(network, images, INPUT, torch.zeros(2, dtype=torch.long))
    draws = layer.uniform(designs, 4).numpy()
    for b in range(2):
        masks = np.zeros((designs, 4))
        for cell in range(4):
            order = np.argsort(draws[b, :, cell], kind="stable")
            masks[order[(designs + 1) // 2 :], cell] = 1
        scores = [float((m * WEIGHT.numpy()).sum()) + 1.5 for m in masks]
        pairs = [abs(x - y) for k, x in enumerate(scores) for y in scores[:k]]
        sigma = float(np.median(scores if bandwidth == "score" else pairs))
        expected = by_loop(masks, scores, sigma)
        np.testing.assert_allclose(maps[b].flatten().numpy(), expected, rtol=1e-4, atol=1e-7)
    assert not torch.allclose(maps[0], maps[1], rtol=1e-3), "each image draws its own masks"


def test_hsic_of_one_cell_in_closed_form() -> None:
    """Scores that are the first cell's value, and all masks of two cells as often as each other.

    Centred values are +-1/2: H = 2 (n / 4) ... with L of 1 and e = exp(-1 / (2 sigma^2)): 2 x'Lx = n^2 (1 - e) / 4.
    """
    masks = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(5, 1).double()
    scores, n = masks[:, 0] + 1, 20
    e = math.exp(-1 / (2 * 1.5**2))
    values = dependence(masks, scores, "score")
    assert values.tolist() == pytest.approx([n**2 * (1 - e) / 4 / (n - 1) ** 2, 0.0], abs=1e-12)


def test_hsic_where_the_median_is_zero_compares_scores_for_equality() -> None:
    masks = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).double()
    values = dependence(masks, 2 * masks[:, 0] - 1, "score")
    assert values.tolist() == pytest.approx([16 / 4 / 9, 0.0])


def test_the_authors_bandwidth_follows_the_scores_offset() -> None:
    """A constant added to the logit changes nothing that a cell does, but the map; not so with ``difference``."""
    plain, moved = (cells_of("hsic", OfCells(offset=o), designs=40) for o in (0.5, 8.0))
    assert float((plain - moved).abs().max()) > 0.05 * float(plain.abs().max())
    plain, moved = (cells_of("hsic", OfCells(offset=o), designs=40, bandwidth="difference") for o in (0.5, 8.0))
    torch.testing.assert_close(plain, moved, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["sobol", "hsic"])
def test_no_more_cells_than_pixels(name: str) -> None:
    maps = map_of(name, OfCells(), torch.rand(1, 3, 2, 5), "", torch.zeros(1, dtype=torch.long), cells=3, designs=8)
    assert maps.shape == (1, 2, 3)
