"""Charts in a real browser: drawn when they come near, toggled, hovered, saved, and printed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.reports.html.page import Page
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .chromium import visit

pytestmark = pytest.mark.browser
CURVES = "section[aria-labelledby=curves] figure.chart"
COSTS = "section[aria-labelledby=cost] figure.chart"


def drawn(tab: Any, figures: str) -> Any:
    """The first of these figures, with its chart drawn."""
    figure = tab.locator(figures).first
    figure.scroll_into_view_if_needed()
    tab.locator(f"{figures}.drawn").first.wait_for()
    figure.locator(".live svg.main-svg").first.wait_for()
    figure.scroll_into_view_if_needed()
    return figure


def settled(tab: Any) -> None:
    """A moment later: what a change asked for is drawn."""
    tab.evaluate(
        "new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 60))"
    )


def traces(figure: Any) -> list[dict[str, Any]]:
    kept = figure.locator(".live").evaluate(
        "plot => plot.data.map(({ series, fill, opacity, y, xaxis }) => ({ series, fill, opacity, y, xaxis }))"
    )
    return [dict(trace) for trace in kept]


def banded(figure: Any) -> set[int]:
    return {trace["series"] for trace in traces(figure) if trace.get("fill")}


def test_a_chart_is_drawn_when_it_comes_near(browser: Any, page: Path) -> None:
    heard = visit(browser, page)
    tab = heard.tab
    live = tab.locator(f"{CURVES} .live").first
    assert live.locator("svg").count() == 0, "nothing is drawn before it is near"
    before = live.bounding_box()
    assert before["width"] > 600
    figure = drawn(tab, CURVES)
    assert figure.locator(".live svg.main-svg").first.is_visible()
    assert figure.locator(".live").bounding_box()["height"] == pytest.approx(before["height"], abs=2), "nothing moves"
    assert len(live.get_attribute("aria-label")) > 60, "screen readers have what it shows in words"
    assert live.get_attribute("role") == "img"
    assert figure.locator(".live").bounding_box()["width"] == pytest.approx(figure.bounding_box()["width"], abs=1)
    assert heard.complaints == []
    assert heard.outside == [page.as_uri()]
    tab.close()


def test_the_chart_shows_the_records_numbers(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    study = Page(Marked.of(plain)).studies[0]
    assert study.curve_chart is not None
    wanted = {(line["series"], line["xaxis"]): line["y"] for line in study.curve_chart.json["views"][0]["lines"]}
    shown = {(t["series"], t["xaxis"]): t["y"] for t in traces(drawn(tab, CURVES)) if not t.get("fill")}
    assert shown == wanted
    tab.close()


def test_boxes_hide_methods_and_few_methods_all_have_bands(browser: Any, page: Path) -> None:
    heard = visit(browser, page)
    figure = drawn(heard.tab, CURVES)
    boxes = figure.locator("[name=series]")
    assert boxes.count() == 6
    every = {trace["series"] for trace in traces(figure)}
    best = banded(figure)
    assert every == set(range(6))
    assert len(best) in (1, 2), "the best method of each panel"
    for number in (0, 4, 5):
        boxes.nth(number).uncheck()
    settled(heard.tab)
    assert {trace["series"] for trace in traces(figure)} == banded(figure) == {1, 2, 3}
    boxes.nth(4).check()
    settled(heard.tab)
    assert {trace["series"] for trace in traces(figure)} == {1, 2, 3, 4}
    assert banded(figure) == (best | {4}) & {1, 2, 3, 4}, "the best, and the method under the pointer"
    assert heard.complaints == []
    heard.tab.close()


def test_the_method_under_pointer_or_focus_stands_out(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    figure = drawn(tab, CURVES)
    best = banded(figure)
    figure.locator("[name=series]").nth(5).focus()
    settled(tab)
    assert banded(figure) == best | {5}
    assert {t["series"] for t in traces(figure) if not t.get("fill") and t["opacity"] == 1} == {5}
    figure.locator("[name=series]").nth(5).blur()
    settled(tab)
    assert banded(figure) == best
    place = figure.locator(".live .scatterlayer .trace .point").last.bounding_box()
    tab.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2, steps=4)
    label = figure.locator(".live .hoverlayer .hovertext")
    label.first.wait_for()
    assert "[" in label.first.text_content()
    settled(tab)
    (lit,) = {t["series"] for t in traces(figure) if not t.get("fill") and t["opacity"] == 1}
    assert banded(figure) == best | {lit}
    assert label.count() == 1, "the values stay while the pointer does"
    tab.close()


def test_the_other_view_shows_differences(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    figure = drawn(tab, CURVES)
    figure.get_by_label("Difference from the best").check()
    settled(tab)
    study = Page(Marked.of(plain)).studies[0]
    assert study.curve_chart is not None
    view = study.curve_chart.json["views"][1]
    shown = {(t["series"], t["xaxis"]): t["y"] for t in traces(figure) if not t.get("fill")}
    assert shown == {(line["series"], line["xaxis"]): line["y"] for line in view["lines"]}
    titles = figure.locator(".live .ytitle, .live .y2title").all_text_contents()
    assert titles == [view["layout"][name]["title"]["text"] for name in ("yaxis", "yaxis2")]
    tab.close()


def test_a_chart_that_was_hidden_is_drawn_at_full_width(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    block = tab.locator("section[aria-labelledby=curves] > div").first
    block.evaluate("block => { block.hidden = true }")
    drawn(tab, "section[aria-labelledby=curves] > div:not([hidden]) figure.chart")
    block.evaluate("block => { block.hidden = false }")
    figure = drawn(tab, CURVES)
    wide = figure.locator(".live .main-svg").first.bounding_box()["width"]
    assert wide == pytest.approx(figure.bounding_box()["width"], abs=1)
    tab.set_viewport_size({"width": 700, "height": 900})
    settled(tab)
    assert figure.locator(".live .main-svg").first.bounding_box()["width"] < 700 < wide
    tab.close()


def test_paper_has_every_chart_at_once(browser: Any, many_page: Path) -> None:
    """A page that is printed when it has just come has a drawing of each chart, and stays as it is on the screen."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(many_page.as_uri())
    pictures, figures = tab.locator("figure.chart img.paper"), tab.locator("figure.chart")
    assert pictures.count() == figures.count() > 10
    assert tab.locator("figure.chart img.paper:visible").count() == 0
    assert len(tab.pdf()) > 100_000
    tab.emulate_media(media="print")
    assert [img.bounding_box() for img in pictures.all() if not 300 < img.bounding_box()["width"] <= 690] == []
    assert pictures.evaluate_all("images => images.every((image) => image.complete && image.naturalHeight > 200)")
    assert tab.locator("figure.chart .live:visible").count() == 0
    assert tab.locator("figure form:visible").count() == tab.locator("figure .save:visible").count() == 0
    tab.close()


def test_without_scripts_a_chart_is_its_drawing(browser: Any, page: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert tab.locator(f"{CURVES} img.paper").first.is_visible()
    assert tab.locator(f"{CURVES} .live:visible").count() == 0
    assert tab.locator("figure form:visible").count() == tab.locator("figure .save:visible").count() == 0
    assert tab.locator("#leaderboard-tables table:visible").count() == 2
    assert tab.locator(".first .verdict:visible").count() > 0
    context.close()


@pytest.mark.parametrize("chosen", [CURVES, "details.diagrams figure"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_is_saved_as_it_is_shown(browser: Any, page: Path, tmp_path: Path, chosen: str, scheme: str) -> None:
    heard = visit(browser, page, color_scheme=scheme)
    tab = heard.tab
    figure = drawn(tab, CURVES) if chosen == CURVES else tab.locator(chosen).first
    tab.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    if chosen == CURVES:
        figure.get_by_role("checkbox", name="gradcam++").uncheck()
        settled(tab)
    for kind in ("svg", "png"):
        with tab.expect_download() as download:
            figure.locator(f"[data-as={kind}]").click()
        assert download.value.suggested_filename.startswith("benchbench-")
        assert download.value.suggested_filename.endswith(f".{kind}")
        download.value.save_as(tmp_path / f"figure.{kind}")
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert ("insertion AUC" if chosen == CURVES else "deletion AUC") in svg
    if chosen == CURVES:
        assert ">gradcam<" in svg
        assert ">gradcam++<" not in svg, "it is hidden"
    picture = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB"))
    assert picture.shape[1] > 900
    assert picture[2, 2].tolist() == [255, 255, 255]
    assert (picture.max(axis=2) < 90).sum() > 200, "dark letters on white in both themes"
    assert heard.complaints == []
    tab.close()


def test_a_figure_is_copied(browser: Any, page: Path) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("div.dt-container", state="attached")
    figure = drawn(tab, COSTS)
    figure.locator("[data-as=copy-svg]").click()
    figure.locator("output", has_text="SVG copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()").startswith("<svg")
    figure.locator("[data-as=copy-png]").click()
    figure.locator("output", has_text="PNG copied").wait_for()
    code = tab.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          return [...new Uint8Array(await (await item.getType("image/png")).arrayBuffer())];
        }"""
    )
    assert Image.open(io.BytesIO(bytes(code))).size[0] > 900
    context.close()


def test_a_phone_has_one_panel_in_a_row(browser: Any, page: Path) -> None:
    heard = visit(browser, page, viewport={"width": 390, "height": 844}, has_touch=True)
    figure = drawn(heard.tab, CURVES)
    panels = figure.locator(".live .cartesianlayer .subplot .gridlayer")
    panels.nth(1).wait_for(state="attached")
    first, second = (box.bounding_box() for box in panels.all()[:2])
    assert second["y"] > first["y"] + first["height"]
    assert heard.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert heard.complaints == []
    heard.tab.close()


def test_hostile_names_are_text_in_charts(browser: Any, hostile_page: Path) -> None:
    heard = visit(browser, hostile_page)
    for figures in (CURVES, COSTS, "section[aria-labelledby=depth] figure.chart"):
        figure = drawn(heard.tab, figures)
        figure.locator("[name=series]").nth(2).focus()
        with heard.tab.expect_download() as download:
            figure.locator("[data-as=svg]").click()
        assert "/" not in download.value.suggested_filename
        settled(heard.tab)
    assert heard.tab.evaluate("window.hacked") is None
    assert heard.complaints == []
    assert heard.outside == [hostile_page.as_uri()]
    assert heard.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heard.tab.close()
