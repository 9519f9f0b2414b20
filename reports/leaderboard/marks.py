"""What a table says of a number beside the number: best, second, significantly worse, rank, p."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import pandas as pd

from ...results.record import Record
from ...stats import CELL, CONTEST, fewest_for_pairs
from .. import number_format
from ..number_format import fixed
from .board import Block, Board, Cell, Metric
from .display_names import displayed
from .footnotes import REMARK_KINDS, Footnote, remarks_over
from .scaled_means import scaled_means
from .verdicts import Verdicts

Key: TypeAlias = tuple[str, ...]
DAGGER = "†"  # significantly worse than the best


@dataclass(frozen=True)
class Mark:
    """Of one method under one metric.

    Attributes:
        best, second: by the mean, among comparable methods; controls never are.
        worse: it is significantly worse than a best one (Wilcoxon or McNemar, Holm over all pairs, p < 0.05). Costs
            are not tested, nor are controls.
        p: of the test against the best, corrected; the smallest where several are best; NaN for these and without one.
        rank, letters: the mean rank over images, NaN where it is not ranked; and letters: two methods share one if and
            only if they do not differ significantly.
        error: the standard error of the mean; NaN for a cost and for one image.
        share, share_low, share_high: see ``benchbench.stats.ceiling_shares``; NaN without a ceiling.
    """

    best: bool = False
    second: bool = False
    worse: bool = False
    p: float = math.nan
    rank: float = math.nan
    letters: str = ""
    error: float = math.nan
    share: float = math.nan
    share_low: float = math.nan
    share_high: float = math.nan

    @property
    def share_number(self) -> str:
        """``72``: the share in percent; empty without a share."""
        return "" if math.isnan(self.share) else fixed(100 * self.share, 0)

    @property
    def share_interval(self) -> str:
        """``[65, 80]``, in percent; empty where there is none."""
        return number_format.interval(100 * self.share_low, 100 * self.share_high, 0)

    @property
    def share_short(self) -> str:
        """``72 % of the ceiling``; empty without a share."""
        return f"{self.share_number} % of the ceiling" if self.share_number else ""

    @property
    def share_text(self) -> str:
        """``72 % of the ceiling [65, 80]``; without the interval where there is none."""
        return " ".join(filter(None, [self.share_short, self.share_interval]))


NONE = Mark()


@dataclass(frozen=True)
class MarksShown:
    """A cell, its marks, and the footnotes it refers to."""

    cell: Cell
    mark: Mark
    footnotes: tuple[Footnote, ...]


@dataclass(frozen=True, eq=False)
class Marked:
    """A board with its marks, computed once."""

    verdicts: Verdicts

    @classmethod
    def of(cls, record: Record) -> Marked:
        """Of a record as reports show it, with display names."""
        return cls(Verdicts(Board(displayed(record))))

    @property
    def board(self) -> Board:
        return self.verdicts.board

    def shown(self, block: Block, method: str, metric: str, protocol: str) -> MarksShown | None:
        """What the table has there; None where this block has no such row or column."""
        return self.cells.get((*_place(block), method, metric, protocol))

    @cached_property
    def cells(self) -> Mapping[Key, MarksShown]:
        """By the key of a row of the tidy leaderboard."""
        cells = {}
        for block in self.board.blocks:
            for row in block.rows:
                for cell in row.cells:
                    key = (*_place(block), row.method, cell.metric.name, cell.metric.protocol)
                    footnotes = tuple(block.footnotes[note - 1] for note in cell.notes)
                    cells[key] = MarksShown(cell, self.marks.get(key, NONE), footnotes)
        return cells

    @cached_property
    def remarks(self) -> tuple[Footnote, ...]:
        """The footnotes on the methods of any setting, each once: tables over settings number them."""
        return remarks_over(block.footnotes for block in self.board.blocks)

    def tested(self, block: Block, metric: Metric) -> str:
        """``wilcoxon`` or ``mcnemar``; empty where no two methods were tested."""
        return self.tests.get((*_place(block), metric.name, metric.protocol), "")

    @cached_property
    def tests(self) -> Mapping[Key, str]:
        """By comparison, the test of its methods."""
        rows = self.tested_pairs[[*CONTEST, "test"]].drop_duplicates(CONTEST)
        return {tuple(map(str, key)): str(test) for *key, test in rows.itertuples(index=False, name=None)}

    @cached_property
    def marks(self) -> Mapping[Key, Mark]:
        """By the key of a row of the tidy leaderboard."""
        tidy, marks = self.board.tidy, {}
        errors = self.board.errors
        shares = self.board.shares.set_index(CELL)[["share_of_ceiling", "share_low", "share_high"]].T.to_dict("list")
        for contest in self.board.contests:
            key = tuple(map(str, contest.key))
            worse = self.verdicts.against(contest).worse
            against = self._against(key, [str(name) for name in tidy.loc[list(contest.best), "method"]])
            for place in self.rows_of[key]:
                method = str(tidy.at[place, "method"])
                standing = self.verdicts.standings.get((key, method))
                marks[(*key[:3], method, *key[3:])] = Mark(
                    place in contest.best,
                    place in contest.second,
                    method in worse,
                    against.get(method, math.nan),
                    standing.rank if standing else math.nan,
                    standing.letters if standing else "",
                    errors.get((*key[:3], method, *key[3:]), math.nan),
                    *shares.get((*key[:3], method, *key[3:]), ()),
                )
        return marks

    @cached_property
    def scaled(self) -> Mapping[Key, Mapping[str, float]]:
        """By comparison on a quality metric and method: see ``scaled_means``."""
        return scaled_means(self.board, self.rows_of)

    @cached_property
    def rows_of(self) -> Mapping[Key, list[int]]:
        """By comparison, the rows of the tidy leaderboard."""
        rows: dict[Key, list[int]] = {}
        for place, key in zip(self.board.tidy.index, self.board.tidy[CONTEST].itertuples(False, None), strict=True):
            rows.setdefault(tuple(map(str, key)), []).append(place)
        return rows

    def table(self) -> pd.DataFrame:
        """The tidy leaderboard at full precision with all marks: ``rank``, ``groups``, ``error``, ``best``, ``second``,
        ``worse`` (significantly, than the best), ``p`` (against the best, corrected). Where a method has a known fault
        there is ``fault`` too, and ``convention`` where one follows another: what it is, and an empty text for the
        other methods.
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        table = self.verdicts.leaderboard()
        keys = [tuple(map(str, key)) for key in table[CELL].itertuples(index=False, name=None)]
        for name in ("error", "best", "second", "worse", "p"):
            table[name] = [getattr(self.marks[key], name) for key in keys]
        for kind in REMARK_KINDS:
            known = {name: text for name, remark in self.board.remarks.items() if (text := getattr(remark, kind))}
            if known:
                table[kind] = pd.array([known.get(str(name), "") for name in table["method"]], dtype="string")
        return table

    @cached_property
    def tested_pairs(self) -> pd.DataFrame:
        """The pairs of two methods that were tested."""
        pairs = self.verdicts.pairs
        return pairs[~pairs["against_control"].astype(bool) & pairs["p_holm"].notna()]

    @property
    def corrected_over(self) -> int:
        """The most pairs of one comparison that Holm's correction is over."""
        return max((len(rows) for rows in self.pairs_of.values()), default=0)

    @property
    def methods_left_out(self) -> tuple[str, ...]:
        """The methods of the run that a table leaves out; the correction is over their pairs too."""
        return ()

    @property
    def settles(self) -> bool:
        """Whether some comparison has as many images as a significant difference of two methods takes."""
        return any(
            int(rows[["n", "failed", "other_failed"]].sum(axis=1).max()) >= fewest_for_pairs(len(rows))
            for rows in self.pairs_of.values()
        )

    @cached_property
    def pairs_of(self) -> Mapping[Key, pd.DataFrame]:
        """By comparison, the pairs of two methods that were tested."""
        return {tuple(map(str, key)): rows for key, rows in self.tested_pairs.groupby(CONTEST, sort=False)}

    def _against(self, key: Key, best: list[str]) -> dict[str, float]:
        """By method, p against the best."""
        p_values: dict[str, float] = {}
        if key not in self.pairs_of:
            return p_values
        rows = self.pairs_of[key]
        for method, other, p in zip(rows["method"], rows["other"], rows["p_holm"], strict=True):
            for name, rival in ((method, other), (other, method)):
                if rival in best and name not in best:
                    p_values[name] = min(p_values.get(name, 1.0), float(p))
        return p_values


def _place(block: Block) -> Key:
    return block.model, block.dataset, block.layer
