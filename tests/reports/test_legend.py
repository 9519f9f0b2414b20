"""A legend below the panels stays inside the picture, whatever the methods are called."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from benchbench.reports.figures.style import STYLE, columns_of_legend, entry, grid, legend, looks

LONG = "pytorch-grad-cam ScoreCAM (batch_size=16)"


@pytest.mark.parametrize(
    "names",
    [
        ["CAM"],
        ["CAM", "Grad-CAM"] * 6,
        [LONG] * 3,
        [LONG] * 9,
        ["CAM", LONG] * 4,
        ["A method whose name is far longer than forty letters"] * 5,
    ],
)
def test_it_fits(names: list[str]) -> None:
    names = [f"{number} {name}" for number, name in enumerate(names)]
    look = looks(names[:-1], names[-1:])
    with mpl.rc_context(STYLE):
        figure, axes = grid(2, most=2, entries=[entry(name, look) for name in names])
        legend(figure, names, look, lines=True)
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent().transformed(figure.transFigure.inverted())
        drawn = axes[0].get_tightbbox()
        assert drawn is not None
        panels = drawn.transformed(figure.transFigure.inverted())
    assert box.x0 >= 0
    assert box.x1 <= 1
    assert 0 <= box.y0 < box.y1 <= panels.y0, "it stands below the panels and their words"


def test_short_names_stand_in_four_columns() -> None:
    assert columns_of_legend(["Grad-CAM"] * 9) == 4
    assert columns_of_legend([LONG] * 9) == 2
    assert columns_of_legend(["one"]) == 1
