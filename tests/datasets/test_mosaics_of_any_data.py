"""Mosaics of data sets other than the photographs, for a network that reads class and confidence off the colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from benchbench.datasets.builtin.grids import GridLayout, Mosaics, Tile, draw, number_of_grids
from benchbench.engine.runner import run
from benchbench.errors import BenchError, NotApplicable
from benchbench.models.disconnect import disconnect
from benchbench.models.grid_cells import Division
from benchbench.registry import DATASETS, DatasetPlugin
from benchbench.results.record import Record
from benchbench.study.item_text import items
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec, Preprocess, Sample

SIDE, CLASSES = 8, 10
EXACT = Preprocess(resize=SIDE, crop=SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)


class Colours(nn.Module):
    """The class is the tens of the red, the logit of the class 20 times the green; by pooled convolutions."""

    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv2d(3, 3, 3, padding=1, padding_mode="replicate", bias=False)
        nn.init.dirac_(convolution.weight)
        self.features = nn.Sequential(convolution, nn.Identity())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = Closeness()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.features(images)).flatten(1))
        return logits


class Closeness(nn.Module):
    def forward(self, means: Tensor) -> Tensor:
        near = (means[:, :1] * CLASSES - torch.arange(CLASSES) - 0.5).abs() < 0.5
        return near * means[:, 1:2] * 20


@dataclass(eq=False)
class Cards:
    """Cards of one colour; counts how often one is decoded. ``confident``: which cards the network is sure of."""

    labels: Sequence[int | None]
    confident: Sequence[bool]
    name: str = "cards"
    about: Mapping[str, str] = field(default_factory=lambda: {"source": "cards"})
    decoded: Counter[int] = field(default_factory=Counter)

    @property
    def ids(self) -> Sequence[str]:
        return [f"card-{i}" for i in range(len(self.labels))]

    def __getitem__(self, index: int) -> Sample:
        self.decoded[index] += 1
        label = self.labels[index] or 0
        red, green = round((label + 0.5) / CLASSES * 255), 255 if self.confident[index] else 100
        return Sample(f"card-{index}", Image.new("RGB", (SIDE, SIDE), (red, green, index % 256)), label)

    def fingerprint(self, index: int) -> str:
        return f"card {index} of {self.labels[index]}"


@pytest.fixture
def cards() -> Iterator[list[Cards]]:
    """A registered data set, ``cards``: the one that was put into the list last."""
    stack: list[Cards] = []

    def of_cards(*, which: int = -1) -> Cards:
        return stack[which]

    DATASETS.add(DatasetPlugin("cards", of_cards, title="Cards"))
    yield stack
    DATASETS.remove("cards")


def mosaics(network: nn.Module | None = None, **params: object) -> Mosaics:
    plugin = DATASETS["mosaics"]
    preprocess = EXACT
    if network is not None:
        preprocess = Preprocess(SIDE * int(params["grid"]), SIDE * int(params["grid"]), EXACT.mean, EXACT.std)  # type: ignore[call-overload]
    spec = ModelSpec("colours", network or Colours().eval(), preprocess)
    dataset = plugin.function(spec, **plugin.bind({"of": "cards", **params}))
    assert isinstance(dataset, Mosaics)
    return dataset


def members(dataset: Mosaics) -> list[tuple[int, ...]]:
    """By mosaic, the cards' numbers, as their blue says."""
    grids = []
    for i in range(len(dataset.ids)):
        image, side = dataset[i].image, dataset.mosaics[i].side
        assert isinstance(image, Tensor)
        corners = [image[2, r * SIDE, c * SIDE] for r in range(side) for c in range(side)]
        grids.append(tuple(round(float(blue) * 255) for blue in corners))
    return grids


@pytest.mark.parametrize("grid", [2, 3])
def test_a_grid_has_distinct_classes_and_its_mask_is_the_targets_cell(cards: list[Cards], grid: int) -> None:
    cards.append(Cards([i % CLASSES for i in range(200)], [True] * 200))
    dataset = mosaics(grid=grid, count=2 * grid * grid)
    assert len(set(dataset.ids)) == 2 * grid * grid
    places: Counter[int] = Counter()
    for i, grid_members in enumerate(members(dataset)):
        sample = dataset[i]
        labels = [card % CLASSES for card in grid_members]
        assert len(set(labels)) == grid * grid
        assert sample.mask is not None
        assert sample.mask.shape == (grid * SIDE, grid * SIDE)
        assert sample.mask.sum() == SIDE * SIDE
        row, column = (int(v) // SIDE for v in sample.mask.nonzero()[0])
        places[row * grid + column] += 1
        assert sample.label == labels[row * grid + column]
        assert sample.label == dataset.labels[i]
    assert set(places.values()) == {2}, "every cell in turn"
    used = [card for each in members(dataset) for card in each]
    assert len(used) == len(set(used)), "no image twice, where there are enough"


def test_only_as_many_images_are_decoded_as_needed_and_a_larger_count_continues(cards: list[Cards]) -> None:
    cards.append(Cards([i % CLASSES for i in range(200)], [True] * 200))
    first = mosaics(count=4, seed=3)
    assert cards[0].decoded.total() == 32, "one block"
    longer = mosaics(count=20, seed=3)
    assert list(longer.ids)[:4] == list(first.ids)
    assert [longer.fingerprint(i) for i in range(4)] == [first.fingerprint(i) for i in range(4)]
    assert members(mosaics(count=4, seed=4)) != members(first)
    assert first.about["usable"] == "32 of 200 images tried, 32 classified correctly by colours"


def test_the_confidence_is_a_bound_and_the_report_says_what_it_left(cards: list[Cards]) -> None:
    """e^20 / (e^20 + 9) for the sure cards, and e^7.8 / (e^7.8 + 9) = 0.9964 for the others."""
    cards.append(Cards([i % CLASSES for i in range(40)], [i % 2 == 0 or i < 4 for i in range(40)]))
    dataset = mosaics(confidence=0.999, count=12)
    assert {card for each in members(dataset) for card in each} <= {1, 3, *range(0, 40, 2)}
    assert dataset.about["usable"] == (
        "40 of 40 images tried, 40 classified correctly by colours, 22 of these with a probability of at least 0.999"
    )
    assert mosaics(confidence=0.99, count=1).about["usable"].endswith("40 of these with a probability of at least 0.99")


def test_too_few_images_say_what_to_do(cards: list[Cards]) -> None:
    cards.append(Cards([i % CLASSES for i in range(100)], [i % CLASSES < 3 for i in range(100)]))
    with pytest.raises(NotApplicable, match=r"they show 3 classes, and a grid takes 4 classes\. Lower confidence"):
        mosaics(confidence=0.999)
    cards.append(Cards([i % 8 for i in range(100)], [True] * 100))
    with pytest.raises(NotApplicable, match=r"they show 8 classes, and a grid takes 9 classes\. Use trained weights"):
        mosaics(grid=3)


def test_images_come_again_when_there_are_no_new_ones_and_the_first_grids_stay(cards: list[Cards]) -> None:
    labels = [i % 4 for i in range(68)]
    cards.append(Cards(labels, [True] * 68))
    once, more = mosaics(count=17), mosaics(count=60)
    assert sorted(card for each in members(once) for card in each) == list(range(68)), "each exactly once"
    assert list(more.ids)[:17] == list(once.ids)
    assert len(set(members(more))) > 17


def test_unlabelled_and_misnumbered_images(cards: list[Cards]) -> None:
    cards.append(Cards([i % CLASSES if i % 3 else None for i in range(90)], [True] * 90))
    assert all(card % 3 for each in members(mosaics(count=5)) for card in each)
    cards.append(Cards([11] * 90, [True] * 90))
    with pytest.raises(NotApplicable, match="cards has labels up to 11, and colours 10 classes"):
        mosaics()


def divided(setting: Any, grid: int, cell: int) -> nn.Module:
    return disconnect(Colours().eval(), Division(setting, grid, cell), (3, SIDE, SIDE))


@pytest.mark.parametrize("setting", ["difull", "dipart"])
@pytest.mark.parametrize(("grid", "cell"), [(2, 3), (3, 0)])
def test_the_target_is_in_the_cell_that_the_network_reads(
    cards: list[Cards], setting: str, grid: int, cell: int
) -> None:
    cards.append(Cards([i % CLASSES for i in range(100)], [True] * 100))
    network = divided(setting, grid, cell)
    dataset = mosaics(network, grid=grid, setting=setting, confidence=0.99, count=5)
    for i, grid_members in enumerate(members(dataset)):
        image = dataset[i].image
        assert isinstance(image, Tensor)
        assert dataset[i].label == grid_members[cell] % CLASSES == int(network(image[None]).argmax())


def test_repeat_puts_the_class_into_the_opposite_cell(cards: list[Cards]) -> None:
    cards.append(Cards([i % CLASSES for i in range(100)], [True] * 100))
    for few in (False, True):
        if few:
            cards.append(Cards([0, 0, 1, 2, 2], [True] * 5))
        dataset = mosaics(divided("difull", 2, 1), grid=2, setting="difull", repeat=True, count=6)
        for grid_members in members(dataset):
            labels = [cards[-1].labels[card] for card in grid_members]
            assert labels[1] == labels[2]
            assert len(set(labels)) == 3
            assert len(set(grid_members)) == 4, "another image of the class"


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (None, {"setting": "difull"}, r"setting is difull, and colours reads the whole image\. Use models: \[\{name: disc"),
    (("dipart", 2, 0), {"setting": "difull", "grid": 2}, "colours is cut for dipart with grid 2"),
    (
        ("difull", 3, 0),
        {"setting": "difull", "grid": 2},
        "setting is difull with grid 2, and colours is cut for difull",
    ),
    (("difull", 3, 0), {"grid": 3}, "setting is gridpg with grid 3"),
    (None, {"repeat": True}, "repeat puts the target's class in the opposite cell, and there is none"),
    (("difull", 3, 4), {"setting": "difull", "grid": 3, "repeat": True}, "there is none"),
    (None, {"of": "mosaics"}, "mosaics needs a network itself"),
]


@pytest.mark.parametrize(("division", "params", "message"), REFUSED)
def test_what_does_not_fit_is_refused(cards: list[Cards], division: Any, params: dict[str, Any], message: str) -> None:
    cards.append(Cards([i % CLASSES for i in range(20)], [True] * 20))
    with pytest.raises(BenchError, match=message):
        mosaics(divided(*division) if division else None, **params)


@pytest.mark.parametrize("layout", [GridLayout(2), GridLayout(2, 1), GridLayout(2, 0, True)])
@pytest.mark.parametrize("sizes", [[1, 1, 1, 1], [2, 1, 1, 2], [1, 2, 3]])
def test_the_number_of_grids_is_that_of_all_that_can_be_laid(layout: GridLayout, sizes: list[int]) -> None:
    """Against every arrangement of four images in four cells, one after the other."""
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    laid = [
        (four, target)
        for four, target in product(permutations(range(len(labels)), 4), layout.targets)
        if _allowed([labels[i] for i in four], target, layout)
    ]
    assert number_of_grids(sizes, layout) == len(laid)
    tiles = [Tile(str(i), label, torch.zeros(3, 1, 1)) for i, label in enumerate(labels)]
    if laid:
        assert len({mosaic.name for mosaic in draw(tiles, len(laid), 0, layout)}) == len(laid)


def _allowed(labels: list[int], target: int, layout: GridLayout) -> bool:
    if not layout.repeat:
        return len(set(labels)) == 4
    return len(set(labels)) == 3 and labels[target] == labels[3 - target]


def test_long_ids_keep_the_target_and_a_digest(cards: list[Cards]) -> None:
    tiles = tuple(Tile(f"{i}" * 60, i, torch.zeros(3, 1, 1)) for i in range(4))
    (mosaic,) = draw(tiles, 1, 0)
    assert mosaic.id.startswith(f"{mosaic.place}-of-{str(mosaic.label) * 60}-")
    assert len(mosaic.id) < 100


def study(out: Path, models: Any, datasets: Any, **keys: Any) -> Record:
    metrics = ["energy_pointing_game@positive-mask"]
    base = {"methods": ["saliency", "gradcam", "uniform"], "metrics": metrics, "target": "label", "layers": "features"}
    run(StudySpec(models=models, datasets=datasets, **{**base, **keys}), out)
    return Record.load(out)


@pytest.mark.parametrize("grid", [2, 3])
def test_the_score_of_a_perfect_map_is_1_and_of_a_uniform_one_its_cells_share(
    cards: list[Cards], tmp_path: Path, grid: int
) -> None:
    """Under DiFull the gradient lies in the target's cell alone; a uniform map has 1 / n^2 of its mass there."""
    cards.append(Cards([i % CLASSES for i in range(100)], [True] * 100))
    network = divided("difull", grid, 2)
    spec = ModelSpec("cut", network, Preprocess(SIDE * grid, SIDE * grid, EXACT.mean, EXACT.std))
    data = [{"name": "mosaics", "of": {"name": "cards", "which": 0}, "setting": "difull", "grid": grid, "count": 3}]
    record = study(tmp_path, {"cut": spec}, data)
    values = record.results.set_index("method").value
    assert values["saliency"].tolist() == [1.0] * 3
    assert values["uniform"].tolist() == pytest.approx([1 / grid**2] * 3, abs=1e-12)
    (about,) = [each["about"] for each in record.info["datasets"]]
    assert about["usable"].startswith("32 of 100 images tried, 32 classified correctly by cut")


def test_other_data_are_refused_for_a_network_that_reads_one_cell(cards: list[Cards], tmp_path: Path) -> None:
    cards.append(Cards([i % CLASSES for i in range(20)], [True] * 20))
    spec = ModelSpec("cut", divided("difull", 2, 0), EXACT)
    with pytest.raises(BenchError, match=r"cut reads one cell of a grid, and cards has no grids\. Use \{name: mosaics"):
        study(tmp_path, {"cut": spec}, ["cards"])


def test_the_command_line_gives_parameters_to_the_data_of_the_cells() -> None:
    (item,) = items('mosaics:of="folder:root=a/b:classes=sorted":grid=3:confidence=0.99')
    assert item == {
        "name": "mosaics",
        "of": {"name": "folder", "root": "a/b", "classes": "sorted"},
        "grid": "3",
        "confidence": "0.99",
    }
    assert items("mosaics:of=cutouts") == [{"name": "mosaics", "of": "cutouts"}]


def test_a_study_keeps_the_data_of_the_cells_and_reads_it_again(tmp_path: Path) -> None:
    item = {"name": "mosaics", "of": {"name": "folder", "root": str(tmp_path)}, "grid": 3}
    spec = StudySpec(models=["resnet18"], datasets=[item], methods=["random"], metrics=["pointing_game"])
    (written,) = spec.plain()["datasets"]
    assert written["of"]["root"] == str(tmp_path)
    assert written["of"]["name"] == "folder"
    (choice,) = spec.datasets
    (again,) = StudySpec(
        models=["resnet18"], datasets=[{**written, "name": "mosaics"}], methods=["random"], metrics=["pointing_game"]
    ).datasets
    assert again.params == choice.params


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("photo", r"datasets\[0\].of: unknown dataset 'photo'"),
        ({"name": "folder", "rot": "a"}, r"folder has no parameter 'rot'"),
        (3, "cannot read 3"),
    ],
)
def test_the_data_of_the_cells_are_checked_when_the_study_is_read(of: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        StudySpec(
            models=["resnet18"],
            datasets=[{"name": "mosaics", "of": of}],
            methods=["random"],
            metrics=["pointing_game"],
        )
