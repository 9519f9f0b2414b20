"""A method on one captured batch: its maps, or per image why there is none."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .allocator import out_of_memory
from .errors import BenchError, NotApplicable, raised, told
from .exported import refuse_spoiled
from .plan import MapCell, sample_seeds
from .rounding import doubted, made_of_rounding
from .services import Batch, look, run_method
from .table import Status

NOT_AGAIN = "defined on a whole dataset; cannot be recomputed for single images"


@dataclass(frozen=True, eq=False)
class Maps:
    """One map cell's maps (B, h, w) on one chunk; per image its status, and the reason why it has none, or ""."""

    tensor: Tensor | None
    reasons: tuple[str, ...]
    statuses: tuple[Status, ...]

    def one(self, i: int) -> Maps:
        tensor = None if self.tensor is None else self.tensor[i : i + 1]
        return Maps(tensor, self.reasons[i : i + 1], self.statuses[i : i + 1])

    @classmethod
    def none(cls, count: int, reason: str, status: Status) -> Maps:
        """No map of any image, for one reason."""
        return cls(None, (reason,) * count, (status,) * count)

    @classmethod
    def join(cls, parts: Sequence[Maps]) -> Maps:
        """One after the other; NaN where one has no map."""
        size = next((p.tensor.shape[1:] for p in parts if p.tensor is not None), None)
        reasons = tuple(reason for part in parts for reason in part.reasons)
        statuses = tuple(status for part in parts for status in part.statuses)
        if size is None:
            return cls(None, reasons, statuses)
        found = [
            torch.full((len(p.reasons), *size), float("nan")) if p.tensor is None else p.tensor.cpu() for p in parts
        ]
        return cls(torch.cat(found), reasons, statuses)


def explain(cell: MapCell, batch: Batch, ids: Sequence[str], masks: Tensor | None, seed: int) -> Maps:
    """The maps of a batch. If the method fails on it, each image is tried alone, so that only the guilty ones fail.

    So it is where memory runs out: a method that takes too much of it spoils no other method's batches.

    Args:
        ids: of the batch's images; with the study's seed, what the method draws from.
        masks: the data's (B, H, W), if any.
    """
    if "dataset" in cell.method.needs:
        return Maps.none(len(ids), NOT_AGAIN, "not_applicable")
    plugin = cell.method.plugin
    seeds = sample_seeds(seed, f"{plugin.name}/{cell.layer}", ids)
    layer = batch.layer(cell.layer, seeds, masks)
    try:
        maps = run_method(plugin, doubted(layer), cell.method.params)
        refuse_spoiled(batch.scorer)
        with batch.scorer.ledger.apart():
            rounding = made_of_rounding(plugin, layer, cell.method.params, maps)
    except Exception as error:
        failed: tuple[str, Status] = blame(error), "not_applicable" if isinstance(error, NotApplicable) else "failed"
    else:
        return _sound(cell, batch, maps, rounding)
    if len(ids) == 1:  # here, as memory that the exception held is free now
        return Maps.none(1, *failed)
    own = [None if masks is None else masks[i : i + 1] for i in range(len(ids))]
    return Maps.join([explain(cell, _alone(batch, i, cell), ids[i : i + 1], own[i], seed) for i in range(len(ids))])


def _sound(cell: MapCell, batch: Batch, maps: Tensor, rounding: Sequence[str]) -> Maps:
    """The maps of a method that returned, with what is wrong with each."""
    sound = batch.sound(cell.layer, gradient="gradient" in cell.method.needs)
    broken = [_trouble(*pair) for pair in zip(_finite(maps), sound, strict=True)]
    statuses = tuple(_status(*pair) for pair in zip(broken, rounding, strict=True))
    return Maps(maps, tuple(one or other for one, other in zip(broken, rounding, strict=True)), statuses)


def blame(error: Exception) -> str:
    """What was raised, and in which file and line."""
    if isinstance(error, BenchError):
        return told(error)
    if out_of_memory(error):
        return "out of memory with a single image"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{raised(error)}{place}"


def _finite(maps: Tensor) -> list[bool]:
    found: list[bool] = torch.isfinite(maps).flatten(1).all(1).tolist()
    return found


def _trouble(finite: bool, sound: bool) -> str:
    """Why a map is none, or ""; of a layer that is broken no method can make one, whatever it returns."""
    if not sound:
        return "the layer's activation or gradient has values that are not finite"
    return "" if finite else "the map has values that are not finite"


def _status(broken: str, rounding: str) -> Status:
    return "failed" if broken else "not_applicable" if rounding else "ok"


def _alone(batch: Batch, i: int, cell: MapCell) -> Batch:
    target, gradient = batch.captured.targets[i : i + 1], "gradient" in cell.method.needs
    return look(batch.network, batch.scorer, batch.images[i : i + 1], [cell.layer], lambda _: target, gradient=gradient)
