"""The names of classes in the table of photographs, and the accuracy where a picture has several labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchbench.engine.prediction_tables import ShardAnswers, accuracy, photo_rows

ENTRY = {"photo": "a.jpg", "target": 1, "label": 0, "probability": 0.5, "object_share": None}


@pytest.mark.parametrize(
    ("of_network", "of_data", "shown"),
    [
        (("cat", "dog"), ("Katze", "Hund"), ["dog", "cat"]),
        ((), ("Katze", "Hund"), ["Hund", "Katze"]),
        ((), ("Katze", "Hund", "Maus"), ["class 1", "class 0"]),
        ((), (), ["class 1", "class 0"]),
    ],
)
def test_classes_have_the_networks_names_or_for_want_of_them_the_datas(
    of_network: tuple[str, ...], of_data: tuple[str, ...], shown: list[str]
) -> None:
    model = SimpleNamespace(name="net", class_names=of_network, classes=2)
    shard: Any = SimpleNamespace(model=model, dataset_name="pets", dataset=SimpleNamespace(class_names=of_data))
    (row,) = photo_rows([ShardAnswers(shard, {"a": ENTRY})], str)
    assert [row["target_name"], row["label_name"]] == shown


def grouped(picture: str) -> dict[str, str | None]:
    return {"picture": picture, "group": None if picture.isupper() else picture}


def answers(entries: list[tuple[str, int | None, int]]) -> ShardAnswers:
    """Of samples: the picture, the label and the most likely class; a picture in capitals is in no group."""
    model = SimpleNamespace(name="net", settings={"scored": False})
    shard: Any = SimpleNamespace(model=model, dataset_name="voc", dataset=SimpleNamespace())
    samples = {
        f"{picture}/{number}": {"label": label, "predicted": predicted, "reason": "", **grouped(picture)}
        for number, (picture, label, predicted) in enumerate(entries)
    }
    return ShardAnswers(shard, samples)


@pytest.mark.parametrize(
    ("shards", "right", "labelled", "pictures"),
    [
        ([[("a", 3, 3), ("b", 1, 1)]], 2, 2, None),
        ([[("a", 3, 3), ("a", 3, 3)]], 2, 2, None),  # a copy is no second label
        ([[("A", 3, 3), ("A", 5, 3)]], 1, 2, None),  # copies that have nothing to do with one another
        ([[("a", 3, 3), ("a", 5, 3), ("b", 1, 2)]], 1, 3, {"labelled": 2, "several": 1, "right": 1}),
        ([[("a", 3, 5)], [("a", 5, 5), ("b", None, 0)]], 1, 2, {"labelled": 1, "several": 1, "right": 1}),
    ],
)
def test_pictures_with_several_labels_are_counted_too(
    shards: list[list[tuple[str, int | None, int]]], right: int, labelled: int, pictures: dict[str, int] | None
) -> None:
    (row,) = accuracy([answers(entries) for entries in shards])
    assert (row["right"], row["labelled"], row.get("pictures")) == (right, labelled, pictures)
