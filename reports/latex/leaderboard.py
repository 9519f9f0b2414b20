"""The leaderboard as LaTeX: booktabs tables that compile as they are and stay within the page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from ...errors import BenchError, nearest
from ...formatting import join_words
from ..escape import latex, latex_breaking, one_line
from ..leaderboard.board import Block, Metric
from ..leaderboard.marks import Marked
from ..leaderboard.statement import statement
from . import supplementary
from .blocks import LINE, SEP, Column, Line, Scope, Sheet, Spread, key_of, line_height, tabular
from .captions import constant_title, images_of, short_titles

Style: TypeAlias = Literal["full", "compact", "supplementary"]
TEXT, ONE_COLUMN, PAGE = 340.0, 196.0, 460.0  # points: article's text, a column of two, and what a float may take
PREAMBLE = r"""% Written by benchbench; rebuild it rather than edit it.
% Needs \usepackage{booktabs,array,longtable} and \usepackage{xcolor} in the preamble.
%
% To paste into the text:
"""


def render(marked: Marked, style: str = "full", spread: str = "interval") -> str:
    """The leaderboard in one of three styles.

    ``full``: all metrics, means with their spread; several networks, data and layers as groups of rows.
    ``compact``: means alone with their marks; several networks, data and layers as groups of columns; one column wide
    where that is enough. ``supplementary``: a longtable of all numbers. What is too wide or too high is split.

    Args:
        spread: ``interval`` (95 %, below the mean), ``se`` (standard error, beside it) or ``none``.

    Raises:
        BenchError: an unknown style or spread.
    """
    for name, value, known in (("style", style, get_args(Style)), ("spread", spread, get_args(Spread))):
        if value not in known:
            raise BenchError(f"unknown {name} {value!r}", where=f"--{name}", hint=nearest(value, known))
    comment = "".join(f"% {latex(line)}\n" for line in _wrapped(statement(marked)))
    if style == "supplementary":
        body = supplementary.render(marked)
    else:
        table_spread: Spread = "none" if style == "compact" else spread  # type: ignore[assignment]
        scope = Scope(marked.board.blocks, marked.board.metrics)
        sheets = _full(marked, scope, table_spread) if style == "full" else _compact(marked, scope)
        body = _floats(marked, scope, sheets, table_spread)
    return f"{PREAMBLE}{comment}\n{body}"


def block_table(marked: Marked, block: Block, label: str, cost: bool) -> str:
    """The quality, or the costs, of one block, with intervals; ``label`` is what ``\\ref`` calls it after ``tab:``."""
    scope = Scope([block], block.costs if cost else block.quality, label)
    comment = "".join(f"% {latex(line)}\n" for line in _wrapped(statement(marked)))
    return f"{PREAMBLE}{comment}\n{_floats(marked, scope, _full(marked, scope, 'interval'), 'interval')}"


def _full(marked: Marked, scope: Scope, spread: Spread) -> Iterator[Sheet]:
    """Metrics across, as many as fit; methods down, in a group per block."""
    labels = short_titles(scope.blocks)
    for cost in (False, True):
        metrics = dict.fromkeys(key_of(m) for m in scope.metrics if m.is_cost == cost)
        columns = [Column(*key) for key in metrics]
        if columns:
            lines = [line for block in scope.blocks for line in _block_lines(block, labels[block.title])]
            yield from _split(Sheet(marked, scope, columns, lines, spread, {}, []))


def _block_lines(block: Block, label: str) -> Iterator[Line]:
    if label:
        yield Line(label)
    first_control = next((row.method for row in block.controls), "") if block.methods else ""
    for row in (*block.methods, *block.controls):
        yield Line(row.method, row.method, row.control, block, rule=row.method == first_control)


def _compact(marked: Marked, scope: Scope) -> Iterator[Sheet]:
    """Methods down; a block's metrics beside those of the next, as many as fit."""
    blocks = scope.blocks
    rows = {row.method: row.control for block in blocks for row in (*block.methods, *block.controls)}
    ordered = sorted(rows, key=lambda name: rows[name])
    guards = [name for name in ordered if rows[name]]
    rule_at = guards[0] if guards and len(guards) < len(rows) else None
    lines = [Line(name, name, rows[name], rule=name == rule_at) for name in ordered]
    labels = short_titles(blocks)
    groups = labels if len(blocks) > 1 else {}
    for cost in (False, True):
        columns = [
            Column(*key_of(m), block.title, block) for block in blocks for m in block.metrics if m.is_cost == cost
        ]
        if columns:
            yield from _split(Sheet(marked, scope, columns, lines, "none", groups, []))


def _split(sheet: Sheet) -> Iterator[Sheet]:
    """Parts of the sheet, none wider than the text or higher than a page, and none much smaller than the others."""
    sheet = replace(sheet, names=sheet.names_width)
    parts = list(_filled(sheet, len(sheet.columns)))
    places = [[column for column in sheet.columns if column.place == place] for place in _places(sheet)]
    alone = [(len(columns), len(list(_filled(replace(sheet, columns=columns), len(columns))))) for columns in places]
    even = max((-(-count // pages) for count, pages in alone if pages > 1), default=len(sheet.columns))
    balanced = list(_filled(sheet, even))
    for columns in balanced if len(balanced) == len(parts) else parts:
        yield from _split_lines(replace(sheet, columns=columns))


def _places(sheet: Sheet) -> list[str]:
    return list(dict.fromkeys(column.place for column in sheet.columns))


def _filled(sheet: Sheet, most: int) -> Iterator[list[Column]]:
    held: list[Column] = []
    room = left = TEXT - sheet.names_width - 2 * SEP
    for column in sheet.columns:
        need = sheet.widths[column] + 2 * SEP
        if held and (need > left or len(held) == most or _breaks(sheet, held, column, left)):
            yield held
            held, left = [], room
        held.append(column)
        left -= need
    yield held


def _breaks(sheet: Sheet, held: Sequence[Column], column: Column, left: float) -> bool:
    """A new block whose columns do not all fit here: it begins a part of its own."""
    if column.block is None or held[-1].place == column.place:
        return False
    block_width = sum(sheet.widths[each] + 2 * SEP for each in sheet.columns if each.place == column.place)
    return block_width > left


def _split_lines(sheet: Sheet) -> Iterator[Sheet]:
    """The lines over as few pages as they need, and of the ways to do so the most even."""
    heights = [line_height(sheet, line) for line in sheet.lines]
    most = PAGE - _apparatus(sheet) - replace(sheet, lines=[]).height
    fewest = max(1.0, -(-sum(heights) // most))
    rooms = [min(most, sum(heights) / fewest + more * LINE) for more in range(12)] + [most]
    ways = [_pages(sheet.lines, heights, room) for room in rooms]
    for lines in min(ways, key=lambda pages: (len(pages), -min(map(len, pages)))):
        yield replace(sheet, lines=lines)


def _pages(lines: Sequence[Line], heights: Sequence[float], room: float) -> list[list[Line]]:
    """The lines, as many on a page as there is room for; a group that goes on has its heading again."""
    pages: list[list[Line]] = [[]]
    group, used = None, 0.0
    for line, need in zip(lines, heights, strict=True):
        if pages[-1] and used + need + (3 * LINE if not line.method else 0) > room:
            goes_on = group is not None and bool(line.method)
            pages.append([replace(group, text=f"{group.text} (continued)")] if group and goes_on else [])
            used = LINE + 6 if goes_on else 0.0
        group = line if not line.method else group
        pages[-1].append(line)
        used += need
    return pages


def _apparatus(sheet: Sheet) -> float:
    """Points that the caption and the sheet's footnotes take."""
    cells = [sheet.cell(line, column) for line in sheet.lines for column in sheet.columns]
    notes = {text for shown in cells if shown for text in shown.footnotes}
    caption = len(_caption(sheet.marked, sheet.scope, sheet.spread)) / 68 + 2
    return caption * 13 + sum(10.5 * (len(latex(text)) // 80 + 1) for text in notes)


def _floats(marked: Marked, scope: Scope, sheets: Iterator[Sheet], spread: Spread) -> str:
    """The sheets as tables, as many in one as a page holds; all notes of one table are below it."""
    waiting: list[list[Sheet]] = []
    left = 0.0
    for sheet in sheets:
        if not waiting or sheet.height > left:
            waiting.append([])
            left = PAGE - _apparatus(sheet)
        waiting[-1].append(replace(sheet, notes=waiting[-1][0].notes) if waiting[-1] else replace(sheet, notes=[]))
        left -= sheet.height + 12
    labels = [
        f"tab:{scope.label}" + (f"-{number}" if len(waiting) > 1 else "") for number in range(1, len(waiting) + 1)
    ]
    captions = [_caption(marked, scope, spread), *[rf"Table~\ref{{{labels[0]}}} continued." for _ in waiting[1:]]]
    return "\n".join(map(_float, waiting, labels, captions))


def _float(sheets: Sequence[Sheet], label: str, caption: str) -> str:
    narrow = all(sheet.total_width <= ONE_COLUMN for sheet in sheets)
    name = "table" if narrow else "table*"
    parts = "\n\\par\\medskip\n".join(tabular(sheet) for sheet in sheets)
    lines = [
        rf"\begin{{{name}}}[t]",
        rf"\centering\footnotesize\sloppy\setlength{{\tabcolsep}}{{{SEP:g}pt}}",
        rf"\caption{{{caption}}}\label{{{label}}}\vspace{{3pt}}",
        parts,
        *_footnotes(sheets),
        rf"\end{{{name}}}",
    ]
    return "\n".join(lines) + "\n"


def _caption(marked: Marked, scope: Scope, spread: Spread) -> str:
    spans = {
        "interval": " with 95 % interval below",
        "se": " and standard error",
        "none": "",
    }[spread]
    sentences = [f"{constant_title(scope.blocks)}: mean over {images_of(scope.blocks)}{spans}."]
    sentences.append("Best mean in bold, second best underlined, among methods with a mean over the same images.")
    text = latex_breaking(" ".join(sentences))
    return " ".join([text, *_legend(marked, scope, spread), _protocols(scope.metrics)])


def _legend(marked: Marked, scope: Scope, spread: Spread) -> Iterator[str]:
    metrics = [metric for block in scope.blocks for metric in block.metrics if key_of(metric) in scope.keys]
    used = {marked.tested(block, metric) for block in scope.blocks for metric in scope.metrics}
    tests = join_words(
        [
            *(["paired Wilcoxon signed-rank test"] if "wilcoxon" in used else []),
            *(["McNemar's test where values are 0 or 1"] if "mcnemar" in used else []),
        ]
    )
    if tests:
        none = "" if any(_marks_of(marked, scope)) else " (none is)"
        yield rf"$\dagger$: significantly worse than the best{none} ({latex(tests)}, Holm, $p<0.05$)."
    if any(metric.gamed for metric in metrics):
        yield r"$\ddagger$: fails the sanity check (a control has a better mean than every method)."
    if any(block.methods and block.controls for block in scope.blocks):
        yield "Controls are grey and never marked best."
    if any(metric.is_cost for metric in metrics):
        yield "Costs are measured" + (", with quartiles below," if spread == "interval" else "") + " and not tested."


def _marks_of(marked: Marked, scope: Scope) -> Iterator[bool]:
    for block in scope.blocks:
        for row in block.rows:
            for metric in block.metrics:
                shown = marked.shown(block, row.method, metric.name, metric.protocol)
                yield bool(shown and shown.mark.worse and key_of(metric) in scope.keys)


def _protocols(metrics: Sequence[Metric]) -> str:
    named: dict[str, list[str]] = {}
    for metric in metrics:
        named.setdefault(metric.protocol, []).append(metric.title)
    entries = (f"{join_words(dict.fromkeys(titles))}: {protocol}" for protocol, titles in named.items())
    return f"Protocols: {latex_breaking('; '.join(entries))}."


def _footnotes(sheets: Sequence[Sheet]) -> list[str]:
    notes = [rf"$^{{{number}}}$\,{latex_breaking(text)}." for number, text in enumerate(sheets[0].notes, start=1)]
    if not notes:
        return []
    return [r"\par\smallskip", r"\parbox{\linewidth}{\footnotesize\raggedright " + r"\\ ".join(notes) + "}"]


def _wrapped(text: str, most: int = 100) -> list[str]:
    return textwrap.wrap(one_line(text), most, break_long_words=False, break_on_hyphens=False)
