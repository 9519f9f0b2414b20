"""What a check found: changes, each with its place, what was and what is, and whether it fails the check."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..errors import BenchError

Kind: TypeAlias = Literal[
    "not comparable", "missing", "failure", "dead", "map", "score", "quality", "cost", "mended", "new", "note"
]
KINDS: Mapping[str, str] = {
    "not comparable": "seed, weights, data, classes, parameters or a metric's own code are others",
    "missing": "the baseline has it, the run does not",
    "failure": "there was a value, and now there is a reason why there is none",
    "dead": "maps that are the same everywhere now, and were not",
    "map": "maps that are others",
    "score": "scores that are others, though their maps are the same",
    "quality": "scores of maps that are others, by paired tests",
    "cost": "time, memory or passes",
    "mended": "there was no value, and now there is one",
    "new": "the run has it, the baseline does not",
    "note": "what else was otherwise, and cannot fail",
}


@dataclass(frozen=True)
class Place:
    """Where: a part is empty where all of them are meant."""

    model: str = ""
    dataset: str = ""
    layer: str = ""
    method: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method


ANYWHERE = Place()


@dataclass(frozen=True)
class Change:
    """One difference between a run and its baseline.

    Attributes:
        fails: whether the check fails by it.
        said: one sentence, without the place: what was, what is.
        metric, protocol: empty where it is not about one.
        was, now: the two numbers, where it is about numbers; NaN elsewhere.
        images: which, where it is about some of them.
        better: it is an improvement.
    """

    kind: Kind
    fails: bool
    said: str
    place: Place = ANYWHERE
    metric: str = ""
    protocol: str = ""
    was: float = math.nan
    now: float = math.nan
    images: tuple[str, ...] = ()
    better: bool = False


@dataclass(frozen=True)
class Tolerances:
    """How much may differ.

    Attributes:
        margin: by how much a metric's mean may get worse, as a share of its range.
        score: by how much an image's score may move while its map stays, as a share of the metric's range.
        map: by how much a cell of a map may move, as a share of the map's own range.
        cost: how many times as long a method may take, in units of the reference kernel.
        memory: how many times as much memory.
        accept: methods whose maps are meant to be others; their quality, failures and costs are judged all the same.
        strict: whatever is not as it was fails, improvements too.

    Raises:
        BenchError: a share or a ratio that is none.
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
    place: Place
    metric: str = ""
    protocol: str = ""
    count: int = 1


@dataclass(frozen=True)
class Checked:
    """What ``check`` found.

    Attributes:
        changes: the failing ones first.
        compared: all that was compared.
    """

    changes: tuple[Change, ...]
    compared: tuple[Compared, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Nothing fails, and something was compared."""
        return bool(self.compared) and not any(change.fails for change in self.changes)

    @property
    def failing(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.fails)

    @property
    def counts(self) -> dict[str, int]:
        """How many scores, maps and costs were compared."""
        found = Counter({"scores": 0, "maps": 0, "cost": 0})
        for one in self.compared:
            found[one.what] += one.count
        return dict(found)

    @property
    def summary(self) -> str:
        """In a sentence or a few: who got worse at what; or that nothing changed."""
        if not self.compared and not self.changes:
            return "Nothing was compared."
        said = list(self._said())
        if said:
            return f"{'; '.join(said)}."
        seen = f"{_many(self.counts['scores'], 'score')}, {_many(self.counts['maps'], 'map')} and "
        seen += f"{_many(self.counts['cost'], 'cost')} compared"
        moved = sum(change.kind not in ("note", "new") for change in self.changes)
        return f"Nothing got worse ({_many(moved, 'change')}): {seen}." if moved else f"Nothing changed: {seen}."

    def _said(self) -> Iterator[str]:
        """By method what fails, and then what concerns no method."""
        for method in dict.fromkeys(change.place.method for change in self.failing):
            mine = [change for change in self.failing if change.place.method == method]
            if method:
                yield f"{method}: {', '.join(_of_method(mine))}"
            else:
                yield from dict.fromkeys(change.said for change in mine)


def _of_method(changes: list[Change]) -> Iterator[str]:
    by_kind: dict[str, list[Change]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    for kind, mine in by_kind.items():
        images = len({(change.place, image) for change in mine for image in change.images})
        metrics = len({(change.metric, change.protocol) for change in mine})
        match kind:
            case "quality":
                yield f"worse on {_many(metrics, 'metric')}"
            case "score":
                yield f"other scores on {_many(metrics, 'metric')} of the same maps"
            case "map":
                yield f"{_many(images, 'map')} are others" if images != 1 else "1 map is another"
            case "dead":
                yield f"{_many(images, 'map')} went dead"
            case "failure":
                yield f"{_many(images, 'image')} without a value now"
            case _:
                yield from dict.fromkeys(change.said for change in mine)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
