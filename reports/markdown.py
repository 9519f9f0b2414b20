"""The leaderboard as Markdown: a table per network, dataset and layer, with the marks of the LaTeX one."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BenchError, nearest
from .escape import markdown
from .latex.layout import TableLayout, checked, sheets
from .latex.table_parts import Scope, Spread
from .leaderboard.board import Block, Metric, Row
from .leaderboard.marks import DAGGER, Marked, MarksShown
from .leaderboard.selected import SelectedMarked, selected
from .leaderboard.statement import network_warnings, statement
from .markdown_sheet import SPREADS, joined, markdown_sheet, shares_text, spread_text


def markdown_table(
    marked: Marked,
    spread: str = "auto",
    rows: str = "methods",
    columns: str = "auto",
    rank: bool = False,
    share: bool = False,
) -> str:
    """Best bold, second underlined, a dagger on what is significantly worse than the best.

    Args:
        spread: ``interval`` (as ``auto``), ``se`` (standard error), ``pm`` (distances to the interval's ends) or
            ``none``.
        rows, columns, rank, share: see ``latex.leaderboard.render``. With metrics in the columns and without ``share``,
            shares of the ceiling stand behind the means.

    Raises:
        BenchError: an unknown word, or options that do not go together.
    """
    if spread not in ("auto", *SPREADS):
        raise BenchError(f"unknown spread {spread!r}", where="--spread", hint=nearest(spread, ["auto", *SPREADS]))
    chosen: Spread = "interval" if spread == "auto" else spread  # type: ignore[assignment]
    scope = Scope(marked.board.blocks, marked.board.metrics)
    layout = checked(TableLayout(rows, columns, rank, share), scope)
    if layout == TableLayout(columns="metrics"):
        tables = [_markdown(marked, block, chosen) for block in marked.board.blocks]
    else:
        even = marked if isinstance(marked, SelectedMarked) else selected(marked)
        scope = Scope(even.board.blocks, even.board.metrics)
        tables = [markdown_sheet(sheet) for sheet in sheets(even, scope, layout, chosen)]
    return "\n".join([*tables, f"{markdown(' '.join([statement(marked), *network_warnings(marked)]))}\n"])


def _markdown(marked: Marked, block: Block, spread: str) -> str:
    title = " · ".join(markdown(part) for part in (block.model, block.dataset, block.layer))
    lines = [
        f"### {title}",
        "",
        _caption(marked, block, spread),
        "",
        joined(["Method", *(_heading(metric) for metric in block.metrics)]),
        joined([":--", *("--:" for _ in block.metrics)]),
        *(_row(marked, block, row, spread) for row in block.methods),
    ]
    if block.controls:
        lines += [
            joined(["*Controls*", *("" for _ in block.metrics)]),
            *(_row(marked, block, row, spread) for row in block.controls),
        ]
    lines.append("")
    lines += [f"{number}. {markdown(note.text)}" for number, note in enumerate(block.footnotes, start=1)]
    return "\n".join(lines) + ("\n" if block.footnotes else "")


def _caption(marked: Marked, block: Block, spread: str) -> str:
    protocols = "; ".join(f"{markdown(m.title)} {markdown(m.protocol)}, {m.direction}" for m in block.metrics)
    quartiles = " (quartiles for measured costs)" if block.costs and spread == "interval" else ""
    tested = any(marked.tested(block, metric) for metric in block.quality)
    worse = f" {DAGGER} significantly worse than the best (Wilcoxon or McNemar, Holm, p < 0.05)." if tested else ""
    gamed = " ‡ fails the sanity check: a control has a better mean." if any(m.gamed for m in block.metrics) else ""
    shares = shares_text(Scope([block], block.metrics))
    return (
        f"Mean over at most {block.counted}{SPREADS[spread]}{quartiles}; best mean in bold, second underlined, "
        f"controls apart.{worse}{gamed}{shares} Protocols: {protocols}."
    )


def _heading(metric: Metric) -> str:
    unit = f" ({markdown(metric.unit)})" if metric.is_cost and metric.unit else ""
    return f"{markdown(metric.title)}{unit} {metric.arrow}{' ‡' if metric.gamed else ''}"


def _row(marked: Marked, block: Block, row: Row, spread: str) -> str:
    cells = [marked.shown(block, row.method, cell.metric.name, cell.metric.protocol) for cell in row.cells]
    return joined([markdown(row.method) + _numbers(row.notes), *(_cell(shown, spread) for shown in cells if shown)])


def _cell(shown: MarksShown, spread: str) -> str:
    cell, mark = shown.cell, shown.mark
    text = markdown(cell.text)
    number = f"**{text}**" if mark.best else f"<ins>{text}</ins>" if mark.second else text
    number += (DAGGER if mark.worse else "") + _numbers(cell.notes)
    return number + spread_text(shown, spread) + (f"; {mark.share_text}" if mark.share_text else "")


def _numbers(notes: Sequence[int]) -> str:
    """The numbers of footnotes behind a name or a number."""
    return "".join(f"<sup>{note}</sup>" for note in notes)
