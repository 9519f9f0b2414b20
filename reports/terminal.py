"""The leaderboard for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .escape import one_line
from .leaderboard.board import Block, Metric, Row
from .leaderboard.independence import dependence
from .leaderboard.marks import DAGGER, Marked, MarksShown

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


def leaderboard(marked: Marked) -> list[RenderableType]:
    """Tables and notes, in reading order: per model, dataset and layer, quality first, then cost."""
    notes = [Text(one_line(text), style="yellow") for text in dependence(marked.board.record.info)]
    return [*notes, *(part for block in marked.board.blocks for part in _block(marked, block))]


def leaderboard_table(marked: Marked) -> Group:
    """``leaderboard`` as one renderable."""
    return Group(*leaderboard(marked))


def _block(marked: Marked, block: Block) -> Iterator[RenderableType]:
    yield Text(one_line(block.title), style="bold")
    yield Text(_meaning(marked, block), style="dim")
    for cost, metrics in ((False, block.quality), (True, block.costs)):
        for some in _side_by_side(marked, block, metrics):
            yield _table(marked, block, some, cost)
    for number, text in enumerate(block.footnotes, start=1):
        yield Text(f"({number}) {one_line(text)}", style="yellow")
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


def _side_by_side(marked: Marked, block: Block, metrics: Sequence[Metric]) -> Iterator[list[Metric]]:
    """The metrics, as many at a time as fit beside the methods."""
    held: list[Metric] = []
    left = WIDTH - METHOD
    for metric in metrics:
        cells = [cell for row in block.rows for cell in _cells(marked, block, row, [metric])]
        need = 1 + max(len(line) for text in (_heading(metric), *cells) for line in text.plain.split("\n"))
        if held and need > left:
            yield held
            held, left = [], WIDTH - METHOD
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
            table.add_row(Text(one_line(row.method)), *_cells(marked, block, row, metrics), style=style)
        table.add_section()
    return table


def _heading(metric: Metric) -> Text:
    unit = f" {metric.unit}" if metric.is_cost and len(metric.unit) < 4 else ""
    name = SHORT.get(metric.name, metric.title)
    gamed = ("\nfails sanity\ncheck", "not bold yellow") if metric.gamed else ""
    protocol = (one_line(metric.protocol), "not bold dim")
    return Text.assemble(one_line(f"{name}{unit} {metric.arrow}"), "\n", protocol, gamed)


def _cells(marked: Marked, block: Block, row: Row, metrics: Sequence[Metric]) -> list[Text]:
    cells = (marked.shown(block, row.method, metric.name, metric.protocol) for metric in metrics)
    return [Text("") if shown is None else _cell(shown) for shown in cells]


def _cell(shown: MarksShown) -> Text:
    """The mean with its marks; below it the interval; below that the mean rank and the letters of its groups."""
    cell, mark = shown.cell, shown.mark
    style = "bold" if mark.best else "underline" if mark.second else ""
    text = Text.assemble((cell.text, style), DAGGER if mark.worse else "")
    text.append("".join(f" ({note})" for note in cell.notes), style="yellow")
    if cell.interval:
        text.append(f"\n{cell.interval[1:-1].replace(', ', ' ')}", style="dim")
    if mark.rank == mark.rank:
        text.append(f"\n#{mark.rank:.1f} {mark.letters}", style="dim")
    return text
