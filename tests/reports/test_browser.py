"""The page in a real browser: silent, alone, usable, and deaf to hostile names."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from benchbench.reports.html import document
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .chromium import visit
from .reading import levels

pytestmark = pytest.mark.browser


def column(tab: Any, number: int, body: str = "tbody:first-of-type") -> list[str]:
    cells = tab.locator(f"#leaderboard-tables table.board >> nth=0 >> {body} >> tr >> :nth-child({number})[data-sort]")
    return [cell.get_attribute("data-sort") or "" for cell in cells.all()]


def test_no_complaint_and_no_request_but_the_file(browser: Any, page: Path) -> None:
    heard = visit(browser, page)
    heard.tab.mouse.wheel(0, 20_000)
    assert heard.complaints == []
    assert heard.outside == [page.as_uri()]
    heard.tab.close()


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}])
def test_the_page_fits_a_phone_and_goes_dark(browser: Any, page: Path, options: dict[str, Any]) -> None:
    tab = visit(browser, page, **options).tab
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 150) == ("color_scheme" in options)
    tab.close()


def test_a_heading_sorts_its_rows_by_mouse_and_keyboard(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    before = column(tab, 2)
    controls = column(tab, 2, "tbody.controls")
    button = tab.get_by_role("button", name="deletion AUC").first
    button.click()
    ranked = sorted(float(value) for value in before if value)
    assert [float(value) for value in column(tab, 2) if value] == ranked
    assert column(tab, 2)[-1] == ""
    assert tab.locator("#leaderboard-tables table.board >> nth=0 >> th[aria-sort=ascending]").count() == 1
    button.focus()
    tab.keyboard.press("Enter")
    assert [float(value) for value in column(tab, 2) if value] == ranked[::-1]
    assert column(tab, 2)[-1] == ""
    assert sorted(column(tab, 2, "tbody.controls")) == sorted(controls)
    tab.close()


def test_every_heading_sorts(browser: Any, page: Path) -> None:
    """Twice each, in every table: no complaint, and the rows are in the order that the heading says."""
    heard = visit(browser, page)
    buttons = heard.tab.locator("button.sort")
    assert buttons.count() > 10
    heard.tab.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    for i in range(buttons.count()):
        for _ in range(2):
            before = buttons.nth(i).evaluate("button => button.closest('th').getAttribute('aria-sort')")
            buttons.nth(i).evaluate("button => button.click()")
            order = buttons.nth(i).evaluate("button => button.closest('th').getAttribute('aria-sort')")
            assert order in ("ascending", "descending")
            assert order != before
            shown = buttons.nth(i).evaluate(_COLUMN)
            numbers = [float(text) for text in shown if text] if _are_numbers(shown) else None
            if numbers is not None:
                assert numbers == sorted(numbers, reverse=order == "descending")
    assert heard.complaints == []
    heard.tab.close()


_COLUMN = """button => {
  const at = button.closest('th').cellIndex;
  const rows = button.closest('table').querySelector('tbody:not(.label)').rows;
  return [...rows].map((row) => row.cells[at].dataset.sort ?? row.cells[at].textContent.trim());
}"""


def _are_numbers(texts: list[str]) -> bool:
    return all(re.fullmatch(r"-?[\d.]+(e-?\d+)?", text) for text in texts if text)


def test_the_long_table_searches_and_sorts(browser: Any, page: Path) -> None:
    from playwright.sync_api import expect

    tab = visit(browser, page).tab
    tab.locator("section[aria-labelledby=every] summary").click()
    search = tab.locator("div.dt-container input[type=search]")
    search.fill("scorecam insertion")
    expect(tab.locator("#every-table tbody tr")).to_have_count(2)
    search.fill("insertion")
    expect(tab.locator("#every-table tbody tr")).to_have_count(14)
    tab.locator("#every-table th", has_text="Mean").click()
    expect(tab.locator("#every-table th[aria-sort=ascending]")).to_have_count(1)
    shown = [float(text) for text in tab.locator("#every-table tbody td:nth-child(7)").all_inner_texts() if text]
    assert shown == sorted(shown)
    assert len(shown) == 12
    tab.close()


def choose_layer(tab: Any, name: str) -> None:
    tab.locator("#selector").get_by_label("Layer").select_option(name)


def fade(tab: Any, percent: int) -> None:
    slider = tab.locator("#gallery-controls [name=opacity]")
    moved = "(box, to) => { box.value = to; box.dispatchEvent(new Event('input', { bubbles: true })); }"
    slider.evaluate(moved, percent)


def test_opacity_and_layer_change_what_is_drawn(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    choose_layer(tab, "stage4")
    saliency = tab.locator("#gallery-photos img.map:visible").first
    fade(tab, 25)
    assert saliency.evaluate("element => getComputedStyle(element).opacity") == "0.25"
    drawn, label = saliency.get_attribute("src"), saliency.get_attribute("alt")
    assert "strongest in the" in label
    choose_layer(tab, "stage3")
    assert saliency.get_attribute("src") != drawn
    assert tab.locator("#gallery-photos article").count() == 2
    tab.locator("#gallery-more").click()
    assert tab.locator("#gallery-photos article").count() == 4
    tab.close()


ON_THE_GRID = """map => {
  const { x, y } = map.getBoundingClientRect();
  map.closest("figure").style.translate = `${Math.round(x) - x}px ${Math.round(y) - y}px`;
}"""  # what stands above decides which part of a pixel an edge covers


def test_maps_are_drawn_as_the_engine_upsamples_them(browser: Any, page: Path) -> None:
    """Every pixel on the screen: min-max, bilinear with half-pixel centres (Pillow's too), colour."""
    tab = visit(browser, page).tab
    choose_layer(tab, "stage4")
    fade(tab, 100)
    tab.locator("#gallery-methods summary").click()
    tab.locator("#gallery-methods").get_by_role("button", name="All").click()
    kept = json.loads(tab.locator("#gallery-data").evaluate("element => element.textContent"))["sets"][0]
    method = [m["name"] for m in kept["methods"]].index("gradcam")
    small = levels(kept["maps"][kept["places"][-1][0][method]][0]).astype(np.float32)
    saliency = tab.locator("#gallery-photos article").first.locator("figure").nth(1 + method).locator("img.map")
    saliency.evaluate("c => Object.assign(c.closest('figure').style, { width: '224px', contain: 'layout' })")
    saliency.evaluate(ON_THE_GRID)
    with Image.open(io.BytesIO(saliency.screenshot())) as shot:
        drawn = np.asarray(shot.convert("RGB"), dtype=np.float64)
    large = np.asarray(Image.fromarray(small).resize(drawn.shape[1::-1], Image.Resampling.BILINEAR))
    wanted = mpl.colormaps["inferno"](large / 255)[..., :3] * 255
    inside = (slice(4, -4), slice(4, -4))  # the edge may lie between two pixels of the screen
    assert np.abs(drawn - wanted)[inside].mean() <= 2
    assert np.quantile(np.abs(drawn - wanted)[inside], 0.999) <= 16
    tab.close()


def test_hostile_names_do_nothing(browser: Any, hostile_page: Path) -> None:
    heard = visit(browser, hostile_page)
    tab = heard.tab
    tab.locator("#selector").get_by_label("Layer").select_option(index=1)
    tab.get_by_role("button", name="Method").first.click()
    tab.locator("section[aria-labelledby=every] summary").click()
    tab.locator("div.dt-container input[type=search]").fill("<script>")
    tab.locator("#every-table th", has_text="Method").click()
    assert tab.evaluate("window.hacked") is None
    assert heard.complaints == []
    assert heard.outside == [hostile_page.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


def test_a_page_without_photos_is_silent_too(browser: Any, single: Record, tmp_path: Path) -> None:
    costs = single.results[single.results["sample"].isna()]
    nothing = (single.curves.head(0), single.maps.head(0), single.photos.head(0))
    path = document.write(Marked.of(Record(single.folder, single.info, costs, *nothing)), tmp_path / "report.html")
    heard = visit(browser, path)
    assert heard.complaints == []
    assert heard.tab.locator("#gallery").count() == heard.tab.locator("#images").count() == 0
    with heard.tab.expect_download():
        heard.tab.locator("[data-table=cost-1] [data-as=csv]").click()
    heard.tab.close()
