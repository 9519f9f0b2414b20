"""LaTeX tables: the numbers and marks of the board, compiled, and nothing that runs off the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest

from benchbench.errors import BenchError
from benchbench.reports.latex.blocks import number_text
from benchbench.reports.latex.leaderboard import render
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.statement import statement
from benchbench.results.record import Record

from .fake import Fake, fake_record

USES = r"\usepackage{booktabs,array,longtable,xcolor}"
CLASSES = (r"\documentclass{article}", r"\documentclass[twocolumn]{article}", r"\documentclass[11pt]{article}")
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


def compiled(tex: str, folder: Path, name: str) -> str:
    """The log of a document."""
    if not shutil.which("pdflatex"):
        if os.environ.get("BENCHBENCH_REQUIRE_SYSTEM") == "1":
            pytest.fail("BENCHBENCH_REQUIRE_SYSTEM=1, and there is no pdflatex")
        pytest.skip("there is no pdflatex on this machine: apt-get install texlive-latex-recommended")
    (folder / f"{name}.tex").write_text(tex, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    for _ in range(3):  # references, and longtable's columns
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
    return (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("which", ["plain", "hostile", "wide"])
@pytest.mark.parametrize(("style", "spread"), STYLES)
def test_it_compiles_and_stays_within_the_page(
    which: str, style: str, spread: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    text = render(Marked.of(request.getfixturevalue(which)), style, spread)
    assert text.isascii()
    for number, kind in enumerate(CLASSES):
        if style == "supplementary" and "twocolumn" in kind:
            continue
        log = compiled(rf"{kind}{USES}\begin{{document}}{text}\end{{document}}", tmp_path, f"t{number}")
        assert BAD.findall(log) == []
        assert (tmp_path / f"t{number}.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(("style", "spread"), STYLES)
def test_every_number_is_there_with_its_marks(plain: Record, style: str, spread: str) -> None:
    marked = Marked.of(plain)
    text = render(marked, style, spread).replace(r"\allowbreak{}", "")
    for shown in marked.cells.values():
        number = number_text(shown.cell.text)
        marked_number = (
            rf"\textbf{{{number}}}" if shown.mark.best else rf"\underline{{{number}}}" if shown.mark.second else number
        )
        assert marked_number in text
        if spread == "interval":
            assert number_text(shown.cell.interval) in text
    for word in ("masked{-}image", "rise{-}28", "alone{-}b1"):
        assert word in text
    assert "2 failed (RuntimeError:" in text


def test_counts_of_marks(plain: Record) -> None:
    marked = Marked.of(plain)
    for style, spread in STYLES[:3]:
        text = render(marked, style, spread)
        body = text[text.index(r"\begin{table") :]
        assert body.count(r"\textbf{") == sum(shown.mark.best for shown in marked.cells.values())
        assert body.count(r"\underline{") == sum(shown.mark.second for shown in marked.cells.values())
        daggers = len(re.findall(r"\^\{\\dagger", body))
        assert daggers == sum(shown.mark.worse for shown in marked.cells.values()) > 0


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
    assert paragraph in " ".join(
        line[2:].replace("{-}", "-").replace("{'}", "'").replace(r"\%", "%")
        for line in render(Marked.of(plain)).splitlines()
    )


def test_wrong_words(plain: Record) -> None:
    with pytest.raises(BenchError, match=r"unknown style 'ful'. Did you mean 'full'"):
        render(Marked.of(plain), "ful")
    with pytest.raises(BenchError, match="unknown spread 'sd'"):
        render(Marked.of(plain), "full", "sd")
