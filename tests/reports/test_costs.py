"""Costs: noise by hand, a group per layer, and one group for data sets that agree."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchbench.reports.html import document
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.costs import CostTable, cost_tables, within_noise
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .reading import read, section, words

METHODS = ("gradcam", "layercam", "scorecam")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Two data sets and two layers, with the same costs everywhere."""
    fake = Fake(datasets=["photos", "cutouts"], methods=METHODS, controls=["random"], samples=["a", "b", "c"])
    record = fake_record(tmp_path_factory.mktemp("costs"), fake)
    results = record.results.copy()
    for method, median in (("gradcam", 22.5), ("layercam", 22.8), ("scorecam", 96.0), ("random", 1.0)):
        change(results, method, median, median - 0.5, median + 0.5)
    return with_results(record, results)


def change(results: pd.DataFrame, method: str, *runtime: float, **where: str) -> None:
    rows = results["method"] == method
    for column, value in where.items():
        rows &= results[column] == value
    for name, number in zip(("runtime", "runtime.q1", "runtime.q3"), runtime, strict=True):
        results.loc[rows & (results["metric"] == name), "value"] = number
    results.loc[rows & (results["metric"] == "peak_memory"), "value"] = 12.5


def with_results(record: Record, results: pd.DataFrame) -> Record:
    return Record(record.folder, record.info, results, record.curves, record.maps, record.photos)


def table_of(record: Record) -> CostTable:
    (table,) = cost_tables(Board(record).blocks)
    return table


def test_a_group_per_layer_and_data_sets_that_agree_are_one(record: Record) -> None:
    table = table_of(record)
    assert [(g.block.layer, g.block.dataset, g.same) for g in table.groups] == [
        ("stage3", "photos", ("cutouts",)),
        ("stage4", "photos", ("cutouts",)),
    ]
    assert [metric.name for metric in table.metrics] == ["runtime", "peak_memory", "passes"]


@pytest.mark.parametrize(("shift", "agrees"), [(0.9, True), (1.1, False)])
def test_data_sets_agree_while_quartiles_overlap(record: Record, shift: float, agrees: bool) -> None:
    results = record.results.copy()
    moved = 96.0 + shift
    change(results, "scorecam", moved, moved - 0.5, moved + 0.5, dataset="cutouts", layer="stage4")
    groups = [(g.block.layer, g.block.dataset, g.same) for g in table_of(with_results(record, results)).groups]
    last = [("stage4", "photos", ("cutouts",))] if agrees else [("stage4", "photos", ()), ("stage4", "cutouts", ())]
    assert groups == [("stage3", "photos", ("cutouts",)), *last]


def test_a_cost_that_is_missing_on_one_data_set_keeps_them_apart(record: Record) -> None:
    results = record.results.copy()
    rows = (results["method"] == "scorecam") & (results["dataset"] == "cutouts") & (results["metric"] == "peak_memory")
    results.loc[rows, ["value", "status", "reason"]] = [None, "failed", "no memory"]
    assert len(table_of(with_results(record, results)).groups) == 4


def test_what_is_cheapest_within_the_noise(record: Record) -> None:
    runtime, memory, passes = table_of(record).metrics
    group = table_of(record).groups[0]
    assert group.cheapest(runtime) == ("gradcam", "layercam"), "22.5 against 22.8 ms; the control is not ranked"
    assert group.cheapest(memory) == METHODS, "equal as shown"
    assert group.cheapest(passes) == ("gradcam", "layercam")
    results = record.results.copy()
    change(results, "layercam", 23.6, 23.1, 24.1)
    assert table_of(with_results(record, results)).groups[0].cheapest(runtime) == ("gradcam",)


def test_quartiles_that_touch_are_noise(record: Record) -> None:
    first, second, third = (row.cell(table_of(record).metrics[0]) for row in table_of(record).groups[0].block.methods)
    assert within_noise(first, second)
    assert within_noise(second, first)
    assert not within_noise(first, third)


def test_the_page_marks_noise_and_prints_nothing_bold_there(record: Record, tmp_path: Path) -> None:
    cost = section(read(document.render(Marked.of(record))), "cost")
    text = words(cost.text)
    assert "stage4 · photos; the same within the noise on cutouts" in text
    assert "22.5 ≈ (the same within the noise as the cheapest) [22.0, 23.0] of 5 runs" in text
    assert [td for td in cost.all("td") if td.all("strong")] == []
    assert [td for td in cost.all("td") if td.all("u")] == []
    assert len([table for table in cost.all("table") if "board" in table.classes()]) == 1
    body = next(body for body in cost.all("tbody") if "label" in body.classes())
    assert body.attributes["data-data"] == "", "it stays whatever data set is chosen"
    results = record.results.copy()
    change(results, "layercam", 23.6, 23.1, 24.1)
    cost = section(read(document.render(Marked.of(with_results(record, results)))), "cost")
    assert {words(td.all("strong")[0].text) for td in cost.all("td") if td.all("strong")} == {"22.5"}
