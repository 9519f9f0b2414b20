"""What a run is to compute, in a file that is whole before it begins: unfinished.json.

Tables can be made of the finished part at any time, from this file and the cells, without networks or data. The file is
removed when the run's own tables are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..digests import digest
from ..errors import BenchError, NotApplicable, raised
from ..files import Damaged, read, write
from ..registry import MethodPlugin, MetricPlugin
from ..results.run_folder import UNFINISHED, info_digest, plainly
from ..study.identity import identity
from ..study.plan import Chosen, CostCell, MapCell, MetricCell, ReadyModel, Shard, Task
from ..study.spec import DatasetChoice, MethodChoice, MetricChoice, ModelChoice, StudySpec, read_metric
from ..types import Preprocess, Sample
from .provenance import titles_of
from .setup import ModelPlan

FORMAT = 1


@dataclass(frozen=True, eq=False)
class RunPlan:
    """A run's plan, read back.

    Attributes:
        started: when the run began, in ISO 8601.
        info: what run.json says, as far as it was known then.
        study: the names, the metrics and the seed of the study, and nothing else of it.
        tasks, costs: every cell; of the costs each with the scorer's batch.
    """

    started: str
    info: dict[str, Any]
    study: StudySpec
    tasks: tuple[Task, ...]
    costs: tuple[tuple[CostCell, int], ...]


def write_plan(folder: Path, study: StudySpec, plans: Sequence[ModelPlan], info: Mapping[str, Any]) -> None:
    """Write the plan of a run that is about to begin.

    Args:
        info: what run.json will say, as far as it is known.

    Raises:
        OSError: it cannot be written there.
    """
    networks, data = titles_of(study)
    content = {
        "format": FORMAT,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "info": info,
        "seed": study.seed,
        "networks": networks,
        "data": data,
        "methods": {choice.label: choice.title for choice in study.methods},
        "metrics": [_metric_entry(choice) for choice in study.metrics],
        "models": [_model_entry(plan) for plan in plans],
    }
    plain = json.loads(json.dumps(content, default=str, allow_nan=False))
    text = json.dumps({**plain, "digest": info_digest(plain)})
    write(folder / UNFINISHED, lambda file: file.write(text.encode()))


def unmark(folder: Path) -> None:
    """Remove the plan: the run has its tables."""
    (folder / UNFINISHED).unlink(missing_ok=True)


def read_plan(folder: Path) -> RunPlan:
    """The plan of the folder's run.

    Raises:
        BenchError: there is none, or it is not what a run of this version wrote.
    """
    with plainly(folder):
        plain = json.loads(read(folder / UNFINISHED))
        if not isinstance(plain, dict) or plain.pop("digest", None) != info_digest(plain):
            raise Damaged(f"{UNFINISHED} is not what was written, or another version of benchbench wrote it")
    if plain.get("format") != FORMAT:
        raise BenchError("another version of benchbench began this run", where=str(folder), hint="Run it again")
    with fitting(folder):
        return _plan(plain)


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """The block puts together what a run's plan and cells say; what does not fit together is a BenchError.

    Digests tell that each is as it was written, not that this version of benchbench wrote it.
    """
    try:
        yield
    except Damaged:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        message = f"the plan and the cells are not as benchbench writes them: {raised(error)}"
        raise BenchError(message, where=str(folder), hint="Run it again") from error


def _plan(plain: Mapping[str, Any]) -> RunPlan:
    """The plan that a file of this version says.

    Raises:
        BenchError, LookupError, TypeError, ValueError, AttributeError: it is none.
    """
    started = datetime.fromisoformat(plain["started"])
    if started.tzinfo is None:
        raise ValueError("the run began at no known time")
    methods = {label: _method(label, title) for label, title in plain["methods"].items()}
    metrics = [_metric(entry) for entry in plain["metrics"]]
    tasks: list[Task] = []
    costs: list[tuple[CostCell, int]] = []
    for entry in plain["models"]:
        model_tasks = list(_tasks(entry, methods, metrics))
        tasks += model_tasks
        firsts = {task.shard.dataset_name: task.shard for task in reversed(model_tasks)}
        costs += [(_cost(cost, firsts, methods), int(entry["batch"])) for cost in entry["costs"]]
    study = StudySpec.model_construct(
        models=tuple(_TitledModel(label, shown=title) for label, title in plain["networks"].items()),
        datasets=tuple(_TitledData(label, shown=title) for label, title in plain["data"].items()),
        methods=tuple(methods.values()),
        metrics=tuple(choice for choice, _ in metrics),
        seed=int(plain["seed"]),
        target="predicted",
    )
    return RunPlan(plain["started"], plain["info"], study, tuple(tasks), tuple(costs))


def _model_entry(plan: ModelPlan) -> dict[str, Any]:
    first = plan.tasks[0]
    return {
        "name": plan.model.name,
        "class_names": plan.model.class_names,
        "classes": plan.model.classes,
        "scored": plan.model.settings["scored"],
        "batch": plan.sizing.batch,
        "maps": [[cell.layer, cell.method.label, cell.skip, cell.base is not None] for cell in first.maps],
        "groups": {name: _groups(name, plan.tasks) for name in plan.datasets},
        "readings": {
            name: {key: list(labels.items()) for key, labels in getattr(data, "readings", {}).items()}
            for name, data in plan.datasets.items()
        },
        "shards": [
            [task.shard.dataset_name, task.shard.ids, task.predictions, [cell.name for cell in task.maps]]
            for task in plan.tasks
        ],
        "costs": [
            [cell.name, cell.shard.dataset_name, cell.layer, cell.method.label, cell.skip, cell.images, cell.timed]
            for cell in plan.costs
        ],
    }


def _groups(name: str, tasks: Sequence[Task]) -> dict[str, str | None] | None:
    """By sample of a dataset; None where the dataset tells them with each sample alone."""
    known = [task.shard.groups for task in tasks if task.shard.dataset_name == name]
    return None if None in known else {sample: group for groups in known if groups for sample, group in groups.items()}


def _metric_entry(choice: MetricChoice) -> dict[str, Any]:
    plugin = choice.plugin
    return {
        "name": choice.name,
        "protocol": choice.protocol,
        "title": choice.user_title,
        "parameters": dict(choice.params),
        "identity": identity(plugin, choice.params),
        "needs": sorted(plugin.needs),
        "held_out": plugin.held_out is not None,
        "pooled": plugin.pooled is not None,
    }


def _tasks(
    entry: Mapping[str, Any], methods: Mapping[str, MethodChoice], metrics: Sequence[tuple[MetricChoice, Any]]
) -> Iterator[Task]:
    settings = {"scored": entry["scored"]}
    model = ReadyModel(
        entry["name"], Preprocess(), tuple(entry["class_names"]), "", (), {}, int(entry["classes"]), {}, settings
    )
    samples: dict[str, list[str]] = {}
    for name, ids, _, _ in entry["shards"]:
        samples.setdefault(name, []).extend(ids)
    wholes = {
        name: Chosen(
            _StoredData(name, ids, _readings(entry["readings"][name]), entry["groups"][name]), tuple(range(len(ids)))
        )
        for name, ids in samples.items()
    }
    begun = dict.fromkeys(samples, 0)
    for name, ids, predictions, map_names in entry["shards"]:
        indices = tuple(range(begun[name], begun[name] + len(ids)))
        begun[name] += len(ids)
        shard = Shard(model, wholes[name].dataset, name, "predicted", indices, wholes[name])
        cells = zip(map_names, entry["maps"], strict=True)
        maps = tuple(_map_cell(cell, methods[label], layer, *rest) for cell, (layer, label, *rest) in cells)
        yield Task(shard, predictions, maps, tuple(_metric_cells(maps, metrics)))


def _map_cell(name: str, method: MethodChoice, layer: str, skip: str, derived: bool) -> MapCell:
    base = MapCell("", layer, method, "") if derived else None
    return MapCell(name, layer, method, skip, base)


def _metric_cells(maps: Sequence[MapCell], metrics: Sequence[tuple[MetricChoice, Any]]) -> Iterator[MetricCell]:
    """Named as ``study.plan.tasks`` names them."""
    for cell in maps:
        for choice, parts in metrics:
            if choice.plugin.of_images:
                yield MetricCell(digest("metric", cell.name, *parts), cell, choice)


def _cost(entry: Sequence[Any], firsts: Mapping[str, Shard], methods: Mapping[str, MethodChoice]) -> CostCell:
    name, dataset, layer, label, skip, images, timed = entry
    return CostCell(name, firsts[dataset], layer, methods[label], skip, int(images), bool(timed))


def _readings(entry: Mapping[str, Any]) -> dict[str, dict[Any, Any]]:
    return {name: dict(pairs) for name, pairs in entry.items()}


@dataclass(frozen=True, eq=False)
class _StoredData:
    """What tables ask of a dataset whose samples were read before."""

    name: str
    ids: Sequence[str]
    readings: Mapping[str, Mapping[Any, Any]]
    groups_by_id: Mapping[str, str | None] | None
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> list[str | None] | None:
        return None if self.groups_by_id is None else [self.groups_by_id[name] for name in self.ids]

    def __getitem__(self, index: int) -> Sample:
        raise BenchError(f"{self.name}: the images are not read for tables")

    def fingerprint(self, index: int) -> str:
        raise BenchError(f"{self.name}: the images are not read for tables")


@dataclass(frozen=True, eq=False)
class _TitledModel(ModelChoice):
    shown: str = ""

    @property
    def title(self) -> str:
        return self.shown


@dataclass(frozen=True, eq=False)
class _TitledData(DatasetChoice):
    shown: str = ""

    @property
    def title(self) -> str:
        return self.shown


@dataclass(frozen=True, eq=False)
class _TitledMethod(MethodChoice):
    shown: str = ""

    @property
    def title(self) -> str:
        return self.shown


def _absent(*_: Any, **__: Any) -> Any:
    raise NotApplicable("the code of the metric is not here; the run itself writes this value when it ends")


def _method(label: str, title: str) -> MethodChoice:
    return _TitledMethod(label, {}, MethodPlugin(label, _absent), shown=title)


def _metric(entry: Mapping[str, Any]) -> tuple[MetricChoice, Any]:
    """The metric, and what the names of its cells are made of.

    Its code is called for values that are made over all images, and to read costs. Code of a user's file, which is not
    loaded, or code that has changed, is not called: these values then have the reason.
    """
    parts = entry["identity"]
    try:
        choice = read_metric({"name": entry["name"], **entry["parameters"]})
        if json.loads(json.dumps(identity(choice.plugin, choice.params), default=str)) == parts:
            return MetricChoice(entry["name"], entry["protocol"], choice.params, choice.plugin, entry["title"]), parts
    except BenchError:
        pass
    plugin = MetricPlugin(
        entry["name"],
        _absent,
        needs=frozenset(entry["needs"]),
        held_out=_absent if entry["held_out"] else None,
        pooled=_absent if entry["pooled"] else None,
    )
    return MetricChoice(entry["name"], entry["protocol"], entry["parameters"], plugin, entry["title"]), parts
