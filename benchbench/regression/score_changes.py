"""Scores against those of the baseline, image by image: what was lost, and what moved though its map did not."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..stats import LOGIT, Scale, scales
from .baseline import Baseline
from .changes import Change, Compared, Kind, Location, Tolerances
from .comparability import Comparability
from .map_changes import MapComparison
from .records import ScoreRecord

Values: TypeAlias = npt.NDArray[np.float64]
FLIPS = 0.1  # of images: so many may jump, as where two values are equal but for rounding, one machine ranks them so


@dataclass(frozen=True, eq=False)
class ScoreComparison:
    """One cell then and now, on the images that can be compared.

    Attributes:
        names: the images on which both have a value.
        was, now: (n,), their values.
        lost, mended: images that had a value and have none, and the other way round.
        reason: of the first lost one.
        width: of the metric's range; where it has no bound, the median magnitude of the values: one extreme image
            does not hide what moves on the others. At least 1 for logits: a thousandth of a logit is nothing that
            float32 promises of a difference, and it moves no probability by more than 0.00025.
    """

    place: Location
    metric: str
    protocol: str
    names: tuple[str, ...]
    was: Values
    now: Values
    lost: tuple[str, ...]
    mended: tuple[str, ...]
    reason: str
    width: float
    bounded: bool = True

    @classmethod
    def of(
        cls, then: ScoreRecord, now: ScoreRecord, orders: Sequence[Sequence[str]], images: frozenset[str], scale: Scale
    ) -> ScoreComparison:
        before, after = (dict(zip(order, c.values, strict=True)) for order, c in zip(orders, (then, now), strict=True))
        wanted = [name for name in orders[0] if name in images]
        both = tuple(name for name in wanted if before[name] is not None and after[name] is not None)
        lost = tuple(name for name in wanted if before[name] is not None and after[name] is None)
        mended = tuple(name for name in wanted if before[name] is None and after[name] is not None)
        was, is_now = (np.array([side[name] for name in both], dtype=np.float64) for side in (before, after))
        bounded = math.isfinite(scale.high - scale.low)
        width = scale.high - scale.low if bounded else _typical(was, is_now, scale.unit)
        reason = now.reasons.get(lost[0], ("", "it is absent"))[1] if lost else ""
        place = Location(then.model, then.dataset, then.layer, then.method)
        return cls(place, then.metric, then.protocol, both, was, is_now, lost, mended, reason, width, bounded)

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.place.parts, self.metric, self.protocol)

    @property
    def compared(self) -> Compared:
        return Compared("scores", self.place, self.metric, self.protocol, len(self.names) + len(self.lost))

    @property
    def binary(self) -> bool:
        return bool(np.isin([*self.was, *self.now], (0.0, 1.0)).all())

    @property
    def drift(self) -> float:
        """The mean of the differences, now - was."""
        return float((self.now - self.was).mean()) if self.names else 0.0

    def moved(self, tolerances: Tolerances, near: Collection[str] = ()) -> tuple[str, ...]:
        """The images whose score moved by more than its share of the range; ``near`` ones' maps did, a little."""
        share = np.array([tolerances.margin if name in near else tolerances.score for name in self.names])
        sizes = np.maximum(np.abs(self.was), np.abs(self.now))
        width = self.width if self.bounded else np.maximum(self.width, sizes)  # an image's own precision, where larger
        far = np.abs(self.now - self.was) > np.maximum(share, tolerances.score) * width
        return tuple(name for name, exceeds in zip(self.names, far, strict=True) if exceeds)

    def furthest(self, images: Sequence[str]) -> float:
        place = {name: i for i, name in enumerate(self.names)}
        return float(np.abs(self.now - self.was)[[place[name] for name in images]].max(initial=0.0))

    def change(
        self,
        kind: Kind,
        fails: bool,
        message: str,
        images: Sequence[str],
        *,
        by: float = math.nan,
        better: bool = False,
    ) -> Change:
        was, now = (float(side.mean()) if side.size else math.nan for side in (self.was, self.now))
        measure = (self.metric, self.protocol)
        return Change(
            kind, fails, message, self.place, *measure, was=was, now=now, by=by, images=tuple(images), better=better
        )

    def share(self, images: Sequence[str]) -> str:
        return f"{len(images)} of {len(self.names) + len(self.lost)}"


def _typical(was: Values, now: Values, unit: str) -> float:
    sizes = np.maximum(np.abs(was), np.abs(now))
    return max(float(np.median(sizes)) if len(sizes) else 0.0, 1.0 if unit == LOGIT else 0.0)


def paired(then: Baseline, now: Baseline, ground: Comparability) -> list[ScoreComparison]:
    """Every cell that both have, and that can be compared."""
    known, scale = {cell.key: cell for cell in now.scores}, scales(then.info)
    pairs = []
    for cell in then.scores:
        other, place = known.get(cell.key), (cell.model, cell.dataset)
        if other is None or cell.method not in ground.methods or place not in ground.images:
            continue
        if (cell.metric, cell.protocol) in ground.metrics:
            orders = (then.samples[place], now.samples[place])
            pairs.append(
                ScoreComparison.of(cell, other, orders, ground.images[place], scale[cell.metric, cell.protocol])
            )
    return pairs


def score_changes(
    pairs: Sequence[ScoreComparison], maps: Sequence[MapComparison], ground: Comparability, tolerances: Tolerances
) -> tuple[list[Change], list[ScoreComparison]]:
    """Lost and mended values, and scores of the same maps that moved; and the pairs whose other scores are to be
    tested, as their maps changed too.
    """
    by_place = {map_pair.place: map_pair for map_pair in maps}
    changes: list[Change] = []
    tested: list[ScoreComparison] = []
    for pair in pairs:
        place_maps = by_place.get(pair.place)
        changes += _lost(pair, place_maps)
        other = (pair.metric, pair.protocol) in ground.other_code
        near = place_maps.near if place_maps is not None and not other else frozenset[str]()
        every, moved = pair.moved(tolerances), pair.moved(tolerances, near)
        if len(every) > len(moved):
            changes.append(_near(pair, [name for name in every if name not in moved]))
        if moved and other:
            message = f"the metric's code changed, and {pair.share(moved)} scores changed with it"
            changes.append(pair.change("not comparable", True, message, moved, by=pair.furthest(moved)))
            continue
        still = [name for name in moved if place_maps is not None and name in place_maps.same]
        if still:
            changes.append(_still(pair, still, tolerances))
        if len(still) < len(moved):
            tested.append(pair)
    return changes, tested


def _lost(pair: ScoreComparison, maps: MapComparison | None) -> Iterator[Change]:
    gone = () if maps is None else maps.gone  # said of the map already
    lost = [name for name in pair.lost if name not in gone]
    if lost:
        yield pair.change("failure", True, f"{pair.share(lost)} have no value now: {pair.reason}", lost)
    if pair.mended:
        yield pair.change("mended", False, f"{len(pair.mended)} have a value now", pair.mended, better=True)


def _near(pair: ScoreComparison, near: Sequence[str]) -> Change:
    """Told, as their maps moved too, and not failing, as neither moved far."""
    by = pair.furthest(near)
    return pair.change(
        "score", False, f"{pair.share(near)} scores moved by up to {by:.2g}; their maps moved slightly", near, by=by
    )


def _still(pair: ScoreComparison, still: Sequence[str], tolerances: Tolerances) -> Change:
    """A few that jump are told and do not fail, unless the mean moves; a metric of 0 and 1 can do nothing but jump."""
    few = len(still) <= FLIPS * len(pair.names)
    by = pair.furthest(still)
    fails = not few or (not pair.binary and abs(pair.drift) > tolerances.margin * pair.width)
    return pair.change(
        "score", fails, f"{pair.share(still)} scores changed, by up to {by:.2g}; their maps did not", still, by=by
    )
