"""The drawing of a chart for paper: the numbers of the chart, where its axes say."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from benchbench.reports.figures.plotly_parts import MOST_SHOWN, Chart, Series, View, panel_layout
from benchbench.reports.html.page import Page
from benchbench.reports.html.paper_chart import DrawnAxis, drawing, drawing_uri
from benchbench.results.record import Record

from .shared import marked_of

SVG = "{http://www.w3.org/2000/svg}"


def chart(methods: int, name: str = "m") -> Chart:
    series = tuple(Series(f"{name}{at}", "#123456", "solid", "circle", "●", False, True) for at in range(methods))
    lines = tuple(
        {"series": at, "xaxis": "x", "yaxis": "y", "x": [0.0, 0.5, 1.0], "y": [0.0, at / 2, at]}
        for at in range(methods)
    )
    layout = panel_layout([("title", {"title": {"text": "across"}, "range": [0, 1]}, {"title": {"text": "up"}})])
    return Chart(series, (View("only", lines, layout, 1),), 1, "words", order=(f"{name}{methods - 1}",))


def texts(code: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(code).iter(f"{SVG}text")]


def test_lines_lie_where_the_axes_say() -> None:
    code = drawing(chart(2))
    lines = [
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in ElementTree.fromstring(code).iter(f"{SVG}polyline")
        if line.attrib["stroke"] == "#123456"
    ]
    (flat, rising), legend = lines[:2], lines[2:]
    assert len(legend) == 2
    assert {y for _, y in flat} == {flat[0][1]}
    assert [x for x, _ in flat] == [x for x, _ in rising]
    assert rising[0] == flat[0]
    (left, low), (middle, half), (right, high) = rising
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert half == pytest.approx((low + high) / 2, abs=0.1)
    assert high < low, "up is more"
    assert {"title", "across", "up", "m0", "m1"} <= set(texts(code))


def test_a_log_axis_has_its_own_ticks() -> None:
    ticks = {"type": "log", "tickvals": [1, 10, 100, 1000], "ticktext": ["1", "10", "100", "1000"]}
    scale = DrawnAxis.of(ticks, [2, 200], 0, 100)
    assert [text for _, text in scale.ticks] == ["10", "100"]
    assert scale.place(20) == pytest.approx(50)
    assert scale.place(2) < scale.place(20) < scale.place(200)


def test_of_many_methods_the_first_of_the_order_are_drawn_and_it_is_said() -> None:
    shown = chart(30)
    named = [text for text in texts(drawing(shown)) if re.fullmatch(r"m\d+", text)]
    assert named == [*[f"m{at}" for at in range(MOST_SHOWN - 1)], "m29"]
    assert f"the first {MOST_SHOWN} of 30 methods are shown" in texts(drawing(shown))
    assert chart(MOST_SHOWN).part == ""


def test_names_are_only_text() -> None:
    name = "<script>alert(1)</script>&\"'"
    uri = drawing_uri(chart(2, name))
    assert not set('<>"#') & set(uri)
    assert any(text.startswith("<script>") for text in texts(unquote(uri).removeprefix("data:image/svg+xml,")))


def test_every_chart_of_a_page_has_a_drawing(plain: Record) -> None:
    page = Page(marked_of(plain))
    charts = [each for study in page.studies for each in (study.curve_chart, study.cost_chart) if each]
    charts += [each.chart for each in page.depths]
    assert len(charts) == 5
    for each in charts:
        code = drawing(each)
        assert "nan" not in code
        assert {series.name for series in each.series} <= set(texts(code))
