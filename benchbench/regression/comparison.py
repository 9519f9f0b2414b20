"""A run against its baseline: what got worse, what changed, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import BenchError, nearest
from ..results.record import Record
from .baseline import Baseline
from .changes import ANYWHERE, KINDS, Change, Kind, Location, Tolerances
from .check_result import Checked
from .comparability import Comparability
from .cost_changes import cost_changes
from .map_changes import mapped
from .quality_changes import quality_changes
from .score_changes import paired, score_changes


def check(
    run: Record | Baseline,
    baseline: Baseline,
    tolerances: Tolerances | None = None,
    *,
    methods: Collection[str] = (),
    metrics: Collection[str] = (),
) -> Checked:
    """Compare a run with a baseline; the rules stand in docs/gate.md.

    Args:
        methods, metrics: compare these alone; a metric by its name, or as ``name@protocol``.

    Raises:
        BenchError: the baseline has none of this name, or the run has nothing to compare.
    """
    limits = tolerances or Tolerances()
    for name in limits.accept:
        if name not in baseline.method_names:
            hint = nearest(name, baseline.method_names)
            raise BenchError(f"the baseline has no method {name!r}", where="--accept", hint=hint)
    now = run if isinstance(run, Baseline) else Baseline.of(run)
    then, now = baseline.narrowed(methods, metrics, strict=True), now.narrowed(methods, metrics)
    ground = Comparability.of(then, now)
    maps, pairs = mapped(then, now, ground, limits.map), paired(then, now, ground)
    scores, tested = score_changes(pairs, maps, ground, limits)
    costs, compared = cost_changes(then, now, ground, limits)
    changes = [
        *ground.changes,
        *_absent(then, now),
        *(change for map_pair in maps for change in map_pair.changes(limits)),
        *scores,
        *quality_changes(tested, then, now, limits),
        *costs,
    ]
    if limits.strict:
        changes = [replace(change, fails=change.fails or change.kind not in ("note", "new")) for change in changes]
    order = {kind: i for i, kind in enumerate(KINDS)}
    changes.sort(key=lambda change: (not change.fails, order[change.kind]))
    seen = [map_pair.compared for map_pair in maps if map_pair.count]
    seen += [pair.compared for pair in pairs if pair.compared.count]
    return Checked(tuple(changes), (*seen, *compared))


@dataclass(frozen=True)
class _Has:
    """What a run or a baseline has, by how much of a cell's key."""

    baseline: Baseline

    @cached_property
    def keys(self) -> frozenset[tuple[str, ...]]:
        return frozenset(cell.key for cell in self.baseline.scores)

    @cached_property
    def parts(self) -> frozenset[tuple[int, tuple[str, ...]]]:
        """(where it begins, that part of a key)."""
        spans = ((0, 1), (0, 2), (0, 3), (3, 4), (4, 6))
        every = [*self.keys, *_without_scores(self.baseline)]
        return frozenset((start, key[start:end]) for key in every for start, end in spans)

    @cached_property
    def places(self) -> frozenset[tuple[str, ...]]:
        """Model, dataset, layer and method."""
        return frozenset(key[:4] for key in (*self.keys, *_without_scores(self.baseline)))


def _absent(then: Baseline, now: Baseline) -> Iterator[Change]:
    """What one has and the other has not, said once, as high up as it is true."""
    sides: tuple[tuple[Kind, Baseline, Baseline], ...] = (("missing", then, now), ("new", now, then))
    for kind, source, other in sides:
        has = _Has(other)
        lacking = [cell.key for cell in source.scores if cell.key not in has.keys]
        # what a place lacks is told with its maps and costs; here, that there is no such place
        lacking += [key for key in _without_scores(source) if key[:4] not in has.places]
        yield from dict.fromkeys(_lacking(kind, key, has) for key in lacking)


def _without_scores(baseline: Baseline) -> Iterator[tuple[str, ...]]:
    """Where there are maps or costs, as the keys of scores of no metric."""
    yield from ((*maps.key, "", "") for maps in baseline.maps)
    yield from ((*cost.key[:4], "", "") for cost in baseline.costs)


def _lacking(kind: Kind, key: tuple[str, ...], has: _Has) -> Change:
    model, dataset, layer, method, metric, protocol = key
    where = "the run" if kind == "missing" else "the baseline"

    def change(what: str, place: Location = ANYWHERE, measure: tuple[str, str] = ("", "")) -> Change:
        return Change(kind, kind == "missing", f"{what} is not in {where}", place, *measure)

    if (0, (model,)) not in has.parts:
        return change("the model", Location(model))
    if (0, (model, dataset)) not in has.parts:
        return change("the dataset", Location(model, dataset))
    if (3, (method,)) not in has.parts:
        return change("the method", Location(method=method))
    if metric and (4, (metric, protocol)) not in has.parts:
        return change("the metric", ANYWHERE, (metric, protocol))
    if (0, (model, dataset, layer)) not in has.parts:
        return change("the layer", Location(model, dataset, layer))
    return change("it", Location(model, dataset, layer, method), (metric, protocol))
