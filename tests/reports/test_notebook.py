"""What a notebook shows of a run: the answer and one table, well-formed, escaped."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import benchbench as bb
from benchbench.reports.html.notebook import MOST_WARNINGS
from benchbench.reports.leaderboard.family_legend import MOST_METHODS
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.short_answer import answer
from benchbench.results.record import Record

from .fake import Fake, fake_record


def shown(record: Record) -> tuple[str, ElementTree.Element]:
    html = bb.Run(record)._repr_html_()
    return html, ElementTree.fromstring(html.replace("<br>", "<br/>"))


def test_the_answer_stands_first(plain: Record) -> None:
    _, root = shown(plain)
    first = next(root.iter("p"))
    assert "".join(first.itertext()) == answer(Marked.of(plain))[0]
    assert "".join(first.itertext()).startswith("Best overall: ")


def test_every_number_and_mark_of_a_single_setting(single: Record) -> None:
    html, root = shown(single)
    cells = Marked.of(single).cells.values()
    (table,) = root.iter("table")
    texts = ["".join(cell.itertext()) for cell in table.iter("td")]
    for each in cells:
        assert any(text.startswith(each.cell.text) and each.cell.interval in text for text in texts)
    assert html.count("†") == sum(each.mark.worse for each in cells) + 1
    bold = sum(each.mark.best for each in cells)
    ranks = sum(1 for head in table.iter("th") if head.text == "mean rank")
    assert len(list(table.iter("b"))) >= bold + ranks, "the best of each metric and of each family"


def test_several_settings_are_one_table_of_mean_ranks(plain: Record) -> None:
    html, root = shown(plain)
    (table,) = root.iter("table")
    assert "Mean ranks, 2 settings" in html
    heads, *rows = list(table.iter("tr"))
    width = sum(int(cell.get("colspan", "1")) for cell in heads)
    assert all(len(list(row)) == width for row in rows)
    assert len(html) < 8_000


def test_hostile_names_are_text(hostile: Record) -> None:
    html, root = shown(hostile)
    tables = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    allowed = tables | {"div", "small", "sup", "br", "b", "u", "i", "p"}
    assert {element.tag for element in root.iter()} <= allowed
    assert {name for element in root.iter() for name in element.attrib} <= {"colspan"}
    assert "\u202e" not in html


def test_many_methods_are_cut_short_and_said(tmp_path: Path) -> None:
    fake = Fake(methods=[f"m{i}" for i in range(MOST_METHODS + 3)], samples=["a", "b"])
    html, root = shown(fake_record(tmp_path, fake))
    assert len(list(root.iter("tr"))) == 2 + MOST_METHODS
    assert "3 more methods: see the report" in html


def test_warnings_failures_and_the_folder(plain: Record) -> None:
    html, _ = shown(plain)
    assert html.count("Warning: ") <= MOST_WARNINGS
    assert "values failed: layercam" in html
    assert f"Folder: {plain.folder}" in html
