"""What a notebook shows of a run: well-formed, escaped, every number."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import benchbench as bb
from benchbench.reports.html.notebook import MOST_BLOCKS
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .fake import Fake, fake_record


def shown(record: Record) -> tuple[str, ElementTree.Element]:
    html = bb.Run(record)._repr_html_()
    return html, ElementTree.fromstring(html.replace("<br>", "<br/>"))


def test_every_number_and_mark(plain: Record) -> None:
    html, root = shown(plain)
    cells = Marked.of(plain).cells.values()
    texts = ["".join(cell.itertext()) for cell in root.iter("td")]
    for each in cells:
        assert any(text.startswith(each.cell.text) for text in texts)
    assert len(list(root.iter("b"))) == sum(each.mark.best for each in cells)
    assert len(list(root.iter("u"))) == sum(each.mark.second for each in cells)
    assert html.count("†") == sum(each.mark.worse for each in cells) + 1


def test_hostile_names_are_text(hostile: Record) -> None:
    html, root = shown(hostile)
    tables = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    allowed = tables | {"div", "small", "sup", "br", "b", "u", "i", "p", "code"}
    assert {element.tag for element in root.iter()} <= allowed
    assert not [element for element in root.iter() if element.attrib]
    assert "\u202e" not in html


def test_many_blocks_are_cut_short_and_said(tmp_path: Path) -> None:
    fake = Fake(layers=[f"l{i}" for i in range(MOST_BLOCKS + 2)], methods=["gradcam", "layercam"], samples=["a", "b"])
    html, root = shown(fake_record(tmp_path, fake))
    assert len(list(root.iter("table"))) == MOST_BLOCKS
    assert "and 2 more" in html
