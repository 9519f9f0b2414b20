"""A LaTeX table's cells: what stands in them, and how wide they are."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..escape import one_line
from ..leaderboard.board import Metric
from ..leaderboard.footnotes import remarks_over
from ..leaderboard.marks import NONE, Mark, Marked, MarksShown
from ..number_format import fixed, offsets
from .short_names import short_title
from .table_parts import Citations, Column, Key, Line, Scope, Spread, key_of

SEP = 3.0  # \tabcolsep, points
NAMES = 88.0  # the widest column of names
SCRIPT = 0.95  # of \footnotesize
SMALLEST = 0.78  # of the offsets above and below a number
BOLD = 1.12
ARROW, MARK = 7.0, 5.0  # beside a heading, and each mark of a number
STRETCH = 1.25  # of lines that have offsets above and below a number
SIZE, LINE = (
    8.0,
    9.5,
)  # of the letters and from line to line, in every class: \footnotesize where the text is of 10 points
CITED = 17.0  # [12]
_NARROW, _WIDE = set(" .,:;!'|()[]ijltfr/-I"), set("mwMWGOQ@%<>+=~")
_WHOLE = re.compile(r"-?(\d+)")


def width(text: str, scale: float = 1.0) -> float:
    """Points of a line in \\footnotesize Computer Modern, rather more than less."""
    return scale * sum(map(_width, text))


def _width(c: str) -> float:
    if not c.isascii():
        return 28.5  # its code point
    return 2.9 if c in _NARROW else 7.3 if c in _WIDE else 6.2 if c.isupper() else 4.45


@dataclass(frozen=True, eq=False)
class Sheet:
    """Columns and lines that make one tabular.

    Attributes:
        corner: the heading of the names.
        notes: texts of footnotes, numbered over the whole float.
        names: points of the column of names; 0 for what these lines need.
        short: whether metrics have their abbreviations as headings.
        ranked: the columns that the mean rank is over, also those that are in another part of the table.
    """

    marked: Marked
    scope: Scope
    columns: Sequence[Column]
    lines: Sequence[Line]
    spread: Spread
    corner: str
    cited: Citations
    notes: list[str]
    names: float = 0.0
    short: bool = False
    ranked: Sequence[Column] = ()

    def key(self, line: Line, column: Column) -> Key | None:
        return column.place.metric or line.place.metric

    def cell(self, line: Line, column: Column) -> MarksShown | None:
        """What stands there; None where the run has nothing of that."""
        first, second = column.place, line.place  # of a large table, hundreds of thousands of times
        model, dataset = first.model or second.model, first.dataset or second.dataset
        layer, method = first.layer or second.layer, first.method or second.method
        metric = first.metric or second.metric
        known = metric and model and dataset and layer and method
        return self.marked.cells.get((model, dataset, layer, method, *metric)) if metric and known else None

    def share(self, line: Line, column: Column) -> Mark:
        """The mark that has the share of a column of shares; without one in other columns."""
        shown = self.cell(line, column.share_of) if column.share_of else None
        return shown.mark if shown else NONE

    def with_shares(self) -> Sheet:
        """The sheet, with a column of shares behind each column whose numbers have any."""

        def shared(column: Column) -> bool:
            cells = (self.cell(line, column) for line in self.lines)
            return any(shown.mark.share_number for shown in cells if shown)

        pairs = [column.with_share() if shared(column) else (column,) for column in self.columns]
        return replace(self, columns=[column for pair in pairs for column in pair])

    def interval(self, line: Line, column: Column) -> str:
        """The interval below a number; empty where there is none."""
        if column.share_of:
            return self.share(line, column).share_interval
        shown = self.cell(line, column)
        return shown.cell.interval if shown else ""

    def offsets(self, line: Line, column: Column) -> tuple[str, str]:
        """How far below and above a number its interval reaches; empty where there is none."""
        if column.share_of:
            mark = self.share(line, column)
            return offsets(100 * mark.share, 100 * mark.share_low, 100 * mark.share_high, 0)
        shown = self.cell(line, column)
        return offsets_of(shown) if shown else ("", "")

    def cite_of(self, column: Column) -> str:
        """The key that a column's heading cites; empty where it cites nothing."""
        key = column.place.metric
        return self.cited.metrics.get(key, "") if key else self.cited.methods.get(column.place.method, "")

    def metric(self, key: Key) -> Metric:
        """The metric with the title, as the board has it; decimals and sanity check are of a block."""
        return next(metric for metric in self.scope.metrics if key_of(metric) == key)

    def best(self, shown: MarksShown | None, line: Line, column: Column) -> bool:
        """Whether a number is set in bold: it is best, and not every method of its setting has this number."""
        if not shown or not shown.mark.best:
            return False
        parts = [getattr(column.place, name) or getattr(line.place, name) for name in PARTS[:3]]
        rivals = (self.marked.cells.get((*parts, name, *key_of(shown.cell.metric))) for name in self.methods)
        return any(rival and rival.cell.n and not rival.mark.best for rival in rivals)

    def remark(self, part: Line | Column) -> str:
        """The footnote on the method that a line, a heading or a column is named after; or empty."""
        method = part.place.method
        named = part.heading or part.text == method if isinstance(part, Line) else part.title == method
        return self.remarks.get(method, "") if named else ""

    @cached_property
    def remarks(self) -> dict[str, str]:
        """By method, the footnote on it."""
        notes = remarks_over(block.footnotes for block in self.scope.blocks)
        return {method: note.text for note in notes for method in note.methods}

    @cached_property
    def methods(self) -> list[str]:
        """All methods of the table, controls apart."""
        return list(dict.fromkeys(row.method for block in self.scope.blocks for row in block.methods))

    def rank(self, line: Line) -> float:
        """The mean over the ranked columns of the method's mean rank over images; NaN where it is not in all.

        Networks with a warning count only in a line of their own.
        """
        disowned = self.marked.board.disowned
        columns = [column for column in self.ranked if column.place.model not in disowned]
        shown = [self.cell(line, column) for column in columns]
        counted = [each for each in shown if each and counts_in_rank(each.cell.metric)]
        ranks = [each.mark.rank for each in counted]
        return sum(ranks) / len(ranks) if ranks and all(each is not None for each in shown) else math.nan

    @cached_property
    def names_width(self) -> float:
        lines = [line for line in self.lines if not line.heading]
        names = [width(self.corner), *(width(one_line(line.text)) + MARK * bool(self.remark(line)) for line in lines)]
        cited = CITED if any(line.place.method in self.cited.methods for line in self.lines) else 0.0
        return self.names or min(NAMES + cited / 2, max(38.0, 1.12 * max(names) + 2 + cited))

    @cached_property
    def widths(self) -> dict[Column, float]:
        return {column: column_width(self, column) for column in self.columns}

    @cached_property
    def total_width(self) -> float:
        return self.names_width + 2 * SEP + sum(wide + 2 * SEP for wide in self.widths.values())

    @cached_property
    def digits(self) -> dict[tuple[Column, Key | None], int]:
        """By column and metric, the digits before the point of its longest number."""
        longest: dict[tuple[Column, Key | None], int] = {}
        for line in self.lines:
            for column in () if line.heading else self.columns:
                key = column, self.key(line, column)
                longest[key] = max(longest.get(key, 1), whole_digits(self.text(line, column)))
        return longest

    def text(self, line: Line, column: Column) -> str:
        """The number without its marks; empty where there is none."""
        if column.share_of:
            return self.share(line, column).share_number
        if column.rank:
            rank = self.rank(line)
            return fixed(rank, 1) if rank == rank else ""
        shown = self.cell(line, column)
        return shown.cell.text if shown else ""


PARTS = ("model", "dataset", "layer", "method")
RANKED_FAMILIES = ("faithfulness", "localisation", "")  # "" in the runs of older versions


def counts_in_rank(metric: Metric) -> bool:
    """Whether the mean rank is over this metric: a metric of quality that passes the sanity check here."""
    return not metric.is_cost and not metric.gamed and metric.family in RANKED_FAMILIES


def whole_digits(text: str) -> int:
    match = _WHOLE.match(text)
    return len(match[1]) if match else 0


def spans(columns: Sequence[Column], level: int) -> list[tuple[str, int, int]]:
    """The text of each run of columns that share their headings down to this level, with its first and last column."""
    runs: list[tuple[str, int, int]] = []
    for place, column in enumerate(columns):
        path = column.heads[: level + 1]
        if place and path and path == columns[place - 1].heads[: level + 1]:
            runs[-1] = (runs[-1][0], runs[-1][1], place)
        else:
            runs.append((path[level] if len(path) > level else "", place, place))
    return runs


def room(sheet: Sheet, first: int, last: int) -> float:
    """Points that a heading over some columns has."""
    return 0.8 * (sum(sheet.widths[column] + 2 * SEP for column in sheet.columns[first : last + 1]) - 2 * SEP)


def column_width(sheet: Sheet, column: Column) -> float:
    """Points of a column, by its heading and by its numbers with their marks."""
    words = heading_words(sheet, column)
    key = column.place.metric
    arrow = (ARROW if key or column.rank else 0.0) + (MARK if key and fails_everywhere(sheet, key) else 0.0)
    arrow += MARK if sheet.remark(column) else 0.0
    wide = max([*map(width, words), width(words[-1]) + arrow])
    slot = slot_width(sheet, column)
    for line in (line for line in sheet.lines if not line.heading):
        shown = sheet.cell(line, column)
        bold = BOLD if shown and shown.mark.best else 1
        wide = max(wide, width(sheet.text(line, column), bold) + slot + _beside(sheet, line, column))
        if sheet.spread == "interval":
            wide = max(wide, width(sheet.interval(line, column), SCRIPT))
    return wide


def _beside(sheet: Sheet, line: Line, column: Column) -> float:
    """Points that the spread takes on the number's line."""
    if sheet.spread == "se":
        return width(f"  {error}") if (error := error_text(sheet.cell(line, column))) else 0.0
    if sheet.spread == "pm":
        down, up = sheet.offsets(line, column)
        if not up:
            return 0.0
        return width(f" ={up}" if up == down else f"+{max(down, up, key=len)}", 1 if up == down else SMALLEST)
    return 0.0


def error_text(shown: MarksShown | None) -> str:
    """The standard error as the number's column has it; empty where there is none."""
    if shown is None or math.isnan(shown.mark.error):
        return ""
    return fixed(shown.mark.error, shown.cell.metric.decimals)


def offsets_of(shown: MarksShown) -> tuple[str, str]:
    """How far below and above the mean the interval reaches; empty where there is none."""
    cell = shown.cell
    return offsets(cell.mean, cell.low, cell.high, cell.metric.decimals) if cell.n else ("", "")


def slot_width(sheet: Sheet, column: Column) -> float:
    """Room beside every number of the column for the widest of its marks, so that the numbers stay in line."""
    marks = (marks_beside(sheet, line, column) for line in sheet.lines if not line.heading)
    return MARK * max(marks, default=0)


def marks_beside(sheet: Sheet, line: Line, column: Column) -> int:
    """How many marks stand beside a number."""
    shown = sheet.cell(line, column)
    return shown.mark.worse + len(shown.footnotes) + fails_here(sheet, shown, column) if shown else 0


def fails_here(sheet: Sheet, shown: MarksShown, column: Column) -> bool:
    """Whether a number bears the mark of a failed sanity check: the best one, where not all settings have failed."""
    metric = shown.cell.metric
    return bool(metric.gamed) and shown.mark.best and not fails_everywhere(sheet, key_of(metric))


def fails_everywhere(sheet: Sheet, key: Key) -> bool:
    """Whether a metric fails the sanity check in all settings of the table, so that its heading bears the mark."""
    here = [m for block in sheet.scope.blocks for m in block.metrics if key_of(m) == key]
    return bool(here) and all(metric.gamed for metric in here)


def heading_words(sheet: Sheet, column: Column) -> list[str]:
    """The lines of a column's heading."""
    if column.rank:
        return ["rank"]
    if column.share_of:
        return ["% of the", "ceiling"]
    cite = ["[00]"] if sheet.cite_of(column) else []
    if not column.place.metric:
        return [*_pieces(one_line(column.title)), *cite]
    metric = sheet.metric(column.place.metric)
    words = [short_title(metric)] if sheet.short else _pieces(one_line(metric.title))
    twins = [m for m in sheet.scope.metrics if m.title == metric.title]
    if metric.is_cost and 0 < len(metric.unit) < 4:
        words.append(f"({metric.unit})")
    if len(twins) > 1:
        words += _pieces(one_line(metric.protocol))
    return [*words, *cite]


def _pieces(text: str, most: int = 16) -> list[str]:
    """Lines no longer than the longest word, and no word longer than ``most``."""
    longest = max((len(word) for word in text.split()), default=1)
    return textwrap.wrap(text, min(most, max(longest, 8)), break_on_hyphens=False) or [""]
