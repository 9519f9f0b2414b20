"""Dead maps, distinct values and ties: by hand, through a run, and in the report."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import benchbench as bb
from benchbench.maps.health import health
from benchbench.registry import METHODS, method
from benchbench.reports.html import document
from benchbench.reports.leaderboard.marks import Marked
from benchbench.types import Layer

from ..networks import Pooled, seeded
from ..reports.fake import Fake, fake_record


def test_by_hand() -> None:
    maps = torch.tensor([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 4.0]]])
    assert health(maps) == [
        {"cells": 4, "distinct": 1, "ties": 1.0},
        {"cells": 4, "distinct": 4, "ties": 0.0},
        {"cells": 4, "distinct": 3, "ties": 0.5},
    ]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_ties_are_the_cells_that_are_not_alone(values: list[int]) -> None:
    (row,) = health(torch.tensor([[values]]).float())
    assert row["distinct"] == len(set(values))
    assert row["ties"] == pytest.approx(sum(values.count(v) > 1 for v in values) / len(values))


def test_a_run_tells_dead_and_failed_maps(images: Tensor, tmp_path: Path) -> None:
    @method("sickly", needs="activation", paper="none")
    def sickly(layer: Layer) -> Tensor:
        """Dead on two images, none on a third."""
        maps = layer.activation.mean(1)
        for i, red in enumerate(layer.images[:, 0].mean((1, 2)).tolist()):
            maps[i] = 1 if red in reds[:2] else float("nan") if red == reds[2] else maps[i]
        return maps

    reds = sorted(images[:, 0].mean((1, 2)).tolist())
    try:
        run = bb.Study(
            models={"net": seeded(Pooled)},
            datasets={"data": images},
            layers=["relu"],
            methods=["sickly", "gradcam", "uniform", "cam"],
            metrics=["deletion"],
        ).run(tmp_path)
    finally:
        METHODS.remove("sickly")
    table = run.health().set_index("method")
    assert [table[key].to_dict()["sickly"] for key in ("maps", "failed", "dead")] == [5, 1, 2]
    assert [table[key].to_dict()["gradcam"] for key in ("maps", "failed", "dead")] == [6, 0, 0]
    assert [table[key].to_dict()["uniform"] for key in ("maps", "dead", "distinct", "ties")] == [6, 6, 1, 1]
    assert table["distinct"].to_dict()["gradcam"] > 100
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Dead (constant) maps: 2 of 5 maps of sickly." in page


def test_the_report_shows_it_and_leaves_controls_out_of_the_warning(tmp_path: Path) -> None:
    fake = Fake(methods=("gradcam", "layercam"), controls=("random",), dead=("gradcam", "random"))
    page = document.render(Marked.of(fake_record(tmp_path, fake)))
    assert "6 of 24 maps of gradcam." in page
    assert "maps of random" not in page
    assert 'id="health"' in page
