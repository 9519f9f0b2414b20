"""Maps that are made of a whole dataset's maps, after all of these are stored: no network runs for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..containment.plugin_watch import PluginWatch
from ..containment.returned_maps import checked_maps, most_numbers
from ..failures import Failure, attempt
from ..maps.health import health
from ..plugin_guard import contained
from ..results.store import Store
from ..study.plan import MapCell, Task
from ..study.spec import MethodChoice


def derive(tasks: Sequence[Task], store: Store, watch: PluginWatch) -> int:
    """Make and store the derived map cells that are missing, of one model's tasks; returns how many that were."""
    groups: dict[tuple[str, str, str], list[tuple[Task, MapCell]]] = {}
    for task in tasks:
        for cell in task.maps:
            if cell.base is not None and not cell.skip:
                groups.setdefault((task.shard.dataset_name, cell.layer, cell.method.label), []).append((task, cell))
    return sum(_derive(group, store, watch) for group in groups.values())


def _derive(group: Sequence[tuple[Task, MapCell]], store: Store, watch: PluginWatch) -> int:
    """One derived map for all shards of a dataset."""
    lacking = [(task, cell) for task, cell in group if store.wants(cell.name)]
    if not lacking:
        return 0
    entry: dict[str, Any] = {"file": "", "row": 0, "status": "failed", "reason": "", "health": {}}
    dataset_map: Tensor | None = None
    image_maps = [
        image_map for _, cell in group if cell.base for image_map in _stored(store.read_cell(cell.base.name), store)
    ]
    method = group[0][1].method
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
    with store.pack(group[0][1].name) as pack:  # of its own: a shard's would be written anew for each derived map
        for _, cell in lacking:
            file = f"{cell.name}-0.npy"
            if dataset_map is not None:
                pack.write_maps(file, dataset_map[None].numpy().astype(np.float32))
                entry |= {"file": file, "status": "ok", "health": health(dataset_map[None])[0]}
            assert cell.base is not None
            names = store.read_cell(cell.base.name)["samples"]
            pack.write_cell(cell.name, {"samples": {name: dict(entry) for name in names}})
    return len(lacking)


def _derived(method: MethodChoice, maps: Sequence[np.ndarray[Any, np.dtype[np.float32]]]) -> Tensor:
    """(h, w): the method's map of a dataset, from the maps (h, w) of its images."""
    with contained(f"method {method.label}"):
        derived = method.plugin.call(torch.from_numpy(np.stack(maps)), method.params)
    return checked_maps(derived, None, "the method", most_numbers(maps[0].size)).cpu()


def _stored(cell: dict[str, Any], store: Store) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """The sound maps of a cell, each (h, w), in the order of the samples."""
    files = {e["file"]: store.read_maps(e["file"]) for e in cell["samples"].values() if e["status"] == "ok"}
    for entry in cell["samples"].values():
        if entry["status"] == "ok":
            yield files[entry["file"]][entry["row"]]
