"""The cost of one method at one layer, as the engine would run the method alone on one image."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .allocator import out_of_memory
from .cost import counted, measure, timed
from .errors import BenchError, NotApplicable
from .explaining import blame
from .plan import CostCell, sample_seeds
from .ready import load_sample
from .scoring import Passes, Scorer
from .services import WritesInPlace, look, run_method
from .targets import chooser, is_scored
from .types import Cost, Count
from .work import Desk


def measure_cost(cell: CostCell, desk: Desk) -> None:
    """Measure and store a cost cell, raw; a method that fails leaves the reason instead."""
    try:
        cost = _measure(cell, desk)
    except WritesInPlace:
        raise
    except NotApplicable as reason:
        desk.store.write_cell(cell.name, {"status": "not_applicable", "reason": str(reason)})
    except Exception as error:
        if out_of_memory(error):
            raise
        desk.store.write_cell(cell.name, {"status": "failed", "reason": blame(error)})
    else:
        desk.store.write_cell(cell.name, {"status": "ok", "reason": "", "cost": vars(cost)})


def _measure(cell: CostCell, desk: Desk) -> Cost | Count:
    """Where memory does not suffice for all images, half of them, and so on."""
    images = cell.images
    while True:
        try:
            return _measure_on(cell, desk, images)
        except Exception as error:
            if not out_of_memory(error) or images == 1:
                raise
        images //= 2


def _measure_on(cell: CostCell, desk: Desk, count: int) -> Cost | Count:
    name, image, mask = _first_image(cell)
    images = image.to(desk.device).repeat(count, 1, 1, 1)
    masks = None if mask is None else mask.to(desk.device).repeat(count, 1, 1)
    plugin = cell.method.plugin
    passes = Passes()
    own = desk.scorer
    scorer = Scorer(own.network, own.batch, own.last, passes, padded=own.padded)
    gradient = "gradient" in cell.method.needs
    seeds = sample_seeds(desk.study.seed, f"{plugin.name}/{cell.layer}", [name] * count)
    network = cell.shard.model.spec.network
    choose = chooser("predicted", [None] * count, only=is_scored(network))

    def call() -> Tensor:
        batch = look(network, scorer, images, [cell.layer], choose, gradient=gradient)
        return run_method(plugin.function, batch.layer(cell.layer, seeds, masks), cell.method.params)

    def forward() -> Tensor:
        with torch.no_grad():
            found: Tensor = network(images)
        return found

    if not cell.timed:
        return counted(call, passes, count)
    cost = measure(call, passes, desk.device, count)
    forward()
    return replace(cost, forward_seconds=timed(forward, desk.device))


def _first_image(cell: CostCell) -> tuple[str, Tensor, Tensor | None]:
    said = ""
    for index, name in zip(cell.shard.indices, cell.shard.ids, strict=True):
        try:
            return name, *load_sample(cell.shard.dataset, index, cell.shard.model.spec)[1:]
        except BenchError as error:
            said = str(error)
    raise BenchError(f"no image of the first shard can be read: {said}")
