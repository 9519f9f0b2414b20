"""The scatter of images and the gallery's order, in a real browser: by mouse, by keyboard, against the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.reports.html.gallery import gallery
from benchbench.reports.html.image_orders import DISAGREEMENT
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


def choose_layer(tab: Any, name: str) -> None:
    tab.locator("#selector").get_by_label("Layer").select_option(name)


def points(tab: Any) -> dict[str, tuple[float, float]]:
    """What the table says, in its order."""
    tab.locator("#points-list").evaluate("list => { list.open = true }")
    rows = tab.locator("#points-table tbody tr")
    rows.first.wait_for()
    texts = [(row.locator("th").inner_text(), row.locator("td").all_inner_texts()) for row in rows.all()]
    return {name: (float(x), float(y)) for name, (x, y) in texts}


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
    shown = np.array([[float(f"{value:.3f}") for value in row] for row in both])
    better = [int((sign * (shown[:, 0] - shown[:, 1]) > 0).sum()) for sign in (1, -1)]
    assert tab.locator("#points-summary").inner_text() == (
        f"tinynet · photos · stage4: 10 of 12 images have both numbers: "
        f"gradcam is better on {better[0]}, layercam on {better[1]}, "
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
    choose_layer(tab, "stage3")
    sample = list(points(tab))[4]
    box = plotted(tab).locator(".scatterlayer .point").nth(4).bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    tab.locator("#points-plot .hoverlayer .hovertext").first.wait_for()
    tab.mouse.down()
    tab.mouse.up()
    large = tab.locator("#gallery-large[open]")
    large.wait_for()
    assert large.locator("h3 bdi").inner_text() == sample
    assert large.locator("h3 .caption").inner_text().endswith("; stage3")
    assert heard.complaints == []
    tab.close()


def test_the_points_are_a_table_for_the_keyboard(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    tab.locator("#points-list summary").focus()
    tab.keyboard.press("Enter")
    rows = tab.locator("#points-table tbody tr")
    rows.first.wait_for()
    assert rows.count() == 12
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    name = rows.first.locator("th").inner_text()
    assert tab.evaluate("document.activeElement.textContent") == name
    tab.keyboard.press("Enter")
    assert tab.locator("#gallery-large[open] h3 bdi").inner_text() == name
    tab.close()


def order(tab: Any) -> list[str]:
    while tab.locator("#gallery-more").is_visible():
        tab.locator("#gallery-more").click()
    return [str(name) for name in tab.locator("#gallery-photos h3 bdi").all_inner_texts()]


def test_the_gallery_is_ordered_by_disagreement_score_and_failures(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    (kept,) = gallery(board_of(plain))["sets"]
    names = [image["sample"] for image in kept["images"]]
    choose_layer(tab, "stage4")
    sort = tab.locator("#gallery-controls [name=order]")
    assert order(tab) == names
    sort.select_option("maps of all methods disagree most first")
    unlike = kept["keys"][DISAGREEMENT][1]
    assert order(tab) == [names[at] for at in sorted(range(12), key=lambda at: (-unlike[at], at))]
    sort.select_option("most failures first")
    assert order(tab) == names, "the first two failed already"
    tab.locator("#gallery-methods summary").click()
    for shown in (["gradcam", "layercam"], ["gradcam++", "scorecam(variant=torchcam)", "random"]):
        for box in tab.locator("#gallery-methods input").all():
            box.set_checked(box.locator("xpath=..").inner_text().strip() in shown)
        for metric, title, sign in (("insertion", "insertion AUC", 1), ("deletion", "deletion AUC", -1)):
            values = pd.concat([column(plain, name, metric) for name in shown], axis=1)
            for chosen, keys in (
                (f"worst {title} first", sign * values.mean(axis=1)),
                (f"best {title} first", -sign * values.mean(axis=1)),
                (f"shown methods differ most in {title} first", values.min(axis=1) - values.max(axis=1)),
            ):
                sort.select_option(chosen)
                assert order(tab) == [str(name) for name in keys.sort_values(kind="stable").index]
    reason = tab.locator("#gallery-photos article >> nth=0 >> .caption").inner_text()
    assert f"best minus worst of the shown methods {-keys.min():.3f}" in reason
    sort.select_option("by name")
    assert order(tab) == sorted(names)
    sort.select_option("least probable class first")
    assert order(tab) == names, "the fake probabilities rise from photo to photo"
    assert "object" not in sort.inner_text(), "these photographs have no masks"
    tab.close()


def test_methods_and_numbers_are_chosen(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    choose_layer(tab, "stage4")
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
    choose_layer(tab, "stage4")
    (kept,) = gallery(board_of(plain))["sets"]
    first, second = (kept["methods"][at]["name"] for at in kept["start"][1:])
    figure = tab.locator("#gallery-photos figure", has=tab.get_by_text(second, exact=True)).first
    assert figure.locator("img.map").bounding_box()["width"] >= 200
    figure.locator("button").click()
    expect(large).to_be_visible()
    assert large.locator("h3 bdi").inner_text() == "photo-00"
    assert large.locator("#gallery-side [name=method]").evaluate("box => box.selectedOptions[0].text") == second
    value = column(plain, second, "insertion")["photo-00"]
    assert any(
        text.startswith(f"{value:.3f}\u00a0↑ insertion AUC")
        for text in large.locator(".numbers span").all_inner_texts()
    )
    assert large.locator("img.map").get_attribute("alt").startswith(f"Map of {second} at stage4 on photo-00")
    tab.wait_for_selector("#gallery-plot .scatterlayer .trace", state="attached")
    drawn = tab.locator("#gallery-plot").evaluate("plot => plot.data.find(({ zorder }) => zorder)")
    rows = plain.curves
    rows = rows[(rows["sample"] == "photo-00") & (rows["method"] == second) & (rows["layer"] == "stage4")]
    wanted = rows[rows["metric"] == "deletion"].sort_values("x")
    np.testing.assert_allclose(drawn["x"], wanted["x"], atol=1e-6)
    np.testing.assert_allclose(drawn["y"], wanted["y"], atol=5e-5)
    large.locator("[name=method]").select_option(first)
    assert large.locator("img.map").get_attribute("alt").startswith(f"Map of {first} at")
    assert large.get_by_role("button", name="Previous photo").is_disabled()
    large.get_by_role("button", name="Next photo").click()
    assert large.locator("h3 bdi").inner_text() == "photo-01"
    assert not large.get_by_label("outline of the object").is_visible(), "these photographs have no masks"
    tab.keyboard.press("Escape")
    expect(large).to_be_hidden()
    assert tab.evaluate("document.activeElement.matches('button.frame')")
    assert heard.complaints == []
    tab.close()


def test_a_map_of_the_first_screen_opens_in_its_setting(browser: Any, many_page: Path) -> None:
    heard = visit(browser, many_page)
    tab, large = heard.tab, heard.tab.locator("#gallery-large")
    for label in ("Network", "Data", "Layer"):
        tab.locator("#selector").get_by_label(label).select_option("all")
    assert tab.locator("#gallery-count").inner_text().startswith("tinynet · photos: ")
    button = tab.locator(".contrasts:visible").nth(6).locator("button").nth(1)
    words = re.fullmatch(r"Map of (.+) over photograph (.+)", button.locator("img").get_attribute("alt"))
    assert words is not None
    button.click()
    assert large.locator("h3 bdi").inner_text() == words[2]
    assert large.locator("[name=method]").evaluate("box => box.selectedOptions[0].text") == words[1]
    assert large.locator("img.map").get_attribute("alt").startswith(f"Map of {words[1]} at stage3 on {words[2]}: ")
    assert tab.locator("#gallery-count").inner_text().startswith("othernet · cutouts: ")
    assert heard.complaints == []
    tab.close()


def test_all_layers_stand_below_each_other(browser: Any, page: Path) -> None:
    from playwright.sync_api import expect

    tab = visit(browser, page).tab
    tab.locator("#gallery-methods summary").click()
    tab.locator("#gallery-methods").get_by_role("button", name="All").click()
    article = tab.locator("#gallery-photos article").first
    rows = article.locator(".maps")
    assert [row.locator("figure").count() for row in rows.all()] == [8, 8]
    upper, lower = ([figure.bounding_box() for figure in row.locator("figure").all()] for row in rows.all())
    assert all(a["x"] == b["x"] and a["y"] < b["y"] for a, b in zip(upper, lower, strict=True))
    assert article.locator(".where").all_inner_texts() == ["stage3", "stage4"]
    maps = article.locator("img.map")
    for at, layer in ((0, "stage3"), (maps.count() - 1, "stage4")):
        expect(maps.nth(at)).to_have_attribute("alt", re.compile(f"at {layer} on photo-00: strongest in the"))
    tab.close()


def test_hostile_names_do_nothing_in_points_and_gallery(browser: Any, hostile_page: Path) -> None:
    heard = visit(browser, hostile_page)
    tab = heard.tab
    for box in ("x-method", "y-method", "x-metric"):
        tab.locator(f"#points-controls [name={box}]").select_option(index=2)
    tab.locator("#points-list summary").click()
    tab.locator("#selector").get_by_label("Layer").select_option(index=2)
    tab.locator("#gallery-controls [name=order]").select_option("most failures first")
    tab.locator("#gallery-methods summary").click()
    tab.locator("#points-plot").scroll_into_view_if_needed()
    tab.wait_for_selector("#points-plot .scatterlayer .point")
    tab.locator("#points-table button").first.click()
    assert tab.evaluate("window.hacked") is None
    assert heard.complaints == []
    assert heard.outside == [hostile_page.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "\u202e" not in tab.evaluate("document.body.innerText")
    tab.close()
