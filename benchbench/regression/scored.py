"""Scores against those of the baseline: what moved though its map did not, and the paired tests of the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..stats import ALPHA, Scale, scales, versus
from ..table import Record
from .baseline import Baseline, Cell
from .changes import Change, Compared, Kind, Place, Tolerances
from .ground import Ground
from .mapped import Mapped

Values: TypeAlias = npt.NDArray[np.float64]
FEWEST = 6  # images: fewer cannot be significant at 5 % by a signed-rank test, so their mean alone decides
FLIPS = 0.1  # of images, by which a metric of 0 and 1 may flip: answers at a limit do, from machine to machine


@dataclass(frozen=True, eq=False)
class Pair:
    """One cell then and now, on the images that can be compared.

    Attributes:
        names: the images on which both have a value.
        was, now: (n,), their values.
        lost, mended: images that had a value and have none, and the other way round.
        reason: of the first lost one.
        width: of the metric's range; of the values' own size where it has no bound.
    """

    place: Place
    metric: str
    protocol: str
    names: tuple[str, ...]
    was: Values
    now: Values
    lost: tuple[str, ...]
    mended: tuple[str, ...]
    reason: str
    width: float

    @classmethod
    def of(cls, then: Cell, now: Cell, orders: Sequence[Sequence[str]], images: frozenset[str], scale: Scale) -> Pair:
        mine, theirs = (dict(zip(order, c.values, strict=True)) for order, c in zip(orders, (then, now), strict=True))
        asked = [name for name in orders[0] if name in images]
        both = tuple(name for name in asked if mine[name] is not None and theirs.get(name) is not None)
        lost = tuple(name for name in asked if mine[name] is not None and theirs.get(name) is None)
        mended = tuple(name for name in asked if mine[name] is None and theirs.get(name) is not None)
        was, is_now = (np.array([side[name] for name in both], dtype=np.float64) for side in (mine, theirs))
        bounded = math.isfinite(scale.high - scale.low)
        width = scale.high - scale.low if bounded else float(np.abs([*was, *is_now]).max(initial=0.0))
        reason = now.reasons.get(lost[0], ("", ""))[1] if lost else ""
        place = Place(then.model, then.dataset, then.layer, then.method)
        return cls(place, then.metric, then.protocol, both, was, is_now, lost, mended, reason, width)

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.place.parts, self.metric, self.protocol)

    @property
    def compared(self) -> Compared:
        return Compared("scores", self.place, self.metric, self.protocol, len(self.names) + len(self.lost))

    @property
    def binary(self) -> bool:
        return bool(np.isin([*self.was, *self.now], (0.0, 1.0)).all())

    def moved(self, tolerance: float) -> tuple[str, ...]:
        """The images whose score moved by more than this share of the range."""
        far = np.abs(self.now - self.was) > tolerance * self.width
        return tuple(name for name, one in zip(self.names, far, strict=True) if one)

    def change(self, kind: Kind, fails: bool, said: str, images: Sequence[str], better: bool = False) -> Change:
        was, now = (float(side.mean()) if side.size else math.nan for side in (self.was, self.now))
        measure = (self.metric, self.protocol)
        return Change(kind, fails, said, self.place, *measure, was, now, tuple(images), better)


def paired(then: Baseline, now: Baseline, ground: Ground) -> list[Pair]:
    """Every cell that both have, and that can be compared."""
    known, scale = {cell.key: cell for cell in now.scores}, scales(then.info)
    found = []
    for cell in then.scores:
        other, place = known.get(cell.key), (cell.model, cell.dataset)
        if other is None or cell.method not in ground.methods or place not in ground.images:
            continue
        if (cell.metric, cell.protocol) in ground.metrics:
            orders = (then.samples[place], now.samples[place])
            found.append(Pair.of(cell, other, orders, ground.images[place], scale[cell.metric, cell.protocol]))
    return found


def score_changes(
    pairs: Sequence[Pair], maps: Sequence[Mapped], sides: tuple[Record, Record], ground: Ground, tolerances: Tolerances
) -> Iterator[Change]:
    """Lost and mended values, scores of the same maps that moved, and the tests of those whose maps are others."""
    same = {one.place: one.same for one in maps}
    gone = {one.place: set(one.gone) for one in maps}
    tested = []
    for pair in pairs:
        lost = [name for name in pair.lost if name not in gone.get(pair.place, set())]
        if lost:
            yield pair.change("failure", True, f"{_of(lost, pair)} have no value now: {pair.reason}", lost)
        if pair.mended:
            yield pair.change("mended", False, f"{len(pair.mended)} have a value now", pair.mended, better=True)
        moved = pair.moved(tolerances.score)
        still = [name for name in moved if name in same.get(pair.place, frozenset())]
        if moved and (pair.metric, pair.protocol) in ground.other_code:
            yield pair.change("not comparable", True, f"its own code is another, and so are {_far(moved, pair)}", moved)
            continue
        if still:
            flips = pair.binary and len(still) <= FLIPS * len(pair.names)
            yield pair.change("score", not flips, f"{_far(still, pair)} are others, and the maps are not", still)
        if len(still) < len(moved):
            tested.append(pair)
    yield from _qualities(tested, sides, tolerances)


def _qualities(pairs: Sequence[Pair], sides: tuple[Record, Record], tolerances: Tolerances) -> Iterator[Change]:
    if not pairs:
        return
    known = {pair.key: pair for pair in pairs}
    images = {(pair.place.model, pair.place.dataset, name) for pair in pairs for name in (*pair.names, *pair.lost)}
    models = {pair.place.model: pair.place.model for pair in pairs}
    first, second = (_only(side, known, images) for side in sides)
    table = versus(first, second, models)
    higher = {key: one.higher for key, one in scales(sides[0].info).items()}
    for row in table.to_dict("records"):
        key = tuple(str(row[name]) for name in ("model", "dataset", "layer", "method", "metric", "protocol"))
        pair = known[key]
        gain = float(row["mean_difference"]) * (1 if higher[pair.metric, pair.protocol] else -1)
        beyond = abs(gain) > tolerances.margin * pair.width
        few = int(row["n"]) < FEWEST
        sure = float(row["p_holm"]) < ALPHA and float(row["effect"]) * gain > 0
        settled = beyond and (few or sure)
        yield pair.change(
            "quality",
            settled and gain < 0,
            _judged(row, gain, settled, few),
            pair.moved(tolerances.score),
            better=settled and gain > 0,
        )


def _judged(row: Mapping[object, object], gain: float, settled: bool, few: bool) -> str:
    word = ("better" if gain > 0 else "worse") if settled else "not told apart"
    said = f"{word}: {row['mean']:.4g} -> {row['other_mean']:.4g} over {row['n']} images"
    return f"{said}, too few to test" if few else f"{said}, p {row['p_holm']:.2g}"


def _only(record: Record, keys: Mapping[tuple[str, ...], Pair], images: set[tuple[str, str, str]]) -> Record:
    rows = record.results
    names = ["model", "dataset", "layer", "method", "metric", "protocol"]
    kept = [key in keys for key in rows[names].astype(str).itertuples(index=False, name=None)]
    shown = [one in images for one in rows[["model", "dataset", "sample"]].itertuples(index=False, name=None)]
    return replace(record, results=rows[np.array(kept, dtype=np.bool_) & np.array(shown, dtype=np.bool_)])


def _of(names: Sequence[str], pair: Pair) -> str:
    return f"{len(names)} of {len(pair.names) + len(pair.lost)}"


def _far(names: Sequence[str], pair: Pair) -> str:
    place = {name: i for i, name in enumerate(pair.names)}
    rows = [place[name] for name in names]
    return f"{_of(names, pair)} scores, by up to {np.abs(pair.now - pair.was)[rows].max():.2g}"
