"""Controls that win: which of them fail a metric, and methods without a layer beside those with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor

import benchbench as bb
from benchbench.reports.html import document
from benchbench.reports.latex import leaderboard as latex
from benchbench.reports.leaderboard import summary
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.findings import across_settings, findings_of
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.terminal.overview import Overview
from benchbench.results.record import Record, with_network_rows
from benchbench.vocabulary import INPUT

from ..networks import Pooled, seeded
from .fake import Fake, fake_record
from .reading import words
from .shared import board_of, html_of, marked_of


@pytest.fixture(scope="module")
def won(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """random wins deletion at stage3; a blurred twin of a method wins insertion there, and the oracle average drop."""
    twin, oracle = "blurred(of=gradcam)", "oracle"
    fake = Fake(controls=("random", "center", twin, oracle))
    record = fake_record(tmp_path_factory.mktemp("won"), fake)
    rows = record.results.copy()
    here = (rows["layer"] == "stage3") & (rows["status"] == "ok")
    for name, metric, value in (
        ("random", "deletion", 0.001),
        (twin, "insertion", 0.999),
        (oracle, "average_drop", 0.0),
    ):
        rows.loc[here & (rows["method"] == name) & (rows["metric"] == metric), "value"] = value
    info = {**record.info, "methods": [dict(m) for m in record.info["methods"]]}
    for m in info["methods"]:
        m["parameters"] = {"of": "gradcam"} if m["name"] == twin else m["parameters"]
        m["needs"] = ["input", "mask"] if m["name"] == oracle else m["needs"]
    return replace(record, results=rows, info=info)


def test_only_a_control_that_knows_nothing_games_a_metric(won: Record) -> None:
    board = board_of(won)
    assert board.uninformed == {"random", "center"}
    assert board.gamed == {("tinynet", "photos", "stage3", "deletion", "rise-28"): ["random"]}
    stage3, stage4 = board.blocks
    assert {m.name: m.gamed for m in stage3.quality if m.gamed} == {"deletion": ("random",)}
    assert not any(m.gamed for m in stage4.metrics)


def test_the_mark_is_seen(won: Record) -> None:
    page = html_of(won)
    assert page.count("fails sanity check<span") == 1
    assert "random beat every method" in page
    text = " ".join(summary.findings(marked_of(won)))
    assert "The metric fails the sanity check in 1 setting: a control beats every method." in text
    from rich.console import Console

    console = Console(width=80, record=True)
    console.print(Overview(marked_of(won), verbose=True))
    assert console.export_text().count("fails sanity") == 1
    assert r"$^{\ddagger}$" in latex.render(marked_of(won))


def lone_method(folder: Path, random: float | None) -> Record:
    """A run of a single method and the control random, whose deletion is ``random``; None: random has no values."""
    fake = Fake(methods=("gradcam",), controls=("random",), layers=("stage4",), quality=("deletion",))
    record = fake_record(folder, fake)
    rows = record.results.copy()
    here = (rows["method"] == "random") & (rows["metric"] == "deletion")
    if random is None:
        return replace(record, results=rows[~here])
    rows.loc[here, "value"] = random
    return replace(record, results=rows)


@pytest.mark.parametrize(
    ("random", "fails", "unbeaten"),
    [
        (0.0001, "random", "passes"),
        (0.9999, "", "passes"),
        (None, "", "not checked: no control has the same images as a method"),
    ],
)
def test_a_single_method_is_held_against_controls(
    random: float | None, fails: str, unbeaten: str, tmp_path: Path
) -> None:
    marked = marked_of(lone_method(tmp_path, random))
    (finding,) = findings_of(marked, marked.board.blocks[0])
    assert finding.why_none == "only gradcam has a value"
    assert (finding.best, finding.beaten_by, finding.unbeaten) == ((), fails, unbeaten)
    says = "The control random has a better mean than every method: the metric fails the sanity check"
    assert (says in " ".join(summary.findings(marked))) is bool(fails)
    page = html_of(marked.board.record)
    assert ("fails: random beats every method" in page) is bool(fails)
    assert "heat-table" not in page, "a heat map of a single method compares nothing"


@pytest.mark.parametrize(
    ("controls", "check"),
    [
        ({"random": 0.3, "center": 0.5}, "tie: random as good as the best"),
        ({"random": 0.3, "center": 0.3}, "tie: random and center as good as the best"),
        ({"random": 0.31, "center": 0.5}, "passes"),
        ({"random": 0.29, "center": 0.3}, "passes"),  # it fails: the page says that in its place
    ],
)
def test_a_control_as_good_as_the_best_is_no_pass(controls: dict[str, float], check: str, tmp_path: Path) -> None:
    fake = Fake(methods=("gradcam", "scorecam"), controls=tuple(controls), layers=("a", "b"), quality=("deletion",))
    record = fake_record(tmp_path, fake)
    rows = record.results.copy()
    here = (rows["metric"] == "deletion") & (rows["layer"] == "a")
    for name, value in {"gradcam": 0.3, "scorecam": 0.4, **controls}.items():
        rows.loc[here & (rows["method"] == name), "value"] = value
    rows.loc[(rows["layer"] == "b") & rows["method"].isin(list(controls)), "value"] = 0.9999
    marked = marked_of(replace(record, results=rows))
    first, second = (findings_of(marked, block)[0] for block in marked.board.blocks)
    assert (first.unbeaten, bool(first.beaten_by)) == (check, controls["random"] < 0.3)
    assert second.unbeaten == "passes"
    (across,) = across_settings(marked)
    says = [
        "Under deletion AUC (in 1 setting) a control has the same mean as the best method. "
        "It does not tell a method from a control there."
    ]
    assert [text for text in summary.loud(marked.board) if "same mean" in text] == (says if "tie" in check else [])
    assert across.unbeaten == ("passes in 1 of 2; a control ties with the best in 1" if "tie" in check else "passes")


def lose(rows: pd.DataFrame, which: pd.Series[bool], status: str) -> None:
    lost: dict[str, float | str] = {"value": float("nan"), "status": status, "reason": "no masks"}
    for column, value in lost.items():
        rows.loc[which, column] = value


def test_why_there_is_no_best_is_said(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(methods=("gradcam", "scorecam"), layers=("a",), quality=("deletion",)))
    rows = record.results.copy()
    scored = rows["metric"] == "deletion"
    none, half = rows.copy(), rows.copy()
    lose(none, scored, "not_applicable")
    first, second = sorted(rows["sample"].dropna().unique())[:2]
    for method, sample in (("gradcam", first), ("scorecam", second)):
        lost = scored & (rows["method"] == method) & (rows["sample"] == sample)
        lose(half, lost, "failed")
    expected = ("no method has a value: see Missing values and map health", "no two methods have means over the same")
    for results, why in zip((none, half), expected, strict=True):
        marked = marked_of(replace(record, results=results))
        (finding,) = findings_of(marked, marked.board.blocks[0])
        assert finding.why_none.startswith(why)


@pytest.fixture(scope="module")
def run(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    study = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": images},
        layers=["relu", "stage1"],
        methods=["gradcam", "saliency", "fakecam", "random"],
        metrics=["deletion", "average_drop", "passes"],
    )
    return study.run(tmp_path_factory.mktemp("run"))


def test_what_has_no_layer_stands_at_every_layer(run: bb.Run) -> None:
    shown = with_network_rows(run.record)
    assert set(run.record.results["layer"]) == {"relu", "stage1", INPUT}
    assert set(shown.results["layer"]) == set(shown.maps["layer"]) == set(shown.curves["layer"]) == {"relu", "stage1"}
    whole = run.record.results[run.record.results["method"] == "saliency"]
    for layer in ("relu", "stage1"):
        here = shown.results[(shown.results["layer"] == layer) & (shown.results["method"] == "saliency")]
        assert here["value"].tolist() == whole["value"].tolist()
    assert dict(shown.results.dtypes) == dict(run.record.results.dtypes)
    assert not run.leaderboard().duplicated(["layer", "method", "metric", "protocol"]).any()
    assert set(run.leaderboard()["layer"]) == {"relu", "stage1"}, "as the report compares them"
    assert set(run.table["layer"]) == {"relu", "stage1", INPUT}, "the tidy table says where a map comes from"


def test_the_report_compares_them_in_one_table(run: bb.Run) -> None:
    board = board_of(run.record)
    assert [block.layer for block in board.blocks] == ["relu", "stage1"]
    for block in board.blocks:
        assert {row.method for row in block.methods} == {"Grad-CAM", "Gradient"}
        assert {row.method for row in block.controls} == {"Fake-CAM", "Random map"}
    drop = [c for c in board.contests if c.key[3] == "average_drop"]
    assert all("Fake-CAM" in board.gamed[c.key] for c in drop), "image x ones is the image"


def test_alone_the_input_image_stays_a_place(images: Tensor, tmp_path: Path) -> None:
    study = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": images},
        methods=["saliency", "occlusion"],
        metrics=["deletion"],
    )
    board = Board(study.run(tmp_path).record)
    assert [block.layer for block in board.blocks] == [INPUT]
    assert words(document.render(Marked.of(board.record)))
