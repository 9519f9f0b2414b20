"""The order of the methods over the metrics of quality, or of another family: what makes it, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import pandas as pd

from ...errors import BenchError, nearest
from ...stats import (
    OrderCase,
    Rival,
    Scores,
    WinShares,
    against_best,
    in_order,
    leaders,
    leave_one_out,
    order_cases,
    overall_of,
    stability_table,
)
from ...vocabulary import FAMILIES, QUALITY_FAMILIES
from .board import Board

Key: TypeAlias = tuple[str, ...]
QUALITY = "quality"
RANKED = (QUALITY, *(family for family in FAMILIES if family != "cost"))


@dataclass(frozen=True)
class Omission:
    """The order without something.

    Attributes:
        kind, name: of what is left out.
        winner: the best method then; of several, the one that is first in the whole order.
        first: all that share the best mean rank then, at two decimals.
        changes: whether these are others than the best methods of the whole order, or more.
        ranks: by method, the mean rank then; NaN where nothing else compares the method.
    """

    kind: str
    name: str
    winner: str
    first: tuple[str, ...]
    changes: bool
    ranks: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Order:
    """The methods in the order of their mean ranks over a family of metrics, or over quality.

    Networks with a warning (such as random weights) are left out as far as a network without one is left, and so are
    comparisons that a control wins.

    Attributes:
        family: ``quality``, or a word of ``FAMILIES``.
        comparisons: what makes the order; empty where nothing does.
        failing: the keys of comparisons of the family that are left out because a control wins them.
        disowned: the networks that are left out because of a warning.
        all_disowned: every network has a warning, so that none is left out.
        seed: of the resamples.
        uninformed: the controls that know neither the network's reasons nor the object.
        brief: whether ``table`` is without strengths.
    """

    family: str
    comparisons: tuple[Scores, ...]
    failing: tuple[Key, ...]
    disowned: tuple[str, ...]
    all_disowned: bool
    seed: int
    uninformed: frozenset[str]
    brief: bool = False

    @classmethod
    def of(cls, board: Board, comparisons: tuple[Scores, ...], family: str = QUALITY, brief: bool = False) -> Order:
        """The order of a board's methods.

        Args:
            comparisons: the matrices of all quality metrics of the board, or of one of its settings.
            family: ``quality``, or a word of ``FAMILIES``.
            brief: whether ``table`` is without strengths.

        Raises:
            BenchError: there is no such family, or it is ``cost``, which has no values per image to rank by.
        """
        if family not in RANKED:
            raise BenchError(
                f"methods cannot be ranked by the family {family!r}",
                where="ranking",
                hint="run.leaderboard() has the costs" if family == "cost" else nearest(family, RANKED),
            )
        families = QUALITY_FAMILIES if family == QUALITY else (family,)
        of_family = in_order(comparisons, families=families)
        networks = list(dict.fromkeys(each.key[0] for each in of_family))
        warned = board.warned
        all_disowned = bool(networks) and warned.keys() >= set(networks)
        disowned = () if all_disowned else tuple(name for name in networks if name in warned)
        trusted = [each for each in of_family if each.key[0] not in disowned]
        gamed = {tuple(map(str, key)) for key in board.gamed}
        failing = tuple(each.key for each in trusted if each.key in gamed)
        kept = tuple(each for each in trusted if each.key not in gamed)
        seed = int(board.record.info["seed"])
        return cls(family, kept, failing, disowned, all_disowned, seed, board.uninformed, brief)

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the metrics that make the order."""
        return tuple(dict.fromkeys(each.scale.family for each in self.comparisons))

    @cached_property
    def shares(self) -> WinShares:
        return WinShares.of(self.comparisons)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per method, the best mean rank first: see ``benchbench.stats.overall_of``."""
        return overall_of(self.comparisons, self.seed, strengths=not self.brief)

    @cached_property
    def without(self) -> pd.DataFrame:
        """The order again without each family, metric, network and dataset: see ``benchbench.stats.leave_one_out``."""
        return leave_one_out(self.shares)

    @cached_property
    def omissions(self) -> tuple[Omission, ...]:
        """``without``, each omission at once."""
        parts = self.without.groupby(["kind", "without"], sort=False)
        return tuple(self._omission(str(kind), str(name), rows) for (kind, name), rows in parts)

    def _omission(self, kind: str, name: str, rows: pd.DataFrame) -> Omission:
        names, ranks = [str(each) for each in rows["method"]], rows["rank"].to_numpy(dtype=float)
        first = tuple(names[place] for place in sorted(leaders(ranks)))
        changes = not set(first) <= set(self.best)
        ranked = dict(zip(names, ranks.tolist(), strict=True))
        return Omission(kind, name, str(rows["winner"].iloc[0]), first, changes, ranked)

    @cached_property
    def cases(self) -> tuple[OrderCase, ...]:
        """The order of the other methods without each method, and with each control that knows nothing of the map."""
        return order_cases(self.comparisons, self.uninformed)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """``cases`` as a table: see ``benchbench.stats.stability_table``."""
        return stability_table(self.cases)

    @property
    def best(self) -> tuple[str, ...]:
        """The methods with the best mean rank at two decimals: several where they tie; none where nothing is ranked."""
        places = leaders(self.table["rank"].to_numpy(dtype=float)) if len(self.table) else set()
        return tuple(str(name) for place, name in enumerate(self.table["method"]) if place in places)

    def rivals(self, pairs: pd.DataFrame) -> tuple[Rival, ...]:
        """The other methods against the first one, in the order of their ranks; without a comparison where they never
        met.

        Args:
            pairs: what ``benchbench.stats.pairs`` gave for the same results.
        """
        if not self.comparisons:
            return ()
        first, *others = self.table["method"]
        against = {rival.method: rival for rival in against_best(self.shares, pairs, str(first))}
        return tuple(against.get(str(name), Rival(str(name))) for name in others)
