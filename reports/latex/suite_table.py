"""The verdicts of a suite as booktabs tables: methods down, questions across, a group of rows for each setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from ...results.suite_answer import Question
from ..escape import latex, one_line
from ..leaderboard.suite_report import ABSENT, FAILED, PASSES, UNCLEAR, SuiteReport, VerdictCell, VerdictLine
from .other_tables import FIT, footnotes
from .tabular import GREY, number_text

PREAMBLE = r"""% Written by benchbench; rebuild it rather than edit it.
% Needs \usepackage{booktabs,graphicx,xcolor} in the preamble.
"""
MOST_LINES = 44  # of a table on a page
LINES_OF_A_NOTE = 2
ONE_COLUMN = 3  # questions of a table that is as wide as a column of the text
HEADING, NAME = 16, 44  # characters of a line of a heading, and of a method's name


def suite_latex(report: SuiteReport) -> str:
    """The verdicts as floats that compile as they are; what is higher than a page is split.

    A score that passes is bold, one that is not clear has a question mark, and the others fail.
    """
    asked = {question.name for table in report.tables for question in table.questions}
    questions = tuple(question for question in report.answer.questions if question.name in asked)
    if not questions:
        return PREAMBLE
    parts = list(_parts(report, questions))
    labels = [f"tab:{report.slug}" + (f"-{number}" if number > 1 else "") for number in range(1, len(parts) + 1)]
    captions = [_caption(report, questions), *[rf"Table~\ref{{{labels[0]}}} continued." for _ in parts[1:]]]
    notes = [note.text for note in report.footnotes]
    floats = (_float(questions, notes, *each) for each in zip(parts, labels, captions, strict=True))
    return PREAMBLE + "\n".join(floats)


def _parts(report: SuiteReport, questions: Sequence[Question]) -> Iterator[list[str]]:
    """The rows, as many as fit on a page; a setting's name stands above its first row on each page."""
    held: list[str] = []
    used, noted = 0, LINES_OF_A_NOTE * len(report.footnotes)
    for table in report.tables:
        names = [question.name for question in table.questions]
        begun = False
        for number, line in enumerate(table.lines):
            by_name = dict(zip(names, line.cells, strict=True))
            rows = _rows(line, [by_name.get(question.name, VerdictCell()) for question in questions])
            if held and used + len(rows) + bool(table.title and not number) > MOST_LINES - noted:
                yield held
                held, used = [], 0
            if table.title and (not number or not held):
                held += [*([r"\addlinespace"] if held else []), _title(table.title, begun, len(questions))]
                used += 1
            elif held and _first_control(table.lines, number):
                held.append(rf"\cmidrule(lr){{1-{len(questions) + 1}}}")
            begun = True
            held += rows
            used += len(rows)
    if held:
        yield held


def _title(title: str, again: bool, columns: int) -> str:
    """The row with the name of a setting."""
    text = rf"{latex(_cut(title))}{', continued' if again else ''}"
    return rf"\multicolumn{{{columns + 1}}}{{l}}{{\itshape {text}}} \\*"


def _first_control(lines: Sequence[VerdictLine], number: int) -> bool:
    return lines[number].control and not (number and lines[number - 1].control)


def _float(questions: Sequence[Question], notes: Sequence[str], rows: Sequence[str], label: str, caption: str) -> str:
    name = "table" if len(questions) <= ONE_COLUMN else "table*"
    lines = [
        rf"\begin{{{name}}}[!t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{5pt}",
        rf"\caption{{{caption}}}\label{{{label}}}\vspace{{3pt}}",
        FIT,
        rf"\begin{{tabular}}{{l{'c' * len(questions)}}}",
        r"\toprule",
        " & ".join(["Method", *map(_heading, questions)]) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        *footnotes(notes),
        rf"\end{{{name}}}",
    ]
    return "\n".join(lines) + "\n"


def _caption(report: SuiteReport, questions: Sequence[Question]) -> str:
    cells = [(cell, line) for table in report.tables for line in table.lines for cell in line.cells]
    verdicts = {cell.verdict for cell, _ in cells}
    several = any(cell.interval for cell, _ in cells)
    sentences = [
        f"{latex(one_line(report.title))}: scores{' with 95% interval below' if several else ''}.".replace(
            "95%", r"95\%"
        )
    ]
    sentences.append("The head of a column has the threshold. Bold: passes; the others fail.")
    if UNCLEAR in verdicts:
        sentences.append("?: the interval contains the threshold.")
    if ABSENT in verdicts:
        sentences.append("n/a: not applicable.")
    if any(line.control for _, line in cells):
        sentences.append("Controls in grey.")
    return " ".join(sentences)


def _heading(question: Question) -> str:
    lines = [latex(line) for line in wrap(one_line(question.title), HEADING)] or [""]
    threshold = rf"$>${number_text(f'{question.threshold:g}')}"
    stacked = r"\\".join([*lines, threshold])
    return rf"\begin{{tabular}}[b]{{@{{}}c@{{}}}}{stacked}\end{{tabular}}"


def _rows(line: VerdictLine, cells: Sequence[VerdictCell]) -> list[str]:
    """The scores, and the intervals below them where there are any."""
    grey = f"{GREY} " if line.control else ""
    scores = [f"{grey}{latex(_cut(line.method))}{_raised(line)}", *(grey + _score(cell) for cell in cells)]
    intervals = [rf"{grey}\scriptsize {number_text(cell.interval)}" if cell.interval else "" for cell in cells]
    if not any(intervals):
        return [" & ".join(scores) + r" \\"]
    return [" & ".join(scores) + r" \\*[-1pt]", " & ".join(["", *intervals]) + r" \\"]


def _raised(line: VerdictLine) -> str:
    return rf"$^{{{','.join(map(str, line.notes))}}}$" if line.notes else ""


def _score(cell: VerdictCell) -> str:
    if cell.verdict in (ABSENT, FAILED, ""):
        return cell.mark
    number = number_text(cell.text)
    return rf"\textbf{{{number}}}" if cell.verdict == PASSES else f"{number}$^?$" if cell.verdict == UNCLEAR else number


def _cut(name: str) -> str:
    name = one_line(name)
    return name if len(name) <= NAME else f"{name[: NAME - 3]}..."
