"""The suite's answer on the page: verdicts for each setting, findings, tables, charts and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ...errors import BenchError
from ...results.suite_answer import FOLDER, SuiteAnswer, SuitePicture, SuiteTable
from ...untrusted_picture import read_picture
from ..escape import csv
from ..figures.style import Look
from ..figures.suite_charts import DrawnChart, drawn_charts
from ..latex.other_tables import plain_table
from ..latex.suite_table import suite_latex
from ..leaderboard.board import Board
from ..leaderboard.suite_report import RULE, SharedReason, SuiteReport, VerdictTable
from ..number_format import decimals_for_measurements, fixed
from ..suite_files import file_of
from .embedded import jpeg, jpeg_uri, png_file_uri

MOST_ROWS = 60  # of a table on the page; its files have all
MOST_OPEN = 20  # rows of a table that is not folded
MOST_TABLES_OPEN = 3  # tables of verdicts
MOST_REASONS = 8  # listed beneath a table of verdicts
MOST_CSV = 2_000  # rows of a table whose CSV is in the page
MOST_PNG = 1_500_000  # bytes of a picture that is in the page as it is
WIDEST = 1_600  # pixels of a picture that is made smaller
NAMES = {"method", "model", "dataset", "layer"}
TINY, HUGE = 1e-4, 1e6  # beyond which a column's numbers have an exponent


@dataclass(frozen=True)
class TableCell:
    """A cell of a suite's table: its text, and what it is sorted by; empty where nothing is there."""

    text: str
    value: str
    number: bool


@dataclass(frozen=True)
class SuiteTableView:
    """A table of the answer, of which the page shows the first rows.

    Attributes:
        rows: per row, whether it is a control's, and the cells.
        total: rows of the whole table. file: the whole table's, beside the page.
    """

    name: str
    title: str
    note: str
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[bool, tuple[TableCell, ...]], ...]
    total: int
    file: str

    @property
    def folded(self) -> bool:
        return self.total > MOST_OPEN


@dataclass(frozen=True)
class PictureView:
    """A picture of the answer, embedded; ``uri`` is empty where its bytes are no picture."""

    name: str
    title: str
    caption: str
    uri: str
    width: int
    height: int
    file: str


@dataclass(frozen=True, eq=False)
class SuiteSection:
    """What the template lays out."""

    report: SuiteReport
    look: Mapping[str, Look]

    @property
    def answer(self) -> SuiteAnswer:
        return self.report.answer

    @property
    def rule(self) -> str:
        return RULE

    def is_open(self, table: VerdictTable, offered: bool) -> bool:
        """Whether a table of verdicts is unfolded: where there are few, or where the selector shows one at a time."""
        return offered or len(self.report.tables) <= MOST_TABLES_OPEN or table is self.report.tables[0]

    def reasons(self, table: VerdictTable) -> tuple[Sequence[SharedReason], int]:
        """Why scores are missing, and how many reasons are left out."""
        return table.lost[:MOST_REASONS], max(0, len(table.lost) - MOST_REASONS)

    @cached_property
    def tables(self) -> tuple[SuiteTableView, ...]:
        return tuple(_table(table, self.report.controls) for table in self.answer.tables)

    @cached_property
    def charts(self) -> tuple[DrawnChart, ...]:
        return drawn_charts(self.answer, self.look)

    @cached_property
    def pictures(self) -> tuple[PictureView, ...]:
        return tuple(_picture(picture) for picture in self.answer.pictures)

    @cached_property
    def downloads(self) -> dict[str, dict[str, str]]:
        """By the id in the page: the verdicts, every table, and the sentence to copy."""
        verdicts, stem = self.report.stored.verdicts, f"benchbench-{self.report.slug}"
        files = {"suite-sentence": {"name": f"{stem}-answer", "txt": self.answer.sentence}}
        if self.report.tables:
            files["suite-verdicts"] = {
                "name": f"{stem}-verdicts",
                "csv": csv(verdicts),
                "tex": suite_latex(self.report),
            }
        for stored, view in zip(self.report.stored.tables, self.tables, strict=True):
            texts = [[cell.text for cell in cells] for _, cells in view.rows]
            caption = f"{view.title}." + ("" if len(texts) == view.total else f" The first {len(texts)} rows.")
            tex = plain_table(caption, f"suite-{file_of(view.name)}", view.headings, texts, self.report.remarks)
            whole = {"name": f"{stem}-{file_of(view.name)}", "csv": csv(stored.rows), "tex": tex}
            if view.total > MOST_CSV:
                del whole["csv"]
                whole["elsewhere"] = f"{view.total:,} rows are too many for this page: tables/{view.file} has them."
            files[f"suite-table-{view.name}"] = whole
        return files


def suite_section(board: Board, look: Mapping[str, Look]) -> SuiteSection | None:
    """The section of a run's suite; None where the run has no answer of one."""
    return SuiteSection(board.suite, look) if board.suite else None


def _table(table: SuiteTable, controls: frozenset[str]) -> SuiteTableView:
    rows, columns = table.rows, [name for name in table.headings if name in table.rows]
    shown = rows.head(MOST_ROWS)
    cells = [_column(shown[name]) for name in columns]
    control = [str(name) in controls for name in shown["method"]] if "method" in shown else [False] * len(shown)
    lines = tuple(zip(control, zip(*cells, strict=True), strict=True)) if cells else ()
    headings = tuple(table.headings[name] for name in columns)
    numeric = tuple(all(cell.number or not cell.text.strip("–") for cell in column) for column in cells)
    file = f"suite-{file_of(table.name)}.csv"
    return SuiteTableView(table.name, table.title, table.note, headings, numeric, lines, len(rows), file)


def _column(values: pd.Series[Any]) -> list[TableCell]:
    """The texts of a column: its numbers with the digits that their size asks for."""
    known = [float(value) for value in values if _is_number(value)]
    sizes = [abs(value) for value in known if value]
    exponent = bool(sizes) and (min(sizes) < TINY or max(sizes) >= HUGE)
    digits = decimals_for_measurements(known) if known else 0
    return [_cell(value, digits, exponent) for value in values]


def _is_number(value: Any) -> bool:
    numeric = isinstance(value, (int, float)) or hasattr(value, "dtype")
    return numeric and not _is_bool(value) and not pd.isna(value) and math.isfinite(value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"


def _cell(value: Any, digits: int, exponent: bool) -> TableCell:
    if _is_bool(value):
        return TableCell("yes" if value else "no", "1" if value else "0", number=False)
    if not _is_number(value):
        text = "–" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)
        return TableCell(text, "" if text == "–" else text, number=False)
    text = f"{value:.3g}" if exponent and value != round(value, 2) else fixed(float(value), digits)
    return TableCell(text, f"{float(value):.12g}", number=True)


def _picture(picture: SuitePicture) -> PictureView:
    file, words = f"{FOLDER}/{picture.name}.png", (picture.name, picture.title, picture.caption)
    few = len(picture.png) <= MOST_PNG
    try:
        small = read_picture(
            picture.png, lambda image: image.copy() if few else image.convert("RGB"), formats=["PNG"], name=file
        )
    except BenchError:
        return PictureView(*words, "", 0, 0, file)
    if few:
        return PictureView(*words, png_file_uri(picture.png), *small.size, file)
    small.thumbnail((WIDEST, WIDEST * 4))
    return PictureView(*words, jpeg_uri(jpeg(small, 85)), *small.size, file)
