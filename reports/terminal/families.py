"""The tables of metric families, side by side where the terminal is wide enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..escape import one_line
from ..leaderboard.family_legend import MOST_METHODS, PARTIAL, SANITY, hidden
from ..leaderboard.family_tables import FamilyCell, FamilyColumn, FamilyRow, FamilyTable
from ..leaderboard.marks import DAGGER
from .headings import heading

GAP = 3  # between tables
SPACE = 2  # between columns
HEADING = 16  # columns of a heading, which folds
NAME = 16  # for the methods' names, which fold; more where a quarter of the terminal is more


def drawn(tables: Sequence[FamilyTable], width: int) -> Iterator[RenderableType]:
    """The tables from left to right and from top to bottom, each row of them no wider than the terminal."""
    line: list[_Piece] = []
    for piece in (piece for table in tables for piece in _pieces(table, width)):
        if line and sum(each.width + GAP for each in line) + piece.width > width:
            yield from (_line(line), Text(""))
            line = []
        line.append(piece)
    if line:
        yield _line(line)
    if hidden(tables):
        yield Text(hidden(tables), style="dim")


@dataclass(frozen=True, eq=False)
class _Piece:
    """Columns of one table that fit into the terminal's width."""

    table: Table
    width: int


def _line(pieces: Sequence[_Piece]) -> Table:
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for piece in pieces:
        grid.add_column(width=piece.width, no_wrap=True)
    grid.add_row(*(piece.table for piece in pieces))
    return grid


def _pieces(table: FamilyTable, width: int) -> Iterator[_Piece]:
    """The columns, as many at a time as fit beside the methods."""
    rows = [row for row in table.rows if not row.control][:MOST_METHODS]
    rows += [row for row in table.rows if row.control]
    names = [Text(one_line(row.method)).append_text(_numbers(row.notes)) for row in rows]
    first = [_Column(Text(one_line(table.family)), names, max(NAME, width // 4))]
    if table.ranked:
        first.append(_Column(Text("mean\nrank"), _texts([row.rank for row in rows])))
    held = list(first)
    for place, column in enumerate(table.columns):
        drawn_column = _Column(_heading(column), _texts([row.cells[place] for row in rows]))
        if len(held) > len(first) and _width([*held, drawn_column]) > width:
            yield _drawn(held, rows)
            held = list(first)
        held.append(drawn_column)
    if len(held) > len(first):
        yield _drawn(held, rows)


@dataclass(frozen=True, eq=False)
class _Column:
    """A heading and a text for each row; ``most``: columns of the terminal beyond which the texts fold."""

    heading: Text
    texts: Sequence[Text]
    most: int = 0

    @property
    def width(self) -> int:
        lines = [line for text in (self.heading, *self.texts) for line in text.plain.split("\n")]
        width = max(cell_len(line) for line in lines)
        return min(width, self.most) if self.most else width


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width + SPACE for column in columns) - SPACE


def _drawn(columns: Sequence[_Column], rows: Sequence[FamilyRow]) -> _Piece:
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, SPACE - 1, 0, 0))
    for column in columns:
        folds = bool(column.most)
        shown.add_column(
            column.heading,
            justify="left" if folds else "right",
            no_wrap=not folds,
            overflow="fold" if folds else "ellipsis",
            width=column.width,
        )
    for place, row in enumerate(rows):
        shown.add_row(*(column.texts[place] for column in columns), style="dim" if row.control else "")
    return _Piece(shown, _width(columns))


def _heading(column: FamilyColumn) -> Text:
    mark = (SANITY, "yellow") if column.gamed else ""
    return Text.assemble(
        _folded(heading(column.metric)), mark, "\n", (_folded(one_line(column.metric.protocol)), "not bold dim")
    )


def _folded(text: str) -> str:
    return "\n".join(wrap(text, HEADING))


def _texts(cells: Sequence[FamilyCell]) -> list[Text]:
    """The cells of a column, the ends of their numbers below each other."""
    marks = [_marks(cell) for cell in cells]
    wide = max((mark.cell_len for mark in marks), default=0)
    return [_text(cell, mark, wide) for cell, mark in zip(cells, marks, strict=True)]


def _text(cell: FamilyCell, mark: Text, wide: int) -> Text:
    if not cell.text:
        return Text("")
    text = Text.assemble((one_line(cell.text), "bold" if cell.best else "underline" if cell.second else ""))
    return text.append_text(mark).append(" " * (wide - mark.cell_len))


def _marks(cell: FamilyCell) -> Text:
    marks = Text(f" {DAGGER}{cell.worse}" if cell.counts and cell.worse else DAGGER if cell.worse else "")
    if cell.partial and cell.counts:
        marks.append(PARTIAL, style="yellow")
    return marks.append_text(_numbers(cell.notes))


def _numbers(notes: Sequence[int]) -> Text:
    """The numbers of footnotes behind a name or a number."""
    return Text("".join(f" ({note})" for note in notes), style="yellow")
