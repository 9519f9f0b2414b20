"""A family of metrics, once chosen, decides the card, the heat map, the matrix of methods and the curves too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchbench.reports.html.page import Page
from benchbench.reports.leaderboard.answer import Answer
from benchbench.results.record import Record

from .chromium import visit
from .reading import Element, words
from .shared import elements_of, marked_of


def parts_of(root: Element, only: str) -> list[Element]:
    return [e for tag in ("div", "table") for e in root.all(tag) if e.attributes.get("data-only") == only]


def test_each_family_has_its_card_and_its_matrix(plain: Record) -> None:
    root, marked = elements_of(plain), marked_of(plain)
    offered = Page(marked).opening.whole.cards[1:]
    assert [card.title for card in offered] == ["Best by faithfulness", "Best by localisation"]
    for place, family, answer in ((each.only, each.answer.family, each.answer) for each in offered):
        assert answer.quotable == Answer.of(marked, family).quotable
        card, *singles, matrix = parts_of(root, place)
        assert matrix.all("td")
        assert len(singles) == 2, "of the settings"
        assert f"Best by {family}" in words(card.text)
        assert all(name in words(card.text) for name in answer.best)
    assert len(parts_of(root, "all")) == 2 + 2, "a card, one of each setting, and a matrix"


def test_the_matrices_of_the_families_add_up(plain: Record) -> None:
    page = Page(marked_of(plain))
    whole, parts = page.decided.pair_map, [pair_map for _, _, pair_map in page.family_pairs]
    assert whole
    for row, cells in enumerate(whole.cells):
        for column, cell in enumerate(cells):
            if cell is not None:
                counted = [part.cells[row][column] for part in parts]
                assert cell.tested == sum(each.tested for each in counted if each)
                assert cell.better == sum(each.better for each in counted if each)


@pytest.mark.browser
def test_the_choice_drives_card_heat_matrix_and_curves(browser: Any, plain: Record, tmp_path: Path) -> None:
    from benchbench.reports.html import document

    path = document.write(marked_of(plain), tmp_path / "report.html")
    heard = visit(browser, path)
    tab = heard.tab
    choice = tab.locator("#selector select[data-key=family]")
    choice.select_option(label="localisation")
    assert tab.locator(".verdict:visible .what").all_inner_texts() == ["Best by localisation"]
    assert tab.locator("#heat-table thead th:visible").count() == 1
    assert tab.locator("[data-only] table.pairs caption:visible").all_inner_texts() == [
        "All settings, metrics of localisation"
    ]
    assert tab.locator("section[aria-labelledby=curves] figure:visible").count() == 0, "deletion and insertion only"
    assert tab.get_by_text("No metric of localisation has curves.").is_visible()
    choice.select_option(label="all")
    assert not tab.get_by_text("No metric of localisation has curves.").is_visible()
    assert tab.locator(".verdict:visible .what").all_inner_texts() == ["Best overall"]
    assert tab.locator("section[aria-labelledby=curves] figure:visible").count() > 0
    assert heard.complaints == []
    tab.close()
