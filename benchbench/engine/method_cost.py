"""The cost of one method at one layer, as the engine would run the method alone, on one image or on a batch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..attribution.method_call import run_method
from ..attribution.method_maps import captured_layer, method_maps
from ..cost.ledger import Passes
from ..cost.measure import counted, measure, timed
from ..errors import BenchError
from ..failure_policy import Failure, attempt, halved
from ..network.custom_score import is_scored
from ..network.scorer import Scorer
from ..network.targets import chooser
from ..seeds import sample_seeds
from ..study.plan import CostCell
from ..types import Cost, PassCount
from .sample_loader import load_sample
from .shard import RunContext

CALLS = 6  # of a method, at least, while its cost is measured


def measure_cost(cell: CostCell, desk: RunContext) -> None:
    """Measure and store a cost cell, raw; a method that fails leaves the reason instead."""
    who, watch = f"method {cell.method.label}", desk.scorer.watch
    call = partial(watch.call, who, cell.layer, partial(_measure, cell, desk), desk.study.seed, calls=CALLS)
    with watch.carefully(partial(_probe, cell, desk)):
        cost = attempt(call, contain_memory=True)
    if isinstance(cost, Failure):
        desk.store.write_cell(cell.name, {"status": cost.status, "reason": cost.reason})
    else:
        desk.store.write_cell(cell.name, {"status": "ok", "reason": "", "cost": vars(cost)})


def _probe(cell: CostCell, desk: RunContext) -> None:
    """One image through the networks."""
    _, images, _ = _different(cell, 1)
    desk.scorer.probe(desk.network, images.to(desk.device))


def _measure(cell: CostCell, desk: RunContext) -> Cost | PassCount:
    """Where memory does not suffice for all images, half of them, and so on."""
    return halved(partial(_measure_on, cell, desk), cell.images)


def _measure_on(cell: CostCell, desk: RunContext, count: int) -> Cost | PassCount:
    names, pictures, shapes = _different(cell, count)
    images, masks = pictures.to(desk.device), None if shapes is None else shapes.to(desk.device)
    plugin = cell.method.plugin
    passes = Passes()
    study_scorer = desk.scorer
    scorer = Scorer(
        study_scorer.network,
        study_scorer.batch,
        study_scorer.last,
        passes,
        padded=study_scorer.padded,
        activation=study_scorer.activation,
        watch=study_scorer.watch,
    )
    seeds = sample_seeds(desk.study.seed, f"{plugin.name}/{cell.layer}", names)
    network = desk.network
    choose = chooser("predicted", [None] * count, only=is_scored(network))

    pool = desk.references.of(cell.shard, [cell.method])
    references = pool.of(names, images) if pool else None
    arguments = (plugin, cell.method.params, network, images, cell.layer, choose, seeds)
    ready = captured_layer(*arguments, scorer=scorer, masks=masks) if "original" in cell.method.needs else None

    def call() -> Tensor:
        if ready is not None:  # another library runs its own forward and has no use for ours
            return run_method(plugin, ready, cell.method.params)
        return method_maps(*arguments, scorer=scorer, masks=masks, references=references)

    def forward() -> Tensor:
        with torch.no_grad():
            logits: Tensor = network(images)
        return logits

    if not cell.timed:
        return counted(call, passes, count)
    cost = measure(call, passes, desk.device, count)
    forward()
    return replace(cost, forward_seconds=timed(forward, desk.device))


def _different(cell: CostCell, count: int) -> tuple[list[str], Tensor, Tensor | None]:
    """``count`` different images (n, C, H, W) of one shape, with their names, and masks (n, H, W) or None.

    The readable images of the first shard; where these are too few, they come again, moved sideways by some pixels. A
    batch of equal images would be cheaper than a study's, as equal pictures are scored once.
    """
    names, images, masks = _readable(cell, count)
    available = len(images)
    for number in range(available, count):
        turn, source = divmod(number, available)
        names.append(f"{names[source]}, moved by {turn}")
        images.append(images[source].roll(turn, -1))
        mask = masks[source]
        masks.append(None if mask is None else mask.roll(turn, -1))
    whole = [mask for mask in masks if mask is not None]
    return names, torch.stack(images), torch.stack(whole) if len(whole) == count else None


def _readable(cell: CostCell, most: int) -> tuple[list[str], list[Tensor], list[Tensor | None]]:
    """Up to ``most`` of the first shard's images of the shape that its first readable image has.

    Raises:
        BenchError: none can be read.
    """
    names: list[str] = []
    images: list[Tensor] = []
    masks: list[Tensor | None] = []
    reason = ""
    for index, name in zip(cell.shard.indices, cell.shard.ids, strict=True):
        if len(images) == most:
            break
        try:
            _, image, mask, _ = load_sample(cell.shard.dataset, index, cell.shard.model.preprocess)
        except BenchError as error:
            reason = str(error)
            continue
        if not any(torch.equal(image, other) for other in images) and image.shape == (images or [image])[0].shape:
            names.append(name)
            images.append(image)
            masks.append(mask)
    if not images:
        raise BenchError(f"no image of the first shard can be read: {reason}")
    return names, images, masks
