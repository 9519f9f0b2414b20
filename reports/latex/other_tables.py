"""Tables of the report page that are no leaderboard, as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..escape import latex, latex_breaking
from ..leaderboard.footnotes import Footnote, Notes, Remark

PREAMBLE = r"""% Written by benchbench; rebuild it rather than edit it.
% Needs \usepackage{booktabs,graphicx} in the preamble.
"""
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def plain_table(
    caption: str,
    label: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    remarks: Mapping[str, Remark] | None = None,
) -> str:
    """Any table of texts: the first column to the left, the others centred; every text is escaped.

    A table that is wider than the page's text is made smaller as a whole.

    Args:
        remarks: by method, what is known of it: a heading or a cell that is its name has a footnote.
    """
    notes = _Numbers(remarks or {})
    lines = [
        r"\begin{table*}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{latex(caption)}}}\label{{tab:benchbench-{label}}}\vspace{{3pt}}",
        FIT,
        rf"\begin{{tabular}}{{l{'c' * (len(header) - 1)}}}",
        r"\toprule",
        _row(header, notes),
        r"\midrule",
        *(_row(row, notes) for row in rows),
        r"\bottomrule",
        r"\end{tabular}}",
        *footnotes([note.text for note in notes.footnotes]),
        r"\end{table*}",
    ]
    return PREAMBLE + "\n".join(lines) + "\n"


class _Numbers:
    """The footnotes of a table, numbered as its names come."""

    def __init__(self, remarks: Mapping[str, Remark]) -> None:
        self._remarks, self._notes = remarks, Notes()

    @property
    def footnotes(self) -> tuple[Footnote, ...]:
        return self._notes.footnotes

    def raised(self, text: str) -> str:
        """The number of a method's footnote; empty for other texts."""
        remark = self._remarks.get(text)
        return rf"$^{{{self._notes.number(text, remark)}}}$" if remark else ""


def _row(texts: Sequence[str], notes: _Numbers) -> str:
    return " & ".join(latex(text) + notes.raised(text) for text in texts) + r" \\"


def footnotes(texts: Sequence[str], font: str = r"\footnotesize") -> list[str]:
    """The lines below a table with its footnotes, numbered from 1; none without a text."""
    notes = [rf"$^{{{number}}}$\,{latex_breaking(text)}." for number, text in enumerate(texts, start=1)]
    if not notes:
        return []
    return [r"\par\smallskip", rf"\parbox{{\linewidth}}{{{font}\raggedright " + r"\\ ".join(notes) + "}"]
