"""The leaderboard as LaTeX: booktabs tables that compile as they are and stay within the page."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from ...errors import BenchError, nearest
from ..leaderboard.board import Block
from ..leaderboard.marks import Marked
from ..leaderboard.selected import SelectedMarked, selected
from . import supplementary
from .bibliography import citations
from .captions import caption, paragraph
from .layout import TableLayout, checked, sheets
from .other_tables import footnotes
from .paging import ONE_COLUMN, floats, split
from .sheet import LINE, SEP, SIZE, STRETCH, Sheet
from .table_parts import Citations, Scope, Spread
from .tabular import tabular

Style: TypeAlias = Literal["full", "compact", "supplementary"]
PREAMBLE = r"""% Written by benchbench; rebuild it rather than edit it.
% Needs \usepackage{booktabs,array,longtable} and \usepackage{xcolor} in the preamble.
"""
FONT = rf"\fontsize{{{SIZE:g}}}{{{LINE:g}}}\selectfont"
MOST_WITH_INTERVALS = 2  # pages


def render(
    marked: Marked,
    style: str = "full",
    spread: str = "auto",
    *,
    rows: str = "methods",
    columns: str = "auto",
    rank: bool = False,
    share: bool = False,
    cite: bool = False,
) -> str:
    """The leaderboard as tables for a paper, and a paragraph on the statistics.

    What is too wide or too high is split; a table breaks between settings (network, data, layer) where a setting is
    not higher than a page.

    Args:
        marked: a run's leaderboard, or the part of it that ``leaderboard.selected`` gives.
        style: ``full``; ``compact`` has no spread, and the metrics of all settings side by side where that takes no
            more pages; ``supplementary`` is a longtable of all numbers.
        spread: ``interval`` (95 %, below the mean), ``se`` (the mean and its standard error), ``pm`` (how far the 95 %
            interval reaches above and below the mean) or ``none``; ``auto`` is ``interval`` on at most two pages, else
            ``none``.
        rows: ``methods`` or ``networks``.
        columns: ``metrics``, ``networks`` (each network and data, with its layers), ``layers``; ``methods`` where
            networks are in the rows; ``auto`` is ``networks`` for one metric in several settings, else ``metrics``.
        rank: whether a last column has the mean rank over the metrics of quality.
        share: whether a column of shares of the ceiling stands behind each metric that a control is made to win; the
            supplementary style always has them.
        cite: whether names are followed by ``\\cite`` with the keys of ``bibliography.bibliography``.

    Raises:
        BenchError: an unknown word, or options that do not go together.
    """
    for name, value, known in (("style", style, get_args(Style)), ("spread", spread, ("auto", *get_args(Spread)))):
        if value not in known:
            raise BenchError(f"unknown {name} {value!r}", where=f"--{name}", hint=nearest(value, known))
    _refuse(style, rows, columns, {"rank": rank, "share": share, "cite": cite})
    if style == "supplementary":
        scope = _scope(marked)
        layout = TableLayout(share=bool(scope.ceilings))
        return f"{PREAMBLE}\n{supplementary.render(marked)}\n{_text(marked, scope, 'interval', layout)}"
    even = marked if isinstance(marked, SelectedMarked) else selected(marked)
    scope = _scope(even)
    cited = _citations(even) if cite else Citations()
    if style == "compact":
        return _document(even, scope, _compact(even, scope, rank, share, cited), "none")
    return _document(even, scope, checked(TableLayout(rows, columns, rank, share, cited), scope), spread)


def _compact(marked: Marked, scope: Scope, rank: bool, share: bool, cited: Citations) -> TableLayout:
    """The settings side by side, or below each other where that takes fewer pages."""
    layouts = [
        checked(TableLayout("methods", columns, rank, share, cited), scope) for columns in ("settings", "metrics")
    ]
    return min(layouts, key=lambda layout: len(_floats(marked, scope, layout, "none")))


def block_table(marked: Marked, block: Block, label: str, cost: bool) -> str:
    """The quality with its shares of a ceiling, or the costs, of one block, with intervals.

    ``label`` is what ``\\ref`` calls it after ``tab:``.
    """
    scope = Scope([block], block.costs if cost else block.quality, label)
    return _document(marked, scope, TableLayout(columns="metrics", share=bool(scope.ceilings)), "interval")


def _refuse(style: str, rows: str, columns: str, flags: Mapping[str, bool]) -> None:
    """Options that a style does not have."""
    differing = {"rows": rows != "methods", "columns": columns != "auto"}
    differing |= flags if style == "supplementary" else {}
    for name, differs in differing.items():
        if style != "full" and differs:
            what = f"the style {style!r} has no option {name}"
            raise BenchError(what, where=f"--{name}", hint="Leave it out, or leave out --style")


def _scope(marked: Marked) -> Scope:
    return Scope(marked.board.blocks, marked.board.metrics)


def _citations(marked: Marked) -> Citations:
    info = marked.board.record.info
    return Citations(citations(info["methods"], ["name"]), citations(info["metrics"], ["name", "protocol"]))


def _document(marked: Marked, scope: Scope, layout: TableLayout, wanted: str) -> str:
    """The floats, and the paragraph."""
    spread, parts = _with_spread(marked, scope, layout, wanted)
    labels = [f"tab:{scope.label}" + (f"-{number}" if len(parts) > 1 else "") for number in range(1, len(parts) + 1)]
    first = caption(marked, scope, spread, [sheet for part in parts for sheet in part])
    captions = [first, *[rf"Table~\ref{{{labels[0]}}} continued." for _ in parts[1:]]]
    body = "\n".join(map(_float, parts, labels, captions))
    return f"{PREAMBLE}\n{body}\n{_text(marked, scope, spread, layout)}"


def _with_spread(marked: Marked, scope: Scope, layout: TableLayout, wanted: str) -> tuple[Spread, list[list[Sheet]]]:
    """The floats with the spread that is wanted; ``auto`` decides by their number."""
    tried: tuple[Spread, ...] = ("interval", "none") if wanted == "auto" else (wanted,)  # type: ignore[assignment]
    for spread in tried:
        parts = _floats(marked, scope, layout, spread)
        if len(parts) <= MOST_WITH_INTERVALS:
            break
    return spread, parts


def _floats(marked: Marked, scope: Scope, layout: TableLayout, spread: Spread) -> list[list[Sheet]]:
    every = sheets(marked, scope, layout, spread)
    return floats([part for sheet in every for part in split(sheet)])


def _float(sheets: Sequence[Sheet], label: str, caption: str) -> str:
    narrow = all(sheet.total_width <= ONE_COLUMN for sheet in sheets)
    name = "table" if narrow else "table*"
    stretch = rf"\renewcommand{{\arraystretch}}{{{STRETCH}}}" if sheets[0].spread == "pm" else ""
    parts = "\n\\par\\medskip\n".join(tabular(sheet) for sheet in sheets)
    lines = [
        rf"\begin{{{name}}}[!t]",
        rf"\centering{FONT}\sloppy\setlength{{\tabcolsep}}{{{SEP:g}pt}}{stretch}",
        rf"\caption{{{caption}}}\label{{{label}}}\vspace{{3pt}}",
        parts,
        *footnotes(sheets[0].notes, FONT),
        rf"\end{{{name}}}",
    ]
    return "\n".join(lines) + "\n"


def _text(marked: Marked, scope: Scope, spread: Spread, layout: TableLayout) -> str:
    """The paragraph on the statistics."""
    text = paragraph(marked, scope, spread, rank=layout.rank, share=layout.share)
    wrapped = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["% For the text of the paper:", r"\paragraph{Statistics.}", *wrapped]) + "\n"
