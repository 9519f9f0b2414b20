"""What a LaTeX table is made of: how wide text is, columns, lines, and a tabular of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from ..escape import latex, latex_breaking, one_line
from ..leaderboard.board import Block, Metric
from ..leaderboard.marks import Marked, MarksShown
from ..number_format import fixed

Spread: TypeAlias = Literal["interval", "se", "none"]
SEP = 3.0  # \tabcolsep, points
NAMES = 88.0  # the widest column of names
SCRIPT = 0.95  # of \footnotesize
BOLD = 1.17
LINE = 11.0  # \footnotesize's baseline where the text is of 11 points
GREY = r"\leavevmode\color{black!60}"
_NARROW, _WIDE = set(" .,:;!'|()[]ijltfr/-I"), set("mwMWGOQ@%<>+=~")


def width(text: str, scale: float = 1.0) -> float:
    """Points of a line in \\footnotesize Computer Modern, rather more than less."""
    return scale * sum(map(_width, text))


def _width(c: str) -> float:
    if not c.isascii():
        return 28.5  # its code point
    return 2.9 if c in _NARROW else 7.3 if c in _WIDE else 6.2 if c.isupper() else 4.45


@dataclass(frozen=True)
class Column:
    """A metric under a protocol; of one block, or of the block that each line is of."""

    name: str
    protocol: str
    place: str = ""
    block: Block | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Line:
    """A method; of one block, or of the block that each column is of. Without a method, a heading of what follows."""

    text: str
    method: str = ""
    control: bool = False
    block: Block | None = None
    rule: bool = False  # above it


@dataclass(frozen=True)
class Scope:
    """What a table is about: its caption, its marks and its label say no more than that."""

    blocks: Sequence[Block]
    metrics: Sequence[Metric]
    label: str = "benchbench"

    @property
    def keys(self) -> set[tuple[str, str]]:
        return {key_of(metric) for metric in self.metrics}


@dataclass(frozen=True, eq=False)
class Sheet:
    """Columns and lines that make one tabular.

    Attributes:
        groups: by the block's title, what stands above its columns; empty where columns have none.
        notes: texts of footnotes, numbered over the whole float.
        names: points of the column of names; 0 for what these lines need.
    """

    marked: Marked
    scope: Scope
    columns: Sequence[Column]
    lines: Sequence[Line]
    spread: Spread
    groups: Mapping[str, str]
    notes: list[str]
    names: float = 0.0

    def cell(self, line: Line, column: Column) -> MarksShown | None:
        block = column.block or line.block
        return self.marked.shown(block, line.method, column.name, column.protocol) if block else None

    def metric(self, column: Column) -> Metric:
        return next(m for m in self.marked.board.metrics if key_of(m) == (column.name, column.protocol))

    @cached_property
    def names_width(self) -> float:
        names = ["Method", *(one_line(line.text) for line in self.lines if line.method)]
        return self.names or min(NAMES, max(38.0, 1.12 * max(map(width, names)) + 2))  # 38: "Method" at 11 points

    @cached_property
    def widths(self) -> dict[Column, float]:
        return {column: column_width(self, column) for column in self.columns}

    @cached_property
    def total_width(self) -> float:
        return self.names_width + 2 * SEP + sum(wide + 2 * SEP for wide in self.widths.values())

    @property
    def height(self) -> float:
        head = max(heading_lines(self, column) for column in self.columns) + (1.5 if self.groups else 0)
        return head * LINE + 12 + sum(line_height(self, line) for line in self.lines)


def key_of(metric: Metric) -> tuple[str, str]:
    return metric.name, metric.protocol


def line_height(sheet: Sheet, line: Line) -> float:
    if not line.method:
        return LINE + 6
    names = -(-width(one_line(line.text)) * 1.1 // NAMES)
    shown_cells = [sheet.cell(line, column) for column in sheet.columns]
    spans = sheet.spread == "interval" and any(each and each.cell.interval for each in shown_cells)
    return float(max(names, 1) * LINE + (LINE - 1 if spans else 0) + (5 if line.rule else 0))


def column_width(sheet: Sheet, column: Column) -> float:
    words = _heading_words(sheet, column)
    wide = max(map(width, [*words, f"{words[-1]} ++"]))  # the arrow, and perhaps a mark
    slot = slot_width(sheet, column)
    for line in sheet.lines:
        shown = sheet.cell(line, column) if line.method else None
        if shown:
            text = shown.cell.text + (f"  {_error(shown)}" if sheet.spread == "se" else "")
            wide = max(wide, width(text, BOLD if shown.mark.best else 1) + slot)
            if sheet.spread == "interval":
                wide = max(wide, width(shown.cell.interval, SCRIPT))
    return wide


def slot_width(sheet: Sheet, column: Column) -> float:
    """Room beside every number of the column for the widest of its marks, so that the numbers stay in line."""
    cells = [sheet.cell(line, column) for line in sheet.lines if line.method]
    return max((6.0 * (shown.mark.worse + len(shown.footnotes)) for shown in cells if shown), default=0.0)


def heading_lines(sheet: Sheet, column: Column) -> int:
    return len(_heading_words(sheet, column))


def _heading_words(sheet: Sheet, column: Column) -> list[str]:
    metric = sheet.metric(column)
    words = _pieces(one_line(metric.title))
    twin = [m for m in sheet.marked.board.metrics if m.title == metric.title]
    if metric.is_cost and 0 < len(metric.unit) < 4:
        words.append(f"({metric.unit})")
    return [*words, *(_pieces(one_line(metric.protocol)) if len(twin) > 1 else [])]


def _pieces(text: str, most: int = 16) -> list[str]:
    """Lines no longer than the longest word, and no word longer than ``most``."""
    longest = max((len(word) for word in text.split()), default=1)
    return textwrap.wrap(text, min(most, max(longest, 8)), break_on_hyphens=False)


def tabular(sheet: Sheet) -> str:
    """The sheet as a booktabs tabular; footnotes it refers to are added to its notes."""
    names = rf">{{\raggedright\arraybackslash}}p{{{sheet.names_width:.0f}pt}}"
    lines = [rf"\begin{{tabular}}{{{names}{'c' * len(sheet.columns)}}}", r"\toprule", *_group_head(sheet)]
    lines.append(" & ".join(["Method", *(_heading(sheet, column) for column in sheet.columns)]) + r" \\")
    lines.append(r"\midrule")
    for number, line in enumerate(sheet.lines):
        lines += _line(sheet, line, first=number == 0)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _group_head(sheet: Sheet) -> Iterator[str]:
    """The blocks above their columns, each with a rule."""
    if not sheet.groups:
        return
    spans: list[tuple[Block, int, int]] = []
    for place, column in enumerate(sheet.columns, start=2):
        assert column.block is not None
        if spans and spans[-1][0] is column.block:
            spans[-1] = (column.block, spans[-1][1], place)
        else:
            spans.append((column.block, place, place))
    heads = []
    for block, first, last in spans:
        room = sum(sheet.widths[column] + 2 * SEP for column in sheet.columns[first - 2 : last - 1]) - 2 * SEP
        text = _headline(sheet.groups[block.title], room, "")
        heads.append(rf"\multicolumn{{{last - first + 1}}}{{c}}{{{text}}}")
    yield " & ".join(["", *heads]) + r" \\"
    yield "".join(rf"\cmidrule(lr){{{first}-{last}}}" for _, first, last in spans)


def _headline(text: str, room: float, style: str) -> str:
    """Text over several columns; in lines where it is wider than they are, and never so wide as to spread them."""
    room *= 0.8
    if width(one_line(text)) <= room:
        return style + latex(text)
    broken = latex_breaking(text, most=max(3, min(12, int(room / 8))))
    return rf"\parbox[b]{{{room:.0f}pt}}{{\centering {style}{broken}}}"


def _heading(sheet: Sheet, column: Column) -> str:
    metric = sheet.metric(column)
    blocks = [column.block] if column.block else [line.block for line in sheet.lines if line.block]
    gamed = any(m.gamed for block in blocks if block for m in block.metrics if key_of(m) == key_of(metric))
    name = r"\\".join(latex(words) for words in _heading_words(sheet, column))
    arrow = r"$\uparrow$" if metric.higher else r"$\downarrow$"
    mark = r"$^{\ddagger}$" if gamed else ""
    return rf"\begin{{tabular}}[b]{{@{{}}c@{{}}}}{name}\,{arrow}{mark}\end{{tabular}}"


def _line(sheet: Sheet, line: Line, first: bool) -> Iterator[str]:
    if not line.method:
        gap = "" if first else r"\addlinespace "
        text = _headline(line.text, sheet.total_width - 2 * SEP, r"\itshape ")
        yield rf"{gap}\multicolumn{{{len(sheet.columns) + 1}}}{{l}}{{{text}}} \\"
        return
    if line.rule:
        yield rf"\cmidrule(lr){{1-{len(sheet.columns) + 1}}}"
    grey = GREY + " " if line.control else ""
    shown_cells = [sheet.cell(line, column) for column in sheet.columns]
    cells = zip(sheet.columns, shown_cells, strict=True)
    means = [grey + _mean(sheet, column, each) if each else "--" for column, each in cells]
    spans = [
        rf"{grey}\scriptsize {number_text(each.cell.interval)}" if each and each.cell.interval else ""
        for each in shown_cells
    ]
    head = " & ".join([grey + latex_breaking(line.text), *means]) + r" \\"
    if sheet.spread != "interval" or not any(spans):
        yield head
        return
    yield head + "[-1pt]"
    yield " & ".join(["", *spans]) + r" \\"


def _mean(sheet: Sheet, column: Column, shown: MarksShown) -> str:
    number = number_text(shown.cell.text)
    if shown.mark.best:
        number = rf"\textbf{{{number}}}"
    elif shown.mark.second:
        number = rf"\underline{{{number}}}"
    if sheet.spread == "se" and (error := _error(shown)):
        number += rf"\,{{\scriptsize $\pm$\,{error}}}"
    slot, marks = slot_width(sheet, column), _marks(shown, sheet.notes)
    raised = rf"$^{{{','.join(marks)}}}$" if marks else ""
    return rf"{number}\makebox[{slot:.0f}pt][l]{{{raised}}}" if slot else number


def number_text(text: str) -> str:
    """A number, an interval or ``n/a``: with a minus where a hyphen was."""
    return latex(text).replace("{-}", "$-$")


def _error(shown: MarksShown) -> str:
    error = shown.mark.error
    return fixed(error, shown.cell.metric.decimals) if error == error else ""


def _marks(shown: MarksShown, notes: list[str]) -> list[str]:
    """The dagger, and the numbers of the footnotes, which are added where they are new."""
    marks = [r"\dagger"] if shown.mark.worse else []
    for text in shown.footnotes:
        if text not in notes:
            notes.append(text)
        marks.append(str(notes.index(text) + 1))
    return marks
