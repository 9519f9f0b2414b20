"""The supplement's table: every number of a run, in a longtable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..escape import latex_breaking, one_line
from ..leaderboard.board import Block, Metric
from ..leaderboard.footnotes import Footnote
from ..leaderboard.marks import Marked, MarksShown
from ..number_format import fixed, p_value, within
from .captions import constant_title, short_titles
from .sheet import SEP, width
from .tabular import GREY, number_text, raised_numbers

HEADS = ("n", "mean", "interval", "median", "rank", "group", "$p$")
TEXT = 340.0
LEAST = 56.0  # points for the names, which break


def render(marked: Marked) -> str:
    """A group of rows per network, dataset, layer and metric; a row per method.

    LaTeX's longtable does not work in two columns: say ``\\onecolumn`` before it.
    """
    board = marked.board
    labels = short_titles(board.blocks)
    groups = [(block, metric) for block in board.blocks for metric in block.metrics]
    notes: list[str] = []
    rows = [
        line
        for number, (block, metric) in enumerate(groups)
        for line in (
            *_group(marked, block, metric, labels[block.title], notes, first=number == 0),
            *_shares(marked, block, metric, labels[block.title], notes),
        )
    ]
    lines = [
        r"{\footnotesize\sloppy\setlength{\tabcolsep}{" + f"{SEP:g}pt}}",
        rf"\begin{{longtable}}{{{_columns(marked, groups)}}}",
        rf"\caption{{{_caption(marked)}}}\label{{tab:benchbench-all}}\\",
        *_head(r"\endfirsthead"),
        *_head(r"\endhead"),
        r"\midrule",
        rf"\multicolumn{{{len(HEADS) + 1}}}{{r}}{{continued}}\\",
        r"\endfoot",
        r"\bottomrule",
        r"\endlastfoot",
        *rows,
        r"\end{longtable}",
        *(rf"\noindent$^{{{number}}}$\,{latex_breaking(text)}.\par" for number, text in enumerate(notes, start=1)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _columns(marked: Marked, groups: Sequence[tuple[Block, Metric]]) -> str:
    rows = [_texts(shown) for block, metric in groups for _, shown in _cells(marked, block, metric)]
    numbers = sum(max(width(row[place]) for row in rows) for place in range(len(HEADS))) if rows else 0
    heads = sum(max(0.0, width(head) - 20) for head in HEADS)
    names = max(LEAST, min(150.0, TEXT - numbers - heads - 2 * SEP * (len(HEADS) + 1) - 12))
    return rf">{{\raggedright\arraybackslash}}p{{{names:.0f}pt}}" + "r" * len(HEADS)


def _head(end: str) -> list[str]:
    return [r"\toprule", " & ".join(["Method", *HEADS]) + r" \\", r"\midrule", end]


def _caption(marked: Marked) -> str:
    caption = (
        f"{constant_title(marked.board.blocks)}: full table. Mean over n images with its 95 % interval "
        "(quartiles for measured costs) and median; mean rank over images, and letters: two methods share one if they "
        "do not differ significantly; p against the best mean (paired Wilcoxon, or McNemar for 0 and 1; Holm over all "
        "pairs). Best in bold, second underlined; controls in grey."
    )
    return latex_breaking(caption)


def _group(marked: Marked, block: Block, metric: Metric, label: str, notes: list[str], *, first: bool) -> Iterator[str]:
    title = f"{_of(metric, label)}, {metric.direction}"
    unit = f" ({metric.unit})" if metric.is_cost and metric.unit else ""
    won = f"fails the sanity check: won by the control {', '.join(metric.gamed)}"
    heading = latex_breaking(title + unit + (f"; {won}" if metric.gamed else ""))
    yield _heading(heading, first=first)
    for name, shown in _cells(marked, block, metric):
        grey = f"{GREY} " if name in marked.board.controls else ""
        texts = [note.text for note in (*_remarks(marked, name), *shown.footnotes)]
        raised = raised_numbers(texts, notes)
        count, mean, *rest = _texts(shown)
        number = number_text(mean)
        if shown.mark.best:
            number = rf"\textbf{{{number}}}"
        elif shown.mark.second:
            number = rf"\underline{{{number}}}"
        texts = [latex_breaking(name) + raised, count, number, *(number_text(text) for text in rest)]
        yield " & ".join(grey + text if text else "" for text in texts) + r" \\"


def _remarks(marked: Marked, method: str) -> list[Footnote]:
    """The footnotes that hold of all rows of a method."""
    return [note for note in marked.remarks if method in note.methods]


def _shares(marked: Marked, block: Block, metric: Metric, label: str, notes: list[str]) -> Iterator[str]:
    """Each method's share of the ceiling, in percent, with its interval; nothing for a metric without a ceiling."""
    if not metric.ceiling:
        return
    yield _heading(latex_breaking(f"{_of(metric, label)}: % of the ceiling ({metric.ceiling})"), first=False)
    for name, shown in _cells(marked, block, metric):
        share = shown.mark.share_number
        if share:
            grey = f"{GREY} " if name in marked.board.controls else ""
            raised = raised_numbers([note.text for note in _remarks(marked, name)], notes)
            texts = [latex_breaking(name) + raised, "", number_text(share), number_text(shown.mark.share_interval)]
            texts += [""] * (len(HEADS) - 3)
            yield " & ".join(grey + text if text else "" for text in texts) + r" \\"


def _of(metric: Metric, label: str) -> str:
    return f"{label + ': ' if label else ''}{metric.title}, {metric.protocol}"


def _heading(text: str, *, first: bool) -> str:
    """A line over the rows of a group; the text is LaTeX."""
    gap = "" if first else r"\addlinespace "
    box = rf"\parbox[t]{{{TEXT - 12:.0f}pt}}{{\raggedright\textit{{{text}}}}}"
    return rf"{gap}\multicolumn{{{len(HEADS) + 1}}}{{@{{\hspace{{{SEP:g}pt}}}}l}}{{{box}}}\\*"


def _cells(marked: Marked, block: Block, metric: Metric) -> Iterator[tuple[str, MarksShown]]:
    for row in (*block.methods, *block.controls):
        shown = marked.shown(block, row.method, metric.name, metric.protocol)
        if shown:
            yield row.method, shown


def _texts(shown: MarksShown) -> list[str]:
    """n, mean, interval, median, rank, group, p."""
    cell, mark = shown.cell, shown.mark
    cost = cell.metric.is_cost
    median = within(cell.median, cell.metric.decimals, *cell.metric.range) if cell.n and not cost else ""
    rank = fixed(mark.rank, 2) if mark.rank == mark.rank else ""
    p = "" if mark.best else p_value(mark.p).removeprefix("p = ").removeprefix("p ")
    return ["" if cost else f"{cell.n:,}", one_line(cell.text), cell.interval, median, rank, mark.letters, p]
