"""The names of classes in the table of photographs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchbench.engine.prediction_tables import ShardAnswers, photo_rows

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
