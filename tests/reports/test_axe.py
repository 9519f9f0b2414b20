"""axe-core finds nothing that keeps a reader with a keyboard, a screen reader or weak eyes from the page.

``npm ci --prefix tests/reports/axe`` brings it; .ci/run does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .chromium import visit

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
}


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        if os.environ.get("BENCHBENCH_REQUIRE_BROWSER") == "1":
            pytest.fail("BENCHBENCH_REQUIRE_BROWSER=1, and there is no axe-core: npm ci --prefix tests/reports/axe")
        pytest.skip("there is no axe-core: npm ci --prefix tests/reports/axe")
    return AXE.read_text(encoding="utf-8")


def violations(tab: Any, axe: str, part: str = "") -> list[str]:
    """Of the page, or of the part that a selector names, where the rest was looked at before."""
    tab.evaluate(axe)
    where = repr(part) if part else "document"
    report = tab.evaluate(f"axe.run({where}, {{ resultTypes: ['violations'] }})")
    assert len(report["passes"]) > (5 if part else 20), "the rules ran"
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in report["violations"]]


def unfold(tab: Any, charts: int = 1000) -> None:
    """Everything open: details, the table of points; and the charts drawn.

    Args:
        charts: how many; charts are drawn alike, and it takes a second for each.
    """
    tab.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    figures = tab.locator("figure.chart").all()
    for figure in [*figures[:charts], tab.locator("#points-plot")]:
        figure.scroll_into_view_if_needed()
    tab.wait_for_function(
        "(count) => document.querySelectorAll('figure.chart.drawn').length >= count "
        "&& document.querySelector('#points-plot.js-plotly-plot')",
        arg=min(charts, len(figures)),
    )
    tab.locator("#points-table tbody tr").first.wait_for(state="attached")


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(browser: Any, page: Path, axe: str, look: str) -> None:
    tab = visit(browser, page, **LOOKS[look]).tab
    if look == "light":  # what is folded is a part of what is unfolded
        assert violations(tab, axe) == []
    unfold(tab, 1000 if look == "light" else 1)
    assert violations(tab, axe) == []
    tab.locator("#gallery-photos button.frame").first.click()
    tab.wait_for_selector("#gallery-plot .scatterlayer .trace", state="attached")
    assert violations(tab, axe, "dialog[open]") == []
    tab.close()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_the_screen_of_a_setting(browser: Any, many_page: Path, axe: str, look: str) -> None:
    tab = visit(browser, many_page, **LOOKS[look]).tab
    assert tab.locator(".first.single:visible").count() == 1
    assert violations(tab, axe, "section:has(.first.single)") == []
    tab.close()


def test_axe_finds_nothing_among_hostile_names(browser: Any, hostile_page: Path, axe: str) -> None:
    tab = visit(browser, hostile_page).tab
    unfold(tab, 2)
    assert violations(tab, axe) == []
    tab.close()


def test_axe_finds_what_is_planted(browser: Any, page: Path, axe: str) -> None:
    tab = visit(browser, page).tab
    tab.evaluate("document.querySelector('.contrasts img').removeAttribute('alt')")
    tab.evaluate("document.querySelector('header.page .note').style.color = '#ccc'")
    lines = violations(tab, axe)
    assert {line.split(":")[0] for line in lines} == {"image-alt", "color-contrast"}
    tab.close()
