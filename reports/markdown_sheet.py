"""A table in another layout than methods x metrics, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from .escape import markdown
from .latex.captions import constant_title, images_of, subject, subject_remark
from .latex.sheet import Sheet, error_text, fails_everywhere, fails_here, offsets_of
from .latex.table_parts import Column, Line, Scope
from .leaderboard.board import Metric
from .leaderboard.marks import DAGGER, MarksShown

FAILS = "‡"
SPREADS = {
    "interval": " with 95 % interval",
    "se": " ± standard error",
    "pm": " with distances to the ends of the 95 % interval",
    "none": "",
}


def markdown_sheet(sheet: Sheet) -> str:
    """The sheet as a Markdown table with a caption; marks as in LaTeX."""
    notes: list[str] = []
    heads = [" · ".join([*map(markdown, column.heads), _heading(sheet, column, notes)]) for column in sheet.columns]
    rows = [_line(sheet, line, notes) for line in sheet.lines]
    titles = (subject([sheet])[0], constant_title(sheet.scope.blocks))
    lines = [
        f"### {markdown(', '.join(title for title in titles if title))}",
        "",
        _caption(sheet),
        "",
        joined([sheet.corner, *heads]),
        joined([":--", *("--:" for _ in sheet.columns)]),
        *rows,
        "",
        *(f"{number}. {markdown(text)}" for number, text in enumerate(notes, start=1)),
    ]
    return "\n".join(lines) + ("\n" if notes else "")


def joined(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _caption(sheet: Sheet) -> str:
    metrics = sheet.scope.metrics
    shown = [cell for line in sheet.lines for column in sheet.columns if (cell := sheet.cell(line, column))]
    worse = f" {DAGGER} significantly worse than the best (p < 0.05)." if any(s.mark.worse for s in shown) else ""
    gamed = any(cell.cell.metric.gamed for cell in shown)
    fails = f" {FAILS} fails the sanity check: a control is better than every method." if gamed else ""
    ranks = any(column.rank for column in sheet.columns)
    rank = " rank: mean rank over the images, averaged over the columns." if ranks else ""
    shares = shares_text(sheet.scope) if any(column.share_of for column in sheet.columns) else ""
    protocols = "; ".join(f"{markdown(m.title)} {markdown(m.protocol)}, {m.direction}" for m in metrics)
    counted = images_of(sheet.scope.blocks)
    what = f"Mean over {counted}{SPREADS[sheet.spread]}" if counted else "Measured costs"
    remark = f" {markdown(known)}." if (known := subject_remark([sheet])) else ""
    return f"{what}; best in bold, second underlined.{remark}{worse}{fails}{rank}{shares} Protocols: {protocols}."


def shares_text(scope: Scope) -> str:
    """What a share of the ceiling is, behind a space; empty for a table without one."""
    pairs = [(name, title) for name, titles in scope.ceilings.items() for title in titles]
    stamped = "; ".join(f"{markdown(name)} optimises {markdown(title)}" for name, title in pairs)
    return f" Share of the ceiling: (mean - random) / (ceiling - random); {stamped}." if stamped else ""


def _heading(sheet: Sheet, column: Column, notes: list[str]) -> str:
    if column.rank:
        return "rank ↓"
    if column.share_of:
        return "% of the ceiling"
    if not column.place.metric:
        return markdown(column.title) + _numbers([sheet.remark(column)], notes)
    return _metric(sheet, sheet.metric(column.place.metric), column.place.metric)


def _metric(sheet: Sheet, metric: Metric, key: tuple[str, str]) -> str:
    unit = f" ({markdown(metric.unit)})" if metric.is_cost and metric.unit else ""
    return f"{markdown(metric.title)}{unit} {metric.arrow}{FAILS if fails_everywhere(sheet, key) else ''}"


def _line(sheet: Sheet, line: Line, notes: list[str]) -> str:
    if line.heading:
        arrow = f" {sheet.metric(line.place.metric).arrow}" if line.place.metric else ""
        fails = FAILS if line.place.metric and fails_everywhere(sheet, line.place.metric) else ""
        remark = _numbers([sheet.remark(line)], notes)
        return joined([f"*{markdown(line.text)}*{remark}{arrow}{fails}", *("" for _ in sheet.columns)])
    name = markdown(line.text) + _numbers([sheet.remark(line)], notes)
    return joined([name, *(_cell(sheet, line, column, notes) for column in sheet.columns)])


def _cell(sheet: Sheet, line: Line, column: Column, notes: list[str]) -> str:
    shown, text = sheet.cell(line, column), markdown(sheet.text(line, column))
    if not shown:
        spread = beside(sheet.spread, "", sheet.interval(line, column), sheet.offsets(line, column))
        return f"{text}{spread}" if text else "–"
    number = f"**{text}**" if sheet.best(shown, line, column) else f"<ins>{text}</ins>" if shown.mark.second else text
    marks = _numbers([note.text for note in shown.footnotes], notes)
    number += DAGGER * shown.mark.worse + FAILS * fails_here(sheet, shown, column) + marks
    return number + spread_text(shown, sheet.spread)


def _numbers(texts: Sequence[str], notes: list[str]) -> str:
    """The numbers of footnotes, which are added where they are new; an empty text has none."""
    notes += [text for text in dict.fromkeys(texts) if text and text not in notes]
    return "".join(f"<sup>{notes.index(text) + 1}</sup>" for text in texts if text)


def spread_text(shown: MarksShown, spread: str) -> str:
    """What stands behind a number for its spread; empty where it has none."""
    return beside(spread, error_text(shown), shown.cell.interval, offsets_of(shown))


def beside(spread: str, error: str, interval: str, offsets: tuple[str, str]) -> str:
    """The one of them that the spread asks for, behind a space; empty where it is."""
    if spread == "se":
        return f" ± {error}" if error else ""
    if spread == "pm":
        down, up = offsets
        return "" if not up else f" ± {up}" if up == down else f" +{up} −{down}"
    return f" {interval}" if spread == "interval" and interval else ""
