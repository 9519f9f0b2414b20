"""The first screen follows the selector: each setting has its cards, mean ranks and heat map; the whole run has its."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.reports.html import first_screen
from benchbench.reports.html.page import Page
from benchbench.reports.html.rank_dots import RankDots
from benchbench.reports.leaderboard.answer import Answer
from benchbench.reports.leaderboard.family_ranks import FamilyRanks
from benchbench.reports.leaderboard.heat_matrix import HeatMatrix
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.short_answer import answer as short_answer
from benchbench.reports.leaderboard.verdicts import ALL
from benchbench.results.record import Record
from benchbench.stats import overall_of

from .chromium import visit
from .fake import Fake, fake_record
from .planted_record import Planted, marked
from .reading import Element, read, words
from .shared import elements_of, html_of, marked_of
from .test_answer import CLEAR, NAMES, order

NET, ODD = ("net", "photos", "last"), ("odd", "photos", "last")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(models=["net", "odd"], layers=["last"], methods=NAMES, controls=["random"], samples=["a"])
    return fake_record(tmp_path_factory.mktemp("base"), fake)


def screens(root: Element, kind: str) -> list[Element]:
    return [each for each in root.all("div") if {"first", kind} <= each.classes()]


def cards(screen: Element) -> list[Element]:
    return [each for each in screen.all("div") if "verdict" in each.classes()]


def test_the_answer_of_a_setting_is_that_of_a_run_of_it_alone(base: Record) -> None:
    """On the other network the order is reversed."""
    turned = [replace(each, values=order(0.2, 0.4, 0.9), model="odd") for each in CLEAR]
    both = marked(base, [*CLEAR, *turned])
    for setting, alone in ((NET, CLEAR), (ODD, turned)):
        here, there = Answer.of(both, setting=setting), Answer.of(marked(base, alone))
        assert repr(replace(there, cases=(), setting=setting)) == repr(here)
        ranks, same = FamilyRanks.of(both, setting), FamilyRanks.of(marked(base, alone))
        assert (ranks.methods, ranks.families) == (same.methods, same.families)
        for side in ("rank", "low", "high"):
            np.testing.assert_array_equal(getattr(ranks, side), getattr(same, side))
    assert [Answer.of(both, setting=setting).best for setting in (NET, ODD)] == [("ann",), ("cid",)]
    assert Answer.of(both, setting=ODD).sentence.startswith("Best in this setting: cid (mean rank 1.00 of 3, 95 % CI")


def test_a_table_without_strengths_is_the_same_otherwise(base: Record) -> None:
    verdicts = marked(base, CLEAR).verdicts
    whole, brief = verdicts.order().table, verdicts.order_at(NET).table
    assert brief.equals(whole.drop(columns=[name for name in whole if str(name).startswith("strength")]))
    assert list(overall_of([], strengths=False)) == list(brief)


def test_the_card_of_a_network_with_a_warning_says_so(base: Record) -> None:
    odd = [replace(each, values=order(0.1, 0.2, 0.9), model="odd") for each in CLEAR]
    shown = marked(base, [*CLEAR, *odd], {"odd": "odd has RANDOM weights"})
    assert Answer.of(shown, setting=ODD).left_out == ("The network has a warning: odd.",)
    page = Page(shown)
    assert page.opening.scope(page.opening.whole.cards[0].answer) == "over 1 of 2 settings"


def test_each_setting_has_its_cards_ranks_and_heat_map(many: Record) -> None:
    root, shown = elements_of(many), marked_of(many)
    singles = screens(root, "single")
    assert len(singles) == len(shown.board.blocks) == 8
    for block, screen in zip(shown.board.blocks, singles, strict=True):
        setting = (block.model, block.dataset, block.layer)
        families = ("quality", "faithfulness", "localisation")
        for card, family in zip(cards(screen), families, strict=True):
            answer, text = Answer.of(shown, family, setting), words(card.text)
            assert block.title in text
            assert all(part in text for part in (*answer.best, answer.rank_text[1:], answer.brief_verdict[1:]))
        (dots,), (heat,) = ([each for each in screen.all("div") if kind in each.classes()] for kind in ("dots", "heat"))
        ranks = FamilyRanks.of(shown, setting)
        rows = [row for row in dots.all("tr") if "style" in row.attributes]
        assert [words(row.all("th")[0].text) for row in rows] == list(ranks.methods)
        assert [words(cell.text) for cell in rows[0].all("td")] == [f"{rank:.2f}" for rank in ranks.rank[0]]
        assert len(heat.all("td")) == 1 + 3 * 2


def test_the_answer_of_the_run_stands_above_a_setting_in_one_sentence(many: Record) -> None:
    sentences = [p for p in elements_of(many).all("p") if {"whole", "single"} <= p.classes()]
    assert [p.attributes["data-only"] for p in sentences] == ["all", "0", "1"]
    assert words(sentences[0].text) == f"Over 8 settings. {short_answer(marked_of(many))[0]}"
    (whole,) = screens(elements_of(many), "overall")
    assert all("over 8 settings" in words(card.text) for card in cards(whole))


def test_a_single_setting_is_shown_once(single: Record) -> None:
    root = elements_of(single)
    assert screens(root, "single") == []
    (whole,) = screens(root, "overall")
    assert "over" not in [words(p.text).split()[0] for p in whole.all("p")]
    assert ".overall {" not in html_of(single)


def test_each_choice_of_several_settings_has_its_screen(many: Record) -> None:
    """Of 2 x 2 x 2 settings: 27 choices with all, but for the 8 single ones and all together."""
    shown, root = marked_of(many), elements_of(many)
    parts = screens(root, "part")
    assert len(parts) == len(Page(shown).opening.parts) == 27 - 8 - 1
    (screen,) = [each for each in parts if each.attributes["data-places"] == "-1,0,1"]
    setting = (ALL, "photos", "stage4")
    for card, family in zip(cards(screen), ("quality", "faithfulness", "localisation"), strict=True):
        answer, text = Answer.of(shown, family, setting), words(card.text)
        assert answer.settings == 2
        assert "over 2 settings (photos · stage4)" in text
        assert all(part in text for part in (*answer.best, answer.rank_text[1:], answer.brief_verdict[1:]))
    assert "8 settings" not in words(screen.text)
    assert {words(p.text) for each in parts for p in each.all("p") if "what" in p.classes()} <= {
        "Best in these settings", "Best by faithfulness", "Best by localisation", "First in mean rank",
    }  # fmt: skip


def test_the_answer_of_several_settings_is_that_of_a_run_of_these(base: Record) -> None:
    turned = [replace(each, values=order(0.2, 0.4, 0.9), model="odd") for each in CLEAR]
    third = [replace(each, values=order(0.2, 0.9, 0.4), model="odd", dataset="others") for each in CLEAR]
    shown, alone = marked(base, [*CLEAR, *turned, *third]), marked(base, [*CLEAR, *turned])
    several = (ALL, "photos", "last")
    assert repr(replace(Answer.of(alone), cases=(), setting=several)) == repr(Answer.of(shown, setting=several))
    heat, same = HeatMatrix.of(shown, several), HeatMatrix.of(alone)
    assert heat.methods == same.methods
    np.testing.assert_array_equal(heat.score, same.score)
    assert Answer.of(shown, setting=several).headline.startswith("Best in these settings: ")


@pytest.mark.browser
def test_the_number_of_settings_follows_the_choice(browser: Any, many_page: Path) -> None:
    heard = visit(browser, many_page)
    tab = heard.tab
    scopes = tab.locator(".first:visible .verdict:visible .scope")
    for chosen, text in (
        ({"Network": "all"}, "over 2 settings (photos · stage4)"),
        ({"Layer": "all"}, "over 4 settings (photos)"),
        ({"Data": "all"}, "over 8 settings"),
        ({"Network": "othernet"}, "over 4 settings (othernet)"),
    ):
        for label, name in chosen.items():
            tab.locator("#selector").get_by_label(label).select_option(name)
        assert scopes.all_inner_texts() == [text]
        assert tab.locator(".first:visible").count() == 1
    tab.emulate_media(media="print")
    assert tab.locator(".first.overall:visible").count() == 1
    assert tab.locator(".first.part:visible").count() == 0
    assert heard.complaints == []
    tab.close()


def test_where_several_settings_have_no_screen_the_card_says_so(many: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_screen, "MOST_SCREENS", 20)
    opening = Page(Marked.of(many)).opening
    assert len(opening.singles) == 8
    assert opening.parts == ()
    assert opening.scope(opening.whole.cards[0].answer) == (
        "over 8 settings, whichever of them the selector chooses together"
    )


def test_a_study_of_very_many_settings_has_one_screen_and_says_so(
    many: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_screen, "MOST_SETTINGS", 7)
    page = Page(Marked.of(many))
    assert page.opening.singles == ()
    text = page.opening.scope(page.opening.whole.cards[0].answer)
    assert text == "over 8 settings (the screen of a single setting is left out, as there are more than 7)"


def test_dots_stand_where_their_ranks_are(base: Record) -> None:
    """Of three methods, 1 is 0.3 ranks from the left end of an axis of 2.6 ranks, and 3 as far from the right end."""
    shown = marked(base, [Planted("deletion", order(0.9, 0.5, 0.1))])
    dots = RankDots.of(FamilyRanks.of(shown), Page(shown)._look)
    assert dots.families == (("faithfulness", 3),)
    first, middle, last = (row.dots[0] for row in dots.rows)
    assert (first.css, first.text) == ("--rank:11.5%;--low:11.5%;--wide:0.0%", "1.00 [1.00, 1.00]")
    assert middle.css.startswith("--rank:50.0%;")
    assert last.css.startswith("--rank:88.5%;")
    assert [row.shape for row in dots.rows] == ["circle", "square", "triangle-up"]


def scope(tab: Any) -> list[str]:
    return list(tab.locator(".verdict:visible .scope").all_inner_texts())


def choose(tab: Any, label: str, name: str) -> None:
    tab.locator("#selector").get_by_label(label).select_option(name)


@pytest.mark.browser
def test_a_choice_drives_the_first_screen(browser: Any, many_page: Path) -> None:
    heard = visit(browser, many_page)
    tab, first = heard.tab, heard.tab.locator(".first:visible")
    assert scope(tab) == ["tinynet · photos · stage4"]
    assert [first.locator(part).count() for part in (".dots:visible", ".heat:visible")] == [1, 1]
    assert tab.locator(".whole:visible").inner_text().startswith("Over 8 settings. ")
    choose(tab, "Network", "othernet")
    choose(tab, "Metrics", "localisation")
    assert scope(tab) == ["othernet · photos · stage4"]
    assert first.locator(".dots thead th:visible").all_inner_texts() == ["localisation"]
    choose(tab, "Layer", "all")
    assert scope(tab) == ["over 2 settings (othernet · photos)"]
    assert tab.locator(".whole:visible").count() == 0
    assert first.locator(".dots thead th:visible").all_inner_texts() == ["localisation"]
    choose(tab, "Layer", "stage3")
    tab.emulate_media(media="print")
    assert tab.locator(".single:visible").count() == 0
    assert scope(tab) == ["over 8 settings"] * 3, "of every family"
    assert heard.complaints == []
    tab.close()


@pytest.mark.browser
def test_without_scripts_styles_choose_the_screen(browser: Any, many_page: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(many_page.as_uri())
    assert scope(tab) == ["tinynet · photos · stage4"]
    choose(tab, "Layer", "stage3")
    assert scope(tab) == ["tinynet · photos · stage3"]
    context.close()


def test_a_page_of_two_settings_opens_with_the_whole_run(plain: Record) -> None:
    root = read(html_of(plain))
    assert [len(screens(root, kind)) for kind in ("overall", "single")] == [1, 2]
