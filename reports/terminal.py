"""The leaderboard for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..table import Record
from .board import Block, Board, Cell, Metric, Row
from .text import one_line

WIDTH = 80
METHOD = 16  # for the methods' names, which fold
SHORT = {
    "insertion_deletion": "ins - del",
    "deletion_correlation": "del corr",
    "insertion_correlation": "ins corr",
    "pixel_flipping": "pixel flips",
    "region_flipping": "region flips",
    "drop_in_deletion": "drop in del",
    "faithfulness_correlation": "faith corr",
    "single_deletion": "single del",
    "deletion": "del",
    "insertion": "ins",
    "average_drop": "avg drop",
    "average_gain": "avg gain",
    "increase": "increase",
    "peak_memory": "memory",
}


def leaderboard(record: Record) -> list[RenderableType]:
    """Tables and notes, in reading order: per model, dataset and layer, quality first, then cost."""
    return [part for block in Board(record).blocks for part in _block(block)]


def leaderboard_table(record: Record) -> Group:
    """``leaderboard`` as one renderable."""
    return Group(*leaderboard(record))


def _block(block: Block) -> Iterator[RenderableType]:
    yield Text(one_line(block.title), style="bold")
    yield Text(_meaning(block), style="dim")
    for cost, metrics in ((False, block.quality), (True, block.costs)):
        for some in _side_by_side(block, metrics):
            yield _table(block, some, cost)
    for number, text in enumerate(block.footnotes, start=1):
        yield Text(f"({number}) {one_line(text)}", style="yellow")
    yield Text("")


def _meaning(block: Block) -> str:
    images = f"Mean over {block.images} images, 95 % bootstrap interval below it" if block.quality else "Measured costs"
    return f"{images}. Best in bold, controls last. No significance test."


def _side_by_side(block: Block, metrics: Sequence[Metric]) -> Iterator[list[Metric]]:
    """The metrics, as many at a time as fit beside the methods."""
    held: list[Metric] = []
    left = WIDTH - METHOD
    for metric in metrics:
        cells = [_cell(cell) for row in block.rows for cell in row.cells if cell.metric == metric]
        need = 1 + max(len(line) for text in (_heading(metric), *cells) for line in text.plain.split("\n"))
        if held and need > left:
            yield held
            held, left = [], WIDTH - METHOD
        held.append(metric)
        left -= need
    if held:
        yield held


def _table(block: Block, metrics: Sequence[Metric], cost: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("cost" if cost else "method", overflow="fold", min_width=10, vertical="top")
    for metric in metrics:
        table.add_column(_heading(metric), justify="right", no_wrap=True, vertical="top")
    for rows, style in ((block.methods, ""), (block.controls, "dim")):
        for row in rows:
            table.add_row(Text(one_line(row.method)), *_cells(row, metrics), style=style)
        table.add_section()
    return table


def _heading(metric: Metric) -> Text:
    unit = f" {metric.unit}" if metric.is_cost and len(metric.unit) < 4 else ""
    name = SHORT.get(metric.name, metric.title)
    gamed = ("\ngameable", "not bold yellow") if metric.gamed else ""
    protocol = (one_line(metric.protocol), "not bold dim")
    return Text.assemble(one_line(f"{name}{unit} {metric.arrow}"), "\n", protocol, gamed)


def _cells(row: Row, metrics: Sequence[Metric]) -> list[Text]:
    return [_cell(cell) for cell in row.cells if cell.metric in metrics]


def _cell(cell: Cell) -> Text:
    marks = "".join(f" ({note})" for note in cell.notes)
    text = Text.assemble((cell.text, "bold" if cell.best else ""), (marks, "yellow"))
    if cell.interval:
        text.append(f"\n{cell.interval[1:-1].replace(', ', ' ')}", style="dim")
    return text
