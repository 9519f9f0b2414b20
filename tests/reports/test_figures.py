"""Pictures are the same each time, and tell methods apart without colour."""

from __future__ import annotations

import matplotlib as mpl

from benchbench.reports.figures import curves, pareto, style
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.stats import curve_bands


def both(record: Record) -> tuple[style.Picture, style.Picture]:
    marked = Marked.of(record)
    board = marked.board
    methods = [method["name"] for method in record.info["methods"]]
    look = style.looks([m for m in methods if m not in board.controls], [m for m in methods if m in board.controls])
    curve_picture = curves.curves(board.blocks[0], curve_bands(record.curves), look)
    scatter_picture = curves.scatter(board.blocks[0], look, pareto.fronts(marked, board.blocks[0]))
    assert curve_picture is not None
    assert scatter_picture is not None
    return curve_picture, scatter_picture


def test_pictures_are_the_same_each_time(single: Record) -> None:
    first = [picture.pdf() for picture in both(single)]
    assert first == [picture.pdf() for picture in both(single)]
    assert all(data.startswith(b"%PDF-") for data in first)


def test_names_are_not_formulas(hostile: Record) -> None:
    """They are drawn as they are; the figure has no part that reads them."""
    figure = both(hostile)[0].figure
    assert figure.legends
    assert "100%_$#&{}~^\\|`*<b>" in [text.get_text() for text in figure.legends[0].get_texts()]
    with mpl.rc_context(style.STYLE):
        assert not figure.legends[0].get_texts()[0].get_parse_math()


def test_looks_differ_in_dash_and_marker_not_only_in_colour() -> None:
    names = [str(i) for i in range(10)]
    look = style.looks(names, ["random", "center"])
    assert len({(str(method_look.dash), method_look.marker) for method_look in look.values()}) == 12
    assert look["random"].colour == look["center"].colour == style.GREY
