"""Every number of the leaderboard for a terminal: a table for each setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from ..escape import one_line
from ..leaderboard.board import Block, Metric, Row
from ..leaderboard.independence import dependence
from ..leaderboard.marks import DAGGER, Marked, MarksShown
from .headings import heading

WIDTH = 80
METHOD = 16  # for the methods' names, which fold


@dataclass(frozen=True, eq=False)
class FullTables:
    """All tables of a run, for rich to print in the width of its console."""

    marked: Marked

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield from leaderboard(self.marked, options.max_width)


def leaderboard(marked: Marked, width: int = WIDTH) -> list[RenderableType]:
    """Tables and notes, in reading order: per model, dataset and layer, quality first, then cost.

    Args:
        width: columns of the terminal.
    """
    notes = [Text(one_line(text), style="yellow") for text in dependence(marked.board.record.info)]
    return [*notes, *(part for block in marked.board.blocks for part in _block(marked, block, width))]


def _block(marked: Marked, block: Block, width: int) -> Iterator[RenderableType]:
    yield Text(one_line(block.title), style="bold")
    yield Text(_meaning(marked, block), style="dim")
    for cost, metrics in ((False, block.quality), (True, block.costs)):
        for some in _side_by_side(marked, block, metrics, width):
            yield _table(marked, block, some, cost)
    for number, note in enumerate(block.footnotes, start=1):
        yield Text(f"({number}) {one_line(note.text)}", style="yellow")
    yield Text("")


def _meaning(marked: Marked, block: Block) -> str:
    if not block.quality:
        return "Measured costs. Best in bold, second underlined, controls last."
    parts = [f"Mean over {block.counted}, 95 % interval below it. Best in bold, second underlined,"]
    parts.append("controls last.")
    if any(marked.tested(block, metric) for metric in block.quality):
        parts.append(f"{DAGGER} significantly worse than the best. #: mean rank; two methods share a letter if they do")
        parts.append("not differ significantly (Wilcoxon or McNemar on the same images, Holm, 5 %).")
    return " ".join(parts)


def _side_by_side(marked: Marked, block: Block, metrics: Sequence[Metric], width: int) -> Iterator[list[Metric]]:
    """The metrics, as many at a time as fit beside the methods."""
    held: list[Metric] = []
    left = width - METHOD
    for metric in metrics:
        cells = [cell for row in block.rows for cell in _cells(marked, block, row, [metric])]
        need = 1 + max(len(line) for text in (_heading(metric), *cells) for line in text.plain.split("\n"))
        if held and need > left:
            yield held
            held, left = [], width - METHOD
        held.append(metric)
        left -= need
    if held:
        yield held


def _table(marked: Marked, block: Block, metrics: Sequence[Metric], cost: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("cost" if cost else "method", overflow="fold", min_width=10, vertical="top")
    for metric in metrics:
        table.add_column(_heading(metric), justify="right", no_wrap=True, vertical="top")
    for rows, style in ((block.methods, ""), (block.controls, "dim")):
        for row in rows:
            table.add_row(_name(row), *_cells(marked, block, row, metrics), style=style)
        table.add_section()
    return table


def _name(row: Row) -> Text:
    return Text(one_line(row.method)).append(_numbers(row.notes), style="yellow")


def _heading(metric: Metric) -> Text:
    gamed = ("\nfails sanity\ncheck", "not bold yellow") if metric.gamed else ""
    protocol = (one_line(metric.protocol), "not bold dim")
    ceiling = ("\noptimised by\nthe ceiling", "not bold dim") if metric.ceiling else ""
    return Text.assemble(heading(metric), "\n", protocol, gamed, ceiling)


def _cells(marked: Marked, block: Block, row: Row, metrics: Sequence[Metric]) -> list[Text]:
    cells = (marked.shown(block, row.method, metric.name, metric.protocol) for metric in metrics)
    return [Text("") if shown is None else _cell(shown) for shown in cells]


def _cell(shown: MarksShown) -> Text:
    """The mean with its marks; below it the interval; below that the mean rank and the letters of its groups."""
    cell, mark = shown.cell, shown.mark
    style = "bold" if mark.best else "underline" if mark.second else ""
    text = Text.assemble((cell.text, style), DAGGER if mark.worse else "")
    text.append(_numbers(cell.notes), style="yellow")
    if cell.interval:
        text.append(f"\n{cell.interval[1:-1].replace(', ', ' ')}", style="dim")
    if mark.share_short:
        text.append(f"\n{mark.share_short}", style="dim")
    if mark.rank == mark.rank:
        text.append(f"\n#{mark.rank:.1f} {mark.letters}", style="dim")
    return text


def _numbers(notes: Sequence[int]) -> str:
    """The numbers of footnotes behind a name or a number."""
    return "".join(f" ({note})" for note in notes)
