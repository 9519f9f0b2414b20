"""Upsampling and min-max: shapes, constant maps, NaN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchbench.maps.normalise import minmax, quantile, saliency, upsample


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
def test_minmax_reaches_both_ends_of_each_map(count: int, height: int, width: int) -> None:
    maps = noise(count, height, width)
    normal = minmax(maps)
    live = (maps.amax((1, 2)) > maps.amin((1, 2))).float()
    assert torch.equal(normal.amin((1, 2)), torch.zeros(count))
    assert torch.equal(normal.amax((1, 2)), live)
    torch.testing.assert_close(minmax(3 * maps + 5), normal)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e30])
def test_a_constant_map_is_zero(value: float) -> None:
    assert not minmax(torch.full((2, 3, 4), value)).any()
    assert not saliency(torch.full((2, 3, 4), value), (7, 9)).any()


def test_nan_stays_nan_and_in_its_map() -> None:
    maps = noise(2, 3, 4)
    maps[0, 1, 1] = torch.nan
    normal = minmax(maps)
    assert normal[0].isnan().all()
    assert torch.equal(normal[1], minmax(maps[1:])[0])


def test_upsampling_takes_maps_alone_or_several_of_an_image() -> None:
    maps = noise(2, 3, 4, 5)
    large = upsample(maps, (8, 11))
    assert large.shape == (2, 3, 8, 11)
    torch.testing.assert_close(upsample(maps[:, 1], (8, 11)), large[:, 1])


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1), st.integers(1, 30))
def test_quantiles_are_torch_s(share: float, cells: int) -> None:
    maps = noise(3, 2, cells).double()
    expected = torch.quantile(maps.flatten(-2), share, -1)
    torch.testing.assert_close(quantile(maps, share).flatten(), expected)
