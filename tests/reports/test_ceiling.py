"""The ceiling of insertion in a run: above every method and control, and each method's share in the tables."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import benchbench as bb
from benchbench.cli.listing import entry
from benchbench.registry import METHODS as REGISTRY
from benchbench.reports.html import document
from benchbench.reports.html.paper import Paper
from benchbench.reports.leaderboard import summary
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.markdown import markdown_table
from benchbench.reports.terminal.overview import Overview

METHODS: list[str | dict[str, Any]] = [
    "gradcam",
    "hirescam",
    "saliency",
    {"name": "lime", "segments": 20, "samples": 60},
    {"name": "kernelshap", "segments": 20, "samples": 60, "fill": "blur", "score": "probability"},
    {"name": "occlusion", "window": 8, "stride": 8},
    "random",
    "center",
    "sobel",
    "uniform",
    {"name": "ceiling", "segments": 20},
]


class Patchy(nn.Module):
    """Convolutions on fine structure, so that a blurred image says little."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.features = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
            self.head = nn.Linear(8 * 64, 4)
            nn.init.normal_(self.head.weight, std=0.6)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).flatten(1))
        return logits


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    coarse = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    images = nn.functional.interpolate(coarse, size=32, mode="bilinear")
    study = bb.Study(
        models={"net": Patchy().eval()},
        datasets={"data": images},
        layers=["features"],
        methods=METHODS,
        metrics=["insertion", "insertion@rise-28-zero", "deletion"],
    )
    return study.run(tmp_path_factory.mktemp("ceiling"), report=False)


def test_nothing_comes_above_it(run: bb.Run) -> None:
    """Of all methods and controls it has the best mean."""
    rows = run.table[(run.table["metric"] == "insertion") & (run.table["protocol"] == "rise-28")]
    assert set(rows["status"]) == {"ok"}
    means = rows.groupby("method")["value"].mean().sort_values(ascending=False)
    assert means.index[0] == "ceiling(segments=20)"
    assert means.iloc[0] > means.iloc[1] + 0.02, "no matter of rounding"


def test_the_leaderboard_has_each_share(run: bb.Run) -> None:
    table = run.leaderboard()
    here = table[(table["metric"] == "insertion") & (table["protocol"] == "rise-28")].set_index("method")
    means = dict(zip(here.index, here["mean"].to_numpy(float), strict=True))
    low, high = means["random"], means["ceiling(segments=20)"]
    expected = {method: (mean - low) / (high - low) for method, mean in means.items()}
    assert here["share_of_ceiling"].to_dict() == pytest.approx(expected)
    others = table[(table["metric"] != "insertion") | (table["protocol"] != "rise-28")]
    assert others["share_of_ceiling"].isna().all(), "made for another metric, and for another fill"
    assert len(table) == len(table.drop_duplicates(["method", "metric", "protocol"]))


def test_what_wins_by_design_does_not_fail_a_metric(run: bb.Run) -> None:
    """No control that knows nothing beats the methods; the ceiling does, and the metric still ranks."""
    board = run._marked.board
    assert not any("Ceiling" in name for name in board.uninformed)
    assert not board.gamed.get(("net", "data", "features", "insertion", "rise-28"))
    text = " ".join(summary.findings(run._marked))
    assert "Ceiling" not in text


def test_tables_for_readers_show_it_with_a_stamp(run: bb.Run) -> None:
    block = run._marked.board.blocks[0]
    shown = run._marked.shown(block, "Grad-CAM", "insertion", "rise-28")
    assert shown is not None
    text = f"{100 * shown.mark.share:.0f} % of the ceiling"
    assert shown.mark.share_text == text, "five images have no interval"
    markdown = markdown_table(run._marked)
    assert text in markdown
    assert "Ceiling of insertion (segments=20) optimises insertion AUC" in markdown
    page = document.render(run._marked)
    assert page.count(f'<span class="span">{text}</span>') >= 1
    stamp = 'optimised by the ceiling<span class="hidden">: Ceiling of insertion (segments=20)</span>'
    assert page.count(stamp) == 1, "under one of two protocols, and not over deletion"
    assert page.count('<input type="checkbox" name="--share" value="">') == 1


def test_the_terminal_and_the_listing_say_it(run: bb.Run) -> None:
    console = Console(width=200, record=True, file=StringIO())
    console.print(Overview(run._marked, verbose=True))
    shown = console.export_text()
    assert "100 % of the ceiling" in shown
    assert "optimised by" in shown
    assert entry(REGISTRY["ceiling"])["optimises"] == ["insertion"]
    assert "optimises" not in entry(REGISTRY["random"])


def test_a_table_without_the_controls_keeps_the_shares(run: bb.Run) -> None:
    part = selected(run._marked, Selection(methods=("gradcam", "lime(samples=60, segments=20)")))
    assert len(part.board.shares) == 2
    whole = run._marked.table().set_index(["method", "metric", "protocol"])["share_of_ceiling"]
    table = part.table()
    for row in table.to_dict("records"):
        expected = whole[row["method"], row["metric"], row["protocol"]]
        assert row["share_of_ceiling"] == pytest.approx(expected, nan_ok=True)


def test_a_run_without_a_ceiling_has_no_such_column(run: bb.Run, tmp_path: Path) -> None:
    study = bb.Study(
        models={"net": Patchy().eval()}, datasets={"data": torch.rand(2, 3, 32, 32)}, layers=["features"],
        methods=["gradcam", "random"], metrics=["insertion"],
    )  # fmt: skip
    without = study.run(tmp_path, report=False)
    assert "share_of_ceiling" not in without.leaderboard()
    marked = Marked.of(without.record)
    assert "ceiling" not in markdown_table(marked)
    assert not Paper.of(marked.board).shares
