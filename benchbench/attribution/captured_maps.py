"""A method on one captured batch: its maps, or per image why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..containment.plugin_watch import Spoils
from ..errors import BenchError
from ..failure_policy import Failure, isolate
from ..maps.map_batch import MapBatch
from ..network.hookable_copy import forget_spoiled
from ..network.lent_network import CHANGED_VALUES
from ..seeds import sample_seeds
from ..study.plan import MapCell
from ..types import Layer, ReferencePool
from ..vocabulary import Status
from .layer_services import CapturedBatch, capture_batch
from .method_call import run_method
from .rounding import doubted, made_of_rounding

SPOILT = "weights, modes or hooks of layer.network or layer.behind changed"
NOT_AGAIN = "defined on a whole dataset; cannot be recomputed for single images"


def explain(
    cell: MapCell,
    batch: CapturedBatch,
    ids: Sequence[str],
    masks: Tensor | None,
    seed: int,
    pool: ReferencePool | None = None,
) -> MapBatch:
    """The maps of a batch. If the method fails on it, each image is tried alone, so that only the guilty ones fail.

    So it is where memory runs out: a method that takes too much of it spoils no other method's batches.

    Args:
        ids: of the batch's images; with the study's seed, what the method draws from.
        masks: the data's (B, H, W), if any.
        pool: images of the data that methods compare an image with, if a method does.
    """
    if "dataset" in cell.method.needs:
        return MapBatch.none(len(ids), NOT_AGAIN, "not_applicable")
    lent = batch.explaining(cell.method.explains)
    return _explain(cell, lambda: lent, batch, ids, masks, seed, pool)


def gradients_of(cells: Iterable[MapCell]) -> dict[str, set[str]]:
    """By score, the layers whose gradient the cells' methods read: what one capture for all of them must give."""
    wanted: dict[str, set[str]] = {}
    for cell in cells:
        if "gradient" in cell.method.needs:
            wanted.setdefault(cell.method.explains, set()).add(cell.layer)
    return wanted


def _explain(
    cell: MapCell,
    capture: Callable[[], CapturedBatch],
    whole: CapturedBatch,
    ids: Sequence[str],
    masks: Tensor | None,
    seed: int,
    pool: ReferencePool | None,
) -> MapBatch:
    """The maps of what ``capture`` gives: the ``whole`` batch, or one of its images, which is captured anew."""
    plugin = cell.method.plugin
    seeds = sample_seeds(seed, f"{plugin.name}/{cell.layer}", ids)

    def work() -> tuple[CapturedBatch, Tensor, Sequence[str], tuple[str, ...]]:
        batch = capture()
        references = pool.of(ids, batch.images) if pool and "references" in cell.method.needs else None
        layer = replace(batch.layer(cell.layer, seeds, masks), data_references=references)
        call = partial(_called, cell, batch, layer)
        who = f"method {cell.method.label}"
        try:
            maps, rounding = batch.scorer.watch.call(who, cell.layer, call, seeds[0])
        finally:
            spoiled = forget_spoiled(batch.scorer)
        if spoiled:
            raise Spoils(f"{who} leaves {SPOILT}", hint="Remove hooks, or work on a copy.deepcopy")
        with batch.scorer.ledger.apart():
            return batch, maps, rounding, _left_behind(batch, len(ids))

    def then(outcome: tuple[CapturedBatch, Tensor, Sequence[str], tuple[str, ...]]) -> MapBatch:
        return _sound(cell, *outcome)

    def alone(i: int) -> MapBatch:
        mask = None if masks is None else masks[i : i + 1]
        return _explain(cell, partial(_alone, whole, i, cell), whole, ids[i : i + 1], mask, seed, pool)

    def refused(failure: Failure) -> MapBatch:
        return MapBatch.none(len(ids), failure.reason, failure.status)

    return isolate(len(ids), work, then, alone, MapBatch.join, refused, contain_memory=True)


def _called(cell: MapCell, batch: CapturedBatch, layer: Layer) -> tuple[Tensor, tuple[str, ...]]:
    """The method's maps, and per image why its map is made of rounding, or ""."""
    plugin, params = cell.method.plugin, cell.method.params
    maps = run_method(plugin, doubted(layer), params)
    with batch.scorer.ledger.apart():
        return maps, made_of_rounding(plugin, layer, params, maps)


def _left_behind(batch: CapturedBatch, count: int) -> tuple[str, ...]:
    """Per image what another library left in the copy of the network that it was lent, or "".

    Raises:
        BenchError: it changed the weights while it explained several images: each is to be tried alone.
    """
    remains = batch.scorer.lent.remains() if batch.scorer.lent else []
    if count > 1 and any(CHANGED_VALUES in left for left in remains):
        raise BenchError(f"the method leaves {CHANGED_VALUES} in the network")
    notes = tuple("; ".join(left) for left in remains)
    return notes if len(notes) == count else ("; ".join(dict.fromkeys(filter(None, notes))),) * count


def _sound(
    cell: MapCell, batch: CapturedBatch, maps: Tensor, rounding: Sequence[str], notes: tuple[str, ...]
) -> MapBatch:
    """The maps of a method that returned, with what is wrong with each."""
    sound = batch.sound(cell.layer, gradient="gradient" in cell.method.needs)
    broken = [_trouble(*pair) for pair in zip(_finite(maps), sound, strict=True)]
    statuses = tuple(_status(*pair) for pair in zip(broken, rounding, strict=True))
    reasons = tuple(trouble or doubt for trouble, doubt in zip(broken, rounding, strict=True))
    return MapBatch(maps, reasons, statuses, notes)


def _finite(maps: Tensor) -> list[bool]:
    finite: list[bool] = torch.isfinite(maps).flatten(1).all(1).tolist()
    return finite


def _trouble(finite: bool, sound: bool) -> str:
    """Why a map is none, or ""; of a layer that is broken no method can make one, whatever it returns."""
    if not sound:
        return "the layer's activation or gradient has values that are not finite"
    return "" if finite else "the map has values that are not finite"


def _status(broken: str, rounding: str) -> Status:
    return "failed" if broken else "not_applicable" if rounding else "ok"


def _alone(batch: CapturedBatch, i: int, cell: MapCell) -> CapturedBatch:
    target, gradient = batch.captured.targets[i : i + 1], gradients_of([cell])
    captured = capture_batch(
        batch.network, batch.scorer, batch.images[i : i + 1], [cell.layer], lambda _: target, gradient=gradient
    )
    return captured.explaining(cell.method.explains)
