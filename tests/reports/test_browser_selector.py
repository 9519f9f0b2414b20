"""The selector: one setting for the whole page, kept in the address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from benchbench.reports.html.selector import _within
from benchbench.reports.leaderboard.blocks import Block
from benchbench.results.record import Record

from .chromium import Heard, visit

pytestmark = pytest.mark.browser
MOST_HIGH = 7_600  # pixels at 1280; 380 of them are of the plot of images, whether it is drawn or not
SECTIONS = ("leaderboard", "curves", "depth", "agreement")


def shown(tab: Any, section: str) -> int:
    return int(tab.locator(f"section[aria-labelledby={section}] div[data-layer]:visible").count())


def choose(tab: Any, label: str, name: str) -> None:
    tab.locator("#selector").get_by_label(label).select_option(name)


def setting(tab: Any) -> dict[str, str]:
    """What the address says."""
    words = parse_qs(tab.evaluate("location.hash").partition("?")[2])
    return {key: values[0] for key, values in words.items()}


@pytest.fixture
def heard(browser: Any, many_page: Path) -> Iterator[Heard]:
    visited = visit(browser, many_page)
    assert visited.tab.locator("details.fold[open]").count() == 0, (
        "of many settings, what is not looked at first is folded"
    )
    folds = ", ".join(f"section[aria-labelledby={name}] details.fold" for name in (*SECTIONS, "cost"))
    visited.tab.evaluate("places => document.querySelectorAll(places).forEach((part) => (part.open = true))", folds)
    yield visited
    assert visited.complaints == []
    visited.tab.close()


def test_a_page_of_many_settings_opens_with_one(heard: Heard) -> None:
    assert [shown(heard.tab, name) for name in SECTIONS] == [1, 1, 1, 1]
    values = heard.tab.eval_on_selector_all(
        "#selector select", "boxes => boxes.map((box) => box.selectedOptions[0].text)"
    )
    assert values == ["tinynet", "photos", "stage4", "all"]


def test_a_page_of_eight_settings_is_not_high(browser: Any, many_page: Path) -> None:
    """Three methods, a control and two metrics here; six methods and eight metrics take 1,200 px more."""
    tab = visit(browser, many_page).tab
    assert tab.evaluate("document.documentElement.scrollHeight") <= MOST_HIGH
    tab.close()


def test_a_page_of_two_settings_shows_both(browser: Any, page: Path) -> None:
    tab = visit(browser, page).tab
    assert [shown(tab, name) for name in SECTIONS] == [2, 2, 1, 2]
    assert tab.locator("#selector").get_by_label("Network").count() == 0, "there is one network"
    tab.close()


def test_a_choice_drives_every_section(heard: Heard) -> None:
    tab = heard.tab
    choose(tab, "Network", "othernet")
    heading = tab.locator("section[aria-labelledby=leaderboard] h3:visible")
    assert heading.all_inner_texts() == ["othernet · photos · stage4"]
    costs = tab.locator("section[aria-labelledby=cost] table.board:visible")
    assert costs.locator("caption").all_inner_texts() == ["Cost, othernet; lower is better"]
    assert all("stage4" in text for text in costs.locator("tbody.label:visible").all_inner_texts())
    choose(tab, "Layer", "all")
    assert [shown(tab, name) for name in SECTIONS] == [2, 2, 1, 2]
    choose(tab, "Network", "all")
    choose(tab, "Data", "all")
    assert [shown(tab, name) for name in SECTIONS] == [8, 8, 4, 8]


def test_a_network_without_a_layer_takes_its_last_one(heard: Heard) -> None:
    """Both networks of the page have both layers; here the second has lost one."""
    layer = heard.tab.locator("#selector").get_by_label("Layer")
    options = layer.locator("option:not(:first-child)")
    every = " ".join(f"{network},{data}" for network in (-1, 0, 1) for data in (-1, 0, 1))
    assert [option.get_attribute("data-pairs") for option in options.all()] == [every, every]
    options.nth(1).evaluate("option => { option.dataset.pairs = '-1,-1 -1,0 -1,1 0,-1 0,0 0,1' }")
    choose(heard.tab, "Network", "othernet")
    assert layer.evaluate("box => box.value") == "stage3"
    assert options.nth(1).is_disabled()
    assert setting(heard.tab)["layer"] == "stage3"
    choose(heard.tab, "Network", "tinynet")
    assert options.nth(1).is_enabled()


def test_a_layer_of_other_pairs_cannot_be_chosen() -> None:
    """A layer of the first network on the first data, and of the second on the second, has no other pair."""
    blocks = [Block(*place, (), (), ()) for place in (("a", "x", "last"), ("b", "y", "last"))]
    pairs = _within(blocks, "last", ("a", "b"), ("x", "y")).split()
    assert pairs == ["-1,-1", "-1,0", "-1,1", "0,-1", "0,0", "1,-1", "1,1"]


def test_the_gallery_and_the_points_follow(heard: Heard) -> None:
    tab = heard.tab
    choose(tab, "Network", "othernet")
    choose(tab, "Data", "cutouts")
    choose(tab, "Layer", "stage3")
    assert tab.locator("#gallery-count").inner_text().startswith("othernet · cutouts: ")
    label = tab.locator("#gallery-photos img.map").first.get_attribute("alt")
    assert " at stage3 on " in label
    assert tab.locator("#points-summary").inner_text().startswith("othernet · cutouts · stage3: ")


def test_a_link_shows_what_its_sender_saw(heard: Heard, browser: Any) -> None:
    tab = heard.tab
    choose(tab, "Network", "othernet")
    choose(tab, "Layer", "stage3")
    choose(tab, "Metrics", "faithfulness")
    tab.locator("nav.page").get_by_role("link", name="Curves").click()
    assert setting(tab) == {"network": "othernet", "data": "photos", "layer": "stage3", "family": "faithfulness"}
    other = browser.new_page()
    other.goto(tab.url)
    assert setting(other) == setting(tab)
    assert other.locator("section[aria-labelledby=curves] h3:visible").all_inner_texts() == [
        "othernet · photos · stage3"
    ]
    assert other.locator("#curves").bounding_box()["y"] < 200
    other.close()


@pytest.mark.parametrize(
    "fragment",
    ["#nowhere", "#leaderboard?network=nope&layer=%E0%A4%A", "#?", "#%E0%A4%A", "#leaderboard?network", "#x?x=1#y"],
)
def test_an_address_that_means_nothing_changes_nothing_and_is_told(
    browser: Any, many_page: Path, fragment: str
) -> None:
    visited = visit(browser, many_page)
    visited.tab.goto(f"{many_page.as_uri()}{fragment}")
    assert visited.tab.locator("#absent").is_visible() == ("=" in fragment or fragment.endswith("network"))
    visited.tab.reload()
    assert shown(visited.tab, "leaderboard") == 1
    assert visited.complaints == []
    visited.tab.close()


def test_a_family_hides_its_columns_and_nothing_else(heard: Heard) -> None:
    tab = heard.tab
    table = tab.locator("section[aria-labelledby=leaderboard] table.board:visible").first
    heads = table.locator("thead th:visible")
    assert heads.count() == 3
    choose(tab, "Metrics", "localisation")
    assert [text.split()[0] for text in heads.all_inner_texts()] == ["Method", "increase"]
    assert table.locator("tbody tr >> nth=1 >> td:visible").count() == 1
    findings = tab.locator("section[aria-labelledby=findings] tbody tr:visible")
    assert all("ncrease in confidence" in text for text in findings.all_inner_texts())
    assert tab.locator("section[aria-labelledby=cost] table.board:visible >> nth=0 >> thead th:visible").count() == 4


def test_contents_mark_the_section_in_sight_and_open_what_is_folded(heard: Heard) -> None:
    tab = heard.tab
    tab.locator("nav.page").get_by_role("link", name="Definitions").click()
    marked = tab.locator("nav.page a[aria-current=true]")
    marked.get_by_text("Definitions").wait_for()
    assert marked.count() == 1
    assert tab.locator("section[aria-labelledby=definitions] details.fold").get_attribute("open") is not None
    assert tab.locator("section[aria-labelledby=provenance] details.fold").get_attribute("open") is None


def test_numbers_and_letters_are_shown_on_demand(heard: Heard) -> None:
    tab = heard.tab
    table = tab.locator("section[aria-labelledby=leaderboard]")
    assert table.locator(".spread:visible").count() == table.locator(".rank:visible").count() == 0
    tab.get_by_label("Intervals as numbers").check()
    assert table.locator(".spread:visible").count() > 0
    tab.get_by_label("Mean ranks and letters").check()
    assert table.locator(".rank:visible").count() > 0


def test_paper_shows_everything(heard: Heard) -> None:
    tab = heard.tab
    choose(tab, "Metrics", "localisation")
    tab.emulate_media(media="print")
    assert shown(tab, "leaderboard") == 8
    assert tab.locator("section[aria-labelledby=leaderboard] table.board >> nth=0 >> thead th:visible").count() == 3
    assert not tab.locator("#selector").is_visible()
    assert tab.locator(".save:visible").count() == 0
    colour = "cell => getComputedStyle(cell).printColorAdjust"
    assert tab.locator(".heat tbody td >> nth=0").evaluate(colour) == "exact"  # else the heat map is white on paper


def test_no_name_is_broken_inside_a_word(heard: Heard) -> None:
    lines = """name => { const range = document.createRange(); range.selectNodeContents(name);
        return new Set([...range.getClientRects()].map(box => Math.round(box.bottom))).size; }"""
    names = heard.tab.locator("table.board th[scope=row]:visible")
    words = {names.nth(i).inner_text(): names.nth(i).evaluate(lines) for i in range(names.count())}
    assert {name: count for name, count in words.items() if name.isalpha() and count > 1} == {}
    assert any(name.isalpha() and len(name) > 7 for name in words)


def test_hostile_names_are_only_text(browser: Any, hostile_page: Path, hostile: Record) -> None:
    visited = visit(browser, hostile_page)
    tab = visited.tab
    layers = hostile.info["models"][0]["layers"]
    box = tab.locator("#selector").get_by_label("Layer")
    box.select_option(index=2)
    again = browser.new_page()
    again.goto(tab.url)
    assert again.locator("#selector").get_by_label("Layer").evaluate("box => box.selectedOptions[0].text") == layers[1]
    assert again.evaluate("window.hacked") is None
    assert tab.evaluate("window.hacked") is None
    assert visited.complaints == []
    again.close()
    tab.close()
