"""Tables of the report page that are no leaderboard, as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from ..escape import latex, latex_breaking

PREAMBLE = r"""% Written by benchbench; rebuild it rather than edit it.
% Needs \usepackage{booktabs,graphicx} in the preamble.
"""
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def plain_table(caption: str, label: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Any table of texts: the first column to the left, the others centred; every text is escaped.

    A table that is wider than the page's text is made smaller as a whole.
    """
    lines = [
        r"\begin{table*}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{latex(caption)}}}\label{{tab:benchbench-{label}}}\vspace{{3pt}}",
        FIT,
        rf"\begin{{tabular}}{{l{'c' * (len(header) - 1)}}}",
        r"\toprule",
        _row(header),
        r"\midrule",
        *map(_row, rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table*}",
    ]
    return PREAMBLE + "\n".join(lines) + "\n"


def _row(texts: Sequence[str]) -> str:
    return " & ".join(latex(text) for text in texts) + r" \\"


def footnotes(texts: Sequence[str], font: str = r"\footnotesize") -> list[str]:
    """The lines below a table with its footnotes, numbered from 1; none without a text."""
    notes = [rf"$^{{{number}}}$\,{latex_breaking(text)}." for number, text in enumerate(texts, start=1)]
    if not notes:
        return []
    return [r"\par\smallskip", rf"\parbox{{\linewidth}}{{{font}\raggedright " + r"\\ ".join(notes) + "}"]
