"""A sheet as a booktabs tabular."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..escape import latex, latex_breaking, one_line
from ..leaderboard.board import Metric
from ..leaderboard.marks import MarksShown
from .sheet import (
    SEP,
    Sheet,
    error_text,
    fails_everywhere,
    fails_here,
    heading_words,
    room,
    slot_width,
    spans,
    whole_digits,
    width,
)
from .table_parts import Column, Key, Line

GREY = r"\leavevmode\color{black!60}"
FAILS = r"\ddagger"


def tabular(sheet: Sheet) -> str:
    """The sheet as a booktabs tabular; footnotes it refers to are added to its notes."""
    names = rf">{{\raggedright\arraybackslash}}p{{{sheet.names_width:.0f}pt}}"
    lines = [rf"\begin{{tabular}}{{{names}{'c' * len(sheet.columns)}}}", r"\toprule", *_heads(sheet)]
    lines.append(" & ".join([latex(sheet.corner), *(_heading(sheet, column) for column in sheet.columns)]) + r" \\")
    lines.append(r"\midrule")
    for number, line in enumerate(sheet.lines):
        lines += _line(sheet, line, first=number == 0)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _heads(sheet: Sheet) -> Iterator[str]:
    """The headings that columns share, each over a rule."""
    for level in range(max(len(column.heads) for column in sheet.columns)):
        runs = spans(sheet.columns, level)
        cells = [_span(sheet, text, first, last) if text else "&" * (last - first) for text, first, last in runs]
        yield " & ".join(["", *cells]) + r" \\"
        yield "".join(rf"\cmidrule(lr){{{first + 2}-{last + 2}}}" for text, first, last in runs if text)


def _span(sheet: Sheet, text: str, first: int, last: int) -> str:
    return rf"\multicolumn{{{last - first + 1}}}{{c}}{{{_headline(text, room(sheet, first, last))}}}"


def _headline(text: str, wide: float, marks: str = "", style: str = r"\centering") -> str:
    """Text over several columns; in lines where it is wider than they are, and never so wide as to spread them."""
    if width(one_line(text)) <= wide:
        return latex(text) + marks
    broken = latex_breaking(text, most=max(3, min(12, int(wide / 8))))
    return rf"\parbox[b]{{{wide:.0f}pt}}{{{style} {broken}{marks}}}"


def _heading(sheet: Sheet, column: Column) -> str:
    words = heading_words(sheet, column)
    key, cited = column.place.metric, sheet.cite_of(column)
    if cited:
        words.pop()
    name = r"\\".join(latex(line) for line in words)
    name += raised_numbers([sheet.remark(column)], sheet.notes)
    after = r"\,$\downarrow$" if column.rank else _marks_of_metric(sheet, sheet.metric(key), key) if key else ""
    cite = rf"\\\cite{{{cited}}}" if cited else ""
    return rf"\begin{{tabular}}[b]{{@{{}}c@{{}}}}{name}{after}{cite}\end{{tabular}}"


def _marks_of_metric(sheet: Sheet, metric: Metric, key: Key) -> str:
    arrow = r"\,$\uparrow$" if metric.higher else r"\,$\downarrow$"
    return arrow + (rf"$^{{{FAILS}}}$" if fails_everywhere(sheet, key) else "")


def _line(sheet: Sheet, line: Line, first: bool) -> Iterator[str]:
    if line.heading:
        gap = "" if first else r"\addlinespace "
        yield rf"{gap}\multicolumn{{{len(sheet.columns) + 1}}}{{l}}{{{_group(sheet, line)}}} \\*"
        return
    if line.rule:
        yield rf"\cmidrule(lr){{1-{len(sheet.columns) + 1}}}"
    shown_cells = [sheet.cell(line, column) for column in sheet.columns]
    cells = zip(sheet.columns, shown_cells, strict=True)
    name = _name(sheet, line)  # before the cells: its footnote has the lower number
    means = [_grey(sheet, line, column) + _mean(sheet, line, column, shown) for column, shown in cells]
    grey = GREY + " " if line.control else ""
    texts = [sheet.interval(line, column) for column in sheet.columns]
    intervals = [
        rf"{_grey(sheet, line, column)}\scriptsize {number_text(text)}" if text else ""
        for column, text in zip(sheet.columns, texts, strict=True)
    ]
    head = " & ".join([grey + name, *means]) + r" \\"
    if sheet.spread != "interval" or not any(intervals):
        yield head
        return
    yield head + "[-1pt]"
    yield " & ".join(["", *intervals]) + r" \\"


def _group(sheet: Sheet, line: Line) -> str:
    """A heading over the lines of a setting, a metric or both."""
    key = line.place.metric
    marks = raised_numbers([sheet.remark(line)], sheet.notes)
    marks += _marks_of_metric(sheet, sheet.metric(key), key) if key else ""
    cite = sheet.cited.metrics.get(key, "") if key else sheet.cited.methods.get(line.place.method, "")
    wide = sheet.total_width - 2 * SEP - (20 if marks or cite else 0)
    return r"\itshape " + _headline(line.text, wide, marks + _cite(cite), r"\raggedright")


def _name(sheet: Sheet, line: Line) -> str:
    """The name of a line, with its footnote and its citation where the line stands for a method."""
    named = line.place.method if line.text == line.place.method else ""
    raised = raised_numbers([sheet.remark(line)], sheet.notes)
    return latex_breaking(line.text) + raised + _cite(sheet.cited.methods.get(named, ""))


def _cite(key: str) -> str:
    return rf"~\cite{{{key}}}" if key else ""


def _grey(sheet: Sheet, line: Line, column: Column) -> str:
    """The colour of a control's numbers."""
    method = (column.share_of or column).place.method or line.place.method
    return GREY + " " if method in sheet.marked.board.controls else ""


def _mean(sheet: Sheet, line: Line, column: Column, shown: MarksShown | None) -> str:
    """A number with its marks; every number of a column has its point in the same place."""
    text = sheet.text(line, column)
    if not text:
        return "--"
    number = number_text(text)
    if sheet.best(shown, line, column):
        number = rf"\textbf{{{number}}}"
    elif shown and shown.mark.second:
        number = rf"\underline{{{number}}}"
    missing = sheet.digits[column, sheet.key(line, column)] - whole_digits(text)
    pad = rf"\phantom{{{'0' * missing}}}" if missing and whole_digits(text) else ""
    number = pad + number + _beside(sheet, line, column)
    slot = slot_width(sheet, column)
    marks = _marks(shown, sheet.notes, fails_here(sheet, shown, column)) if shown else []
    raised = _raised(marks)
    return rf"{number}\makebox[{slot:.0f}pt][l]{{{raised}}}" if slot else number


def _beside(sheet: Sheet, line: Line, column: Column) -> str:
    """The spread on the number's line."""
    if sheet.spread == "se" and (error := error_text(sheet.cell(line, column))):
        return rf"\,{{\scriptsize $\pm$\,{error}}}"
    if sheet.spread == "pm":
        down, up = sheet.offsets(line, column)
        if down == up and up:
            return rf"\,{{\scriptsize $\pm$\,{up}}}"
        return rf"$^{{+{up}}}_{{-{down}}}$" if up else ""
    return ""


def number_text(text: str) -> str:
    """A number, an interval or ``n/a``: with a minus where a hyphen was."""
    return latex(text).replace("{-}", "$-$")


def _marks(shown: MarksShown, notes: list[str], fails: bool) -> list[str]:
    """The dagger, and the numbers of the footnotes, which are added where they are new."""
    marks = [r"\dagger"] * shown.mark.worse + [FAILS] * fails
    return marks + _numbers([note.text for note in shown.footnotes], notes)


def _numbers(texts: Sequence[str], notes: list[str]) -> list[str]:
    """The numbers of footnotes, which are added where they are new; an empty text has none."""
    notes += [text for text in dict.fromkeys(texts) if text and text not in notes]
    return [str(notes.index(text) + 1) for text in texts if text]


def raised_numbers(texts: Sequence[str], notes: list[str]) -> str:
    """The raised numbers of footnotes, which are added to the notes where they are new; an empty text has none."""
    return _raised(_numbers(texts, notes))


def _raised(marks: Sequence[str]) -> str:
    return rf"$^{{{','.join(marks)}}}$" if marks else ""
