"""Sheets: every format is what it says, texts are there and inert, and nothing depends on the clock."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

import benchbench as bb
from benchbench.viz.picture_grid import MOST_PIXELS, PAGE_ROWS, Panel, PictureGrid, folded

GREY = Image.new("RGB", (40, 30), (90, 90, 90))


def grid(rows: int, columns: int, colours: str = "inferno") -> PictureGrid:
    row = (Panel(GREY, "a.png\n$x_1$ <b>"), *[Panel(None, "no gradient reaches the layer")] * (columns - 1))
    return PictureGrid((row,) * rows, tuple(f"column {k}" for k in range(columns)), colours)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [("png", b"\x89PNG"), ("jpg", b"\xff\xd8"), ("webp", b"RIFF"), ("svg", b"<?xml"), ("pdf", b"%PDF")],
)
def test_each_format_is_what_its_name_says_and_is_the_same_again(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = grid(2, 2).save(tmp_path / f"x.{suffix}")
    assert path.read_bytes().startswith(start)
    assert grid(2, 2).save(tmp_path / f"y.{suffix}").read_bytes() == path.read_bytes()


def test_the_texts_of_an_svg_are_texts_and_are_escaped(tmp_path: Path) -> None:
    text = grid(1, 2).save(tmp_path / "x.svg").read_text()
    assert "$x_1$ &lt;b&gt;" in text
    assert "<b>" not in text
    assert "no gradient reaches the layer" in text
    assert "column 1" in text


def test_a_long_pdf_has_pages(tmp_path: Path) -> None:
    content = grid(2 * PAGE_ROWS + 1, 1, "").save(tmp_path / "x.pdf").read_bytes()
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 3


def test_a_picture_keeps_its_shape(tmp_path: Path) -> None:
    """A grey picture of 4 : 3 is drawn as 4 : 3."""
    with Image.open(io.BytesIO(PictureGrid(((Panel(GREY),),)).drawn("png"))) as png:
        box = png.convert("L").point(lambda level: 255 * (level < 200)).getbbox()
    assert box is not None
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(4 / 3, rel=0.02)


def test_a_sheet_too_large_for_a_picture_is_refused(tmp_path: Path) -> None:
    rows = round(MOST_PIXELS / 200)
    with pytest.raises(bb.BenchError, match=r"too large for one picture. Write a .pdf or .html"):
        PictureGrid(((Panel(None, "x"),),) * rows, panel=3.0).save(tmp_path / "x.png")


def test_texts_are_folded_and_cut() -> None:
    assert folded("a b", 2.6) == "a b"
    assert folded("first\nsecond", 2.6) == "first\nsecond"
    assert max(map(len, folded("word " * 40, 1.0).split("\n"))) <= 14
    assert len(folded("word " * 400, 1.0).split("\n")) == 8
    assert folded("word " * 400, 1.0).endswith("…")
