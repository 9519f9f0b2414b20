"""Maps that are made of a whole dataset's maps, after all of these are stored: no network runs for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..containment.plugin_watch import PluginWatch
from ..containment.returned_maps import checked_maps, most_numbers
from ..digests import digest
from ..errors import BenchError
from ..failure_policy import Failure, attempt
from ..files import Damaged
from ..maps.health import health
from ..plugin_guard import contained
from ..results.store import Store
from ..study.plan import MapCell, Task
from ..study.spec import MethodChoice

_SOURCE = "source"  # of a derived cell: a digest of the cells and samples whose maps it is made of
_Group: TypeAlias = Sequence[tuple[Task, MapCell]]  # a derived map's cells, one for each shard of a dataset


def stale_cells(tasks: Iterable[Task], store: Store) -> list[str]:
    """Derived cells that are there and no longer hold, and their metrics first: a dataset's mean is of other maps now.

    So it is where a map that failed was made in a later run, and where a map that failed is to be tried again.
    """
    stale = []
    for group in _groups(tasks):
        source = _source(group, store)
        if any(store.outcome(c.name) and (not source or source_of(c.name, store) != source) for _, c in group):
            stale += [*_scores(group), *(cell.name for _, cell in group)]
    return stale


def source_of(cell: str, store: Store) -> str:
    """What the map of a derived cell was made of, as a digest; "" of a cell that is not derived or not there."""
    try:
        return str(store.read_cell(cell).get(_SOURCE, ""))
    except (OSError, Damaged):
        return ""


def derive(tasks: Sequence[Task], store: Store, watch: PluginWatch) -> int:
    """Make and store the derived map cells that are missing, of one model's tasks; returns how many that were."""
    return sum(_derive(group, store, watch) for group in _groups(tasks))


def _groups(tasks: Iterable[Task]) -> list[_Group]:
    groups: dict[tuple[str, str, str, str], list[tuple[Task, MapCell]]] = {}
    for task in tasks:
        for cell in task.maps:
            if cell.base is not None and not cell.skip:
                key = (task.shard.model.name, task.shard.dataset_name, cell.layer, cell.method.label)
                groups.setdefault(key, []).append((task, cell))
    return list(groups.values())


def _source(group: _Group, store: Store) -> str:
    """A digest of the cells whose maps are averaged, and of their samples that failed; "" if they may still change."""
    marks = []
    for task, cell in group:
        assert cell.base is not None
        failed: set[str] = set()
        for name in (cell.base.name, task.predictions):
            known = store.outcome(name)
            if known is None or store.due(name):
                return ""
            failed |= set(known.reasons)
        marks.append((cell.base.name, sorted(failed)))
    return digest("source", marks)


def _scores(group: _Group) -> list[str]:
    """The cells of the metrics of a derived map."""
    return [score.name for task, cell in group for score in task.metrics if score.maps.name == cell.name]


def _derive(group: _Group, store: Store, watch: PluginWatch) -> int:
    """One derived map for all shards of a dataset."""
    lacking = [(task, cell) for task, cell in group if store.wants(cell.name)]
    if not lacking:
        return 0
    entry: dict[str, Any] = {"file": "", "row": 0, "status": "failed", "reason": "", "health": {}}
    dataset_map: Tensor | None = None
    image_maps = [
        image_map for _, cell in group if cell.base for image_map in _stored(store.read_cell(cell.base.name), store)
    ]
    method, source = group[0][1].method, _source(group, store)
    if not image_maps:
        entry["reason"] = "no image of the dataset has a map to average"
    elif len({image_map.shape for image_map in image_maps}) > 1:
        entry |= {"status": "not_applicable", "reason": "the dataset's maps have several sizes, so they have no mean"}
    else:
        layer = group[0][1].layer
        call = partial(watch.call, f"method {method.label}", layer, partial(_derived, method, image_maps), seed=0)
        with watch.carefully():
            outcome = attempt(call, contain_memory=True)
        if isinstance(outcome, Failure):
            entry |= {"status": outcome.status, "reason": outcome.reason}
        else:
            dataset_map = outcome
    if dataset_map is not None:
        store.drop(_scores([(task, cell) for task, cell in lacking if store.outcome(cell.name)]))  # of the failed map
    with store.pack(group[0][1].name) as pack:  # of its own: a shard's would be written anew for each derived map
        for _, cell in lacking:
            file = f"{cell.name}-0.npy"
            if dataset_map is not None:
                pack.write_maps(file, dataset_map[None].numpy().astype(np.float32))
                entry |= {"file": file, "status": "ok", "health": health(dataset_map[None])[0]}
            assert cell.base is not None
            names = store.read_cell(cell.base.name)["samples"]
            pack.write_cell(cell.name, {"samples": {name: dict(entry) for name in names}, _SOURCE: source})
    return len(lacking)


def _derived(method: MethodChoice, maps: Sequence[np.ndarray[Any, np.dtype[np.float32]]]) -> Tensor:
    """(h, w): the method's map of a dataset, from the maps (h, w) of its images.

    Raises:
        BenchError: the method returned something else than a map of finite numbers.
    """
    with contained(f"method {method.label}"):
        derived = method.plugin.call(torch.from_numpy(np.stack(maps)), method.params)
    checked = checked_maps(derived, None, "the method", most_numbers(maps[0].size)).cpu()
    if not torch.isfinite(checked).all():
        raise BenchError("the map has values that are not finite")
    return checked


def _stored(cell: dict[str, Any], store: Store) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """The sound maps of a cell, each (h, w), in the order of the samples."""
    files = {e["file"]: store.read_maps(e["file"]) for e in cell["samples"].values() if e["status"] == "ok"}
    for entry in cell["samples"].values():
        if entry["status"] == "ok":
            yield files[entry["file"]][entry["row"]]
