"""Grids for a planted network, which knows exactly the photographs it is told to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.datasets.builtin.grids import Mosaics, Tile, draw
from benchbench.datasets.builtin.photos import photos
from benchbench.digests import digest
from benchbench.errors import BenchError, NotApplicable
from benchbench.models.preprocess import prepare
from benchbench.registry import DATASETS
from benchbench.types import ModelSpec, Preprocess

SMALL = Preprocess(resize=20, crop=16, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


@pytest.fixture(scope="module")
def prepared() -> dict[str, tuple[Tensor, int]]:
    """Every photograph as the network sees it, with its label, by id."""
    source = photos()
    samples = [source[i] for i in range(len(source.ids))]
    return {s.id: (prepare(s.image, None, SMALL)[0], s.label) for s in samples}  # type: ignore[arg-type, misc]


class Planted(nn.Module):
    """Answers a known photograph with its class and any other image with class 999; refuses to run in training mode."""

    def __init__(self, known: list[tuple[Tensor, int]], classes: int = 1000) -> None:
        super().__init__()
        self.known, self.classes = known, classes
        self.frozen, self.training_child = nn.BatchNorm2d(3), nn.Dropout()
        self.frozen.eval()

    def forward(self, images: Tensor) -> Tensor:
        assert not any(module.training for module in self.modules())
        assert not torch.is_grad_enabled()
        logits = torch.zeros(len(images), self.classes)
        for row, image in zip(logits, images, strict=True):
            row[next((label for tile, label in self.known if torch.equal(tile, image)), self.classes - 1)] = 1
        return logits


Known = Callable[..., ModelSpec]


@pytest.fixture
def knows(prepared: dict[str, tuple[Tensor, int]]) -> Known:
    """A network that knows the photographs of these ids; all, without any."""

    def model_of(*ids: str) -> ModelSpec:
        return ModelSpec("planted", Planted([prepared[id] for id in ids or prepared]), SMALL)

    return model_of


def mosaics(model: ModelSpec, **params: object) -> Mosaics:
    plugin = DATASETS["mosaics"]
    assert plugin.needs == {"model"}
    dataset = plugin.function(model, **plugin.bind(params))
    assert isinstance(dataset, Mosaics)
    return dataset


def cells(image: Tensor) -> list[Tensor]:
    """The four quadrants, row by row, cut out apart from the dataset's code."""
    return [image[..., r : r + 16, c : c + 16] for r in (0, 16) for c in (0, 16)]


def test_a_grid_is_four_photographs_of_distinct_classes(knows: Known, prepared: dict[str, tuple[Tensor, int]]) -> None:
    dataset = mosaics(knows())
    assert len(dataset.ids) == len(set(dataset.ids)) == 16
    for i, name in enumerate(dataset.ids):
        sample = dataset[i]
        assert sample.id == name
        assert isinstance(sample.image, Tensor)
        assert sample.image.shape == (3, 32, 32)
        labels = []
        for cell in cells(sample.image):
            owners = [label for tile, label in prepared.values() if torch.equal(tile, cell)]
            assert len(owners) == 1, "each quadrant is one photograph, untouched"
            labels += owners
        assert len(set(labels)) == 4
        assert sample.mask is not None
        inside = [bool(cell.all()) for cell in cells(sample.mask)]
        assert [bool(cell.any()) for cell in cells(sample.mask)] == inside
        assert labels[inside.index(True)] == sample.label
        assert inside.count(True) == 1
        constituents = name.split("-of-")[1].split("+")
        assert [int(part.split("_")[1]) for part in constituents] == labels, "the id tells the constituents"


def test_the_default_is_what_it_was(knows: Known) -> None:
    """Ids and fingerprints of the mosaics of benchbench 0.1, which knew the photographs only."""
    digests = []
    for params in ({}, {"count": 40, "seed": 7}):
        dataset = mosaics(knows(), **params)
        digests.append(digest([(name, dataset.fingerprint(i)) for i, name in enumerate(dataset.ids)]))
    assert digests == ["e88807a5422c8bb644c52bda", "5d529b303e81463225f22700"]


def test_targets_take_every_quadrant_alike(knows: Known) -> None:
    dataset = mosaics(knows(), count=32)
    masks = [dataset[i].mask for i in range(32)]
    where = Counter(tuple(mask.nonzero()[0].tolist()) for mask in masks if mask is not None)
    assert sorted(where.values()) == [8, 8, 8, 8]


def test_only_photographs_that_are_got_right_are_used(knows: Known) -> None:
    known = ["imagenet_00_243", "imagenet_03_990", "imagenet_11_630", "imagenet_15_99", "imagenet_17_22"]
    dataset = mosaics(knows(*known), count=40)
    used = {part for name in dataset.ids for part in name.split("-of-")[1].split("+")}
    assert used == {id.removeprefix("imagenet_") for id in known}
    assert dataset.about["usable"] == "20 of 20 images tried, 5 classified correctly by planted"


def test_the_seed_decides_and_a_larger_count_continues(knows: Known) -> None:
    model = knows()
    first, again, longer, other = (
        mosaics(model, count=count, seed=seed) for count, seed in ((8, 3), (8, 3), (24, 3), (8, 4))
    )
    assert list(first.ids) == list(again.ids) == list(longer.ids)[:8]
    assert [first.fingerprint(i) for i in range(8)] == [longer.fingerprint(i) for i in range(8)]
    assert list(first.ids) != list(other.ids)
    assert len({longer.fingerprint(i) for i in range(24)}) == 24


def test_the_networks_mode_is_left_as_it_was(knows: Known) -> None:
    model = knows()
    mosaics(model)
    assert [m.training for m in model.network.modules()] == [True, False, True]
    assert torch.is_grad_enabled()


def test_the_mode_is_left_as_it_was_after_an_error(prepared: dict[str, tuple[Tensor, int]]) -> None:
    class Breaks(Planted):
        def forward(self, images: Tensor) -> Tensor:
            raise ValueError("broken")

    model = ModelSpec("broken", Breaks([]), SMALL)
    with pytest.raises(ValueError, match="broken"):
        mosaics(model)
    assert [m.training for m in model.network.modules()] == [True, False, True]


def test_a_network_that_knows_too_little(knows: Known) -> None:
    """Four photographs of three classes (609 is there twice) are not enough."""
    ids = ["imagenet_06_609", "imagenet_07_609", "imagenet_00_243", "imagenet_03_990"]
    with pytest.raises(
        NotApplicable, match="4 classified correctly by planted: they show 3 classes, and a grid takes 4"
    ):
        mosaics(knows(*ids))


def test_a_network_of_other_classes(prepared: dict[str, tuple[Tensor, int]]) -> None:
    with pytest.raises(
        NotApplicable, match=r"no image of photos has a label of ten: it has 19 classes .* and ten has 10 without names"
    ):
        mosaics(ModelSpec("ten", Planted([], classes=10), SMALL))


@pytest.mark.parametrize("count", [0, -1, 97])
def test_a_count_that_cannot_be_met(knows: Known, count: int) -> None:
    ids = ["imagenet_00_243", "imagenet_03_990", "imagenet_11_630", "imagenet_15_99"]
    with pytest.raises(BenchError, match=rf"mosaics: count is {count}\. Give 1"):
        mosaics(knows(*ids), count=count)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), twins=st.booleans())
def test_every_possible_grid_can_be_drawn(seed: int, twins: bool) -> None:
    """Four classes have 24 orders and 4 targets; a twin of one photograph doubles that."""
    tiles = [Tile(f"{i}_{i}", i, torch.zeros(3, 1, 1)) for i in range(4)]
    tiles += [Tile("4_3", 3, torch.zeros(3, 1, 1))] if twins else []
    count = 192 if twins else 96
    assert len({mosaic.name for mosaic in draw(tiles, count, seed)}) == count
