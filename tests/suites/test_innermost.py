"""A user's own object with twins and instances is asked for them, though the engine puts a lock around it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.datasets.sources.class_match import RelabelledData
from benchbench.datasets.sources.serial import Serial, serial
from benchbench.suites.innermost import innermost
from benchbench.suites.manipulation.counterfactuals import has_twins

from ..networks import Pooled, seeded


class DataWithTwins:
    """Four images with an object in the middle; nothing says that threads may read them at once."""

    name, about = "own", {"source": "random"}
    ids = ("a", "b", "c", "d")

    def __getitem__(self, index: int) -> bb.Sample:
        image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(index))
        return bb.Sample(self.ids[index], image, label=0, mask=self.square(4))

    def fingerprint(self, index: int) -> str:
        return str(index)

    def square(self, start: int) -> Tensor:
        mask = torch.zeros(16, 16, dtype=torch.bool)
        mask[start : start + 4, start : start + 4] = True
        return mask

    def twin(self, index: int) -> bb.Sample:
        return bb.Sample(f"{index}/twin", torch.zeros(3, 16, 16), label=1)

    def instances(self, index: int) -> list[Any]:
        places = ((4, True), (9, True), (0, False))
        return [SimpleNamespace(mask=self.square(start), decides=decides) for start, decides in places]


def test_the_object_is_found_behind_what_the_engine_puts_around_it() -> None:
    innermost_data = DataWithTwins()
    assert isinstance(serial(innermost_data), Serial)
    assert innermost(RelabelledData(serial(innermost_data), {}, "")) is innermost_data
    assert has_twins(serial(innermost_data))


@pytest.mark.parametrize(("suite", "question"), [("weaknesses", "several instances, trained")])
def test_its_instances_are_what_the_trained_questions_ask_for(suite: str, question: str, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"models": {"net": seeded(Pooled)}, "methods": ["gradcam"], "metrics": ["sparseness"]}
    answer = (
        bb.Study(suite=suite, datasets={"own": DataWithTwins()}, layers="last", samples=4, **keys)
        .run(tmp_path, report=False)
        .answer()
    )
    assert answer is not None
    rows = answer.verdicts[(answer.verdicts["method"] == "gradcam") & (answer.verdicts["question"] == question)]
    assert rows["status"].tolist() == ["ok"]


def test_a_map_that_is_not_finite_in_the_suite_alone_is_a_row_with_the_reason(planted: None, tmp_path: Path) -> None:
    @bb.method("frail", needs="activation")
    def frail(layer: bb.Layer) -> Tensor:
        """Not finite on one image alone, which the suite's own maps are of."""
        heights = layer.activation.sum(1)
        return heights * float("nan") if len(heights) == 1 else heights

    keys: dict[str, Any] = {"models": {"net": seeded(Pooled)}, "methods": ["frail"], "metrics": ["sparseness"]}
    run = bb.Study(suite="weaknesses", datasets={"own": DataWithTwins()}, layers="last", samples=4, **keys)
    answer = run.run(tmp_path, report=False).answer()
    assert answer is not None
    rows = answer.verdicts.set_index("question")
    assert rows.loc["several instances", "status"] == "failed"
    assert "not finite" in str(rows.loc["several instances", "reason"])
    assert rows.loc["several instances, trained", "status"] == "ok"
