"""Localisation by object size and class in the page: from a study with masks, and against the run's own groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.reports.html import document, subgroups
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from ..networks import Pooled, seeded
from .fake import Fake, fake_record
from .reading import read, words
from .shared import board_of, elements_of, marked_of

SIDES = (8, 16, 24, 32, 40, 48)


@pytest.fixture(scope="module")
def run(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    """Six images of 64 x 64 with square objects of six sizes, in two classes."""
    masks = torch.zeros(6, 64, 64, dtype=torch.bool)
    for mask, side in zip(masks, SIDES, strict=True):
        mask[4 : 4 + side, 8 : 8 + side] = True
    return bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": (images, [0, 1, 0, 1, 0, 0], masks)},
        layers=["relu"],
        methods=["gradcam", "layercam", "random"],
        metrics=["energy_pointing_game", "attribution_auc", "deletion", "passes"],
    ).run(tmp_path_factory.mktemp("groups"))


def test_the_share_of_each_mask_is_kept(run: bb.Run) -> None:
    photos = run.record.photos.sort_values("sample")
    np.testing.assert_array_equal(photos["object_share"], [side**2 / 64**2 for side in SIDES])


def test_groups_of_a_run_are_means_over_their_images(run: bb.Run) -> None:
    for by, members in {
        "size": {"small": [0, 1], "medium": [2, 3], "large": [4, 5]},
        "class": {"class 0": [0, 2, 4, 5], "class 1": [1, 3]},
    }.items():
        board = run.by_group(by)
        assert len(board) == 3 * 3 * len(members), "no cost is in a group"
        for row in board.to_dict("records"):
            rows = run.table[(run.table["method"] == row["method"]) & (run.table["metric"] == row["metric"])]
            chosen = rows.sort_values("sample")["value"].to_numpy()[members[row["group"]]]
            assert row["mean"] == pytest.approx(chosen.mean())
            assert row["n"] == len(chosen)


def test_the_page_says_what_the_groups_are(run: bb.Run) -> None:
    tables = subgroups.tables(board_of(run.record))
    assert [table.by for table in tables] == ["size", "class"]
    size, by_class = tables
    assert size.methods == ("Grad-CAM", "Layer-CAM", "Random map"), "controls last"
    sizes = ("small", "medium", "large")
    assert [(line.metric.name, line.group, line.n) for line in size.lines] == [
        (metric, group, 2) for metric in ("energy_pointing_game", "attribution_auc") for group in sizes
    ]
    assert [line.group for line in by_class.lines] == ["class 0", "class 1"] * 2
    page = elements_of(run.record)
    (section,) = [s for s in page.all("section") if s.attributes.get("aria-labelledby") == "groups"]
    text = words(section.text)
    query = "metric == 'attribution_auc' and method == 'gradcam' and group == 'medium'"
    (row,) = run.by_group("size").query(query).to_dict("records")
    (line,) = [line for line in size.lines if (line.metric.name, line.group) == ("attribution_auc", "medium")]
    mean, interval, few = line.cells[0]
    assert float(mean) == pytest.approx(row["mean"], abs=0.5 * 10 ** -len(mean.partition(".")[2]))
    assert f"{mean}{interval}" in text
    assert not few
    assert f"{100 * row['at_least']:.3g} to {100 * row['below']:.3g} %" in text


def test_many_classes_are_cut_and_said(run: bb.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subgroups, "MOST_CLASSES", 1)
    _, by_class = subgroups.tables(board_of(run.record))
    assert {line.group for line in by_class.lines} == {"class 0"}, "of four images"
    assert by_class.left_out == 1
    assert "1 class with the most images, 1 other class left out" in words(
        read(document.render(marked_of(run.record))).text
    )


def test_a_cell_of_fewer_images_says_so(run: bb.Run) -> None:
    results = run.record.results.copy()
    gone = (results["method"] == "layercam") & (results["sample"] == results["sample"].min())
    results["value"] = results["value"].mask(gone)
    results["status"] = results["status"].mask(gone, "failed")
    results["reason"] = results["reason"].mask(gone, "planted")
    record = replace(run.record, results=results)
    size, _ = subgroups.tables(Board(record))
    small = size.lines[0]
    assert (small.n, [cell[2] for cell in small.cells]) == (2, ["", "n = 1", ""])
    assert small.cells[1][1] == "", "one image has no interval"


def test_without_localisation_there_is_no_section(tmp_path: Path) -> None:
    record: Record = fake_record(tmp_path, Fake())
    metrics = [{**each, "family": "faithfulness"} for each in record.info["metrics"]]
    record = replace(record, info={**record.info, "metrics": metrics})
    assert subgroups.tables(Board(record)) == ()
    assert 'id="groups"' not in document.render(Marked.of(record))
