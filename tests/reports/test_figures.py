"""Pictures are well-formed, the same each time, follow the theme, and tell methods apart without colour."""

from __future__ import annotations

from xml.etree import ElementTree

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


def test_pictures_are_xml_without_references(plain: Record, hostile: Record) -> None:
    for record in (plain, hostile):
        for picture in both(record):
            root = ElementTree.fromstring(picture.svg)
            assert root.tag.endswith("svg")
            used = [value for e in root.iter() for name, value in e.attrib.items() if name.endswith("href")]
            assert all(value.startswith("#") for value in used)
            assert not [e for e in root.iter() if e.tag.endswith("script")]


def test_pictures_are_the_same_each_time(single: Record) -> None:
    assert [picture.svg for picture in both(single)] == [picture.svg for picture in both(single)]


def test_pictures_follow_the_theme(single: Record) -> None:
    for picture in both(single):
        assert "prefers-color-scheme:dark" in picture.svg
        assert "currentColor" in picture.svg
        assert style.INK not in picture.svg


def test_names_are_not_formulas(hostile: Record) -> None:
    assert "100%_$#&amp;{}~^" in both(hostile)[0].svg


def test_looks_differ_in_dash_and_marker_not_only_in_colour() -> None:
    names = [str(i) for i in range(10)]
    look = style.looks(names, ["random", "center"])
    assert len({(str(method_look.dash), method_look.marker) for method_look in look.values()}) == 12
    assert look["random"].colour == look["center"].colour == style.GREY
