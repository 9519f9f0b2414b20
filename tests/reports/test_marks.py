"""Marks: best, second, significantly worse, and the standard error, against planted values."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .shared import marked_of

METHODS = ["good", "near", "bad", "worst", "cam"]


def planted(folder: Path, means: dict[str, float]) -> Marked:
    """Deletion has these means at ``last``, with one noise for each method."""
    record = fake_record(folder, Fake(layers=["last"], methods=METHODS, controls=["random"]))
    rows = record.results.copy()
    for number, (name, level) in enumerate(means.items()):
        chosen = (rows["metric"] == "deletion") & (rows["method"] == name)
        noise = np.random.default_rng(number).normal(0, 0.01, int(chosen.sum()))
        rows.loc[chosen, "value"] = level + noise - noise.mean()
    return Marked.of(dataclasses.replace(record, results=rows))


def marks_of(marked: Marked) -> dict[str, object]:
    return {key[3]: shown.mark for key, shown in marked.cells.items() if key[4] == "deletion"}


def test_best_second_and_worse(tmp_path: Path) -> None:
    marks = marks_of(planted(tmp_path, {"good": 0.2, "near": 0.201, "bad": 0.4, "worst": 0.5, "random": 0.1}))
    assert [name for name, mark in marks.items() if mark.best] == ["good"]  # type: ignore[attr-defined]
    assert [name for name, mark in marks.items() if mark.second] == ["near"]  # type: ignore[attr-defined]
    assert [name for name, mark in marks.items() if mark.worse] == ["bad", "worst"]  # type: ignore[attr-defined]


def test_a_shared_second_and_a_shared_best(tmp_path: Path) -> None:
    shared = marks_of(planted(tmp_path / "a", {"good": 0.2, "near": 0.3, "bad": 0.3, "worst": 0.5}))
    assert [name for name, mark in shared.items() if mark.second] == ["near", "bad"]  # type: ignore[attr-defined]
    best = marks_of(planted(tmp_path / "b", {"good": 0.2, "near": 0.2, "bad": 0.3, "worst": 0.5}))
    assert [name for name, mark in best.items() if mark.best] == ["good", "near"]  # type: ignore[attr-defined]
    assert not [name for name, mark in best.items() if mark.second]  # type: ignore[attr-defined]


def test_an_incomplete_method_is_neither(plain: Record) -> None:
    for key, shown in marked_of(plain).cells.items():
        if key[3] == "layercam" and not shown.cell.metric.is_cost:
            assert not shown.mark.best
            assert not shown.mark.second
            assert shown.footnotes


def test_p_is_that_against_the_best(plain: Record) -> None:
    marked = marked_of(plain)
    for key, shown in marked.cells.items():
        best = [k[3] for k, s in marked.cells.items() if s.mark.best and (*k[:3], *k[4:]) == (*key[:3], *key[4:])]
        rows = marked.verdicts.pairs
        contest = (key[0], key[1], key[2], key[4], key[5])
        rows = rows[(rows[["model", "dataset", "layer", "metric", "protocol"]] == list(contest)).all(axis=1)]
        rows = rows[~rows["against_control"].astype(bool)]
        pair = rows[
            ((rows["method"] == key[3]) & rows["other"].isin(best))
            | ((rows["other"] == key[3]) & rows["method"].isin(best))
        ]
        known = pair["p_holm"].dropna()
        if key[3] in best or known.empty:
            assert np.isnan(shown.mark.p)
        else:
            assert shown.mark.p == pytest.approx(known.min())


def test_the_standard_error_is_that_of_the_mean(plain: Record) -> None:
    table = marked_of(plain).table()
    row = table[(table["method"] == "gradcam") & (table["metric"] == "deletion")].iloc[0]
    rows = plain.results
    chosen = rows[(rows["method"] == "gradcam") & (rows["metric"] == "deletion") & (rows["layer"] == row["layer"])]
    assert row["error"] == pytest.approx(np.std(chosen["value"], ddof=1) / np.sqrt(len(chosen)))
    assert table.loc[table["kind"] == "cost", "error"].isna().all()
    assert isinstance(table, pd.DataFrame)
