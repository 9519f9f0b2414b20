"""Which samples a subset leaves: by hand, stable under growth, and said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.datasets import in_memory
from benchbench.engine.runner import run
from benchbench.engine.subsets import choose
from benchbench.errors import BenchError
from benchbench.results.record import Record
from benchbench.study.plan import choose_samples
from benchbench.study.spec import StudySpec
from benchbench.study.subset import Subset
from benchbench.types import Dataset, ModelSpec

COUNT = 80


def data(count: int = COUNT) -> Dataset:
    """Labels 0 to 4 in turn, the last ten without; sample i has an object of i pixels of 100."""
    masks = torch.arange(100).expand(count, 100) < torch.arange(count)[:, None]
    labels = [i % 5 if i < count - 10 else None for i in range(count)]
    return in_memory("data", torch.zeros(count, 1, 10, 10), labels, masks.reshape(count, 10, 10))


def answers(indices: Sequence[int]) -> dict[int, tuple[int, float]]:
    """Right on even samples, surer the larger the index; of every seventh nothing is known."""
    return {i: ((i % 5) if i % 2 == 0 else 9, i / COUNT) for i in indices if i % 7}


def chosen(subset: Subset, wanted: int = COUNT, seed: int = 3, names: Sequence[str] = ()) -> list[int]:
    return list(choose(data(), subset, wanted, seed, names, answers).chosen)


ORDER = choose_samples(COUNT, COUNT, 3)


@pytest.mark.parametrize(
    ("subset", "rule"),
    [
        (Subset(classes=(1, 3)), lambda i: i % 5 in (1, 3) and i < 70),
        (Subset(classes="b"), lambda i: i % 5 == 1 and i < 70),
        (Subset(right_only=True), lambda i: i % 2 == 0 and i % 7 and i < 70),
        (Subset(confidence=0.5), lambda i: i >= 40 and i % 7),
        (Subset(min_area=0.25, max_area=0.4), lambda i: 25 <= i <= 40),
        (Subset(max_area=0.1, classes=(2,)), lambda i: i <= 10 and i % 5 == 2),
        (Subset(right_only=True, confidence=0.3, min_area=0.5), lambda i: i % 2 == 0 and i % 7 and 50 <= i < 70),
    ],
)
def test_rules_by_hand(subset: Subset, rule: Any) -> None:
    assert chosen(subset, names="abcde") == [i for i in ORDER if rule(i)]


def test_per_class_takes_the_first_of_each_in_the_seeded_order() -> None:
    wanted = [i for k, i in enumerate(ORDER) if i < 70 and sum(j % 5 == i % 5 and j < 70 for j in ORDER[:k]) < 3]
    assert chosen(Subset(per_class=3)) == wanted
    assert len(wanted) == 15


def test_per_class_takes_the_first_of_each_that_the_network_gets_right_and_is_sure_of() -> None:
    passing = [i for i in ORDER if i % 2 == 0 and i % 7 and 24 <= i < 70]
    firsts = [i for place, i in enumerate(passing) if [j % 5 for j in passing[:place]].count(i % 5) < 2]
    assert chosen(Subset(per_class=2, right_only=True, confidence=0.3)) == firsts
    assert len(firsts) == 10
    assert chosen(Subset(per_class=2, right_only=True, confidence=0.3), wanted=4) == firsts[:4]


def test_ids_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("0007\n\n0003\n0070\n")
    assert chosen(Subset(ids=tmp_path / "ids.txt")) == [i for i in ORDER if i in (3, 7, 70)]
    (tmp_path / "ids.txt").write_text("0007\nnone\n")
    with pytest.raises(BenchError, match=r"ids\.txt: there is no sample 'none'"):
        chosen(Subset(ids=tmp_path / "ids.txt"))
    with pytest.raises(BenchError, match="cannot be read"):
        chosen(Subset(ids=tmp_path / "other.txt"))


SUBSETS = st.builds(
    Subset,
    classes=st.sampled_from([(), (0, 1), (4,)]),
    per_class=st.sampled_from([None, 2, 9]),
    right_only=st.booleans(),
    confidence=st.sampled_from([None, 0.2]),
    min_area=st.sampled_from([None, 0.1]),
)


@settings(max_examples=30, deadline=None)
@given(SUBSETS, st.integers(1, 30), st.integers(0, 30), st.integers(0, 3))
def test_a_larger_study_continues_a_smaller_one(subset: Subset, few: int, more: int, seed: int) -> None:
    small, large = chosen(subset, few, seed), chosen(subset, few + more, seed)
    assert large[: len(small)] == small
    assert len(small) <= few


def test_more_of_each_class_contains_fewer() -> None:
    assert set(chosen(Subset(per_class=2, right_only=True))) <= set(chosen(Subset(per_class=5, right_only=True)))


def test_what_is_left_is_said() -> None:
    part = choose(data(), Subset(right_only=True, confidence=0.5), 5, 3, (), answers)
    assert part.about["subset"].startswith("right answers only, confidence from 0.5: 5 of ")
    assert "that the network gets wrong" in part.about["subset"]
    with pytest.raises(BenchError, match="no sample is left: confidence from 1, area to 0: 0 of"):
        chosen(Subset(confidence=1, max_area=0))
    with pytest.raises(BenchError, match="unknown class 'z'"):
        chosen(Subset(classes=("z",)), names="abc")


class FirstPixel(nn.Module):
    """Answers the class whose number the image's first pixel is, surely where the second one is 1."""

    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.features, self.shift = nn.Conv2d(1, 1, 1, bias=False), shift
        nn.init.ones_(self.features.weight)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.features(images)
        classes = (seen[:, 0, 0, 0].round().long() + self.shift) % 4
        sure = 20 * seen[:, 0, 0, 1:2] + 0.5
        logits: Tensor = nn.functional.one_hot(classes, 4) * sure + 0 * seen.mean((1, 2, 3))[:, None]
        return logits


def pictures(count: int = 24) -> tuple[Tensor, list[int]]:
    images = torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    for i in range(count):
        images[i, 0, 0, 0], images[i, 0, 0, 1] = i % 4, float(i % 3 == 0)
    return images, [(i % 4) if i % 2 else (i + 1) % 4 for i in range(count)]


def ran(folder: Path, samples: int, subset: dict[str, Any], **models: nn.Module) -> Record:
    images, labels = pictures()
    study = StudySpec(
        models={name: ModelSpec(name, net) for name, net in (models or {"net": FirstPixel()}).items()},
        datasets={"data": {"images": images, "labels": labels, "subset": subset}},
        layers=["features"],
        methods=["random"],
        metrics=["average_drop"],
        samples=samples,
    )
    run(study, folder)
    return Record.load(folder)


def test_a_run_takes_what_the_network_gets_right_and_grows(tmp_path: Path) -> None:
    small = ran(tmp_path, 4, {"right_only": True})
    grown = ran(tmp_path, 30, {"right_only": True})
    first, then = ([int(s) for s in dict.fromkeys(r.results["sample"])] for r in (small, grown))
    assert set(then) == set(range(1, 24, 2))
    assert then[:4] == first
    about = grown.info["datasets"][0]["about"]
    assert about["subset"] == "right answers only: 12 of 24 samples tried (12 that the network gets wrong)"
    assert grown.info["study"]["datasets"] == [{"name": "data", "subset": {"right_only": True}}]
    with pytest.raises(BenchError, match="the folder's study has the datasets data"):
        ran(tmp_path, 30, {"right_only": True, "confidence": 0.9})


def test_each_network_has_its_own_choice_and_the_report_says_both(tmp_path: Path) -> None:
    """One is right on odd samples, and the other, whose classes are one further, on even ones."""
    record = ran(tmp_path, 30, {"right_only": True, "confidence": 0.9}, plain=FirstPixel(), turned=FirstPixel(1))
    taken = {model: {int(s) for s in part["sample"]} for model, part in record.results.groupby("model", observed=True)}
    assert taken == {"plain": set(range(3, 24, 6)), "turned": set(range(0, 24, 6))}
    note = record.info["datasets"][0]["about"]["subset"]
    assert "plain: right answers only, confidence from 0.9: 4 of 24" in note
    assert "turned: right answers only, confidence from 0.9: 4 of 24" in note
