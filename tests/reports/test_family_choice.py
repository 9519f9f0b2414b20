"""A family of metrics, once chosen, decides the card, the heat map, the matrix of methods and the curves too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.reports.html import document
from benchbench.reports.html.page import Page
from benchbench.reports.html.significance import Decided
from benchbench.reports.leaderboard.answer import Answer
from benchbench.results.record import Record

from .chromium import visit
from .fake import Fake, fake_record
from .planted_record import Planted, marked
from .reading import Element, words
from .shared import elements_of, marked_of
from .test_answer import NAMES, order


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(models=["net"], layers=["last"], methods=NAMES, controls=["random"], samples=["a"])
    return fake_record(tmp_path_factory.mktemp("base"), fake)


def parts_of(root: Element, only: str) -> list[Element]:
    return [e for tag in ("div", "table") for e in root.all(tag) if e.attributes.get("data-only") == only]


def test_each_family_has_its_card_and_its_matrix(plain: Record) -> None:
    root, shown = elements_of(plain), marked_of(plain)
    offered = Page(shown).opening.whole.cards[1:]
    assert [card.title for card in offered] == ["Best by faithfulness", "Best by localisation"]
    for place, family, answer in ((each.only, each.answer.family, each.answer) for each in offered):
        assert answer.quotable == Answer.of(shown, family).quotable
        card, *singles, matrix = parts_of(root, place)
        assert matrix.all("td")
        assert len(singles) == 2, "of the settings"
        assert f"Best by {family}" in words(card.text)
        assert all(name in words(card.text) for name in answer.best)
    assert len(parts_of(root, "all")) == 2 + 2, "a card, one of each setting, and a matrix"


def test_the_matrices_of_the_families_add_up(plain: Record) -> None:
    page = Page(marked_of(plain))
    whole, *parts = (tally.pair_map for _, _, tally in page.pair_tallies)
    assert whole
    assert len(parts) == 2
    maps = [part for part in parts if part]
    for row, cells in enumerate(whole.cells):
        for column, cell in enumerate(cells):
            if cell is not None:
                counted = [part.cells[row][column] for part in maps]
                assert cell.tested == sum(each.tested for each in counted if each)
                assert cell.better == sum(each.better for each in counted if each)


@pytest.mark.parametrize("family", ["quality", "faithfulness", "complexity"])
def test_the_table_of_pairs_counts_what_the_card_counts(base: Record, family: str) -> None:
    """Of five metrics, one is of another family, and one is won by the control."""
    won = {**order(0.6, 0.5, 0.4), "random": np.full(30, 0.95)}
    planted = [
        Planted("deletion", order(0.62, 0.6, 0.4, noise=0.05)),
        Planted("drop", order(0.5, 0.7, 0.4, seed=1)),
        Planted("pointing", order(0.8, 0.6, 0.4, seed=2), "localisation"),
        Planted("insertion", won),
        Planted("sparseness", order(0.2, 0.9, 0.4, seed=3), "complexity"),
    ]
    shown = marked(base, planted)
    answer, tally = Answer.of(shown, family), Decided(shown).counted(family)
    assert tally.pair_map
    assert tally.counted == answer.comparisons == {"quality": 3, "faithfulness": 2, "complexity": 1}[family]
    best = tally.pair_map.cells[tally.pair_map.methods.index(answer.best[0])]
    cells = dict(zip(tally.pair_map.methods, best, strict=True))
    assert answer.open_rivals or family == "complexity"
    for rival in answer.open_rivals:
        cell = cells[rival.method]
        assert cell
        assert (cell.better, cell.worse, cell.tested) == (rival.better, rival.worse, rival.comparisons)
    texts = {
        "quality": "3 of 5 comparisons; left out: 1 that a control wins, 1 of complexity",
        "faithfulness": "2 of 3 comparisons; left out: 1 that a control wins",
        "complexity": "1 comparison",
    }
    assert tally.text == texts[family]
    html = document.render(shown)
    assert f"answer over all settings</a>: {texts[family]}." in words(html)
    assert html.count('Counted: 3 comparisons of faithfulness and localisation (<a href="#duels">') == 1
    assert "Every tested comparison, also those that the answer leaves out" in html


@pytest.mark.browser
def test_the_choice_drives_card_heat_matrix_and_curves(browser: Any, plain: Record, tmp_path: Path) -> None:
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
