"""A board of a selection: its numbers and tests are those of the whole run, its marks those of what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ...errors import BenchError
from ...results.record import Record
from ...stats import CONTEST
from .board import Board, column_decimals
from .marks import Marked
from .selection import COLUMNS, RunSelection, Selection, chosen
from .suite_report import SuiteReport
from .verdicts import Verdicts


def selected(marked: Marked, selection: Selection | None = None) -> Marked:
    """The marked board of a selection, for a table.

    Means and intervals are those of the run, and the p values keep the correction over all methods of the run, so that
    nothing becomes significant because a method is left out. Best, second best and worse than the best are among the
    methods that the table shows. A metric that a control wins in the run keeps its mark, also where the table leaves
    out the control. A metric has the same number of decimals in all settings.

    Args:
        selection: all, if not given.

    Raises:
        BenchError: the run has nothing of a name, or nothing is left.
    """
    choice = chosen(marked.board, selection or Selection())
    board = SelectedBoard(_record(marked.board.record, choice), marked.board, choice)
    if board.tidy.empty:
        raise BenchError(
            "the run has no results of this selection",
            where=", ".join((selection or Selection()).options),
            hint="Leave an option out: a layer belongs to one network, for example",
        )
    return SelectedMarked(SelectedVerdicts(board, marked.verdicts, choice), marked)


def _record(record: Record, choice: RunSelection) -> Record:
    tables = (record.results, record.curves, record.maps, record.photos)
    return Record(record.folder, choice.info(record.info), *(choice.taken(table) for table in tables))


@dataclass(frozen=True, eq=False)
class SelectedBoard(Board):
    """The part of a whole board that a selection shows.

    Attributes:
        whole: the board of the run.
        choice: what the selection shows of it.
    """

    whole: Board
    choice: RunSelection

    @cached_property
    def shown(self) -> Record:
        """The part of the whole board's record as it is compared."""
        return _record(self.whole.shown, self.choice)

    @cached_property
    def tidy(self) -> pd.DataFrame:
        """The part of the whole leaderboard, in the selection's order."""
        return self.choice.taken(self.whole.tidy, sort=True).reset_index(drop=True)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """As the whole board has them: a table may leave out the controls that they are made of."""
        rows = self.choice.taken(self.whole.shares)
        names = dict(self.choice.shown["methods"])
        return rows.assign(ceiling=[names.get(name, name) for name in rows["ceiling"]])

    @cached_property
    def suite(self) -> SuiteReport | None:
        """The suite's verdicts on what the selection shows; None where it chooses among the metrics."""
        whole = self.whole.suite
        if whole is None or len(self.choice.metrics) < len(self.whole.metrics):
            return None
        known = {column: set(self.whole.tidy[column]) for column in COLUMNS.values()}
        return whole.taken(known, {column: self.choice.shown[kind] for kind, column in COLUMNS.items()})

    @cached_property
    def gamed(self) -> dict[tuple[Any, ...], list[str]]:
        """As the whole board has it: a control that is left out still tells that the metric says little."""
        names = self.choice.shown
        renamed = {
            (names["networks"].get(model), names["datasets"].get(data), names["layers"].get(layer), *metric): [
                names["methods"].get(name, name) for name in winners
            ]
            for (model, data, layer, *metric), winners in self.whole.gamed.items()
            if tuple(metric) in self.choice.metrics
        }
        return {key: winners for key, winners in renamed.items() if None not in key}

    @cached_property
    def decimals(self) -> dict[tuple[Any, ...], int]:
        """Of each metric the same number in all settings, so that a column of a table has equal digits."""
        columns = self.tidy.groupby(["metric", "protocol"], sort=False, dropna=False)
        digits = {key: column_decimals(rows, self.errors) for key, rows in columns}
        contests = self.tidy[CONTEST].drop_duplicates().itertuples(index=False, name=None)
        return {key: digits[key[3:]] for key in contests}


@dataclass(frozen=True, eq=False)
class SelectedVerdicts(Verdicts):
    """The verdicts on the methods of a selection, with the corrections of the whole run."""

    whole: Verdicts
    choice: RunSelection

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The pairs of two methods that are shown, out of all pairs of the run."""
        return self._taken(self.whole.pairs)

    @cached_property
    def whole_pairs(self) -> pd.DataFrame:
        """As the whole run has them."""
        return self._taken(self.whole.whole_pairs)

    def with_margin(self, margin: float | None) -> pd.DataFrame:
        """As the whole run has them."""
        return self._taken(self.whole.with_margin(margin))

    def _taken(self, rows: pd.DataFrame) -> pd.DataFrame:
        methods = self.choice.shown["methods"]
        both = self.choice.taken(rows[rows["other"].isin(list(methods))])
        return both.assign(other=both["other"].replace(dict(methods))).reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class SelectedMarked(Marked):
    """A marked board of a selection, which knows the whole run."""

    whole: Marked

    @property
    def corrected_over(self) -> int:
        """The pairs that Holm's correction is over: those of the whole run."""
        return self.whole.corrected_over

    @property
    def methods_left_out(self) -> tuple[str, ...]:
        """The methods of the run, controls apart, that are not shown."""
        shown = {entry.get("id", entry["name"]) for entry in self.board.record.info["methods"]}
        every = self.whole.board.record.info["methods"]
        return tuple(m["name"] for m in every if not m["control"] and m.get("id", m["name"]) not in shown)
