"""Maps against those of the baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .baseline import Baseline
from .changes import Change, Compared, Location, Tolerances
from .comparability import Comparability
from .map_sketch import Difference, difference
from .records import MapRecord


@dataclass(frozen=True)
class MapComparison:
    """One method's maps at one place, on the images that can be compared.

    Attributes:
        same: images whose map is the same, within the tolerance.
        near: those of them whose map moved all the same, by more than rounding makes of it.
        other: by image, by how much.
        dead: images whose map is the same everywhere now, and was not.
        gone: images that have no map now.
    """

    place: Location
    same: frozenset[str]
    near: frozenset[str]
    other: Mapping[str, Difference]
    dead: tuple[str, ...]
    gone: tuple[str, ...]

    @classmethod
    def of(cls, then: MapRecord, now: MapRecord | None, images: frozenset[str], tolerance: float) -> MapComparison:
        known = {} if now is None else now.sketches
        wanted = [name for name in then.sketches if name in images]
        both = {name: difference(then.sketches[name], known[name]) for name in wanted if name in known}
        dead = tuple(name for name in both if known[name].flat and not then.sketches[name].flat)
        other = {name: gap for name, gap in both.items() if gap.beyond(tolerance) and name not in dead}
        same = frozenset(both) - {*other, *dead}
        return cls(
            Location(then.model, then.dataset, then.layer, then.method),
            same,
            frozenset(name for name in same if both[name].moved),
            other,
            dead,
            tuple(name for name in wanted if name not in known),
        )

    @property
    def count(self) -> int:
        return len(self.same) + len(self.other) + len(self.dead) + len(self.gone)

    @property
    def compared(self) -> Compared:
        return Compared("maps", self.place, count=self.count)

    def changes(self, tolerances: Tolerances) -> Iterator[Change]:
        if self.gone:
            message = f"{len(self.gone)} of {self.count} maps are missing"
            yield Change("failure", True, message, self.place, images=self.gone)
        if self.dead:
            message = f"{len(self.dead)} of {self.count} maps became constant"
            yield Change("dead", True, message, self.place, images=self.dead)
        if self.other:
            accepted = self.place.method in tolerances.accept
            by = max(gap.size for gap in self.other.values())
            yield Change("map", not accepted, self._message(), self.place, by=by, images=tuple(self.other))

    def _message(self) -> str:
        name, worst = max(self.other.items(), key=lambda item: item[1].size)
        message = f"{len(self.other)} of {self.count} maps changed"
        if math.isinf(worst.size):
            return f"{message}: another size, or no longer constant"
        message += f", by up to {worst.size:.2g} of their range ({name})"
        ranks = [gap.rank for gap in self.other.values() if not math.isnan(gap.rank)]
        return f"{message}, rank correlation down to {min(ranks):.3f}" if ranks else message


def mapped(then: Baseline, now: Baseline, ground: Comparability, tolerance: float) -> list[MapComparison]:
    """Every method's maps that can be compared; a method or a layer that the run lacks altogether is left out."""
    known = {maps.key: maps for maps in now.maps}
    places = {cell.key[:4] for cell in now.scores} | {cost.key[:4] for cost in now.costs} | set(known)
    return [
        MapComparison.of(maps, known.get(maps.key), ground.images[maps.model, maps.dataset], tolerance)
        for maps in then.maps
        if maps.method in ground.methods and (maps.model, maps.dataset) in ground.images and maps.key in places
    ]
