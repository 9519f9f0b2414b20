"""What a study file and the command line say of a subset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchbench.errors import BenchError
from benchbench.study.item_text import items
from benchbench.study.spec import StudySpec
from benchbench.study.subset import Subset, subset_in


def data_of(item: Any) -> Any:
    spec = StudySpec(models=["resnet18"], datasets=[item], methods=["random"], metrics=["deletion"])
    return spec.datasets[0], spec.plain()["datasets"][0]


@pytest.mark.parametrize(
    "spelled",
    [
        {"name": "photos", "per_class": 2, "classes": ["tabby", 7], "confidence": 0.9},
        {"name": "photos", "subset": {"per_class": 2, "classes": ["tabby", 7], "confidence": 0.9}},
        *items('photos:per_class=2:classes="tabby,7":confidence=0.9'),
        *items('photos:subset.per_class=2:subset.classes="tabby,7":confidence=0.9'),
    ],
)
def test_spellings_of_one_subset(spelled: Any) -> None:
    choice, plain = data_of(spelled)
    assert choice.subset == Subset(classes=("tabby", 7), per_class=2, confidence=0.9)
    assert choice.label == "photos [classes tabby and 7, 2 of each class, confidence from 0.9]"
    assert choice.title == "20 ImageNet photographs (classes tabby and 7, 2 of each class, confidence from 0.9)"
    assert plain == {"name": "photos", "subset": {"classes": ["tabby", 7], "per_class": 2, "confidence": 0.9}}


def test_a_study_file_s_plain_form_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    choice, plain = data_of({"name": "photos", "right_only": True, "ids": str(tmp_path / "a.txt"), "as": "mine"})
    again, plain_again = data_of(plain)
    assert (again.label, again.subset, plain_again) == ("mine", choice.subset, plain)
    bare, plain = data_of({"name": "photos", "max_area": 0.5})
    assert data_of(plain)[0].label == bare.label


def test_a_data_set_s_own_parameter_keeps_its_meaning() -> None:
    """``classes`` of a folder says how it numbers them."""
    item = {"name": "folder", "root": ".", "classes": "sorted", "per_class": 3, "subset": {"classes": [1]}}
    choice, _ = data_of(item)
    assert choice.params["classes"] == "sorted"
    assert choice.subset == Subset(classes=(1,), per_class=3)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"name": "photos", "subset": {"per_clas": 1}}, "unknown key 'per_clas'.*per_class"),
        ({"name": "photos", "per_class": 0}, "subset: per_class: Input should be greater than 0"),
        ({"name": "photos", "confidence": 2}, "subset: confidence: .*less than or equal to 1"),
        ({"name": "photos", "subset": 3}, "subset: cannot read 3"),
        ({"name": "photos", "per_class": 1, "subset": {"per_class": 2}}, "per_class is given twice"),
        ({"name": "photos", "right_only": "perhaps"}, "subset: right_only"),
        ({"name": "photos", "nonsense": 1}, "has no parameter 'nonsense'"),
    ],
)
def test_what_is_refused(item: Any, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        data_of(item)


def test_one_data_set_twice_with_different_subsets() -> None:
    both = ["photos", {"name": "photos", "right_only": True}]
    spec = StudySpec(models=["resnet18"], datasets=both, methods=["random"], metrics=["deletion"])
    assert [choice.label for choice in spec.datasets] == ["photos", "photos [right answers only]"]
    assert subset_in("photos", ()) == (None, "photos")
