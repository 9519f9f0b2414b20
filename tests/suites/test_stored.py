"""The stored verdicts of the suites: of controls, of the truth, and against those of a new run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import benchbench as bb

from .stored import HOME, NAMES, differences, stored, verdicts_of

BLIND = ["random", "uniform", "center", "sobel", "fakecam"]  # controls that never look at the network
GUARD = ["no-false-alarm"]  # a question that a map without the cue passes, as its page says
TRUTH = {
    "theorem": "cam",
    "bias": "Truth (oracle)",
    "sanity": None,
}  # what must pass, where it is not the control oracle


def test_every_suite_has_its_file() -> None:
    assert sorted(path.stem for path in HOME.glob("*.csv")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_control_passes(name: str) -> None:
    """A suite that a control passes is a fault of the suite."""
    rows = stored(name).reset_index()
    blind = rows[rows["method"].isin(BLIND) & ~rows["question"].isin(GUARD)]
    assert len(blind)
    passing = blind[blind["passes"].astype(str).str.lower() == "true"]
    assert passing.empty, passing


@pytest.mark.parametrize("name", [name for name in NAMES if TRUTH.get(name, "oracle")])
def test_the_truth_passes(name: str) -> None:
    rows = stored(name).reset_index()
    truth = rows[(rows["method"] == TRUTH.get(name, "oracle")) & (rows["status"] == "ok")]
    if name == "theorem":
        truth = truth[truth["question"] == "cam"]
    assert len(truth)
    assert (truth["passes"].astype(str).str.lower() == "true").all(), truth


def test_a_run_of_a_part_has_the_stored_numbers(tmp_path: Path) -> None:
    """One network and three methods of the suite theorem: the same images, so the same scores."""
    keys = {"models": ["zoo_residual"], "methods": ["cam", "gradcam", "random"]}
    now = verdicts_of(bb.Study(suite="theorem", **keys).run(tmp_path / "run", report=False))
    before = stored("theorem")
    assert list(differences(before.loc[before.index.intersection(now.index)], now)) == []
    assert len(now) > 10


def test_what_a_reader_would_not_expect_is_said() -> None:
    before = stored("fooling")
    assert list(differences(before, before)) == []
    key = before.index[before["low"].notna() & (before["passes"].astype(str).str.lower() == "true")][0]
    moved = before.copy()
    moved.loc[key, ["score", "passes"]] = [before.loc[key, "low"] - 0.01, False]
    lines = list(differences(before, moved))
    assert len(lines) == 2
    assert "passed before, fails now" in lines[1]
    assert [line.split(": ")[1] for line in differences(before, before.drop(key))] == ["missing now"]
    failed = before.copy()
    failed.loc[key, ["status", "reason"]] = ["failed", "no"]
    assert "ok before, failed now (no)" in next(differences(before, failed))
    unsure = before.copy()
    unsure.loc[key, "passes"] = pd.NA
    assert list(differences(before, unsure)) == []
