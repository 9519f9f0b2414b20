"""Probes, ranks and fills."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchbench.maps.normalise import minmax, saliency, upsample
from benchbench.perturbation.apply_probe import apply, ranks
from benchbench.perturbation.fills import fill_blur, rise_kernel
from benchbench.perturbation.parts import parts_in
from benchbench.types.probes import Filled, Keep, Multiply, Remove, Whole, canonical, needs_map

from ..helpers import pixels
from ..metrics import plain


def test_rise_kernel_has_the_published_weights() -> None:
    kernel = rise_kernel()
    assert float(kernel[5, 5]) == pytest.approx(0.00883, abs=5e-6)
    assert float(kernel[0, 0]) == pytest.approx(0.00774, abs=5e-6)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)


def test_blur_equals_scipy_with_zeros_outside() -> None:
    image = torch.randn(1, 3, 20, 31, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(fill_blur(pixels(image))[0].numpy(), plain.blurred(image[0].double().numpy()), atol=1e-6)


def test_upsampling_equals_half_pixel_centres() -> None:
    small = torch.rand(1, 5, 7, generator=torch.Generator().manual_seed(0))
    large = upsample(small, (64, 50))[0].numpy()
    np.testing.assert_allclose(large, plain.upsample(small[0].double().numpy(), (64, 50)), atol=1e-6)


saliencies = arrays(np.float32, (4, 5), elements=st.integers(-3, 3).map(float))


@given(saliencies)
def test_ranks_are_stable_in_row_major_order(grid: np.ndarray) -> None:
    order = plain.by_saliency(grid)
    rank = ranks(torch.from_numpy(grid)[None])[0]
    assert [int(rank[cell]) for cell in order] == list(range(20))
    ascending = plain.by_saliency(-grid)
    rank = ranks(torch.from_numpy(grid)[None], "least")[0]
    assert [int(rank[cell]) for cell in ascending] == list(range(20))


@given(saliencies)
def test_minmax_is_in_the_unit_interval_and_idempotent(grid: np.ndarray) -> None:
    normalised = minmax(torch.from_numpy(grid)[None])
    np.testing.assert_allclose(normalised[0].numpy(), plain.scaled(grid), atol=1e-6)
    torch.testing.assert_close(minmax(normalised), normalised)


@pytest.mark.parametrize("value", [0.0, 0.3, 1e-20, -7.1, 1e20])
def test_a_constant_map_is_zero_and_not_stretched_rounding(value: float) -> None:
    maps = torch.full((1, 7, 5), value)
    assert torch.equal(saliency(maps, (224, 200)), torch.zeros(1, 224, 200))


@given(saliencies, st.integers(0, 20))
def test_remove_and_keep_share_the_image_between_them(grid: np.ndarray, count: int) -> None:
    image = torch.arange(60.0).view(1, 3, 4, 5) + 1
    fill, rank = torch.zeros_like(image), ranks(torch.from_numpy(grid)[None])
    removed = apply(Remove(count / 20), image, fill, parts_in("pixels", pixels(image)), rank)
    kept = apply(Keep(count / 20), image, fill, parts_in("pixels", pixels(image)), rank)
    assert torch.equal(removed + kept, image)
    assert int((removed == 0).sum()) == 3 * count


def test_multiply_and_its_inverse() -> None:
    image, grid = torch.full((1, 3, 2, 2), 4.0), torch.tensor([[[0.0, 0.25], [0.5, 1.0]]])
    fill = torch.full_like(image, 8.0)
    parts = parts_in("pixels", pixels(image))
    assert apply(Multiply(), image, fill, parts, None, grid)[0, 0].tolist() == [[8, 7], [6, 4]]
    assert apply(Multiply(inverted=True), image, fill, parts, None, grid)[0, 0].tolist() == [[4, 5], [6, 8]]


def test_equal_pictures_have_one_name() -> None:
    assert canonical(Remove(0.0, "blur")) == canonical(Keep(1.0, "zero", "least")) == Whole()
    assert canonical(Remove(1.0, "zero")) == canonical(Keep(0.0, "zero", "least")) == Filled("zero")
    assert canonical(Remove(0.5)) == Remove(0.5)
    assert not needs_map(Remove(0.0))
    assert needs_map(Remove(0.5))
    assert needs_map(Multiply())
