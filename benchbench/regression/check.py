"""A run against its baseline: what got worse, what is another, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ..table import Record
from .baseline import Baseline
from .changes import KINDS, Change, Checked, Kind, Place, Tolerances
from .costs import cost_changes
from .ground import Ground
from .mapped import mapped
from .scored import paired, score_changes


def check(
    run: Record | Baseline,
    baseline: Baseline,
    tolerances: Tolerances | None = None,
    *,
    methods: Collection[str] = (),
    metrics: Collection[str] = (),
) -> Checked:
    """Compare a run with a baseline.

    Args:
        methods, metrics: compare these alone; a metric by its name, or as ``name@protocol``.

    Raises:
        BenchError: the baseline has none of this name, or the run has nothing to compare.
    """
    limits = tolerances or Tolerances()
    now = run if isinstance(run, Baseline) else Baseline.of(run)
    then, now = baseline.narrowed(methods, metrics, strict=True), now.narrowed(methods, metrics)
    ground = Ground.of(then, now)
    maps, pairs = mapped(then, now, ground, limits.map), paired(then, now, ground)
    costs, compared = cost_changes(then, now, ground, limits)
    changes = [
        *ground.changes,
        *(_missing(then, now) if ground.images or then.seed == now.seed else ()),
        *(change for one in maps for change in one.changes(limits)),
        *score_changes(pairs, maps, (then.record, now.record), ground, limits),
        *costs,
    ]
    if limits.strict:
        changes = [replace(one, fails=one.fails or one.kind not in ("note", "new")) for one in changes]
    order = {kind: i for i, kind in enumerate(KINDS)}
    changes.sort(key=lambda one: (not one.fails, order[one.kind]))
    seen = [one.compared for one in maps if one.count] + [pair.compared for pair in pairs]
    return Checked(tuple(changes), (*seen, *compared))


def _missing(then: Baseline, now: Baseline) -> Iterator[Change]:
    """What one has and the other has not, said once, as high up as it is true."""
    sides: tuple[tuple[Kind, Baseline, Baseline], ...] = (("missing", then, now), ("new", now, then))
    for kind, one, other in sides:
        said: dict[Change, None] = {}
        known = {cell.key for cell in other.scores}
        for cell in one.scores:
            if cell.key not in known:
                said.setdefault(_lacking(kind, cell.key, other))
        yield from said


def _lacking(kind: Kind, key: tuple[str, ...], other: Baseline) -> Change:
    model, dataset, layer, method, metric, protocol = key
    cells = {cell.key for cell in other.scores}
    where = "the run" if kind == "missing" else "the baseline"

    def change(what: str, place: Place, measure: tuple[str, str] = ("", "")) -> Change:
        return Change(kind, kind == "missing", f"{what} is not in {where}", place, *measure)

    if model not in {cell[0] for cell in cells}:
        return change("the model", Place(model))
    if (model, dataset) not in {cell[:2] for cell in cells}:
        return change("the dataset", Place(model, dataset))
    if method not in {cell[3] for cell in cells}:
        return change("the method", Place(method=method))
    if (metric, protocol) not in {cell[4:] for cell in cells}:
        return change("the metric", Place(), (metric, protocol))
    if (model, dataset, layer) not in {cell[:3] for cell in cells}:
        return change("the layer", Place(model, dataset, layer))
    return change("it", Place(model, dataset, layer, method), (metric, protocol))
