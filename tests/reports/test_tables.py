"""CSV, Markdown and LaTeX: the numbers of the leaderboard, and no name that breaks the file."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from benchbench.errors import BenchError
from benchbench.reports.board import Board
from benchbench.reports.numbers import decimals_for_intervals, decimals_for_measurements, fixed, interval, listed
from benchbench.reports.tables import render_table, write_tables
from benchbench.reports.text import latex, markdown, visible
from benchbench.stats import leaderboard
from benchbench.table import Record

DOCUMENT = r"\documentclass{article}\usepackage{booktabs}\begin{document}%s\end{document}"


def test_csv_is_the_leaderboard_at_full_precision(plain: Record) -> None:
    read = pd.read_csv(io.StringIO(render_table(plain, "csv")), keep_default_na=False, na_values={"mean": [""]})
    tidy = leaderboard(plain.results, seed=0)
    assert list(read.columns) == list(tidy.columns)
    pd.testing.assert_series_equal(read["mean"], tidy["mean"], check_exact=True)
    assert read["reason"].tolist() == tidy["reason"].tolist()


def test_csv_keeps_hostile_names(hostile: Record) -> None:
    read = pd.read_csv(io.StringIO(render_table(hostile, "csv")))
    assert set(read["method"]) == set(hostile.results["method"])


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_has_a_row_per_method_with_its_numbers(plain: Record) -> None:
    text = render_table(plain, "markdown")
    block = Board(plain).blocks[0]
    lines = [cells(line) for line in text.split("### ")[1].splitlines() if line.startswith("|")]
    assert lines[0][1:4] == ["deletion AUC ↓", "insertion AUC ↑", "average drop ↓"]
    assert len({len(line) for line in lines}) == 1
    for row in block.rows:
        (line,) = [line for line in lines if line[0] == markdown(row.method)]
        for cell, said in zip(row.cells, line[1:], strict=True):
            assert re.sub(r"<sup>\d</sup>|\*\*", "", said) == " ".join(p for p in (cell.text, cell.interval) if p)
            assert said.startswith("**") == cell.best
    assert "average drop masked-image, lower is better" in text


def test_markdown_shows_hostile_names_as_text(hostile: Record) -> None:
    text = render_table(hostile, "markdown")
    assert "<script" not in text
    assert "\u202e" not in text
    widths = {len(cells(line)) for line in text.splitlines() if line.startswith("|")}
    assert widths == {9}


def test_latex_has_the_numbers_and_the_bold(plain: Record) -> None:
    text = render_table(plain, "latex")
    assert text.count(r"\begin{table*}") == 2
    for row in Board(plain).blocks[0].rows:
        for cell in row.cells:
            assert (rf"\textbf{{{cell.text}}}" if cell.best else cell.text) in text
            assert cell.interval in text
    assert text.isascii()
    assert r"2 failed (RuntimeError: out of memory)" in text


def test_latex_compiles_whatever_the_names(plain: Record, hostile: Record, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        if os.environ.get("BENCHBENCH_REQUIRE_SYSTEM") == "1":
            pytest.fail("BENCHBENCH_REQUIRE_SYSTEM=1, and there is no pdflatex")
        pytest.skip("there is no pdflatex on this machine")
    for name, record in (("plain", plain), ("hostile", hostile)):
        (tmp_path / f"{name}.tex").write_text(DOCUMENT % render_table(record, "latex"), encoding="utf-8")
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
        assert (tmp_path / f"{name}.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("gradcam++", "gradcam++"),
        ("Müller", r"M\"{u}ller"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("\u05e9", r"\texttt{U+05E9}"),
        ("a\n\\end", r"a \textbackslash{}end"),
        ("--", "{-}{-}"),
    ],
)
def test_latex_escapes(text: str, safe: str) -> None:
    assert latex(text) == safe


def test_markdown_escapes() -> None:
    assert markdown("a|b\n*c* <i> [x](y)") == r"a\|b \*c\* &lt;i&gt; \[x\](y)"


def test_invisible_characters_are_made_visible() -> None:
    assert visible("a\u202eb\x00c\u2066d\te") == "a\ufffdb\ufffdc\ufffdd\te"


def test_files_are_written(plain: Record, tmp_path: Path) -> None:
    written = write_tables(plain, tmp_path / "tables")
    assert [path.name for path in written] == ["leaderboard.csv", "leaderboard.md", "leaderboard.tex"]
    assert written[1].read_text(encoding="utf-8") == render_table(plain, "markdown")


def test_an_unknown_format_is_an_error(plain: Record) -> None:
    with pytest.raises(BenchError, match="Did you mean 'markdown'"):
        render_table(plain, cast(Any, "markdwn"))


@pytest.mark.parametrize(
    ("widths", "decimals"),
    [([0.08, 0.1, 0.2], 3), ([0.4], 2), ([30.0], 0), ([2.2], 1), ([], 3), ([0.0, float("nan")], 3), ([1e-12], 6)],
)
def test_two_digits_of_the_median_half_width(widths: list[float], decimals: int) -> None:
    assert decimals_for_intervals(widths) == decimals


@pytest.mark.parametrize(("values", "decimals"), [([2.0, 65.0], 0), ([12.345], 1), ([0.01234], 4), ([1234.5], 0)])
def test_three_digits_of_the_median_measurement(values: list[float], decimals: int) -> None:
    assert decimals_for_measurements(values) == decimals


def test_there_is_no_minus_zero() -> None:
    assert fixed(-0.0004, 2) == "0.00"
    assert fixed(-0.006, 2) == "-0.01"
    assert interval(-0.0001, 0.5, 2) == "[0.00, 0.50]"
    assert interval(float("nan"), 0.5, 2) == ""


def test_lists_read_as_prose() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
