"""What charts.js is given: the numbers of the tables, the looks of the pictures, no text that Plotly could read."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from benchbench.reports.figures import charts, curves, plotly_parts
from benchbench.reports.figures.style import Look
from benchbench.reports.html.page import Page
from benchbench.reports.leaderboard.board import Metric
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.stats import curve_bands, curve_differences


@pytest.fixture(scope="module")
def shown(plain: Record) -> Page:
    return Page(Marked.of(plain))


def views(chart: plotly_parts.Chart | None) -> list[dict[str, Any]]:
    """As charts.js puts them together: each line with the look of its method."""
    kept = known(chart).json
    return [
        {**view, "lines": [{**kept["looks"][line["series"]], **line} for line in view["lines"]]}
        for view in kept["views"]
    ]


def lines(view: dict[str, Any], axis: str) -> dict[int, dict[str, Any]]:
    """By the place of the method."""
    return {line["series"]: line for line in view["lines"] if line["yaxis"] == axis}


def known(chart: plotly_parts.Chart | None) -> plotly_parts.Chart:
    assert chart is not None
    return chart


@pytest.mark.parametrize(
    ("unit", "title", "from_zero"),
    [
        ("probability", "mean probability", True),
        ("logit", "mean logit", False),
        ("share of correct answers", "mean value", True),
    ],
)
def test_an_axis_says_what_the_metric_reads(unit: str, title: str, from_zero: bool) -> None:
    """Logits may be negative: no axis cuts them off."""
    metric = Metric("deletion", "any", "deletion AUC", False, unit, "quality")
    _, _, axis = charts._curve_axes(metric)
    assert axis["title"] == {"text": title}
    assert ("rangemode" in axis) == from_zero
    part = pd.DataFrame({"method": "a", "x": [0.0, 1.0], "mean": [2.0, -3.0], "low": [1.0, -4.0], "high": [3.0, -2.0]})
    drawn = Figure().add_subplot()
    curves._curve_panel(drawn, metric, part, {"a": Look("#000000", "-", "o", False)})
    assert drawn.get_ylabel() == title
    assert (drawn.get_ylim()[0] < -3) != from_zero


def test_curves_are_the_bands_of_the_statistics(shown: Page, plain: Record) -> None:
    bands = curve_bands(plain.curves, int(plain.info["seed"]), shown.board.scales)
    for study in shown.studies:
        chart = known(study.curve_chart)
        view = views(chart)[0]
        assert chart.views[0].panels == view["narrow"]["grid"]["rows"] == 2
        for axis, metric in (("y", "deletion"), ("y2", "insertion")):
            drawn = lines(view, axis)
            assert len(drawn) == len(chart.series) == 6, "cam has no curve"
            for place, line in drawn.items():
                rows = bands[(bands["layer"] == study.block.layer) & (bands["metric"] == metric)]
                rows = rows[rows["method"] == chart.series[place].name]
                assert line["x"] == pytest.approx(rows["x"].tolist(), abs=6e-5)
                assert line["y"] == pytest.approx(rows["mean"].tolist(), abs=6e-5)
                ends = [end for pair in line["customdata"] for end in pair]
                assert ends == pytest.approx(rows[["low", "high"]].to_numpy().ravel().tolist(), abs=6e-5)


def test_the_second_view_is_the_difference_from_the_best(shown: Page, plain: Record) -> None:
    study = shown.studies[0]
    chart, block = known(study.curve_chart), study.block
    best = charts.best_methods(shown.board.blocks)
    gaps = curve_differences(plain.curves, best)
    view = views(chart)[1]
    for axis, metric in (("y", "deletion"), ("y2", "insertion")):
        means = {
            row.method: c.mean for row in block.methods for c in row.cells if c.metric.name == metric and c.comparable
        }
        name = best[block.model, block.dataset, block.layer, metric, "rise-28"]
        choose = max if metric == "insertion" else min
        assert name == choose((m for m in means if means[m] == means[m]), key=lambda m: means[m])
        assert name in view["layout"][f"{axis[0]}axis{axis[1:]}"]["title"]["text"]
        for place, line in lines(view, axis).items():
            method = chart.series[place].name
            rows = gaps[(gaps["layer"] == block.layer) & (gaps["metric"] == metric) & (gaps["method"] == method)]
            if method == name:
                assert set(line["y"]) == {0.0}
                assert "band" not in line
            else:
                rows = rows[rows["low"].notna()]
                assert line["y"] == pytest.approx(rows["mean"].tolist(), abs=6e-5)
                assert not line["best"]


def test_the_scale_of_differences_holds_every_method(shown: Page) -> None:
    for study in shown.studies:
        chart = known(study.curve_chart)
        view = views(chart)[1]
        for axis in ("", "2"):
            low, high = view["layout"][f"yaxis{axis}"]["range"]
            for place, line in lines(view, f"y{axis}").items():
                if not chart.series[place].control:
                    ends = [end for pair in line.get("customdata", []) for end in pair] + line["y"]
                    assert low < min(ends)
                    assert max(ends) < high


def test_costs_are_the_cells_and_the_rings_the_front(shown: Page) -> None:
    for study in shown.studies:
        chart = known(study.cost_chart)
        (view,) = views(chart)
        ring = len(chart.series) - 1
        assert chart.series[ring].name == "Pareto-optimal"
        for panel, metric in enumerate(study.block.quality):
            drawn = lines(view, f"y{panel + 1 if panel else ''}")
            (front,) = [front for front in study.fronts if front.metric == metric]
            assert drawn[ring]["x"] == pytest.approx([front.points[name].cost for name in front.methods])
            for place, line in drawn.items():
                if place != ring:
                    (row,) = [row for row in study.block.rows if row.method == chart.series[place].name]
                    price, cell = row.cell(front.cost), row.cell(metric)
                    assert (line["x"], line["y"]) == (pytest.approx([price.mean]), pytest.approx([cell.mean], abs=6e-5))
                    bars = line["error_x"]
                    assert bars["array"] == pytest.approx([price.high - price.mean], rel=1e-3)
                    assert bars["arrayminus"] == pytest.approx([price.mean - price.low], rel=1e-3)
                    assert line["customdata"] == [pytest.approx((cell.low, cell.high), abs=6e-5)]
                    assert line["error_y"]["array"] == pytest.approx([cell.high - cell.mean], abs=6e-5)


def test_depth_is_the_cells(shown: Page) -> None:
    (section,) = shown.depths
    (view,) = views(section.chart)
    assert view["narrow"]["grid"]["rows"] == len(section.depth.tables) == 5
    table = section.depth.tables[1]
    for place, line in lines(view, "y2").items():
        (row,) = [row for row in table.rows if row[0] == section.chart.series[place].name]
        assert line["text"] == ["stage3", "stage4"]
        assert line["y"] == pytest.approx([cell.mean for cell in row[2] if cell is not None], abs=6e-5)
    assert "cam" not in [series.name for series in section.chart.series]


def test_looks_are_those_of_the_pictures(shown: Page) -> None:
    chart = known(shown.studies[0].curve_chart)
    drawn = {(series.colour, series.dash, series.symbol) for series in chart.series}
    assert len(drawn) == len(chart.series)
    assert len({(series.dash, series.symbol) for series in chart.series}) == len(chart.series), "not by colour alone"
    assert len({glyph for _, glyph in plotly_parts.SYMBOLS.values()}) == len(plotly_parts.SYMBOLS)


def test_each_method_is_once_in_a_saved_legend(shown: Page) -> None:
    for study in shown.studies:
        for chart in (known(study.curve_chart), known(study.cost_chart)):
            for view in views(chart):
                in_legend = [line["series"] for line in view["lines"] if line["showlegend"]]
                assert sorted(in_legend) == sorted({line["series"] for line in view["lines"]})


def test_charts_are_json_without_markup(hostile: Record) -> None:
    page = Page(Marked.of(hostile))
    for study in page.studies:
        for chart in (study.curve_chart, study.cost_chart):
            text = json.dumps(known(chart).json, allow_nan=False)
            assert "<" not in text.replace("&lt;", "")
            assert "\\u202e" not in text


@given(st.text())
def test_no_text_has_markup_for_plotly(text: str) -> None:
    safe = plotly_parts.plotly_text(text)
    assert "<" not in safe
    assert len(safe) <= 60 * len("&amp;")


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=9))
def test_ticks_of_a_logarithmic_axis_surround_the_costs(values: list[float]) -> None:
    ticks = plotly_parts.log_ticks(values)
    places = ticks["tickvals"]
    assert places == sorted(places)
    assert places[0] < min(values)
    assert max(values) < places[-1]
    assert [float(text) for text in ticks["ticktext"]] == pytest.approx(places, rel=1e-5)
    steps = [after / before for before, after in itertools.pairwise(places)]
    assert max(steps) < (2.6 if max(values) < 30 * min(values) else 10.1)


def test_a_curve_on_one_image_has_no_band(single: Record) -> None:
    first_image = single.curves[single.curves["sample"] == single.curves["sample"].iloc[0]]
    results = single.results[
        single.results["sample"].isna() | (single.results["sample"] == first_image["sample"].iloc[0])
    ]
    page = Page(Marked.of(Record(single.folder, single.info, results, first_image, single.maps, single.photos)))
    (study,) = page.studies
    chart = known(study.curve_chart)
    assert all("band" not in line for view in views(chart) for line in view["lines"])
    assert all("customdata" not in line["hovertemplate"] for view in views(chart) for line in view["lines"])
    assert all(math.isfinite(y) for line in views(chart)[0]["lines"] for y in line["y"])
