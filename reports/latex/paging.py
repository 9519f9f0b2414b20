"""Sheets that fit: none wider than the text or higher than a page, broken between settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..escape import breaking_pieces, latex, one_line
from .captions import caption
from .sheet import LINE, SEP, STRETCH, Sheet, heading_words, room, spans, width
from .table_parts import Column, Line

TEXT, ONE_COLUMN, PAGE = 344.0, 196.0, 525.0  # points: article's text, a column of two, and what a float may take
CONTINUED = 14.0  # points of the caption of what follows the first page


def split(sheet: Sheet) -> Iterator[Sheet]:
    """Parts of the sheet that fit, as few as possible, and none much smaller than the others.

    Metrics have their abbreviations as headings where the table is too wide for their titles.
    """
    sheet = fitted(sheet)
    parts = list(_filled(sheet, len(sheet.columns)))
    places = [[column for column in sheet.columns if column.part == part] for part in _parts(sheet)]
    alone = [(len(columns), len(list(_filled(replace(sheet, columns=columns), len(columns))))) for columns in places]
    even = max((-(-count // pages) for count, pages in alone if pages > 1), default=len(sheet.columns))
    balanced = list(_filled(sheet, even))
    for columns in balanced if len(balanced) == len(parts) else parts:
        yield from _split_lines(replace(sheet, columns=columns))


def fitted(sheet: Sheet) -> Sheet:
    """The sheet with its names' width, and with abbreviations where its titles need more parts than these."""
    sheet = replace(sheet, names=sheet.names_width)
    short = replace(sheet, short=True)
    long_parts, short_parts = (len(list(_filled(each, len(each.columns)))) for each in (sheet, short))
    return short if short_parts < long_parts else sheet


def _parts(sheet: Sheet) -> list[str]:
    return list(dict.fromkeys(column.part for column in sheet.columns))


def _filled(sheet: Sheet, most: int) -> Iterator[list[Column]]:
    """The columns, as many at a time as fit beside the names; a column of shares stays behind the shared one."""
    held: list[Column] = []
    whole = left = TEXT - sheet.names_width - 2 * SEP
    for group in _inseparable(sheet.columns):
        need = sum(sheet.widths[column] + 2 * SEP for column in group)
        if held and (need > left or len(held) + len(group) > most or _breaks(sheet, held, group[0], left)):
            yield held
            held, left = [], whole
        held += group
        left -= need
    yield held


def _inseparable(columns: Sequence[Column]) -> list[list[Column]]:
    """Each column, with the column of its shares where it has one."""
    groups: list[list[Column]] = []
    for column in columns:
        if column.share_of:
            groups[-1].append(column)
        else:
            groups.append([column])
    return groups


def _breaks(sheet: Sheet, held: Sequence[Column], column: Column, left: float) -> bool:
    """Whether a new part begins, as its columns do not all fit here."""
    if held[-1].part == column.part:
        return False
    part_width = sum(sheet.widths[each] + 2 * SEP for each in sheet.columns if each.part == column.part)
    return part_width > left


def _split_lines(sheet: Sheet) -> Iterator[Sheet]:
    """The lines over as few pages as they need, and of the ways to do so the most even."""
    later = PAGE - CONTINUED - head_height(sheet)
    first = PAGE - caption_height(sheet) - head_height(sheet)
    pieces = [piece for group in _grouped(sheet.lines) for piece in _pieces(sheet, group, first)]
    groups = [_Group(piece, _height(sheet, piece), _notes(sheet, piece)) for piece in pieces]
    total = sum(group.height for group in groups)
    fewest = max(1.0, -(-total // later))
    rooms = [min(later, total / fewest + more * LINE) for more in range(0, 24, 2)] + [later]
    ways = [_pages(groups, min(first, high), high) for high in rooms]
    for lines in min(ways, key=lambda pages: (len(pages), -min(map(len, pages)))):
        yield replace(sheet, lines=lines)


@dataclass(frozen=True)
class _Group:
    """Lines that stay on one page, their points, and the points of the footnotes that they need, by text."""

    lines: list[Line]
    height: float
    notes: dict[str, float]


def _grouped(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each setting with its heading."""
    groups: list[list[Line]] = []
    for line in lines:
        if line.heading or not groups:
            groups.append([])
        groups[-1].append(line)
    return groups


def _height(sheet: Sheet, lines: Sequence[Line]) -> float:
    return sum(line_height(sheet, line) for line in lines)


def _pieces(sheet: Sheet, group: Sequence[Line], most: float) -> Iterator[list[Line]]:
    """The group; in pieces, each with its heading, only where it is higher than a page."""
    if _height(sheet, group) <= most:
        yield list(group)
        return
    heading = [line for line in group if line.heading]
    again = [replace(line, text=f"{line.text} (continued)") for line in heading]
    held, left = list(heading), most - _height(sheet, heading)
    for line in group[len(heading) :]:
        need = line_height(sheet, line)
        if need > left and len(held) > len(heading):
            yield held
            held, left = list(again), most - _height(sheet, heading)
        held.append(line)
        left -= need
    yield held


def _pages(groups: Sequence[_Group], first: float, later: float) -> list[list[Line]]:
    """The groups, as many on a page as there is room for, on the first page and on those after it."""
    pages: list[list[Line]] = [[]]
    used, notes = 0.0, dict[str, float]()
    for group in groups:
        together = notes | group.notes
        room = first if len(pages) == 1 else later
        if pages[-1] and used + group.height + sum(together.values()) > room:
            pages.append([])
            used, together = 0.0, group.notes
        pages[-1] += group.lines
        used, notes = used + group.height, together
    return pages


def height(sheet: Sheet) -> float:
    """Points of the tabular, rather more than less."""
    return head_height(sheet) + _height(sheet, sheet.lines)


def head_height(sheet: Sheet) -> float:
    """Points of the headings and the rules."""
    words = max(len(heading_words(sheet, column)) for column in sheet.columns)
    levels = range(max(len(column.heads) for column in sheet.columns))
    shared = sum(
        max(_lines(text, room(sheet, first, last)) for text, first, last in spans(sheet.columns, level)) + 0.5
        for level in levels
    )
    return (words + shared) * LINE + 12


def line_height(sheet: Sheet, line: Line) -> float:
    """Points of a line, rather more than less."""
    if line.heading:
        return _lines(line.text, sheet.total_width - 2 * SEP - 20) * LINE + 5
    names = _wrapped(line.text + "0" * bool(sheet.remark(line)), sheet.names_width)
    intervals = sheet.spread == "interval" and any(sheet.interval(line, column) for column in sheet.columns)
    high = LINE * (STRETCH if sheet.spread == "pm" else 1)
    return float(max(names, 1) * high + (LINE - 1 if intervals else 0) + (5 if line.rule else 0))


def _wrapped(text: str, wide: float) -> int:
    """Lines of a name in a column of that width."""
    lines, left = 1, wide
    for piece in breaking_pieces(text):
        need = 1.1 * width(piece)
        if need > left:
            lines, left = lines + (left < wide), wide
        left -= need
    return lines


def _lines(text: str, wide: float) -> float:
    """Lines of a heading: it breaks only where it is wider than its columns, and then not at any letter."""
    points = width(one_line(text))
    return 1.0 if points <= wide else float(-(-1.3 * points // max(wide, LINE)))


def apparatus(sheet: Sheet) -> float:
    """Points that the caption and the sheet's footnotes take."""
    return caption_height(sheet) + sum(_notes(sheet, sheet.lines).values())


def caption_height(sheet: Sheet) -> float:
    """Points of the caption of the first page."""
    text = caption(sheet.marked, sheet.scope, sheet.spread, [sheet]).replace(r"\allowbreak{}", "")
    return (len(text) / 75 + 1) * 13


def _notes(sheet: Sheet, lines: Sequence[Line]) -> dict[str, float]:
    """The footnotes that lines need, with their points."""
    cells = [sheet.cell(line, column) for line in lines for column in sheet.columns]
    named: list[Line | Column] = [*sheet.columns, *lines]
    remarks = filter(None, map(sheet.remark, named))
    texts = dict.fromkeys([*remarks, *(note.text for shown in cells if shown for note in shown.footnotes)])
    return {text: LINE * (len(latex(text)) // 80 + 1) for text in texts}


def floats(sheets: Sequence[Sheet]) -> list[list[Sheet]]:
    """The sheets in floats, as many in one as a page holds; the sheets of a float share their footnotes."""
    waiting: list[list[Sheet]] = []
    left = 0.0
    for sheet in sheets:
        if not waiting or height(sheet) > left:
            waiting.append([])
            left = PAGE - apparatus(sheet)
        waiting[-1].append(replace(sheet, notes=waiting[-1][0].notes) if waiting[-1] else replace(sheet, notes=[]))
        left -= height(sheet) + 12
    return waiting
