"""How alike maps are, against scipy, numpy and scikit-image, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchbench.maps.similarity import constant, histogram_entropy, levels, pearson, ranks, reasons, spearman, ssim


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    """Maps (4, 12, 17) with ties: a third of the cells are zero."""
    first, second = torch.randn(2, 4, 12, 17, generator=torch.Generator().manual_seed(3)).unbind(0)
    return torch.relu(first + 0.4), torch.relu(first + second + 0.4)


def test_correlations_are_scipy_s(pair: tuple[Tensor, Tensor]) -> None:
    first, second = (x.flatten(1).double().numpy() for x in pair)
    expected = [scipy.stats.spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(*pair), expected, atol=1e-5)
    expected = [scipy.stats.pearsonr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(pearson(*pair), expected, atol=1e-5)


def test_ranks_are_scipy_s() -> None:
    values = torch.tensor([[3.0, 1, 1, 2, 3, 3], [0, 0, 0, 0, 0, 0]])
    expected = scipy.stats.rankdata(values.numpy(), axis=1) - 1
    np.testing.assert_array_equal(ranks(values), expected)


def test_ssim_is_scikit_image_s(pair: tuple[Tensor, Tensor]) -> None:
    skimage = pytest.importorskip("skimage.metrics")
    first, second = (levels(x).view_as(x) for x in pair)
    expected = [
        skimage.structural_similarity(a.numpy(), b.numpy(), data_range=1.0) for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(ssim(first, second), expected, atol=1e-9)


def test_ssim_by_hand() -> None:
    """One window: x = 0 and 1 in equal shares, y = 1 - x."""
    x = (torch.arange(4).view(1, 2, 2) % 2).double()
    c1, c2 = 1e-4, 9e-4
    variance = 4 / 3 * 0.25
    expected = (0.5 + c1) / (0.5 + c1) * (-2 * variance + c2) / (2 * variance + c2)
    assert float(ssim(x, 1 - x)) == pytest.approx(expected)
    assert float(ssim(x, x)) == pytest.approx(1)


def test_entropy_is_that_of_numpy_s_histogram(pair: tuple[Tensor, Tensor]) -> None:
    maps = levels(pair[0])
    for bins in (2, 10, 100):
        expected = [scipy.stats.entropy(np.histogram(row.numpy(), bins=bins)[0]) for row in maps]
        np.testing.assert_allclose(histogram_entropy(pair[0], bins), expected, atol=0.02)
    four = torch.tensor([[[0.0, 1, 2, 3]]])
    assert float(histogram_entropy(four, 4)) == pytest.approx(np.log(4)), "one cell in every bin"
    assert float(histogram_entropy(four, 2)) == pytest.approx(np.log(2))
    assert float(histogram_entropy(torch.ones(1, 3, 3), 100)) == 0


def test_a_constant_map_has_no_correlation() -> None:
    flat, other = torch.full((1, 3, 3), 0.3), torch.arange(9.0).view(1, 3, 3)
    nearly = flat + 1e-8 * other
    for alike in (pearson, spearman):
        assert torch.isnan(alike(flat, other)).all()
        assert torch.isnan(alike(other, nearly)).all(), "rounding is no pattern"
    assert constant(torch.cat([flat, nearly, other, 0 * other])).tolist() == [True, True, False, True]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-5, 5))
def test_no_unit_and_no_origin_matter(seed: int, scale: float, origin: float) -> None:
    first, second = torch.rand(2, 2, 5, 6, generator=torch.Generator().manual_seed(seed)).double().unbind(0)
    for alike in (pearson, spearman):
        correlation = alike(first, second)
        assert ((correlation >= -1) & (correlation <= 1)).all()
        np.testing.assert_allclose(alike(scale * first + origin, second), correlation, atol=1e-4)
        np.testing.assert_allclose(alike(second, first), correlation, atol=1e-12)
        np.testing.assert_allclose(alike(first, first), 1, atol=1e-9)
        np.testing.assert_allclose(alike(first, -first), -1, atol=1e-5)


def test_the_first_reason_is_said() -> None:
    a, b = torch.tensor([True, False, False]), torch.tensor([True, True, False])
    assert reasons((a, "first"), (b, "second")) == ("first", "second", "")
