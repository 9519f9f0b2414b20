"""A run in a notebook: its leaderboard as plain HTML tables, escaped, without script or style sheet."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ..escape import one_line
from ..leaderboard.board import Block, Metric, Row
from ..leaderboard.marks import DAGGER, Marked, MarksShown

MOST_BLOCKS = 6
MARKS = (
    f"Best mean in bold, second underlined, 95 % interval in brackets; {DAGGER} significantly worse than the best "
    "(Wilcoxon or McNemar, Holm, 5 %); controls in italics, never best."
)


def notebook(marked: Marked) -> str:
    """A table per network, dataset and layer, the first six of them."""
    blocks = marked.board.blocks
    parts = [_table(marked, block) for block in blocks[:MOST_BLOCKS]]
    if len(blocks) > MOST_BLOCKS:
        parts.append(f"<p>and {len(blocks) - MOST_BLOCKS} more: <code>run.leaderboard()</code> has all.</p>")
    return "\n".join(["<div>", *parts, f"<p><small>{_text(MARKS)}</small></p>", "</div>"])


def _table(marked: Marked, block: Block) -> str:
    heads = "".join(f"<th>{_head(metric)}</th>" for metric in block.metrics)
    rows = "\n".join(_row(marked, block, row) for row in (*block.methods, *block.controls))
    images = block.counted if block.quality else "measured costs"
    notes = "".join(f"<br><small>{n} {_text(text)}</small>" for n, text in enumerate(block.footnotes, start=1))
    return (
        f"<table><caption>{_text(block.title)}, {images}{notes}</caption>\n"
        f"<thead><tr><th>method</th>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _head(metric: Metric) -> str:
    unit = f", {metric.unit}" if metric.is_cost and metric.unit else ""
    gamed = "<br><small>fails sanity check</small>" if metric.gamed else ""
    return f"{_text(metric.title + unit)} {metric.arrow}<br><small>{_text(metric.protocol)}</small>{gamed}"


def _row(marked: Marked, block: Block, row: Row) -> str:
    name = f"<i>{_text(row.method)}</i>" if row.control else _text(row.method)
    cells = (marked.shown(block, row.method, cell.metric.name, cell.metric.protocol) for cell in row.cells)
    return f"<tr><td>{name}</td>{''.join(_cells(shown) for shown in cells if shown)}</tr>"


def _cells(shown: MarksShown) -> str:
    return f"<td>{' '.join(_parts(shown))}</td>"


def _parts(shown: MarksShown) -> Iterator[str]:
    cell, mark = shown.cell, shown.mark
    text = _text(cell.text)
    number = f"<b>{text}</b>" if mark.best else f"<u>{text}</u>" if mark.second else text
    yield number + (DAGGER if mark.worse else "") + "".join(f"<sup>{note}</sup>" for note in cell.notes)
    if cell.interval:
        yield f"<small>{_text(cell.interval)}</small>"


def _text(text: str) -> str:
    return escape(one_line(text))
