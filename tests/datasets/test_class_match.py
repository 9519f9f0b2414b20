"""The data's classes on the network's outputs: by name, by the table, or said to be others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchbench.datasets.archives.class_spellings import imagenet_counterparts, plain_name, spelled_alike
from benchbench.datasets.archives.voc import CLASSES as VOC
from benchbench.datasets.sources.class_match import RelabelledData, on_outputs
from benchbench.datasets.sources.file_dataset import Files, Item
from benchbench.engine.runner import run
from benchbench.models.load import imagenet_classes
from benchbench.registry import DATASETS
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Dataset, ModelSpec, Preprocess

from ..datasets import layouts
from ..networks import Pooled, seeded


def files(folder: Path, names: tuple[str, ...]) -> Files:
    items = []
    for k in range(len(names)):
        layouts.photo(folder / f"{k}.jpg", k)
        items.append(Item(f"{k}", folder / f"{k}.jpg", k))
    return Files("mine", items, {"root": "there"}, class_names=names)


def matched(data: Dataset, classes: tuple[str, ...], outputs: int | None = None) -> Any:
    return on_outputs(data, classes, len(classes) if outputs is None else outputs, "net")


def test_names_that_agree_permute_the_labels(tmp_path: Path) -> None:
    data = files(tmp_path, ("Golden_Retriever", "cat", "bird"))
    match = matched(data, ("bird", "golden retriever", "Cat"))
    assert isinstance(match, RelabelledData)
    assert [match[i].label for i in range(3)] == match.labels == [1, 2, 0]
    assert match.about["classes"] == "all 3 by name among those of net, 3 of them renumbered"
    assert "warning" not in match.about
    assert match.fingerprint(0) != data.fingerprint(0), "predictions that are kept hold the label"
    same = matched(data, ("golden-retriever", "cat", "bird"))
    assert same.labels == [0, 1, 2]
    assert same.fingerprint(0) == data.fingerprint(0)


def test_some_names_agree(tmp_path: Path) -> None:
    match = matched(files(tmp_path, ("dog", "cat")), ("bird", "cat", "fish"))
    assert match.labels == [None, 1]
    assert (
        "1 of its 2 classes (dog) is not among the 3 of net (bird, cat, fish): samples of it have no"
        in match.about["warning"]
    )


def test_no_name_agrees(tmp_path: Path) -> None:
    data = files(tmp_path, ("dog", "cat"))
    kept = matched(data, ("chien", "chat"))
    assert kept.labels == [0, 1]
    assert "(dog, cat) are none of those of net (chien, chat): labels are taken by number" in kept.about["warning"]
    assert matched(data, ("a", "b", "c")).labels == [None, None]


def test_a_network_without_names(tmp_path: Path) -> None:
    data = files(tmp_path, ("dog", "cat"))
    assert matched(data, (), 2) is data
    match = matched(data, (), 7)
    assert match.labels == [None, None]
    assert "net has 7 without names" in match.about["warning"]
    assert matched(files(tmp_path, ()), ("a", "b"), 2).__class__ is Files


def test_a_name_that_two_outputs_have_is_none_of_them(tmp_path: Path) -> None:
    assert matched(files(tmp_path, ("crane", "cat")), ("crane", "Crane", "cat")).labels == [None, 2]


def test_voc_on_imagenet_takes_the_table_alone(tmp_path: Path) -> None:
    match = matched(files(tmp_path, VOC), imagenet_classes())
    assert match.labels == [532 if name == "diningtable" else None for name in VOC]
    assert "19 of its 20 classes" in match.about["warning"]


def folder_of(root: Path, *names: str, **params: Any) -> Any:
    for k, name in enumerate(names):
        layouts.photo(root / name / f"{k}.png", k)
    plugin = DATASETS["folder"]
    return plugin.function(**plugin.bind({"root": root, **params}))


def test_a_folder_follows_the_names_only_if_all_agree(tmp_path: Path) -> None:
    data = folder_of(tmp_path, "cat", "dog")
    assert matched(data, ("bird", "dog", "cat")).labels == [2, 1]
    assert matched(data, ("dog", "Cat")).labels == [1, 0]
    kept = matched(data, ("dog", "bird", "fish"))
    assert kept.labels == data.labels
    assert kept.fingerprint(0) == data.fingerprint(0)
    unnamed = matched(data, (), 9)
    assert unnamed.labels == data.labels
    assert "it has 2 classes (cat, dog) and net has 9 without names: labels are the places" in unnamed.about["warning"]
    assert matched(data, (), 2) is data
    by_name = folder_of(tmp_path, classes="sorted")
    assert matched(by_name, ("dog", "bird")) is by_name, "the user has said how they are numbered"


def test_a_folder_that_the_network_does_not_know_is_said(tmp_path: Path) -> None:
    """Up to three of its names, and what follows from them."""
    names = ("apples", "banana", "cherries", "dates", "figs")
    warning = matched(folder_of(tmp_path, *names), imagenet_classes()).about["warning"]
    assert warning == (
        "4 of its 5 classes (apples, cherries, dates, ...) are not among the 1000 of net (tench, goldfish, great white "
        "shark, ...): labels are the places of its classes in their own order (of a folder, sorted by name), so that "
        "apples counts as class 0, tench. Name all classes as the network does; for a folder, classes: sorted says "
        "that this order is meant"
    )
    single_warning = matched(folder_of(tmp_path / "b", "banana", "kite"), imagenet_classes()).about["warning"]
    assert single_warning.startswith("1 of its 2 classes (kite) is not among")
    assert (
        "class 0, tench. kite may mean something else there: WordNet ids name ImageNet's classes. Name"
        in single_warning
    )
    assert "warning" not in matched(folder_of(tmp_path / "c", "banana", "n01608432"), imagenet_classes()).about


def test_a_folder_of_wordnet_ids_has_imagenet_s_labels(tmp_path: Path) -> None:
    data = folder_of(tmp_path, layouts.DOG, layouts.TENCH)
    assert data.labels == [1, 0] or data.labels == [0, 1]
    assert sorted(matched(data, imagenet_classes()).labels) == [0, 207]


def test_the_table_is_imagenet_s_and_has_no_class_twice() -> None:
    import csv

    table = Path(__file__).parents[2] / "benchbench/datasets/archives/imagenet_counterparts.csv"
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    names = imagenet_classes()
    for row in rows:
        assert row["imagenet name"].partition(" (")[0] == names[int(row["imagenet"])]
    assert len({row["imagenet"] for row in rows}) == len(rows)
    everywhere = imagenet_counterparts()
    homonyms = {row["name"] for row in rows if plain_name(row["name"]) not in everywhere}
    assert homonyms == {"mouse", "orange", "boxer"}, "without knowing the data they may mean something else"


@pytest.mark.parametrize("name", ["Dining_Table", "dining-table", "DINING  TABLE"])
def test_spellings(name: str) -> None:
    assert plain_name(name) == "diningtable"
    assert spelled_alike(name, "diningtable")
    assert not spelled_alike(name, "dining chair")


def test_a_run_on_voc_says_what_was_done(tmp_path: Path) -> None:
    """A network whose classes are VOC's in another order: accuracy is of the right classes, boxes reach the table."""
    layouts.voc(tmp_path, "2012", "val")
    with torch.random.fork_rng():
        network = seeded(Pooled)
        outputs = network(torch.zeros(1, 3, 32, 32)).shape[1]
    names = ["bus", "Person", "dog", *(f"other {k}" for k in range(outputs - 3))]
    keys: dict[str, Any] = {
        "models": {"net": ModelSpec("net", network, Preprocess(20, 16), classes=tuple(names))},
        "datasets": [{"name": "voc2012", "root": str(tmp_path), "classes": "dog,bus"}],
        "layers": ["relu"],
        "methods": ["center"],
    }
    run(StudySpec(**keys, metrics=["pointing_game", "max_box_acc_v2"]), tmp_path / "run")
    record = Record.load(tmp_path / "run")
    labels = record.photos.set_index("sample")["label"].to_dict()
    assert labels == {"2007_000032/dog": 2, "2007_000042/bus": 0}
    about = record.info["datasets"][0]["about"]
    assert about["classes"] == "3 of 20 by name among those of net"
    assert about["subset"].startswith("classes dog and bus: 2 of 2 samples tried")
    assert any("17 of its 20 classes" in text for text in record.info["warnings"])
    assert set(record.results["status"]) <= {"ok", "not_applicable"}
    assert record.photos["object_share"].notna().all()
    run(StudySpec(**keys, metrics=["pointing_game"], target="0-1"), tmp_path / "score")
    assert not any("its 20 classes" in text for text in Record.load(tmp_path / "score").info["warnings"])


@pytest.mark.parametrize(
    ("names", "start"),
    [(("cat", "dog"), "the network's class of the same name; in the data, their order"), ((), "their")],
)
def test_the_rule_of_labels_is_the_one_that_counts(names: tuple[str, ...], start: str, tmp_path: Path) -> None:
    items = [Item(str(i), tmp_path / f"{i}.png", i) for i in range(2)]
    data = on_outputs(Files("d", items, {"labels": "their order"}, class_names=("cat", "dog")), names, 2, "net")
    assert data.about["labels"].startswith(start)
