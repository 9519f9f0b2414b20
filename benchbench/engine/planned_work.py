"""What a study still has to compute, before anything runs: cells, shards, rows, forwards, and pieces to be timed.

Forwards are counted by what methods and metrics ask for, with the one that all methods share and the one that scores
the image itself. What is saved where pictures or maps are equal is not known
before they are made, and of some methods (those that look for something) only a typical number is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..attribution.reexplain import wanted_views
from ..registry.method_parameter import Method
from ..results.store import Store
from ..study.plan import CostCell, MapCell, MetricCell, Task
from ..study.requests import probes_of
from ..types import INPUT
from ..types.probes import Filled, Probe, Random, Region, Whole, canonical
from ..types.views import Masked
from .missing_cells import MissingCells, missing_cells
from .setup import ModelPlan
from .time_left import Piece

_COUNTS = ("masks", "samples", "steps", "evaluations", "designs", "draws")  # parameters that say how often
_LOOKS, _PICTURES, _BEHIND = 10, 500, 0.3  # of a method that says none; what a pass behind a layer is of a forward
_BACKWARD = 2.0  # forwards
_CAPTURE = 1.5  # forwards' worth of an image and its capture, which is a forward
_PER_MAP, _PER_SCORE = 0.05, 0.02  # forwards' worth of a map, and of a score of an image
_CHECKED, _READINGS = 64, 6  # images and passes of the check of a network's input
_SECONDS_PER_ROW = 5e-5
_OF_IMAGES = (Filled, Random, Region)  # pictures that are the same for every map


@dataclass(frozen=True)
class Asked:
    """What a method asks of an image: pictures that the scorer answers, and other work in forwards' worth."""

    forwards: float = 0.0
    other: float = 0.0

    def times(self, count: float) -> Asked:
        """As often."""
        return Asked(self.forwards * count, self.other * count)

    def __add__(self, more: Asked) -> Asked:
        return Asked(self.forwards + more.forwards, self.other + more.other)


def asked_by(needs: Iterable[str], params: Mapping[str, Any], layer: str, channels: Mapping[str, int]) -> Asked:
    """What a method asks of an image at a layer, beyond the capture that all methods share."""
    needs = set(needs)
    count = next((value for name in _COUNTS if type(value := params.get(name)) is int), None)
    inner = next((value for value in params.values() if isinstance(value, Method)), None)
    if inner is not None:
        inner_asks = asked_by(inner.needs, inner.params, layer, channels)
        again = (inner_asks + Asked(0, 1 + _BACKWARD)).times(count or _LOOKS)
        return again if "look" in needs - set(inner.needs) else inner_asks
    at = channels.get(layer, 50)
    asked = Asked()
    if "scores" in needs:
        groups = params.get("groups")
        pictures = (count or _PICTURES) if layer == INPUT else groups if type(groups) is int else at * (count or 1)
        asked += Asked(float(pictures))
    if "detections" in needs:
        asked += Asked(float(count or _PICTURES))
    if "rest" in needs:
        asked += Asked(0, _BEHIND * at)
    if "look" in needs:
        asked += Asked(0, (1 + _BACKWARD) * (count or _LOOKS))
    if needs & {"modules", "biases", "attention", "tokens", "original", "block-logits", "curvature"}:
        asked += Asked(0, 2 * (1 + _BACKWARD))
    return asked


@dataclass(frozen=True, eq=False)
class PlannedWork:
    """What a study has to compute, of all its networks.

    Attributes:
        pieces: to be timed, in their order.
        shards, shards_there: how many there are, and how many lack nothing.
        images: of all shards.
        maps, maps_there, scores, scores_there, costs, costs_there: how many cells, and how many are there.
        rows, rows_there: of the table of results that images have.
        by_method, by_metric: by name, how many forwards it asks for; those of metrics are shared among them.
    """

    pieces: tuple[Piece, ...]
    shards: int
    shards_there: int
    images: int
    maps: int
    maps_there: int
    scores: int
    scores_there: int
    costs: int
    costs_there: int
    rows: int
    rows_there: int
    by_method: Mapping[str, float]
    by_metric: Mapping[str, float]

    @property
    def missing(self) -> int:
        """How many cells are to be computed."""
        return self.maps + self.scores + self.costs - self.maps_there - self.scores_there - self.costs_there

    @property
    def forwards(self) -> float:
        """How many images scorers are expected to answer."""
        return sum(piece.forwards for piece in self.pieces)


@dataclass(frozen=True)
class _PerImage:
    """What the cells that a shard lacks ask for, of each image: pictures that are scored, and other work."""

    forwards: float
    other: float
    by_method: Mapping[str, float]
    by_metric: Mapping[str, float]


@dataclass(eq=False)
class _Sums:
    pieces: list[Piece] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    by_method: dict[str, float] = field(default_factory=dict)
    by_metric: dict[str, float] = field(default_factory=dict)
    known: dict[Hashable, _PerImage] = field(default_factory=dict)  # by what is lacking: the same for most shards


def planned_work(
    plans: Sequence[ModelPlan],
    store: Store,
    speeds: Mapping[str, float] | None = None,
    loads: Mapping[str, float] | None = None,
) -> PlannedWork:
    """What the store lacks of the plans.

    Args:
        speeds: by network, seconds of a forward of one image, where they were measured.
        loads: by network, seconds that it takes to be loaded, of those that are loaded again.
    """
    sums = _Sums()
    for plan in plans:
        _add_model(plan, store, (speeds or {}).get(plan.model.name, 1.0), (loads or {}).get(plan.model.name), sums)
    rows = sums.counts["rows"] + sums.counts["costs"]
    sums.pieces.append(Piece("tables", "tables", "tables", rows * _SECONDS_PER_ROW))
    names = ("shards", "shards_there", "images", "maps", "maps_there", "scores", "scores_there", "costs")
    numbers = {name: sums.counts[name] for name in (*names, "costs_there", "rows", "rows_there")}
    return PlannedWork(tuple(sums.pieces), **numbers, by_method=sums.by_method, by_metric=sums.by_metric)


def shard_key(task: Task, sweep: int) -> tuple[Any, ...]:
    """Of a shard's piece. In the second sweep are metrics of maps that are made of a whole data set's."""
    return ("shard", sweep, task.shard.model.name, task.shard.dataset_name, task.predictions)


def _add_model(plan: ModelPlan, store: Store, speed: float, load: float | None, sums: _Sums) -> None:
    before = sums.counts["missing"]
    if load is not None:
        sums.pieces.append(Piece(("load", plan.model.name), "load", "load", load))
    later: list[Piece] = []
    for task in plan.tasks:
        lacking = missing_cells(task, store)
        derived = _derived(task, lacking, store)
        _count(task, lacking, derived, sums.counts)
        if lacking.maps or lacking.metrics:
            sums.pieces.append(_piece(lacking, task, 1, speed, sums))
        if derived:
            later.append(_piece(MissingCells([], derived), task, 2, speed, sums))
    sums.pieces += later
    for cell in plan.costs:
        _add_cost(cell, plan, store, speed, sums)
    if sums.counts["missing"] > before:
        key = ("check", plan.model.name)
        sums.pieces.append(Piece(key, "check", key, _CHECKED * _READINGS * speed))


def _derived(task: Task, lacking: MissingCells, store: Store) -> list[MetricCell]:
    """The metrics of maps that are still to be made of a whole data set's."""
    pending = [cell for cell in task.metrics if cell.maps.base and not cell.maps.skip]
    ready = {cell.name for cell in lacking.metrics} if pending else set()
    return [cell for cell in pending if cell.name not in ready and store.wants(cell.name)]


def _count(task: Task, lacking: MissingCells, derived: list[MetricCell], counts: Counter[str]) -> None:
    images = len(task.shard.indices)
    maps = [cell for cell in (*task.maps, *task.bases) if not cell.skip]
    scores = [cell for cell in task.metrics if not cell.maps.skip]
    missing_maps = len(lacking.maps) + len({cell.maps.name for cell in derived})
    missing_scores = len(lacking.metrics) + len(derived)
    counts.update(
        shards=1,
        shards_there=int(not missing_maps and not missing_scores),
        images=images,
        maps=len(maps),
        maps_there=len(maps) - missing_maps,
        scores=len(scores),
        scores_there=len(scores) - missing_scores,
        rows=images * len(task.metrics),
        rows_there=images * (len(task.metrics) - missing_scores),
        missing=missing_maps + missing_scores,
    )


def _piece(lacking: MissingCells, task: Task, sweep: int, speed: float, sums: _Sums) -> Piece:
    model, images = task.shard.model, len(task.shard.indices)
    maps = tuple((cell.layer, cell.method.label) for cell in lacking.maps)
    metrics = tuple((cell.maps.layer, cell.maps.method.label, cell.metric.label) for cell in lacking.metrics)
    key = (model.name, maps, metrics)
    if key not in sums.known:
        sums.known[key] = _per_image(lacking, model.channels)
    each = sums.known[key]
    for sums_of, counts in ((sums.by_method, each.by_method), (sums.by_metric, each.by_metric)):
        for name, count in counts.items():
            _add(sums_of, name, images * count)
    weight = images * speed * (each.forwards + each.other)
    group = (model.name, task.shard.dataset_name, maps, metrics)
    cells, rows = len(lacking.maps) + len(lacking.metrics), images * len(lacking.metrics)
    return Piece(
        shard_key(task, sweep), "shard", group, weight, images * each.forwards, images, cells, rows, pool=model.name
    )


def _per_image(lacking: MissingCells, channels: Mapping[str, int]) -> _PerImage:
    by_method: dict[str, float] = {}
    forwards, other = (1.0, _CAPTURE - 1) if lacking.maps else (0.0, 0.2)
    if any("gradient" in cell.method.needs for cell in lacking.maps):
        other += _BACKWARD
    for cell in lacking.maps:
        asked = _asked(cell, channels)
        forwards += asked.forwards
        other += asked.other + _PER_MAP
        _add(by_method, cell.method.title, asked.forwards + asked.other)
    scored, by_metric = _scored(lacking.metrics)
    looks = _looks(lacking.metrics, channels)
    other += looks * _BACKWARD + _PER_SCORE * len(lacking.metrics)
    return _PerImage(forwards + scored + looks, other, by_method, by_metric)


def _asked(cell: MapCell, channels: Mapping[str, int]) -> Asked:
    return asked_by(cell.method.needs, cell.method.params, cell.layer, channels)


def _scored(cells: Sequence[MetricCell]) -> tuple[float, dict[str, float]]:
    """How many pictures of an image are scored, itself and each of the metrics' once; and by metric, its new ones."""
    by_metric: dict[str, float] = {}
    probes = {cell.metric: frozenset(map(canonical, probes_of(cell.metric))) - {Whole()} for cell in cells}
    asked: set[tuple[str, Probe]] = set()
    for cell in cells:
        fresh = {("" if isinstance(p, _OF_IMAGES) else cell.maps.name, p) for p in probes[cell.metric]} - asked
        _add(by_metric, cell.metric.title, len(fresh))
        asked |= fresh
    return len(asked) + float(bool(cells)), by_metric


def _add(counts: dict[str, float], name: str, more: float) -> None:
    counts[name] = counts.get(name, 0.0) + more


def _looks(cells: Sequence[MetricCell], channels: Mapping[str, int]) -> float:
    """How many pictures of an image are explained again."""
    looks = 0.0
    for view, maps in wanted_views(cells).items():
        looks += len(maps) if isinstance(view, Masked) else 1
        looks += sum(_asked(cell, channels).forwards for cell in maps)
    return looks


def _add_cost(cell: CostCell, plan: ModelPlan, store: Store, speed: float, sums: _Sums) -> None:
    if cell.skip:
        return
    there = not store.wants(cell.name)
    sums.counts.update(costs=1, costs_there=int(there), missing=int(not there))
    if not there:
        asked = asked_by(cell.method.needs, cell.method.params, cell.layer, plan.model.channels)
        passes = asked.forwards + asked.other + 1 + _BACKWARD * ("gradient" in cell.method.needs)
        group = ("cost", plan.model.name, cell.images, cell.timed)
        sums.pieces.append(Piece(cell.name, "cost" if cell.timed else "check", group, speed * cell.images * passes))
