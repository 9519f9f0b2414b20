"""LaTeX tables: the numbers and marks of the board, compiled, and nothing that runs off the page."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from benchbench.errors import BenchError
from benchbench.reports.latex.leaderboard import render
from benchbench.reports.latex.tabular import number_text
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.statement import statement
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .typesetting import compiled

CLASSES = ("article", "two-column article", "article in 11 points")
STYLES = (("full", "interval"), ("full", "se"), ("compact", "none"), ("supplementary", "interval"))
BAD = re.compile(r"^!.*|Overfull \\hbox.*|.*Float too large.*|.*undefined.*", re.MULTILINE)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Two networks, two layers, more methods than a page has lines for, and the same metric under long names."""
    fake = Fake(
        models=["efficientnet_lite0", "resnet18"],
        layers=["features.3.block", "layer4"],
        methods=[f"scorecam(variant=torchcam,n={i})" for i in range(14)],
        samples=[f"s{i}" for i in range(7)],
    )
    return fake_record(tmp_path_factory.mktemp("wide"), fake)


@pytest.mark.parametrize("which", ["plain", "hostile", "wide"])
@pytest.mark.parametrize(("style", "spread"), STYLES)
def test_it_compiles_and_stays_within_the_page(
    which: str, style: str, spread: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    text = render(Marked.of(request.getfixturevalue(which)), style, spread)
    assert text.isascii()
    for number, kind in enumerate(CLASSES):
        if style == "supplementary" and "two-column" in kind:
            continue
        log = compiled(kind, text, tmp_path, f"t{number}")
        assert BAD.findall(log) == []
        assert (tmp_path / f"t{number}.pdf").stat().st_size > 10_000


@pytest.fixture(scope="module")
def marked(plain: Record) -> Marked:
    return Marked.of(plain)


def shown_in(marked: Marked, style: str) -> Marked:
    """The numbers that a style shows: with the same decimals in all settings, but for the supplement."""
    return marked if style == "supplementary" else selected(marked)


def in_bold(marked: Marked) -> set[tuple[str, ...]]:
    """The best of each metric in each setting, where another method has another number."""
    bold = set()
    for key, shown in marked.cells.items():
        rivals = [
            other
            for name, other in marked.cells.items()
            if (name[:3], name[4:]) == (key[:3], key[4:]) and name[3] not in marked.board.controls and other.cell.n
        ]
        if shown.mark.best and not all(other.mark.best for other in rivals):
            bold.add(key)
    return bold


@pytest.mark.parametrize(("style", "spread"), STYLES)
def test_every_number_is_there_with_its_marks(marked: Marked, style: str, spread: str) -> None:
    text = render(marked, style, spread).replace(r"\allowbreak{}", "")
    even = shown_in(marked, style)
    bold = {key for key, shown in even.cells.items() if shown.mark.best} if style == "supplementary" else in_bold(even)
    for key, shown in even.cells.items():
        number = number_text(shown.cell.text)
        marked_number = (
            rf"\textbf{{{number}}}" if key in bold else rf"\underline{{{number}}}" if shown.mark.second else number
        )
        assert marked_number in text
        if spread == "interval":
            assert number_text(shown.cell.interval) in text
    for word in ("masked{-}image", "rise{-}28", "alone{-}b1"):
        assert word in text
    assert "2 failed (RuntimeError:" in text


def test_counts_of_marks(marked: Marked) -> None:
    for style, spread in STYLES[:3]:
        text, even = render(marked, style, spread), selected(marked)
        body = text[text.index(r"\begin{table") :]
        assert body.count(r"\textbf{") == len(in_bold(even)) > 0
        assert body.count(r"\underline{") == sum(shown.mark.second for shown in even.cells.values())
        daggers = len(re.findall(r"\^\{\\dagger", body))
        assert daggers == sum(shown.mark.worse for shown in even.cells.values()) > 0


def test_every_method_of_every_place_is_in_each_style(wide: Record) -> None:
    marked = Marked.of(wide)
    for style, spread in STYLES:
        text = render(marked, style, spread)
        body = text[text.index(r"\begin{") :]
        for number, (model, layer) in product(range(14), product(wide.info["models"], ["features", "layer4"])):
            assert f"n=\\allowbreak{{}}{number})" in body or f"n={number})" in body
            assert model["name"].replace("_", r"\_")[:9] in body
            assert layer in body


def test_the_supplement_has_every_number(plain: Record) -> None:
    text = render(Marked.of(plain), "supplementary")
    rows = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r" \\")]
    tidy = Marked.of(plain).table()
    assert len([row for row in rows if len(row) == 8 and row[0] != "Method"]) == len(tidy)


def test_the_paragraph_says_what_was_done(plain: Record) -> None:
    paragraph = statement(Marked.of(plain))
    assert "12 images of photos" in paragraph
    assert "valid for any number of images (Gaffke 2005" in paragraph
    assert "Wilcoxon signed-rank test and McNemar's exact test for increase in confidence" in paragraph
    assert "Holm's correction over the 6 pairs" in paragraph  # cam applies nowhere
    assert "cam (120 not applicable of 120 scores)" in paragraph
    assert "layercam (20 failed of 120 scores)" in paragraph
    text = " ".join(render(Marked.of(plain)).splitlines())
    assert paragraph in text.replace("{-}", "-").replace("{'}", "'").replace(r"\%", "%")


def test_wrong_words(plain: Record) -> None:
    with pytest.raises(BenchError, match=r"unknown style 'ful'. Did you mean 'full'"):
        render(Marked.of(plain), "ful")
    with pytest.raises(BenchError, match="unknown spread 'sd'"):
        render(Marked.of(plain), "full", "sd")
