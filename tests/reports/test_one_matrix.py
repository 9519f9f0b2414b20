"""Letters, daggers, counts and sentences are read off one matrix of verdicts, whatever that matrix is."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.reports.html.significance import Decided
from benchbench.reports.leaderboard import summary
from benchbench.reports.leaderboard.independence import dependence, extended
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.statement import statement
from benchbench.reports.leaderboard.verdicts import Verdicts
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .shared import board_of, marked_of

METHODS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return fake_record(tmp_path_factory.mktemp("one"), Fake(layers=["last"], methods=METHODS, controls=["random"]))


def judged(record: Record, seed: int) -> tuple[Marked, pd.DataFrame]:
    """The run with verdicts drawn at random, and the p values that go with them; and the pairs of deletion."""
    draw, table = np.random.default_rng(seed), marked_of(record).verdicts.pairs.copy()
    words = draw.choice(["better", "worse", "equivalent", "inconclusive"], len(table))
    table["verdict"] = words
    table["p_holm"] = np.where(np.isin(words, ["better", "worse"]), 0.01, 0.5)
    table["effect"] = np.select([words == "better", words == "worse"], [0.7, -0.7], 0.1)
    marked = Marked(Verdicts(board_of(record)))
    marked.verdicts.__dict__["pairs"] = table  # in place of what it would compute
    pairs = table[(table["metric"] == "deletion") & ~table["against_control"].astype(bool)]
    return marked, pairs


@pytest.mark.parametrize("seed", range(25))
def test_letters_daggers_and_counts_agree_with_every_verdict(record: Record, seed: int) -> None:
    marked, pairs = judged(record, seed)
    verdict = {(str(a), str(b)): str(word) for a, b, word in pairs[["method", "other", "verdict"]].to_numpy()}
    verdict |= {(b, a): {"better": "worse", "worse": "better"}.get(word, word) for (a, b), word in verdict.items()}
    marks = {key[3]: shown.mark for key, shown in marked.cells.items() if key[4] == "deletion" and key[3] in METHODS}
    best = [name for name in METHODS if marks[name].best]
    for first, second in itertools.combinations(METHODS, 2):
        share = bool(set(marks[first].letters) & set(marks[second].letters))
        assert share == (verdict[first, second] not in ("better", "worse"))
    for name in METHODS:
        worse = name not in best and any(verdict[name, winner] == "worse" for winner in best)
        assert marks[name].worse == worse
    decided = Decided(marked)
    (contest,) = [each for each in decided.contests if each.metric.name == "deletion"]
    words = list(pairs["verdict"])
    significant, alike = sum(w in ("better", "worse") for w in words), words.count("equivalent")
    assert contest.counts == (significant, alike, len(words) - significant - alike)
    sentence = next(text for text in summary.findings(marked) if text.startswith("Deletion"))
    mentions = {
        name: re.search(rf"\b{name}\b", sentence.split("No significant difference from")[-1].split(".")[0])
        for name in METHODS
    }
    if len(best) == 1 and "No significant difference from" in sentence:
        level = [name for name in METHODS if name not in best and verdict[name, best[0]] not in ("better", "worse")]
        assert [name for name in METHODS if mentions[name] and name not in best] == level


def test_a_method_that_beats_the_best_mean_by_ranks_is_named(tmp_path: Path) -> None:
    """One image on which it is far off costs it the mean; it wins all others."""
    samples = [f"photo-{i:02d}" for i in range(30)]
    record = fake_record(tmp_path, Fake(layers=["last"], methods=METHODS, samples=samples))
    rows = record.results.copy()
    number = rows["sample"].str.removeprefix("photo-").astype("float")
    for method, level in zip(METHODS, (0.3, 0.31, 0.5, 0.5, 0.5, 0.5), strict=True):
        chosen = (rows["metric"] == "deletion") & (rows["method"] == method)
        rows.loc[chosen, "value"] = level + 0.001 * number[chosen]
    rare = (rows["metric"] == "deletion") & (rows["method"] == "b")
    rows.loc[rare, "value"] -= 0.02
    rows.loc[rare & (number == 3), "value"] = 0.95
    marked = Marked.of(replace(record, results=rows))
    sentence = next(text for text in summary.findings(marked) if text.startswith("Deletion"))
    assert "a has the best mean" in sentence
    assert "b is significantly better than it by the paired test, which compares ranks and not means." in sentence
    assert "from b" not in sentence


def with_info(record: Record, **more: object) -> Record:
    return replace(record, info={**record.info, **more})


def test_images_that_belong_together_are_said_everywhere(record: Record) -> None:
    data = record.info["datasets"][0]
    samples = list(data["samples"])
    changed = {
        **data,
        "samples": {name: f"mark {i % 6}" for i, name in enumerate(samples)},
        "groups": {samples[0]: "film", samples[1]: "film"},
    }
    grouped = with_info(record, datasets=[changed])
    (sentence,) = dependence(grouped.info)
    expected = (
        "photos: 12 images, 5 independent units: 2 images share a group with others and 6 images are copies of others."
    )
    assert sentence.startswith(expected)
    shown_twice = {**changed, "samples": {name: f"mark {max(i, 1)}" for i, name in enumerate(samples)}}
    (alone,) = dependence(with_info(record, datasets=[shown_twice]).info)
    assert "11 independent units: 2 images share a group with others. " in alone, "samples of one picture are its group"
    marked = Marked.of(grouped)
    assert sentence in summary.loud(marked.board)
    assert sentence in statement(marked)
    assert {block.counted for block in marked.board.blocks} == {"12 images (5 independent)"}
    assert set(marked.verdicts.pairs["n"]) == {5}
    assert dependence(record.info) == []


def test_a_run_that_grew_says_so(record: Record) -> None:
    earlier = [{"created": "2026-01-01T10:00:00+00:00", "images": {"photos": 6}, "added": ["the methods b, c"]}]
    grown = with_info(record, earlier=earlier)
    first, second = extended(grown.info)
    assert first.startswith("This run was extended after results existed (2026-01-01: 6 images of photos).")
    assert second == "After results existed (2026-01-01), this run was extended by the methods b, c."
    marked = Marked.of(grown)
    assert {first, second} <= set(summary.loud(marked.board))
    assert first in statement(marked)
    assert extended(record.info) == []


def test_a_run_in_which_something_failed_does_not_claim_that_all_was_scored(record: Record, tmp_path: Path) -> None:
    assert "Every method was scored on the same 12 images of photos." in statement(marked_of(record))
    failing = fake_record(tmp_path, Fake(layers=["last"], methods=METHODS, failing="b"))
    paragraph = statement(Marked.of(failing))
    assert "was scored on the same" not in paragraph
    assert "Every method was run on the same 12 images of photos." in paragraph
    assert "Without a value: b" in paragraph


def _lose(rows: Any, which: Any, status: str, reason: str) -> None:
    rows.loc[which, "value"] = float("nan")
    rows.loc[which, "status"] = status
    rows.loc[which, "reason"] = reason


def test_methods_that_lost_the_same_stand_together(record: Record) -> None:
    rows = record.results.copy()
    everywhere = (rows["metric"] == "deletion") & (rows["sample"] == "photo-00")
    _lose(rows, everywhere, "not_applicable", "nothing to delete")
    paragraph = statement(Marked.of(replace(record, results=rows)))
    assert "Without a value: each method (1 not applicable of 60 scores each)." in paragraph
    more = everywhere | (
        rows["method"].isin(["a", "b"]) & (rows["metric"] == "insertion") & (rows["sample"] == "photo-01")
    )
    _lose(rows, more, "failed", "out of memory")
    paragraph = statement(Marked.of(replace(record, results=rows)))
    assert "Without a value: a and b (2 failed of 60 scores each) and c, d, e, f and random (1 failed" in paragraph


def test_a_range_that_values_leave_is_said(record: Record) -> None:
    rows = record.results.copy()
    rows.loc[(rows["metric"] == "deletion") & (rows["method"] == "a"), "value"] = 4.9
    loud = " ".join(summary.loud(Marked.of(replace(record, results=rows)).board))
    assert "deletion (rise-28) has values outside its declared range, 0 to 1." in loud
    assert "outside its declared range" not in " ".join(summary.loud(board_of(record)))
