"""The PDF figures: main.pdf shows the numbers of the tables; names are short, and no panel is empty."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D

from benchbench.reports.figures.main_figure import main_figure
from benchbench.reports.figures.pdf import looks, pictures, write_figures
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.results.record import Record


@pytest.fixture(scope="module")
def marked(plain: Record) -> Marked:
    return Marked.of(plain)


def test_one_setting_shows_means_with_their_intervals(marked: Marked) -> None:
    some = selected(marked, Selection(layers=("stage4",)))
    picture = main_figure(some, looks(some))
    assert picture is not None
    for axis, metric in zip(picture.figure.axes, some.board.of(), strict=True):
        assert axis.get_title().startswith(metric.title[:20])
        drawn = {round(x, 9) for line in axis.lines for x in places(line)}
        for key, shown in some.cells.items():
            if key[4] == metric.name and shown.cell.n:
                assert {round(x, 9) for x in (shown.cell.mean, shown.cell.low, shown.cell.high)} <= drawn


def test_several_settings_show_mean_ranks(marked: Marked) -> None:
    picture = main_figure(marked, looks(marked))
    assert picture is not None
    for axis, metric in zip(picture.figure.axes, marked.board.of(), strict=True):
        drawn = {round(x, 9) for line in axis.lines for x in places(line)}
        ranks: dict[str, list[float]] = {}
        for key, shown in marked.cells.items():
            if key[4] == metric.name and shown.mark.rank == shown.mark.rank:
                assert round(shown.mark.rank, 9) in drawn
                ranks.setdefault(key[3], []).append(shown.mark.rank)
        assert {round(sum(values) / len(values), 9) for values in ranks.values()} <= drawn
        low, high = axis.get_xlim()
        assert low < 1
        assert high > len(ranks)


def test_hollow_is_significantly_worse(marked: Marked) -> None:
    some = selected(marked, Selection(layers=("stage4",), metrics=("deletion",)))
    picture = main_figure(some, looks(some))
    assert picture is not None
    axis = picture.figure.axes[0]
    hollow = {round(places(line)[0], 9) for line in axis.lines if line.get_markerfacecolor() == "white"}
    assert hollow == {round(shown.cell.mean, 9) for shown in some.cells.values() if shown.mark.worse}


def test_names_are_short_and_say_what_differs(marked: Marked, tmp_path: Path) -> None:
    names = {path.name for path in write_figures(marked, tmp_path)}
    layers, metrics = ("stage3", "stage4"), ("deletion", "insertion")
    assert "main.pdf" in names
    assert {f"{kind}-{layer}.pdf" for kind, layer in product(("curves", "cost"), layers)} <= names
    assert {f"ranks-{layer}-{metric}.pdf" for layer, metric in product(layers, metrics)} <= names
    assert all(len(name) < 40 for name in names)


def test_no_panel_is_empty_and_the_axes_show_the_data(marked: Marked) -> None:
    for name, picture in pictures(marked):
        for axis in picture.figure.axes:
            assert axis.lines or axis.collections, name
            if name.startswith("curves"):
                low, high = axis.get_xlim()
                assert (low, high) == tuple(axis.dataLim.intervalx)


def test_the_same_run_gives_the_same_bytes(marked: Marked) -> None:
    first, second = (main_figure(marked, looks(marked)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.pdf() == second.pdf()


def places(line: Line2D) -> list[float]:
    """Where a line's points lie, left to right."""
    return [float(x) for x in np.atleast_1d(np.asarray(line.get_xdata(), dtype=float))]
