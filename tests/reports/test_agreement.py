"""Rank agreement between metrics and protocols: by hand, through a run, and in the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor

import benchbench as bb
from benchbench.reports.html import document
from benchbench.reports.leaderboard.marks import Marked
from benchbench.stats import agreement

from ..networks import Pooled, seeded
from .shared import html_of


def board(means: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    rows = [
        {"model": "m", "dataset": "d", "layer": "l", "method": name, "metric": metric, "protocol": protocol, "n": 3,
         "mean": mean}
        for (metric, protocol), column in means.items()
        for name, mean in zip("abcd", column, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_by_hand() -> None:
    up, down, swapped, flat = ("up", "p"), ("down", "p"), ("up", "q"), ("flat", "p")
    table = board({up: [1, 2, 3, 4], down: [4, 3, 2, 1], swapped: [2, 1, 3, 4], flat: [5, 5, 5, 5]})
    pairs = agreement(table, {up: True, down: False, swapped: True, flat: True})
    tau = {
        ((r["metric"], r["protocol"]), (r["other_metric"], r["other_protocol"])): r["tau"]
        for r in pairs.to_dict("records")
    }
    assert tau[up, down] == pytest.approx(1), "lower is better there"
    assert tau[up, swapped] == pytest.approx(4 / 6), "one of six pairs the other way round"
    assert pairs["tau"].isna().sum() == 3, "nothing is ordered by equal means"
    assert len(pairs) == 6
    assert set(pairs["methods"]) == {4}
    less = agreement(table, {up: True, swapped: True}, controls=["c", "d"])
    assert less["tau"].tolist() == pytest.approx([-1])
    assert less["methods"].tolist() == [2]
    missing = table[~((table["method"] == "a") & (table["protocol"] == "q"))]
    assert agreement(missing, {up: True, swapped: True})["methods"].tolist() == [3]


def test_fills_of_one_metric_in_the_report(images: Tensor, tmp_path: Path) -> None:
    run = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": images},
        layers=["relu"],
        methods=["gradcam", "layercam", "eigencam", "random"],
        metrics=["deletion", "deletion@rise-28-mean", "deletion@rise-28-blur", "average_drop"],
    ).run(tmp_path)
    pairs = run.agreement()
    assert len(pairs) == 6
    assert pairs["tau"].between(-1, 1).all()
    page = html_of(run.record)
    assert 'id="agreement"' in page
    assert page.count("rise-28-mean, ") + page.count(", <bdi>rise-28-mean") >= 1


def test_without_a_second_protocol_there_is_no_such_section(images: Tensor, tmp_path: Path) -> None:
    study = bb.Study(models={"n": seeded(Pooled)}, datasets={"d": images}, methods=["cam"], metrics=["deletion"])
    assert 'id="agreement"' not in document.render(Marked.of(study.run(tmp_path).record))
