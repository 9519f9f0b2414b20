"""A suite's section in a real browser: silent, alone, accessible, and it follows the page's selector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .chromium import visit
from .suite_answers import SENTENCE
from .test_axe import LOOKS, axe, violations

pytestmark = pytest.mark.browser
__all__ = ["axe"]
SECTION = "section.suite"


def show_all(tab: Any) -> None:
    """Only this section and the answer, with everything open and every chart drawn."""
    tab.evaluate(
        "document.querySelectorAll('main > section:not(.suite, .answer), main > div').forEach((part) => part.remove())"
    )
    tab.evaluate("document.querySelectorAll('.suite details').forEach((part) => (part.open = true))")
    for figure in tab.locator(f"{SECTION} figure.chart").all():
        figure.scroll_into_view_if_needed()
    tab.wait_for_function("() => !document.querySelector('.suite figure.chart:not(.drawn)')")


@pytest.mark.parametrize("look", LOOKS)
def test_it_is_silent_and_axe_finds_nothing(browser: Any, asked_page: Path, axe: str, look: str) -> None:
    heard = visit(browser, asked_page, **LOOKS[look])
    show_all(heard.tab)
    assert heard.tab.locator(f"{SECTION} figure.chart.drawn").count() == 3
    assert heard.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(heard.tab, axe) == []
    assert heard.complaints == []
    assert heard.outside == [asked_page.as_uri()]
    heard.tab.close()


def test_the_selector_chooses_the_setting(browser: Any, asked_page: Path) -> None:
    tab = visit(browser, asked_page).tab
    tables = tab.locator(f"{SECTION} table.verdicts")
    assert [table.is_visible() for table in tables.all()] == [True, True, True]
    tab.locator("#selector [data-key=layer]").select_option("stage4")
    assert [table.is_visible() for table in tables.all()] == [True, False, True], "that without a setting stays"
    first = tables.first.locator("tbody:first-of-type")
    names = [row.get_attribute("data-sort") for row in first.locator("th").all()]
    tables.first.get_by_role("button", name="Saturation").click()
    tables.first.locator("th[aria-sort=descending], th[aria-sort=ascending]").first.wait_for()
    assert [row.get_attribute("data-sort") for row in first.locator("th").all()] == [*names[2:], names[1], names[0]]
    tab.close()


def test_the_sentence_is_copied_and_the_verdicts_are_saved(browser: Any, asked_page: Path, tmp_path: Path) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(asked_page.as_uri())
    tab.get_by_role("button", name="Copy this answer").click()
    tab.locator("[data-table=suite-sentence] output").filter(has_text="this answer copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == SENTENCE
    with tab.expect_download() as download:
        tab.locator("[data-table=suite-verdicts] [data-as=csv]").click()
    download.value.save_as(tmp_path / "verdicts.csv")
    assert download.value.suggested_filename == "benchbench-suite-weaknesses-verdicts.csv"
    assert (tmp_path / "verdicts.csv").read_text(encoding="utf-8").count("\n") == 1 + 3 * 4 * 2
    context.close()
