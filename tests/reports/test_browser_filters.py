"""The boxes above the leaderboard, and the files of each table, in a real browser."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from benchbench.reports.html.page import Page
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .chromium import visit

pytestmark = pytest.mark.browser


def shown(tab: Any, section: str) -> int:
    return int(tab.locator(f"section[aria-labelledby={section}] [data-layer]:not(li):visible").count())


def test_a_box_hides_its_blocks_everywhere_and_says_so(browser: Any, many_page: Path) -> None:
    heard = visit(browser, many_page)
    tab = heard.tab
    assert [shown(tab, name) for name in ("leaderboard", "curves", "depth", "cost", "agreement")] == [8, 8, 4, 8, 8]
    tab.get_by_role("group", name="Network").get_by_label("othernet").uncheck()
    assert [shown(tab, name) for name in ("leaderboard", "curves", "depth", "cost", "agreement")] == [4, 4, 2, 4, 4]
    box = tab.get_by_role("group", name="Layer").get_by_label("stage3")
    box.focus()
    tab.keyboard.press("Space")
    assert [shown(tab, name) for name in ("leaderboard", "depth")] == [2, 2]
    assert tab.locator("#filters output").inner_text() == "Hidden: othernet, stage3."
    for name in ("leaderboard", "curves", "cost", "agreement"):
        note = tab.locator(f"section[aria-labelledby={name}] .filtered")
        assert note.inner_text() == "6 of 8 are hidden by the boxes above the leaderboard."
    assert tab.locator("ol.jump li:visible").count() == 2
    tab.get_by_role("button", name="Show all", exact=True).click()
    assert shown(tab, "leaderboard") == 8
    assert tab.locator("#filters output").inner_text() == "Everything is shown."
    assert heard.complaints == []
    tab.close()


def test_a_family_hides_its_columns_and_nothing_else(browser: Any, many_page: Path) -> None:
    tab = visit(browser, many_page).tab
    table = tab.locator("section[aria-labelledby=leaderboard] table.board").first
    heads = table.locator("thead th:visible")
    assert heads.count() == 6
    assert table.locator("tbody tr >> nth=1 >> td:visible").count() == 5
    tab.get_by_role("group", name="Metrics").get_by_label("localisation").uncheck()
    assert heads.count() == 5
    assert "increase in confidence" not in " ".join(heads.all_inner_texts())
    assert table.locator("tbody tr >> nth=1 >> td:visible").count() == 4
    assert tab.locator("section[aria-labelledby=cost] table.board >> nth=0 >> thead th:visible").count() == 4
    tab.close()


def test_paper_shows_what_the_boxes_hide(browser: Any, many_page: Path) -> None:
    tab = visit(browser, many_page).tab
    tab.get_by_role("group", name="Network").get_by_label("othernet").uncheck()
    tab.get_by_role("group", name="Metrics").get_by_label("localisation").uncheck()
    tab.emulate_media(media="print")
    assert shown(tab, "leaderboard") == 8
    assert tab.locator("section[aria-labelledby=leaderboard] table.board >> nth=0 >> thead th:visible").count() == 6
    assert not tab.locator("#filters").is_visible()
    assert tab.locator(".save:visible").count() == 0
    tab.close()


def test_a_table_is_saved_as_csv_and_latex_by_one_click(
    browser: Any, page: Path, plain: Record, tmp_path: Path
) -> None:
    heard = visit(browser, page)
    tab = heard.tab
    files = Page(Marked.of(plain)).downloads
    for id, kind in (("block-2", "csv"), ("block-2", "tex"), ("health", "csv"), ("every", "tex")):
        with tab.expect_download() as download:
            tab.locator(f"[data-table={id}] [data-as={kind}]").click()
        saved = tmp_path / f"{id}.{kind}"
        download.value.save_as(saved)
        assert download.value.suggested_filename == f"{files[id]['name']}.{kind}"
        assert saved.read_text(encoding="utf-8") == files[id][kind]
    with (tmp_path / "block-2.csv").open(encoding="utf-8", newline="") as read:
        assert {row["layer"] for row in csv.DictReader(read)} == {"stage4"}
    assert heard.complaints == []
    assert heard.outside == [page.as_uri()]
    tab.close()


def test_latex_is_copied(browser: Any, page: Path, plain: Record) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.locator("[data-table=block-1] [data-as=copy]").click()
    output = tab.locator("[data-table=block-1] output")
    output.filter(has_text="LaTeX copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == Page(Marked.of(plain)).downloads["block-1"]["tex"]
    context.close()


def test_hostile_names_are_only_text_in_boxes_and_files(browser: Any, hostile_page: Path, hostile: Record) -> None:
    heard = visit(browser, hostile_page)
    tab = heard.tab
    box = tab.get_by_role("group", name="Layer").get_by_role("checkbox").nth(1)
    box.uncheck()
    assert tab.locator("#filters output").inner_text() == f"Hidden: {hostile.info['models'][0]['layers'][1]}."
    with tab.expect_download() as download:
        tab.locator("[data-table=block-1] [data-as=csv]").click()
    assert "/" not in download.value.suggested_filename
    assert tab.evaluate("window.hacked") is None
    assert heard.complaints == []
    tab.close()


def test_paper_opens_what_is_said_once(browser: Any, page: Path) -> None:
    """The study, and not the tables that repeat what a figure and the leaderboard say."""
    tab = visit(browser, page).tab
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("section[aria-labelledby=provenance] details[open]").count() == 1
    assert tab.locator("details.again").count() == 3
    assert tab.locator("details.again[open]").count() == 0
    tab.emulate_media(media="print")
    assert tab.locator("details.again:visible").count() == 0
    assert tab.locator("section[aria-labelledby=provenance] pre").is_visible()
    tab.close()
