"""What the tests say of a board: who differs from whom, in which order, and what more images would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from ...stats import (
    CELL,
    CONTEST,
    Contest,
    Ranked,
    Scale,
    Scores,
    in_order,
    letters,
    pairs_of,
    power_of,
    ranked_of,
    scores,
    significant,
    split_half_of,
    twin_gaps,
    twins_of,
)
from .board import Board
from .orders import QUALITY, RANKED, Order

Key: TypeAlias = tuple[str, ...]
Setting: TypeAlias = tuple[str, str, str]  # network, dataset and layer; ``ALL`` in a place: several settings
ALL = ""


@dataclass(frozen=True)
class Standing:
    """A method in one comparison.

    Attributes:
        rank: its mean rank over images, 1 the best.
        letters: of the groups it belongs to; two methods share one if and only if they do not differ significantly.
    """

    rank: float
    letters: str


@dataclass(frozen=True)
class Against:
    """The other tested methods of a comparison, by their verdict against those with the best mean.

    Attributes:
        worse: significantly worse than a best one.
        better: significantly better than a best one, as the test is of ranks and best is by the mean.
        level: neither.
    """

    worse: tuple[str, ...] = ()
    better: tuple[str, ...] = ()
    level: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The statistics of a board's quality metrics, each computed when it is first asked for.

    Letters, daggers, counts, sentences and the verdict on the best method overall are read from ``pairs`` alone.
    """

    board: Board

    @property
    def scales(self) -> dict[tuple[str, str], Scale]:
        return self.board.scales

    @property
    def results(self) -> pd.DataFrame:
        return self.board.shown.results

    @property
    def seed(self) -> int:
        return int(self.board.record.info["seed"])

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """All pairs, with each metric's own margin, without ``SPANS``: verdicts need few intervals."""
        return pairs_of(self.matrices, None, self.seed, spans=False)

    @cached_property
    def whole_pairs(self) -> pd.DataFrame:
        """``pairs`` with intervals and medians."""
        return self.with_margin(None)

    def whole_pairs_at(self, setting: Setting) -> pd.DataFrame:
        """``whole_pairs`` of a setting."""
        return pairs_of(self._setting_matrices.get(setting, ()), None, self.seed)

    @property
    def gaps(self) -> pd.DataFrame:
        """See ``benchbench.stats.twin_gaps``; empty without controls that are made of a method's map."""
        info = self.board.record.info
        rows = self.whole_pairs if twins_of(info) else self.pairs[:0].assign(low=float("nan"), high=float("nan"))
        return twin_gaps(rows, info, self.scales)

    def with_margin(self, margin: float | None) -> pd.DataFrame:
        """All pairs; ``margin`` in the metrics' unit, None for 1 % of each metric's range."""
        return pairs_of(self.matrices, margin, self.seed)

    @cached_property
    def ranked(self) -> dict[Key, Ranked]:
        """By comparison, the methods by their mean rank, and which do not differ significantly."""
        return {contest.key: contest for contest in ranked_of(self.matrices, self.pairs)}

    @cached_property
    def matrices(self) -> tuple[Scores, ...]:
        """The values of every comparison."""
        return tuple(scores(self.results, self.scales, self.board.controls))

    @cached_property
    def orders(self) -> Mapping[str, Order]:
        """Of quality first, then of each family with a comparison of two methods; each computed when first read."""
        families = dict.fromkeys(each.scale.family for each in in_order(self.matrices))
        named = [QUALITY, *(family for family in RANKED if family in families)]
        return {family: Order.of(self.board, self.matrices, family) for family in named}

    def order(self, family: str = QUALITY) -> Order:
        """The order over quality, or over another family.

        Raises:
            BenchError: there is no such family, or it is ``cost``.
        """
        return self.orders.get(family) or Order.of(self.board, self.matrices, family)

    def order_at(self, setting: Setting, family: str = QUALITY) -> Order:
        """The order of a setting by itself, or of several, over quality or another family; it is without strengths.

        Raises:
            BenchError: there is no such family, or it is ``cost``.
        """
        known = self._setting_orders.setdefault(setting, {})
        if family not in known:
            here = [part for place, part in self._setting_matrices.items() if within(place, setting)]
            known[family] = Order.of(self.board, tuple(each for part in here for each in part), family, brief=True)
        return known[family]

    @cached_property
    def _setting_orders(self) -> dict[Setting, dict[str, Order]]:
        """The orders of settings that were asked for, each computed once."""
        return {}

    @cached_property
    def _setting_matrices(self) -> Mapping[Setting, tuple[Scores, ...]]:
        """By setting, the values of its comparisons."""
        here: dict[Setting, list[Scores]] = {}
        for each in self.matrices:
            model, dataset, layer = map(str, each.key[:3])
            here.setdefault((model, dataset, layer), []).append(each)
        return {setting: tuple(matrices) for setting, matrices in here.items()}

    @cached_property
    def setting_pairs(self) -> Mapping[Setting, pd.DataFrame]:
        """By setting, its part of ``pairs``."""
        parts = self.pairs.groupby(["model", "dataset", "layer"], sort=False)
        keyed = ((tuple(map(str, key)), rows) for key, rows in parts)
        return {(model, dataset, layer): rows for (model, dataset, layer), rows in keyed}

    def pairs_at(self, setting: Setting) -> pd.DataFrame:
        """The part of ``pairs`` that is of a setting, or of several."""
        here = [rows for place, rows in self.setting_pairs.items() if within(place, setting)]
        return pd.concat(here) if here else self.pairs[:0]

    @property
    def overall(self) -> pd.DataFrame:
        """The order over quality, without what no order should rest on: see ``Order``."""
        return self.order().table

    @cached_property
    def halves(self) -> pd.DataFrame:
        return split_half_of(self.matrices, self.seed)

    @cached_property
    def power(self) -> pd.DataFrame:
        return power_of(self.matrices)

    @cached_property
    def tested(self) -> Mapping[Key, pd.DataFrame]:
        """By comparison, the pairs of two methods that were tested."""
        rows = self.pairs[~self.pairs["against_control"].astype(bool) & self.pairs["p_holm"].notna()]
        return {tuple(map(str, key)): part for key, part in rows.groupby(CONTEST, sort=False)}

    @cached_property
    def apart(self) -> Mapping[Key, frozenset[tuple[str, str]]]:
        """By comparison: (better, worse) of each two that differ significantly, a control among them or not."""
        ordered: dict[Key, set[tuple[str, str]]] = {}
        rows = self.pairs[significant(self.pairs)]
        columns = [*CONTEST, "method", "other", "verdict"]
        for *key, method, other, verdict in rows[columns].itertuples(index=False, name=None):
            pair = (str(method), str(other))
            ordered.setdefault(tuple(map(str, key)), set()).add(pair if verdict == "better" else pair[::-1])
        return {key: frozenset(both) for key, both in ordered.items()}

    def against(self, contest: Contest) -> Against:
        """The methods that were tested against the best ones of the comparison; none where none is best."""
        board, key = self.board, tuple(map(str, contest.key))
        best = [str(name) for name in board.tidy.loc[list(contest.best), "method"]]
        apart = self.apart.get(key, frozenset())
        rows = self.tested.get(key, self.pairs[:0])
        rows = rows[rows["method"].isin(best) | rows["other"].isin(best)]
        tested = [name for name in dict.fromkeys([*rows["method"], *rows["other"]]) if name not in best]
        worse = tuple(name for name in tested if any((winner, name) in apart for winner in best))
        better = tuple(name for name in tested if any((name, winner) in apart for winner in best))
        return Against(worse, better, tuple(name for name in tested if name not in (*worse, *better)))

    @cached_property
    def standings(self) -> dict[tuple[Key, str], Standing]:
        """By comparison and method."""
        standings = {}
        for key, contest in self.ranked.items():
            of_each = letters(len(contest.methods), contest.groups)
            for name, rank, group_letters in zip(contest.methods, contest.ranks, of_each, strict=True):
                standings[key, name] = Standing(rank, group_letters)
        return standings

    def leaderboard(self) -> pd.DataFrame:
        """The tidy leaderboard with the mean ``rank`` over images (NaN where it is not ranked) and ``groups``: letters,
        one at least for each ranked method; two methods share one if and only if they do not differ significantly.

        Of a run with the controls ``random`` and a ceiling, also ``share_of_ceiling`` with ``share_low`` and
        ``share_high``: see ``benchbench.stats.ceiling_shares``.
        """
        tidy = self.board.tidy.copy()
        places: list[Any] = [
            self.standings.get((tuple(map(str, key)), str(method)))
            for *key, method in tidy[[*CONTEST, "method"]].itertuples(index=False, name=None)
        ]
        tidy["rank"] = [place.rank if place else float("nan") for place in places]
        tidy["groups"] = pd.Series([place.letters if place else "" for place in places], dtype="string")
        shares = self.board.shares.drop(columns="ceiling")
        return tidy if shares.empty else tidy.merge(shares, how="left", on=CELL, validate="one_to_one")


def within(place: Key, setting: Setting) -> bool:
    """Whether the network, dataset and layer with which ``place`` begins are of the setting, or of several.

    Example:
        >>> within(("net", "photos", "last"), ("net", ALL, "last")), within(("net", "photos", "last"), ("", "voc", ""))
        (True, False)
    """
    return all(part in (ALL, str(each)) for part, each in zip(setting, place, strict=False))


def counted(rows: pd.DataFrame) -> tuple[int, int, int]:
    """Pairs by their verdict: significant, equivalent, neither."""
    apart, alike = int(significant(rows).sum()), int((rows["verdict"] == "equivalent").sum())
    return apart, alike, len(rows) - apart - alike
