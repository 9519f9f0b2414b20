"""Equal maps are found, and scored once; what only looks equal is not merged."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchbench.equal import equal_to
from benchbench.perturb import Keep, Multiply, Probe, Remove
from benchbench.probing import score_probes
from benchbench.scoring import Scorer

from .helpers import map_of, pixels
from .networks import Flat, Pooled, seeded


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def first_of(*maps: Tensor) -> list[int]:
    return equal_to([m[None] for m in maps])[:, 0].tolist()


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-5, 5))
def test_a_scaled_and_shifted_map_is_the_same_map(seed: int, scale: float, shift: float) -> None:
    one = noise(seed, 7, 7).double()
    assert first_of(one, scale * one + shift) == [0, 0]


@given(st.integers(0, 1000), st.integers(0, 48))
def test_one_cell_that_differs_is_another_map(seed: int, cell: int) -> None:
    one = noise(seed, 7, 7) + 0.1
    other = one.clone()
    other.view(-1)[cell] *= 1.001
    assert first_of(one, other) == [0, 1]


def test_below_a_peak_the_low_cells_still_count() -> None:
    """Removal ranks them: a share of the peak would be blind to them."""
    one = 1e-6 * noise(0, 7, 7)
    one[3, 3] = 1
    other = one.clone()
    other[0, 0] *= 2
    assert first_of(one, other) == [0, 1]


def test_cells_at_the_bottom_must_be_the_same_cells() -> None:
    one = torch.relu(noise(0, 7, 7) - 0.5)
    other = one.clone()
    row, column = (one == 0).nonzero()[0].tolist()
    other[row, column] = 1e-9
    assert first_of(one, other) == [0, 1]


def test_constant_maps_are_equal_at_any_resolution() -> None:
    assert first_of(noise(0, 4, 4), torch.zeros(7, 7), torch.full((4, 4), 3.0), noise(1, 7, 7)) == [0, 1, 1, 3]


def test_each_image_is_judged_alone() -> None:
    one = noise(0, 2, 5, 5)
    other = torch.stack([one[0], noise(1, 5, 5)])
    assert equal_to([one, other, one]).tolist() == [[0, 0], [0, 1], [0, 0]]


def test_three_equal_maps_have_one_first() -> None:
    one = noise(0, 5, 5)
    assert first_of(noise(9, 5, 5), one, noise(8, 5, 5), 2 * one, one + 1) == [0, 1, 2, 1, 1]


@pytest.mark.parametrize("network", [Pooled, Flat])
def test_grad_cam_is_cam_behind_a_pooled_head_only(network: type, images: Tensor) -> None:
    built = seeded(network)
    layer = {"Pooled": "relu", "Flat": "features"}[network.__name__]
    maps = [map_of(name, built, images, layer) for name in ("gradcam", "layercam", "gradcam++")]
    again = [map_of(name, built, images.flip(0), layer).flip(0) for name in ("gradcam", "layercam", "gradcam++")]
    found = equal_to([*maps, *again])
    assert (found[3:] == found[:3]).all(), "another place in the batch is rounding"
    assert (found[:3] == torch.arange(3)[:, None]).all(), "three methods, three maps"


PROBES: list[Probe] = [Remove(0.3), Keep(0.5, "blur"), Multiply(), Remove(0.7, "zero", "least")]


def test_merged_maps_have_the_numbers_of_their_own(images: Tensor) -> None:
    network, targets = seeded(Flat), torch.arange(6) % 5
    one, other = noise(0, 6, 8, 8), noise(1, 6, 8, 8)
    near = one * (1 + 1e-7 * noise(2, 6, 8, 8))
    maps = [one, near, other, 2 * other, torch.zeros(6, 4, 4)]
    scorer = Scorer(network, 4)
    together = score_probes(scorer, pixels(images), targets, maps, PROBES)
    assert (scorer.passes.maps_asked, scorer.passes.maps_scored) == (30, 18)
    assert scorer.passes.forwards == scorer.passes.probes_scored == 18 * 4
    for m, single in enumerate(maps):
        alone = score_probes(Scorer(network, 4), pixels(images), targets, [single], PROBES)
        for probe in PROBES:
            torch.testing.assert_close(
                together[probe].probability[m], alone[probe].probability[0], rtol=1e-4, atol=1e-5
            )
