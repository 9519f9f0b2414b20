"""Parts of images: grids, superpixels, their order by a map, and random draws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.perturbation.apply_probe import apply, hidden, rank_parts
from benchbench.perturbation.fills import FILLS, whole
from benchbench.perturbation.parts import grid, parts_in
from benchbench.perturbation.pictures import PerturbationCache
from benchbench.types.probes import FillName, Keep, Multiply, Random, Region, Remove, needs_map

from ..helpers import pixels


def images(count: int = 2, height: int = 12, width: int = 18) -> Tensor:
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=(height, width), mode="nearest")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_a_grid_covers_the_image_with_cells_of_nearly_one_size(height: int, width: int, cells: int) -> None:
    labels = grid((height, width), cells)
    rows, columns = min(cells, height), min(cells, width)
    assert torch.unique(labels).tolist() == list(range(rows * columns))
    sizes = torch.bincount(labels.flatten())
    assert int(sizes.max()) <= -(-height // rows) * -(-width // columns)
    assert int(sizes.min()) >= (height // rows) * (width // columns)


def test_a_region_s_rank_is_that_of_its_mean() -> None:
    parts = parts_in("grid-2", pixels(images(1, 4, 4)))
    saliency = torch.tensor([[[0, 4, 1, 1], [0, 0, 1, 1], [3, 3, 0, 0], [3, 3, 0, 0.0]]])
    assert rank_parts(saliency, "most", parts)[0, ::2, ::2].tolist() == [[1, 2], [0, 3]], "equal means: row-major"
    assert rank_parts(saliency, "least", parts)[0, ::2, ::2].tolist() == [[1, 2], [3, 0]]
    rank = rank_parts(saliency, "most", parts)
    mask = hidden(Remove(0.25, parts="grid-2"), parts, rank)[0]
    assert mask.nonzero().tolist() == [[2, 0], [2, 1], [3, 0], [3, 1]]
    assert torch.equal(hidden(Keep(0.25, parts="grid-2"), parts, rank)[0], ~mask)


def test_superpixels_are_numbered_and_follow_the_picture() -> None:
    halves = torch.zeros(1, 3, 32, 32)
    halves[:, :, :, 13:] = 1
    parts = parts_in("slic-16", pixels(halves))
    labels, count = parts.each()[0], int(parts.count[0])
    assert torch.unique(labels).tolist() == list(range(count))
    assert 8 <= count <= 24
    assert not set(torch.unique(labels[:, :13]).tolist()) & set(torch.unique(labels[:, 13:]).tolist()), (
        "none crosses the edge"
    )


def test_superpixels_of_images_with_different_counts() -> None:
    mixed = torch.cat([images(1, 32, 32), torch.zeros(1, 3, 32, 32)])
    parts = parts_in("slic-30", pixels(mixed))
    saliency = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(1))
    together = rank_parts(saliency, "most", parts)
    for i in range(2):
        alone = parts[torch.tensor([i])]
        assert torch.equal(rank_parts(saliency[i : i + 1], "most", alone)[0], together[i])
        assert torch.equal(alone.shuffled(0)[0], parts.shuffled(0)[i])
        assert torch.unique(together[i]).tolist() == list(range(int(parts.count[i])))


@pytest.mark.parametrize("name", ["pixels", "grid-3", "slic-9"])
def test_random_parts_are_of_the_share_asked_for_and_of_the_seed(name: str) -> None:
    parts = parts_in(name, pixels(images(3, 30, 30)))
    mask = hidden(Random(0, 1 / 3, parts=name), parts, None)
    for i in range(3):
        chosen = torch.unique(parts.each()[i][mask[i]])
        assert len(chosen) == round(int(parts.count[i]) / 3)
        assert int((torch.isin(parts.each()[i], chosen) != mask[i]).sum()) == 0, "whole parts"
    assert torch.equal(mask, hidden(Random(0, 1 / 3, parts=name), parts, None))
    others = [hidden(Random(index, 1 / 3, parts=name), parts, None) for index in range(1, 6)]
    assert not all(torch.equal(mask, other) for other in others)
    more = hidden(Random(0, 2 / 3, parts=name), parts, None)
    assert bool((mask <= more).all()), "a larger share of the same draw holds the smaller one"


def test_one_region_is_removed_and_a_missing_one_removes_nothing() -> None:
    originals = images()
    palette = PerturbationCache.of(pixels(originals), [Region(5, "zero", "grid-3"), Region(99, "zero", "grid-3")])
    pictures = palette.plain(Region(5, "zero", "grid-3"))
    assert (pictures == 0).sum().item() == 2 * 3 * 4 * 6
    assert torch.equal(palette.plain(Region(99, "zero", "grid-3")), originals)


def test_which_probes_need_the_map() -> None:
    assert not needs_map(Region(0))
    assert not needs_map(Random(0, 0.5))
    assert needs_map(Remove(0.5, parts="grid-7"))


@pytest.mark.parametrize("name", FILLS)
def test_every_fill_is_drawn_from_the_image_alone(name: FillName) -> None:
    batch = pixels(images(3))
    together = FILLS[name](batch)
    assert together.shape == batch.images.shape
    for i in range(3):
        torch.testing.assert_close(FILLS[name](batch.row(i))[0], together[i], atol=1e-6, rtol=0, equal_nan=True)
        torch.testing.assert_close(whole(name, batch.row(i))[0], whole(name, batch)[i], atol=1e-6, rtol=0)


def test_fills_by_hand() -> None:
    batch = pixels(images())
    assert torch.unique(FILLS["mean"](batch)[1, 2]).tolist() == pytest.approx([float(batch.images[1, 2].mean())])
    assert torch.unique(FILLS["grey"](batch)).tolist() == pytest.approx([127 / 255])
    noise = FILLS["noise"](pixels(images(1, 100, 100)))
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    ones = torch.ones(2, 12, 18)
    parts = parts_in("pixels", batch)
    shown = apply(Multiply("grey", inverted=True), batch.images, FILLS["grey"](batch), parts, None, ones)
    assert torch.equal(shown, FILLS["grey"](batch)), "an inverted map of ones leaves the fill"
