"""The leaderboard as LaTeX: a booktabs table per model, dataset and layer, ready for a paper."""

from __future__ import annotations

from collections.abc import Sequence

from .board import Block, Board, Cell, Metric, Row
from .text import latex

PREAMBLE = r"""% Needs \usepackage{booktabs} in the preamble. Written by benchbench; rebuild it rather than edit it.
"""


def render(board: Board) -> str:
    """One ``table*`` per block: methods down, metrics across, intervals below the means, controls apart."""
    tables = [_table(block, number) for number, block in enumerate(board.blocks, start=1)]
    return PREAMBLE + "\n".join(tables)


def block_table(block: Block, number: int, cost: bool) -> str:
    """The quality, or the cost, of one block as a ``table*`` of its own."""
    metrics = block.costs if cost else block.quality
    label = f"benchbench-{'cost' if cost else 'quality'}-{number}"
    notes = _footnotes(block.notes(cost))
    return PREAMBLE + _float(_caption(block, metrics), label, [_tabular(block, metrics)], notes)


def plain_table(caption: str, label: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Any table of texts: the first column to the left, the others centred; every text is escaped."""
    lines = [
        rf"\begin{{tabular}}{{l{'c' * (len(header) - 1)}}}",
        r"\toprule",
        *(" & ".join(latex(text) for text in row) + r" \\" for row in [header]),
        r"\midrule",
        *(" & ".join(latex(text) for text in row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return PREAMBLE + _float(latex(caption), f"benchbench-{label}", ["\n".join(lines)], [])


def _table(block: Block, number: int) -> str:
    parts = [_tabular(block, metrics) for metrics in (block.quality, block.costs) if metrics]
    notes = _footnotes(tuple(enumerate(block.footnotes, start=1)))
    return _float(_caption(block, block.metrics), f"benchbench-{number}", parts, notes)


def _float(caption: str, label: str, parts: Sequence[str], notes: Sequence[str]) -> str:
    lines = [
        r"\begin{table*}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{label}}}",
        "\n\\par\\medskip\n".join(parts),
        *notes,
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _tabular(block: Block, metrics: Sequence[Metric]) -> str:
    lines = [
        rf"\begin{{tabular}}{{l{'c' * len(metrics)}}}",
        r"\toprule",
        " & ".join(["Method", *(_heading(metric) for metric in metrics)]) + r" \\",
        r"\midrule",
        *(_row(row, metrics) for row in block.methods),
    ]
    if block.methods and block.controls:
        lines.append(r"\midrule")
    lines += [*(_row(row, metrics) for row in block.controls), r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines)


def _caption(block: Block, metrics: Sequence[Metric]) -> str:
    where = f"{latex(block.model)}, {latex(block.dataset)} ({block.images} images), layer {latex(block.layer)}."
    protocols = ", ".join(f"{latex(metric.title)} {latex(metric.protocol)}" for metric in metrics)
    controls = " Controls are below the line and are never best." if block.controls else ""
    quartiles = " For measured costs the brackets hold quartiles." if any(metric.is_cost for metric in metrics) else ""
    return (
        f"{where} Mean over images with 95\\,\\% bootstrap interval; best mean in bold; no significance test."
        f"{quartiles}{controls} Protocols: {protocols}."
    )


def _heading(metric: Metric) -> str:
    arrow = r"$\uparrow$" if metric.higher else r"$\downarrow$"
    unit = f" ({latex(metric.unit)})" if metric.is_cost and len(metric.unit) < 4 else ""
    name = r"\\".join(latex(word) for word in metric.title.split())
    return rf"\shortstack{{{name}{unit}~{arrow}}}"


def _row(row: Row, metrics: Sequence[Metric]) -> str:
    cells = [cell for cell in row.cells if cell.metric in metrics]
    means = " & ".join([latex(row.method), *(_mean(cell) for cell in cells)]) + r" \\"
    if not any(cell.interval for cell in cells):
        return means
    spans = " & ".join(["", *(rf"{{\scriptsize {cell.interval}}}" if cell.interval else "" for cell in cells)])
    return f"{means}[-2pt]\n{spans} \\\\"


def _mean(cell: Cell) -> str:
    marks = rf"$^{{{','.join(str(note) for note in cell.notes)}}}$" if cell.notes else ""
    number = rf"\textbf{{{cell.text}}}" if cell.best else latex(cell.text)
    return number + marks


def _footnotes(numbered: Sequence[tuple[int, str]]) -> list[str]:
    notes = [rf"$^{{{number}}}$\,{latex(text)}." for number, text in numbered]
    if not notes:
        return []
    return [r"\par\smallskip", r"\parbox{\linewidth}{\footnotesize\raggedright " + r"\\ ".join(notes) + "}"]
