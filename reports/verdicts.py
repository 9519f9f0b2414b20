"""What the tests say of a board: who differs from whom, in which order, and what more images would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from ..stats import (
    ALPHA,
    CONTEST,
    Contest,
    Ranked,
    Scale,
    overall,
    pairs,
    power,
    ranked,
    scales,
    split_half,
)
from .board import Board

Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A method in one contest.

    Attributes:
        rank: its mean rank over images, 1 the best.
        letters: of the groups it belongs to; methods that share one are not told apart.
        worse_than_best: it differs significantly from the method with the best mean rank, or the best mean.
    """

    rank: float
    letters: str
    worse_than_best: bool


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The statistics of a board's quality metrics, each computed when it is first asked for."""

    board: Board
    alpha: float = ALPHA

    @cached_property
    def scales(self) -> dict[tuple[str, str], Scale]:
        return scales(self.board.record.info)

    @property
    def results(self) -> pd.DataFrame:
        return self.board.shown.results

    @property
    def seed(self) -> int:
        return int(self.board.record.info["seed"])

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """All pairs, with each metric's own margin."""
        return self.with_margin(None)

    def with_margin(self, margin: float | None) -> pd.DataFrame:
        """All pairs; ``margin`` in the metrics' unit, None for 1 % of each metric's range."""
        return pairs(self.results, self.scales, self.board.controls, margin, self.seed)

    @cached_property
    def ranked(self) -> dict[Key, Ranked]:
        """By contest, the methods by their mean rank, and who cannot be told apart."""
        found = ranked(self.results, self.scales, self.pairs, self.board.controls)
        return {contest.key: contest for contest in found}

    @cached_property
    def overall(self) -> pd.DataFrame:
        """One order over all metrics that are not gamed here."""
        gamed = [tuple(map(str, key)) for key in self.board.gamed]
        return overall(self.results, self.scales, self.board.controls, gamed, self.seed)

    @cached_property
    def halves(self) -> pd.DataFrame:
        return split_half(self.results, self.scales, self.board.controls, self.seed)

    @cached_property
    def power(self) -> pd.DataFrame:
        return power(self.results, self.scales, self.board.controls)

    @cached_property
    def apart(self) -> Mapping[Key, frozenset[tuple[str, str]]]:
        """By contest: (better, worse) of each two that differ significantly, a control among them or not."""
        found: dict[Key, set[tuple[str, str]]] = {}
        rows = self.pairs[self.pairs["p_holm"] < self.alpha]
        columns = [*CONTEST, "method", "other", "effect"]
        for *key, method, other, effect in rows[columns].itertuples(index=False, name=None):
            pair = (str(method), str(other))
            found.setdefault(tuple(map(str, key)), set()).add(pair if effect > 0 else pair[::-1])
        return {key: frozenset(both) for key, both in found.items()}

    def beaten_by(self, contest: Contest) -> tuple[list[str], list[str]]:
        """Methods that are significantly worse than a best one of the contest, and those not told apart from it."""
        board, key = self.board, tuple(map(str, contest.key))
        best = [str(name) for name in board.tidy.loc[list(contest.best), "method"]]
        apart = self.apart.get(key, frozenset())
        rows = self.pairs[(self.pairs[CONTEST] == pd.Series(key, index=CONTEST)).all(axis=1)]
        rows = rows[~rows["against_control"] & rows["p_holm"].notna()]
        tested = [name for name in dict.fromkeys([*rows["method"], *rows["other"]]) if name not in best]
        worse = [name for name in tested if any((winner, name) in apart for winner in best)]
        return worse, [name for name in tested if name not in worse]

    @cached_property
    def standings(self) -> dict[tuple[Key, str], Standing]:
        """By contest and method."""
        found = {}
        for key, contest in self.ranked.items():
            letters = lettered(len(contest.methods), contest.groups)
            apart, first = self.apart.get(key, frozenset()), contest.methods[0]
            for name, rank, own in zip(contest.methods, contest.ranks, letters, strict=True):
                found[key, name] = Standing(rank, own, (first, name) in apart)
        return found

    def leaderboard(self) -> pd.DataFrame:
        """The tidy leaderboard with the mean ``rank`` over images (NaN where it is not ranked) and ``groups``: letters,
        one at least for each ranked method; methods that share one are not told apart.
        """
        tidy = self.board.tidy.copy()
        places: list[Any] = [
            self.standings.get((tuple(map(str, key)), str(method)))
            for *key, method in tidy[[*CONTEST, "method"]].itertuples(index=False, name=None)
        ]
        tidy["rank"] = [place.rank if place else float("nan") for place in places]
        tidy["groups"] = pd.Series([place.letters if place else "" for place in places], dtype="string")
        return tidy


def lettered(count: int, groups: tuple[tuple[int, int], ...]) -> list[str]:
    """Of ``count`` methods in order, the letters of the groups each is in; who is in none has a letter alone."""
    alone = [(at, at) for at in range(count) if not any(first <= at <= last for first, last in groups)]
    letters = [""] * count
    for number, (first, last) in enumerate(sorted([*groups, *alone])):
        for at in range(first, last + 1):
            letters[at] += _letter(number)
    return letters


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"({number + 1})"
