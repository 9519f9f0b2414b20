"""The scatter of images and the gallery's order, in a real browser: by mouse, by keyboard, against the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.reports.html.gallery import gallery
from benchbench.results.record import Record

from .chromium import visit
from .shared import board_of

pytestmark = pytest.mark.browser


def column(record: Record, method: str, metric: str, layer: str = "stage4") -> pd.Series[float]:
    rows = record.results
    rows = rows[(rows["method"] == method) & (rows["metric"] == metric) & (rows["layer"] == layer)]
    return rows.set_index("sample")["value"].astype(float)


def pick(tab: Any, **chosen: str) -> None:
    for name, text in chosen.items():
        tab.locator(f"#points-controls [name={name.replace('_', '-')}]").select_option(text)


def words(tab: Any) -> list[str]:
    """What each point says, in the order of the slider."""
    slider, number = tab.locator("#points-slider"), int(tab.locator("#points-slider").get_attribute("max")) + 1
    texts = []
    for place in range(number):
        slider.evaluate("(box, place) => { box.value = place; box.dispatchEvent(new Event('input')); }", place)
        texts.append(str(slider.get_attribute("aria-valuetext")))
    return texts


def points(tab: Any) -> dict[str, tuple[float, float]]:
    matches = [re.fullmatch(r"(.+): x (-?[\d.]+), y (-?[\d.]+)", text) for text in words(tab)]
    return {match[1]: (float(match[2]), float(match[3])) for match in matches if match}


def plotted(tab: Any) -> Any:
    """The plot, drawn."""
    plot = tab.locator("#points-plot")
    plot.scroll_into_view_if_needed()
    tab.wait_for_selector("#points-plot .scatterlayer .point")
    return plot


def test_the_points_are_the_tables_numbers(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    pick(tab, x_method="gradcam", y_method="layercam", x_metric="insertion AUC ↑", y_metric="insertion AUC ↑")
    across, up = column(plain, "gradcam", "insertion"), column(plain, "layercam", "insertion")
    coordinates = points(tab)
    assert set(coordinates) == set(up.dropna().index), "layercam failed on two"
    for sample, (x, y) in coordinates.items():
        assert (x, y) == pytest.approx((across[sample], up[sample]), abs=0.0006)
    both = pd.concat([across, up], axis=1).dropna().to_numpy()
    better = [int((sign * (both[:, 0] - both[:, 1]) >= 0.0005).sum()) for sign in (1, -1)]
    assert tab.locator("#points-summary").inner_text() == (
        f"10 of 12 images have both numbers: gradcam is better on {better[0]}, layercam on {better[1]}, "
        f"equal to three decimals on {10 - sum(better)}."
    )
    tab.close()


def test_lower_is_better_where_the_metric_says_so(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    pick(tab, x_method="gradcam", y_method="gradcam++", x_metric="deletion AUC ↓", y_metric="deletion AUC ↓")
    less = column(plain, "gradcam++", "deletion") - column(plain, "gradcam", "deletion")
    assert less.abs().min() > 0.0005
    counts = f"gradcam is better on {(less > 0).sum()}, gradcam++ on {(less < 0).sum()}, equal to three decimals on 0."
    assert counts in tab.locator("#points-summary").inner_text()
    pick(tab, y_method="gradcam")
    assert "equal to three decimals on 12." in tab.locator("#points-summary").inner_text()
    tab.close()


def test_a_point_lies_where_its_axes_say(browser: Any, page: Path) -> None:
    """Positions are affine in the numbers, x to the right and y up, on one scale where both axes are one metric."""
    tab = visit(browser, page).tab
    plot = plotted(tab)
    numbers = np.array(list(points(tab).values()))
    shown = plot.evaluate("plot => [plot.data[0].x, plot.data[0].y]")
    np.testing.assert_allclose(np.transpose(shown), numbers, atol=0.0006)
    boxes = [point.bounding_box() for point in plot.locator(".scatterlayer .point").all()]
    places = np.array([[box["x"] + box["width"] / 2, box["y"] + box["height"] / 2] for box in boxes])
    for side, sign in ((0, 1), (1, -1)):
        assert np.corrcoef(numbers[:, side], places[:, side])[0, 1] * sign > 0.999
    ranges = plot.evaluate("plot => [plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range]")
    assert ranges[0] == ranges[1], "so that the dashed diagonal is where both are equal"
    assert plot.locator(".shapelayer path").count() == 1
    pick(tab, y_metric="insertion AUC ↑")
    tab.wait_for_function("() => document.querySelectorAll('#points-plot .shapelayer path').length === 0")
    tab.close()


def test_a_click_opens_the_photo_in_the_gallery(browser: Any, page: Path) -> None:
    heard = visit(browser, page)
    tab = heard.tab
    pick(tab, where="0,0")
    sample = words(tab)[4].split(":")[0]
    box = plotted(tab).locator(".scatterlayer .point").nth(4).bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    tab.locator("#points-plot .hoverlayer .hovertext").first.wait_for()
    tab.mouse.down()
    tab.mouse.up()
    tab.wait_for_function("() => document.activeElement.tagName === 'H3'")
    assert tab.locator("#gallery-photos article").count() == 1
    assert tab.locator("#gallery-photos h3 bdi").inner_text() == sample
    assert tab.locator("#gallery-layer").evaluate("box => box.value") == "stage3"
    assert "the chosen photo" in tab.locator("#gallery-count").inner_text()
    tab.get_by_role("button", name="Show all photos again").click()
    assert tab.locator("#gallery-photos article").count() == 3
    assert heard.complaints == []
    tab.close()


def test_the_keyboard_goes_from_point_to_point_and_opens_one(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    plot = plotted(tab)
    names = words(tab)
    slider = tab.locator("#points-slider")
    slider.focus()
    for press, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 11), ("Home", 0)):
        tab.keyboard.press(press)
        assert slider.get_attribute("aria-valuetext") == names[place]
        assert tab.locator("#points-chosen").inner_text() == names[place]
        tab.wait_for_function(f"() => document.getElementById('points-plot').data[0].selectedpoints[0] === {place}")
    assert plot.get_attribute("role") == "img"
    tab.keyboard.press("Enter")
    assert tab.locator("#gallery-photos h3 bdi").inner_text() == names[0].split(":")[0]
    tab.close()


def test_the_points_are_a_table_too(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    tab.locator("#points-list summary").click()
    rows = tab.locator("#points-table tbody tr")
    rows.first.wait_for()
    assert rows.count() == 12
    cells = {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows.all()}
    assert {name: tuple(map(float, numbers)) for name, numbers in cells.items()} == points(tab)
    rows.nth(3).locator("button").click()
    assert tab.locator("#gallery-photos h3 bdi").inner_text() == rows.nth(3).locator("th").inner_text()
    tab.close()


def order(tab: Any) -> list[str]:
    while tab.locator("#gallery-more").is_visible():
        tab.locator("#gallery-more").click()
    return [str(name) for name in tab.locator("#gallery-photos h3 bdi").all_inner_texts()]


def test_the_gallery_is_ordered_by_disagreement_score_and_failures(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    (kept,) = gallery(board_of(plain))["sets"]
    names = [image["sample"] for image in kept["images"]]
    assert order(tab) == names
    tab.locator("#gallery-order").select_option("disagreement")
    unlike = kept["disagreement"][-1]
    assert order(tab) == [names[at] for at in sorted(range(12), key=lambda at: (-unlike[at], at))]
    tab.locator("#gallery-order").select_option("failures")
    assert order(tab) == names, "the first two failed already"
    judged = ["gradcam", "gradcam++", "scorecam(variant=torchcam)", "layercam"]
    for metric, title, sign in (("insertion", "insertion AUC ↑", 1), ("deletion", "deletion AUC ↓", -1)):
        values = pd.concat([column(plain, name, metric) for name in judged], axis=1)
        for chosen, keys in (
            ("worst", sign * values.mean(axis=1)),
            ("best", -sign * values.mean(axis=1)),
            ("spread", values.min(axis=1) - values.max(axis=1)),
        ):
            tab.locator("#gallery-order").select_option(chosen)
            tab.locator("#gallery-by").select_option(title)
            assert order(tab) == [str(name) for name in keys.sort_values(kind="stable").index]
    tab.locator("#gallery-order").select_option("name")
    assert order(tab) == sorted(names)
    tab.locator("#gallery-order").select_option("probability")
    assert order(tab) == names, "the fake probabilities rise from photo to photo"
    assert tab.locator("#gallery-order option[value=small]").evaluate("option => option.hidden")
    tab.close()


def test_methods_and_numbers_are_chosen(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    article = tab.locator("#gallery-photos article").first
    assert article.locator("figure").count() == 3, "the photo and the two methods that are least alike"
    tab.locator("#gallery-methods summary").click()
    tab.locator("#gallery-methods").get_by_role("button", name="All").click()
    assert article.locator("figure").count() == 8
    tab.locator("#gallery-methods").get_by_label("random").uncheck()
    tab.locator("#gallery-methods").get_by_label("gradcam", exact=True).uncheck()
    assert article.locator("figure").count() == 6
    assert tab.locator("#gallery-methods output").inner_text() == "5 of 7"
    tab.locator("#gallery-metrics summary").click()
    for title in ("deletion AUC", "insertion AUC", "average drop", "increase in confidence"):
        tab.locator("#gallery-metrics").get_by_label(title).uncheck()
    tab.locator("#gallery-metrics").get_by_label("average gain").check()
    gains = {name: column(plain, name, "average_gain").get("photo-00") for name in METHODS}
    for name in ("gradcam++", "scorecam(variant=torchcam)"):
        figure = article.locator("figure", has=tab.get_by_text(name, exact=True))
        (text,) = figure.locator(".numbers span").all_inner_texts()
        assert text == f"{gains[name]:.3f}\u00a0↑ average gain{place(name, gains)}"
    tab.close()


METHODS = ("gradcam", "gradcam++", "scorecam(variant=torchcam)", "layercam")


def place(name: str, values: dict[str, float | None]) -> str:
    """What the page says of a method's value where more is better."""
    known = [value for value in values.values() if value is not None and value == value]
    return " (best)" if values[name] == max(known) else " (worst)" if values[name] == min(known) else ""


def test_a_picture_is_enlarged(browser: Any, page: Path, plain: Record) -> None:
    """Map, numbers and curves of one image; from photo to photo; closed by Escape, and the picture has the focus."""
    from playwright.sync_api import expect

    heard = visit(browser, page)
    tab, large = heard.tab, heard.tab.locator("#gallery-large")
    (kept,) = gallery(board_of(plain))["sets"]
    first, second = (kept["methods"][at]["name"] for at in kept["start"][1:])
    figure = tab.locator("#gallery-photos figure", has=tab.get_by_text(second, exact=True)).first
    assert figure.locator("img").bounding_box()["width"] >= 200
    figure.locator("button").click()
    expect(large).to_be_visible()
    assert large.locator("h3 bdi").inner_text() == "photo-00"
    assert large.locator("#gallery-large-method").evaluate("box => box.value") == second
    value = column(plain, second, "insertion")["photo-00"]
    assert any(
        text.startswith(f"{value:.3f}\u00a0↑ insertion AUC")
        for text in large.locator(".numbers span").all_inner_texts()
    )
    assert large.locator("canvas").get_attribute("aria-label").startswith(f"Map of {second} at stage4 on photo-00")
    tab.wait_for_selector("#gallery-large-plot .scatterlayer .trace", state="attached")
    drawn = tab.locator("#gallery-large-plot").evaluate("plot => plot.data.at(-1)")
    rows = plain.curves
    rows = rows[(rows["sample"] == "photo-00") & (rows["method"] == second) & (rows["layer"] == "stage4")]
    wanted = rows[rows["metric"] == "deletion"].sort_values("x")
    np.testing.assert_allclose(drawn["x"], wanted["x"], atol=1e-6)
    np.testing.assert_allclose(drawn["y"], wanted["y"], atol=2e-5)
    large.locator("#gallery-large-method").select_option(first)
    assert large.locator("canvas").get_attribute("aria-label").startswith(f"Map of {first} at")
    assert large.get_by_role("button", name="Previous photo").is_disabled()
    large.get_by_role("button", name="Next photo").click()
    assert large.locator("h3 bdi").inner_text() == "photo-01"
    assert not large.get_by_label("outline of the object").is_visible(), "these photographs have no masks"
    tab.keyboard.press("Escape")
    expect(large).to_be_hidden()
    assert tab.evaluate("document.activeElement.matches('button.frame')")
    assert heard.complaints == []
    tab.close()


def test_all_layers_stand_side_by_side(browser: Any, page: Path) -> None:
    from playwright.sync_api import expect

    tab = visit(browser, page).tab
    tab.locator("#gallery-methods summary").click()
    tab.locator("#gallery-methods").get_by_role("button", name="All").click()
    tab.locator("#gallery-layer").select_option("all, side by side")
    article = tab.locator("#gallery-photos article").first
    captions = article.locator(".beside figcaption")
    assert captions.count() == 15
    places = [figure.bounding_box() for figure in article.locator(".beside figure").all()[1:]]
    assert all(a["y"] == b["y"] and a["x"] < b["x"] for a, b in zip(places[::2], places[1::2], strict=True))
    assert article.locator(".where").all_inner_texts() == ["stage3", "stage4"] * 7
    canvases = article.locator(".beside canvas")
    canvases.nth(0).scroll_into_view_if_needed()
    for at, layer in ((0, "stage3"), (1, "stage4")):
        expect(canvases.nth(at)).to_have_attribute(
            "aria-label", re.compile(f"at {layer} on photo-00: strongest in the")
        )
    tab.close()


def test_hostile_names_do_nothing_in_points_and_gallery(browser: Any, hostile_page: Path) -> None:
    heard = visit(browser, hostile_page)
    tab = heard.tab
    for box in ("x-method", "y-method", "x-metric"):
        tab.locator(f"#points-controls [name={box}]").select_option(index=2)
    tab.locator("#points-list summary").click()
    tab.locator("#gallery-layer").select_option(index=2)
    tab.locator("#gallery-order").select_option("failures")
    tab.locator("#gallery-methods summary").click()
    tab.locator("#points-plot").scroll_into_view_if_needed()
    tab.wait_for_selector("#points-plot .scatterlayer .point")
    tab.locator("#points-slider").press("ArrowRight")
    tab.locator("#points-slider").press("Enter")
    assert tab.evaluate("window.hacked") is None
    assert heard.complaints == []
    assert heard.outside == [hostile_page.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "\u202e" not in tab.evaluate("document.body.innerText")
    tab.close()
