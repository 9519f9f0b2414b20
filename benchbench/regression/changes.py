"""What a check found: changes, each with its place, what was and what is, and whether it fails the check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import BenchError

Kind: TypeAlias = Literal[
    "not comparable", "missing", "failure", "dead", "map", "score", "quality", "cost", "mended", "new", "note"
]
KINDS: Mapping[Kind, str] = {
    "not comparable": "seed, weights, data, classes, parameters or a metric's own code changed",
    "missing": "the baseline has it, the run does not",
    "failure": "a value is missing now, with the reason",
    "dead": "maps that became constant",
    "map": "maps that changed",
    "score": "scores that changed although their maps did not",
    "quality": "scores of changed maps, by paired tests",
    "cost": "time, memory or passes",
    "mended": "a missing value is there now",
    "new": "the run has it, the baseline does not",
    "note": "other differences, which never fail",
}


@dataclass(frozen=True)
class Location:
    """Where: a part is empty where all of them are meant."""

    model: str = ""
    dataset: str = ""
    layer: str = ""
    method: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method


ANYWHERE = Location()


@dataclass(frozen=True)
class Change:
    """One difference between a run and its baseline.

    Attributes:
        fails: whether the check fails by it.
        sentence: one sentence, without the place: what was, what is.
        metric, protocol: empty where it is not about one.
        was, now: the two numbers, where it is about numbers; NaN elsewhere.
        images: which, where it is about some of them.
        better: it is an improvement.
        by: how much: of quality, the mean of the paired differences, in the metric's unit; of scores and maps, the
            largest difference; of a cost, how many times as much, as it was judged. Else NaN.
    """

    kind: Kind
    fails: bool
    sentence: str
    place: Location = ANYWHERE
    metric: str = ""
    protocol: str = ""
    was: float = math.nan
    now: float = math.nan
    images: tuple[str, ...] = ()
    better: bool = False
    by: float = math.nan


@dataclass(frozen=True)
class Tolerances:
    """How much may differ.

    Attributes:
        margin: by how much a metric's mean may get worse, as a share of its range.
        score: by how much an image's score may move while its map stays, as a share of the metric's range; by
            ``margin`` where the map moved within ``map``, by more than rounding makes of it.
        map: by how much a cell of a map may move, as a share of the map's own range.
        cost: how many times as long a method may take, in units of the reference kernel.
        memory: how many times as much memory.
        accept: methods whose maps are meant to change; their quality, failures and costs are judged all the same.
        strict: whatever is not as it was fails, improvements too; but notes and what is new.

    Raises:
        BenchError: a share or a ratio that is none.

    Example:
        >>> bb.Tolerances(margin=0.02, accept=("mine",)).margin
        0.02
    """

    margin: float = 0.01
    score: float = 1e-3
    map: float = 5e-3
    cost: float = 1.25
    memory: float = 1.05
    accept: frozenset[str] = frozenset()
    strict: bool = False

    def __post_init__(self) -> None:
        for name in ("margin", "score", "map"):
            if not 0 <= getattr(self, name) < 1:
                raise BenchError(f"{name} is {getattr(self, name)}", where="tolerances", hint="Give a share, 0 to 1")
        for name in ("cost", "memory"):
            if not 1 <= getattr(self, name) < math.inf:
                raise BenchError(f"{name} is {getattr(self, name)}", where="tolerances", hint="Give a ratio, 1 or more")


@dataclass(frozen=True)
class Compared:
    """One thing that was compared: of one place, its scores under one metric, its maps, or one of its costs."""

    what: Literal["scores", "maps", "cost"]
    place: Location
    metric: str = ""
    protocol: str = ""
    count: int = 1
