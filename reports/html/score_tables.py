"""How much the order of the methods depends on what they explain: a table of taus and one of places per setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ..leaderboard.board import BLOCK, Block, Board, Metric
from ..number_format import fixed
from .finding_files import Table


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """A setting in which methods are compared under several scores.

    Attributes:
        taus: rows of ``stats.score_agreement``.
        places: rows of ``stats.score_places``.
    """

    block: Block
    taus: pd.DataFrame
    places: pd.DataFrame

    @cached_property
    def reference(self) -> str:
        """The score that every other is compared with."""
        return str(self.taus["reference"].iloc[0])

    @cached_property
    def scores(self) -> tuple[str, ...]:
        """The reference and the others, in the study's order."""
        return (self.reference, *self.others)

    @cached_property
    def others(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.taus["score"]))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        known = set(zip(self.taus["metric"], self.taus["protocol"], strict=True))
        return tuple(metric for metric in self.block.quality if (metric.name, metric.protocol) in known)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.places["method"]))

    def tau(self, metric: Metric, score: str) -> str:
        """Kendall's tau between the orders under a score and under the reference; a dash where nothing is ordered."""
        rows = _of_metric(self.taus, metric)
        value = float(rows[rows["score"] == score]["tau"].iloc[0]) if (rows["score"] == score).any() else float("nan")
        return "\u2013" if value != value else fixed(value, 2)

    def compared(self, score: str) -> str:
        """How many methods are ordered under a score and the reference: ``5``, or ``4 to 5`` over the metrics."""
        counts = self.taus[self.taus["score"] == score]["methods"]
        low, high = int(counts.min()), int(counts.max())
        return str(low) if low == high else f"{low} to {high}"

    def place(self, metric: Metric, method: str) -> str:
        """The method's places under the scores, in their order; a dash where it has no mean."""
        rows = _of_metric(self.places, metric)
        here = rows[rows["method"] == method].set_index("score")["place"].to_dict()
        return " \u00b7 ".join(str(here.get(score, "\u2013")) for score in self.scores)

    def moves(self, metric: Metric, method: str) -> bool:
        """Whether the method's place depends on the score."""
        rows = _of_metric(self.places, metric)
        return int(rows[rows["method"] == method]["place"].nunique()) > 1


def score_tables(board: Board) -> tuple[ScoreTable, ...]:
    """Of each setting with methods under several scores."""
    tables = (
        ScoreTable(block, _of(board.score_agreement, block), _of(board.score_places, block)) for block in board.blocks
    )
    return tuple(table for table in tables if not table.taus.empty)


def score_files(board: Board) -> Iterator[Table]:
    """The rows of every table, for its downloads."""
    for number, table in enumerate(score_tables(board), start=1):
        where = table.block.title
        caption = f"Kendall's tau between the methods' means under a score and under {table.reference}, {where}."
        yield f"scores-{number}", ["scores", where], table.taus, caption
        places = f"Places of the methods among those that explain the same score, {where}."
        yield f"places-{number}", ["places-by-score", where], table.places, places


def _of(rows: pd.DataFrame, block: Block) -> pd.DataFrame:
    here: pd.DataFrame = rows
    for key, value in zip(BLOCK, (block.model, block.dataset, block.layer), strict=True):
        here = here[here[key] == value]
    return here


def _of_metric(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    return rows[(rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol)]
