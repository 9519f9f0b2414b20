"""Answers of metrics that are not what they must be fail their own rows, and no picture is scored again for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchbench.errors import NotApplicable
from benchbench.evaluation.evaluate import evaluate
from benchbench.maps.map_batch import MapBatch
from benchbench.network.reference_batch import ReferenceBatch, pixels_of
from benchbench.network.scorer import Scorer
from benchbench.registry import METRICS, metric
from benchbench.study.plan import MapCell, MetricCell
from benchbench.study.spec import read_method, read_metric
from benchbench.types import Preprocess, Scored, Seen
from benchbench.types.batch import ImageBatch
from benchbench.vocabulary import Status

from ..networks import Pooled, seeded

COUNT = 5
OK: Status = "ok"


def _raise() -> Scored:
    raise NotApplicable("means nothing here")


ANSWERS: dict[str, tuple[Any, str, str]] = {
    "list-curve": (
        lambda p: Scored(p, curve=([0.0, 1.0], p[:, None].repeat(1, 2))),  # type: ignore[arg-type]
        "failed",
        "the curve is not a pair of tensors",
    ),
    "list-levels": (
        lambda p: Scored(p, levels=([0.0], p[:, None])),  # type: ignore[arg-type]
        "failed",
        "the levels is not a pair of tensors",
    ),
    "too-few": (lambda p: Scored(p[:1].repeat(2)), "failed", "the metric's value is of shape (2,)"),
    "no-meaning": (lambda p: _raise(), "not_applicable", "means nothing here"),
    "row-vector": (lambda p: Scored(p[None]), "ok", ""),
    "column": (lambda p: Scored(p[:, None]), "ok", ""),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_only_the_rows_of_the_metric_itself_are_touched(kind: str) -> None:
    answer, status, reason = ANSWERS[kind]

    @metric("odd-answer", higher_is_better=True, needs="probes", protocols={"only": {}}, unit="none")
    def odd_answer(seen: Seen) -> Scored:
        """Answers something."""
        scored: Scored = answer(seen.whole_probability.double())
        return scored

    try:
        alone, forwards = pages(["deletion"])
        beside, more = pages(["deletion", "odd-answer"])
    finally:
        METRICS.remove("odd-answer")
    assert more == forwards
    assert beside["deletion"] == alone["deletion"]
    entries = beside["odd-answer"]["samples"].values()
    assert {entry["status"] for entry in entries} == {status}
    assert all(entry["reason"].startswith(reason) for entry in entries)
    if status == "ok":
        assert len({entry["value"] for entry in entries}) == COUNT


def pages(names: list[str]) -> tuple[dict[str, Any], int]:
    """By metric its page, and how many forwards all took."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(COUNT, 3, 64, 64, generator=generator)
    network, ids = seeded(Pooled), tuple("abcde")
    batch = ImageBatch(ids, images, (None,) * COUNT, None, ("",) * COUNT)
    holder = MapCell("maps", "layer", read_method("gradcam"), "")
    maps = {"maps": MapBatch(torch.rand(COUNT, 4, 4, generator=generator), ("",) * COUNT, (OK,) * COUNT)}
    zero = torch.zeros(COUNT, dtype=torch.long)
    scorer = Scorer(network, 4)
    reference = ReferenceBatch(network, scorer, ids, pixels_of(batch, 0, Preprocess()), None, zero, zero, 0)
    cells = [MetricCell(name, holder, read_metric(name)) for name in names]
    return evaluate(cells, maps, reference), scorer.passes.forwards
