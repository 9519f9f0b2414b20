"""A run in one table for each family of metrics: the means of a single setting, or mean ranks over several."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ...stats import DECIMALS
from ..number_format import fixed
from .board import Metric
from .marks import Marked, MarksShown

Key: TypeAlias = tuple[str, ...]
COST_FAMILY = "cost"
NO_FAMILY = "quality"  # of runs that say no family


@dataclass(frozen=True)
class FamilyCell:
    """One method under one metric.

    Attributes:
        text: the mean, the mean rank over settings, or the lowest and the highest value over settings.
        best, second: among the methods; controls never are.
        worse: in how many settings it is significantly worse than the best.
        partial: it has no rank in some of the settings, so that its rank is not comparable and never best.
        counts: whether it is of several settings.
        notes: numbers of the footnotes of a single setting. interval: of a single setting.
    """

    text: str
    best: bool = False
    second: bool = False
    worse: int = 0
    partial: bool = False
    counts: bool = False
    notes: tuple[int, ...] = ()
    interval: str = ""


EMPTY = FamilyCell("")


@dataclass(frozen=True)
class FamilyColumn:
    """A metric under a protocol.

    Attributes:
        gamed: in how many settings a control beats every method; ranks leave these settings out.
        settings: how many settings have the metric.
    """

    metric: Metric
    gamed: int
    settings: int


@dataclass(frozen=True)
class FamilyRow:
    """One method: its mean rank over the family's metrics and settings, and a cell for each column.

    Attributes:
        notes: numbers of the footnotes on the method: the block's of a single setting, else of
            ``Marked.remarks``.
    """

    method: str
    control: bool
    rank: FamilyCell
    cells: tuple[FamilyCell, ...]
    notes: tuple[int, ...] = ()


@dataclass(frozen=True)
class FamilyTable:
    """The metrics of one family.

    Attributes:
        ranked: whether the rows have a mean rank over the family.
        left_out: metrics without a column, as a control beats every method in all settings that count.
    """

    family: str
    columns: tuple[FamilyColumn, ...]
    rows: tuple[FamilyRow, ...]
    ranked: bool
    left_out: tuple[Metric, ...] = ()

    @property
    def is_cost(self) -> bool:
        return self.family == COST_FAMILY

    def without(self, methods: Collection[str]) -> FamilyTable:
        """The table without the rows of some methods."""
        return replace(self, rows=tuple(row for row in self.rows if row.method not in methods))


def family_tables(marked: Marked) -> tuple[FamilyTable, ...]:
    """The tables of a run, quality before cost. All have the same methods in one order, the best overall first."""
    families: dict[str, list[Metric]] = {}
    for metric in sorted(marked.board.metrics, key=lambda metric: metric.is_cost):
        name = COST_FAMILY if metric.is_cost else metric.family or NO_FAMILY
        families.setdefault(name, []).append(metric)
    order = methods_in_order(marked)
    return tuple(_table(marked, name, metrics, order) for name, metrics in families.items())


def methods_in_order(marked: Marked) -> list[str]:
    """The methods by their overall rank, then those without a rank, then the controls; else in the study's order."""
    names = [str(method["name"]) for method in marked.board.record.info["methods"]]
    present = {row.method for block in marked.board.blocks for row in block.rows}
    ranked = [str(name) for name in marked.verdicts.overall["method"]] if marked.settles else []
    places = {name: place for place, name in enumerate([*ranked, *(name for name in names if name not in ranked)])}
    return sorted((name for name in names if name in present), key=lambda n: (n in marked.board.controls, places[n]))


def _table(marked: Marked, family: str, metrics: Sequence[Metric], order: Sequence[str]) -> FamilyTable:
    board = marked.board
    many = len(board.blocks) > 1
    columns = [_column(marked, metric) for metric in metrics]
    beaten = [c for c in columns if many and _ranked(marked, c.metric) and not _counted(marked, c.metric)]
    kept = tuple(column for column in columns if column not in beaten)
    cells = [_over_settings(marked, c, order) if many else _of_setting(marked, c, order) for c in kept]
    ranks = {} if family == COST_FAMILY else _family_ranks(marked, family)
    rank_cells, notes = _best_marked([ranks.get(name, EMPTY) for name in order]), _notes(marked)
    rows = [
        FamilyRow(
            name, name in board.controls, rank_cells[i], tuple(column[i] for column in cells), notes.get(name, ())
        )
        for i, name in enumerate(order)
        if not (many and name in board.controls)
    ]
    return FamilyTable(family, kept, tuple(rows), bool(ranks), tuple(column.metric for column in beaten))


def _notes(marked: Marked) -> dict[str, tuple[int, ...]]:
    """By method, the numbers of the footnotes that hold of its whole row."""
    if len(marked.board.blocks) == 1:
        return {row.method: row.notes for row in marked.board.blocks[0].rows}
    numbered = enumerate(marked.remarks, start=1)
    return {method: (number,) for number, note in numbered for method in note.methods}


def _column(marked: Marked, metric: Metric) -> FamilyColumn:
    here = [block for block in marked.board.blocks if any(_same(metric, each) for each in block.metrics)]
    gamed = sum(key[3:] == (metric.name, metric.protocol) for key in marked.board.gamed)
    shown = next(each for block in here for each in block.metrics if _same(metric, each))
    return FamilyColumn(shown if len(here) == 1 else metric, gamed, len(here))


def _same(metric: Metric, other: Metric) -> bool:
    return (metric.name, metric.protocol) == (other.name, other.protocol)


def _of_setting(marked: Marked, column: FamilyColumn, order: Sequence[str]) -> list[FamilyCell]:
    (block,) = marked.board.blocks
    shown = [marked.shown(block, name, column.metric.name, column.metric.protocol) for name in order]
    return [EMPTY if each is None else _of_mark(each) for each in shown]


def _of_mark(shown: MarksShown) -> FamilyCell:
    cell, mark = shown.cell, shown.mark
    return FamilyCell(
        cell.text,
        mark.best,
        mark.second,
        int(mark.worse),
        partial=not cell.comparable,
        notes=cell.notes,
        interval=cell.interval,
    )


def _over_settings(marked: Marked, column: FamilyColumn, order: Sequence[str]) -> list[FamilyCell]:
    """Mean ranks over the settings of the family's order; the lowest and the highest value where nothing is ranked."""
    keys = _counted(marked, column.metric)
    if not keys:
        return [_range(marked, column.metric, name) for name in order]
    standings, cells = marked.verdicts.standings, []
    for name in order:
        ranks = [standings[key, name].rank for key in keys if (key, name) in standings]
        worse = sum(marked.marks[(*key[:3], name, *key[3:])].worse for key in keys if (key, name) in standings)
        if name in marked.board.controls:
            cells.append(EMPTY)
        elif not ranks:
            cells.append(FamilyCell("n/a", partial=True))
        else:
            text = fixed(sum(ranks) / len(ranks), DECIMALS)
            cells.append(FamilyCell(text, worse=worse, partial=len(ranks) < len(keys), counts=True))
    return _best_marked(cells) if marked.settles else cells


def _ranked(marked: Marked, metric: Metric) -> list[Key]:
    """The comparisons under the metric that rank methods."""
    return [key for key in marked.verdicts.ranked if key[3:] == (metric.name, metric.protocol)]


def _counted(marked: Marked, metric: Metric) -> list[Key]:
    """Those of them that the order of the family counts; of a run that says no family, those that no control wins."""
    order = marked.verdicts.orders.get(metric.family)
    counted = {each.key for each in order.comparisons} if order else set(marked.verdicts.ranked)
    failing = {tuple(map(str, key)) for key in marked.board.gamed}
    return [key for key in _ranked(marked, metric) if key in counted and key not in failing]


def _range(marked: Marked, metric: Metric, method: str) -> FamilyCell:
    shown = [marked.shown(block, method, metric.name, metric.protocol) for block in marked.board.blocks]
    present = [each.cell for each in shown if each is not None]
    values = sorted((cell for cell in present if cell.n), key=lambda cell: cell.mean)
    if not values:
        return FamilyCell(present[0].text if present else "", partial=True)
    low, high = values[0].text, values[-1].text
    text = low if low == high else f"{low} - {high}"
    return FamilyCell(text, partial=len(values) < len(present), counts=True)


def _best_marked(cells: Sequence[FamilyCell]) -> list[FamilyCell]:
    """The cells with the lowest rank as best, the next as second, as they are shown; a partial one is neither."""
    values = sorted({float(cell.text) for cell in cells if cell.text and not cell.partial})
    marked = []
    for cell in cells:
        place = values.index(float(cell.text)) if cell.text and not cell.partial else 2
        marked.append(replace(cell, best=place == 0, second=place == 1))
    return marked


def _family_ranks(marked: Marked, family: str) -> dict[str, FamilyCell]:
    """By method, the mean rank in the order over the family: see ``Order``."""
    order = marked.verdicts.orders.get(family)
    if order is None or not order.comparisons or not marked.settles:
        return {}
    total = len(order.comparisons)
    return {
        str(name): FamilyCell(fixed(rank, DECIMALS), partial=contests < total, counts=True)
        for name, rank, contests in order.table[["method", "rank", "contests"]].itertuples(index=False, name=None)
    }
