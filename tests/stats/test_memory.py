"""Memory of the statistics grows with the rows of a table by little more than what each row has to be in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchbench.results.schema import RESULTS, typed
from benchbench.stats import (
    Scale,
    intervals,
    leaderboard,
    pairwise,
    score_matrix,
    scores,
    standard_errors,
    trusted,
    win_shares,
)
from benchbench.stats.overall_ranking import overall_of
from benchbench.stats.pairwise import pairs_of

METHODS, METRICS = [f"method number {k}" for k in range(10)], ["deletion", "insertion"]
SCALES = {(name, "rise-224"): Scale(name == "insertion", 0.0, 1.0, "faithfulness") for name in METRICS}
FEW, MANY = 200, 2_000  # images
ROWS_OF_IMAGE = len(METHODS) * len(METRICS)


@cache
def table(images: int, lost: int) -> pd.DataFrame:
    """The results of so many images; ``lost``: the values of so many images failed."""
    rows = images * ROWS_OF_IMAGE
    names = [f"ILSVRC2012_val_{k:08d}.JPEG" for k in range(images)]
    each = list(product(METHODS, METRICS)) * images
    known: dict[str, Any] = {
        "model": "resnet50",
        "dataset": "imagenet",
        "sample": np.repeat(names, ROWS_OF_IMAGE),
        "label": 1,
        "target": 1,
        "layer": "layer4",
        "method": [method for method, _ in each],
        "metric": [metric for _, metric in each],
        "protocol": "rise-224",
        "value": np.random.default_rng(images).random(rows),
        "status": "ok",
        "reason": "",
    }
    results = typed(pd.DataFrame(known), RESULTS)
    places = results.index[: lost * ROWS_OF_IMAGE]
    results.loc[places, "value"] = np.nan
    results.loc[places, ["status", "reason"]] = ["failed", "out of memory"]
    return results


def peak(step: Callable[[], object]) -> int:
    """Bytes that a step holds at once, of Python and numpy and of Arrow's tables."""
    before = pa.default_memory_pool()
    arrow = pa.proxy_memory_pool(before)
    pa.set_memory_pool(arrow)
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1] + (arrow.max_memory() or 0)
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


STEPS: dict[str, tuple[Callable[[pd.DataFrame], object], float]] = {  # and how many times a row's bytes, at most
    "trusted": (lambda rows: trusted(SCALES, rows), 0.8),
    "scores": (lambda rows: list(scores(rows, SCALES)), 1.1),
    "leaderboard": (lambda rows: leaderboard(rows, 0, SCALES), 1.1),
    "standard errors": (standard_errors, 1.6),
}


@pytest.fixture(autouse=True)
def small_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed in blocks takes the same for every size; so it does here, where sizes are small."""
    monkeypatch.setattr(intervals, "RESAMPLES", 10)
    monkeypatch.setattr(intervals, "_COLUMNS_AT_ONCE", 4)
    for module, name in ((score_matrix, "_ROW_VALUES_AT_ONCE"), (win_shares, "_PAIRS_AT_ONCE")):
        monkeypatch.setattr(module, name, 10_000)
    monkeypatch.setattr(pairwise, "_VALUES_AT_ONCE", 10_000)


def slope(step: Callable[[Any], object], few: Any, many: Any) -> float:
    """Bytes for each further image."""
    return (peak(lambda: step(many)) - peak(lambda: step(few))) / (MANY - FEW)


@pytest.mark.parametrize("lost", [0, 1], ids=["whole", "an image that failed"])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_takes_little_more_for_a_row_than_the_row_does(name: str, lost: int) -> None:
    """Where a value failed too, which no step may answer with a copy of all other rows and columns."""
    (step, most), many = STEPS[name], table(MANY, lost)
    a_row = many.memory_usage(deep=True).sum() / len(many)
    assert 100 < a_row < 250
    assert slope(step, table(FEW, lost), many) < most * a_row * ROWS_OF_IMAGE


@pytest.mark.parametrize(("name", "most"), [("order", 6.5), ("pairs", 2.4)])
def test_comparisons_of_all_pairs_take_a_few_numbers_for_a_pair(name: str, most: float) -> None:
    """Of an image and a pair of methods, however many comparisons there are."""
    steps = {"order": lambda every: overall_of(every, 0, 2), "pairs": lambda every: pairs_of(every[:1])}
    few, many = (tuple(scores(table(images, 0), SCALES)) for images in (FEW, MANY))
    pairs = len(METHODS) * (len(METHODS) - 1) // 2
    assert slope(steps[name], few, many) < most * 8 * pairs
