"""One shard: capture once, every missing map, the union of probes, every missing score; all into its pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..attribution.captured_maps import explain, gradients_of
from ..attribution.explainer import explainer_of
from ..attribution.layer_services import CapturedBatch, capture_batch
from ..attribution.reexplain import reexplain
from ..cost.ledger import User
from ..errors import BenchError
from ..evaluation.evaluate import evaluate, merge
from ..failure_policy import Failure, attempt, in_pieces
from ..maps.box_region import filled
from ..maps.health import health
from ..maps.map_batch import MapBatch
from ..network.capture import wanted_by_score
from ..network.custom_score import is_scored
from ..network.reference_batch import ReferenceBatch, pixels_of
from ..network.scorer import Scorer, target_scores
from ..network.targets import chooser, place_of_class
from ..results.store import Draft, Store
from ..study.plan import MapCell, Shard, Task
from ..study.spec import StudySpec
from ..types import ReferencePool
from ..types.batch import ImageBatch
from ..vocabulary import Status
from .missing_cells import MissingCells, drawn, is_complete, missing_cells, stored_predictions
from .reference_images import ReferenceImages
from .sample_loader import Loader, chunks

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class RunContext:
    """What a shard is worked on with; ``network``: as it was loaded, beside the scorer's copy of it."""

    study: StudySpec
    network: nn.Module
    store: Store
    scorer: Scorer
    device: torch.device
    loader: Loader
    references: ReferenceImages


@dataclass(frozen=True, eq=False)
class _CellDrafts:
    """What is collected over the chunks of a shard, cell by cell, until the cells are written."""

    predictions: dict[str, Any] = field(default_factory=dict)
    maps: dict[str, dict[str, Any]] = field(default_factory=dict)
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _ShardJob:
    """One shard being worked on; ``failures``: why an image has no answer of the network, by id."""

    shard: Shard
    lacking: MissingCells
    pages: _CellDrafts
    pack: Draft
    failures: dict[str, str]
    desk: RunContext
    pool: ReferencePool | None = None  # what methods compare the images with


def run_shard(task: Task, desk: RunContext) -> int:
    """Compute and store what a task lacks; returns how many cells that were.

    Raises:
        BenchError: a method writes into what it shares with others. Nothing of the task is stored.
        RuntimeError: out of memory with a single image.
    """
    # now: an earlier task may have made it, for the same network by another name
    lacking = missing_cells(task, desk.store)
    if is_complete(task, lacking, desk.store):
        return 0
    predicted = stored_predictions(task, desk.store)
    pages = _CellDrafts(
        predictions=predicted["samples"] if predicted else {},
        maps={cell.name: {} for cell in lacking.maps},
        scores={cell.name: {"samples": {}} for cell in lacking.metrics},
    )
    with desk.store.pack(task.predictions) as pack:
        _fill(task, lacking, pages, pack, desk)
    return len(lacking.maps) + len(lacking.metrics)


def _fill(task: Task, lacking: MissingCells, pages: _CellDrafts, pack: Draft, desk: RunContext) -> None:
    """Work on every batch of the shard, and put cells, maps and photographs into its pack."""
    failed_before = {name for name, entry in pages.predictions.items() if entry["reason"]}
    loading = desk.loader.load(task.shard)
    methods = [*(cell.method for cell in lacking.maps), *(cell.maps.method for cell in lacking.metrics)]
    pool = desk.references.of(task.shard, methods)
    job = _ShardJob(task.shard, lacking, pages, pack, dict(loading.failures), desk, pool)
    fit = [sample for sample in loading.samples if sample.id not in failed_before]
    desk.scorer.ledger.opened = len(lacking.maps) == len(drawn(task))
    finished = 0

    def work(chunk: ImageBatch) -> Sequence[ImageBatch]:
        nonlocal finished
        rest = _run_batch(job, chunk, finished)
        finished += not rest
        return rest

    in_pieces(chunks(fit, desk.scorer.batch, desk.device), work, desk.scorer.halve)
    for name in pages.predictions:
        pages.predictions[name] |= loading.origins.get(name, {})
    for name, photo in loading.photos.items():
        if not desk.store.has_photo(name):
            pack.write_photo(name, photo)
    _write(task, pages, job.failures, loading.labels, pack)


def _run_batch(job: _ShardJob, chunk: ImageBatch, number: int) -> Sequence[ImageBatch]:
    """Work on a batch; if the network fails on it, returns its images, each to be tried alone."""
    return watched_batch(job.desk, chunk, partial(_work_batch, job, chunk, number))


def watched_batch(desk: RunContext, chunk: ImageBatch, work: Callable[[], T]) -> T:
    """What the work gives; if a plugin spoilt the network, it is done again, and the network compared at each call."""
    scorer = desk.scorer
    scorer.watch.begin_batch(partial(scorer.probe, desk.network, chunk.images))
    result = work()
    if scorer.watch.end_batch():
        scorer.forget()
        with scorer.watch.carefully():
            result = work()
            scorer.watch.end_batch()
    return result


def _work_batch(job: _ShardJob, chunk: ImageBatch, number: int) -> Sequence[ImageBatch]:
    refused: dict[str, str] = {}
    job.desk.scorer.ledger.begin()
    batch = attempt(partial(_capture_and_predict, job, chunk, job.lacking.maps))
    if isinstance(batch, Failure):
        if len(chunk) > 1:
            return [chunk.row(i) for i in range(len(chunk))]
        batch, refused = _without_gradient(job, chunk, batch.reason)
    if chunk.ids[0] in job.pages.predictions:
        _work_chunk(job, chunk, number, batch, refused)
        job.desk.scorer.ledger.commit()
    return ()


def _without_gradient(job: _ShardJob, chunk: ImageBatch, reason: str) -> tuple[CapturedBatch | None, dict[str, str]]:
    """After the network failed on one image: what is left without a gradient, and which map cells are refused.

    An image whose prediction is known keeps it; without one, and without an answer now, all its rows fail.
    """
    gentle = [cell for cell in job.lacking.maps if "gradient" not in cell.method.needs]
    batch = attempt(partial(_capture_and_predict, job, chunk, gentle))
    if not isinstance(batch, Failure):
        return batch, {cell.name: reason for cell in job.lacking.maps if cell not in gentle}
    if chunk.ids[0] not in job.pages.predictions:
        job.failures[chunk.ids[0]] = reason
    return None, {cell.name: reason for cell in job.lacking.maps}


def _capture_and_predict(job: _ShardJob, chunk: ImageBatch, maps: list[MapCell]) -> CapturedBatch | None:
    """The capture, if maps or predictions are missing; the predictions are noted."""
    known = [job.pages.predictions[i]["target"] for i in chunk.ids if i in job.pages.predictions]
    complete = len(known) == len(chunk.ids)
    if complete and not maps:
        return None
    choose = _chooser(job, chunk, known if complete else None)
    batch = _look(job.shard, chunk, maps, choose, job.desk)
    if not torch.isfinite(batch.captured.logits).all():
        raise BenchError("the network's logits are not finite numbers")
    if not complete:
        _note_predictions(chunk, batch, job.pages)
    return batch


def _work_chunk(
    job: _ShardJob, chunk: ImageBatch, number: int, batch: CapturedBatch | None, refused: Mapping[str, str]
) -> None:
    desk, pages = job.desk, job.pages
    fresh: dict[str, MapBatch] = {}
    for cell in job.lacking.maps:
        if cell.name in refused:
            fresh[cell.name] = MapBatch(None, (refused[cell.name],), ("failed",))
        else:
            assert batch is not None
            with desk.scorer.ledger.charge_to(user_of(job.shard, cell), len(chunk.ids)):
                fresh[cell.name] = explain(cell, batch, chunk.ids, chunk.masks, desk.study.seed, job.pool)
        _note_maps(cell, chunk, number, fresh[cell.name], pages, job.pack)
    wanted = dict.fromkeys(cell.maps.name for cell in job.lacking.metrics)
    ready = {name: fresh.get(name) or stored(name, chunk.ids, desk) for name in wanted}
    original = reference_batch(chunk, pages.predictions, job.shard, desk, job.pool)
    reexplained = reexplain(job.lacking.metrics, ready, original)
    merge(pages.scores, evaluate(job.lacking.metrics, ready, original, reexplained, partial(explainer_of, original)))


def reference_batch(
    chunk: ImageBatch,
    predictions: Mapping[str, Mapping[str, Any]],
    shard: Shard,
    desk: RunContext,
    pool: ReferencePool | None,
) -> ReferenceBatch:
    """The images with the classes that were explained and predicted, and the network that answers."""
    targets, predicted = (
        torch.tensor([predictions[i][key] for i in chunk.ids], device=desk.device) for key in ("target", "predicted")
    )
    pixels = pixels_of(chunk, desk.study.seed, shard.model.preprocess)
    places = torch.tensor([predictions[i]["label_place"] for i in chunk.ids], device=desk.device)
    explained = [predictions[i]["label"] == predictions[i]["target"] for i in chunk.ids]
    return ReferenceBatch(
        desk.network,
        desk.scorer,
        chunk.ids,
        pixels,
        chunk.masks,
        targets,
        predicted,
        desk.study.seed,
        chunk.boxes,
        places,
        torch.tensor(explained, device=desk.device),
        pool,
    )


def _chooser(job: _ShardJob, chunk: ImageBatch, known: list[int] | None) -> Callable[[Tensor], Tensor]:
    """From logits (B, C) to targets (B,), by the study's rule or by what was chosen before."""
    if known is not None:
        return lambda logits: torch.tensor(known, device=logits.device)
    return chooser(job.shard.target, chunk.labels, only=is_scored(job.desk.network))


def _look(
    shard: Shard, chunk: ImageBatch, maps: list[MapCell], choose: Callable[[Tensor], Tensor], desk: RunContext
) -> CapturedBatch:
    layers = list(dict.fromkeys(cell.layer for cell in maps))
    gradient = gradients_of(maps)
    backward = [
        [user_of(shard, cell) for cell in maps if "gradient" in cell.method.needs and cell.method.explains == score]
        for score in wanted_by_score(gradient, layers)
    ]
    forward = [user_of(shard, cell) for cell in maps if "original" not in cell.method.needs]  # those run their own
    with desk.scorer.ledger.charge_capture(forward, backward) as mark:
        return capture_batch(desk.network, desk.scorer, chunk.images, layers, choose, gradient=gradient, mark=mark)


def user_of(shard: Shard, cell: MapCell) -> User:
    """By what name the ledger knows who makes the cell's maps: the same for all shards of a dataset."""
    return shard.dataset_name, cell.layer, cell.method.label


def _note_predictions(chunk: ImageBatch, batch: CapturedBatch, pages: _CellDrafts) -> None:
    seen = batch.captured
    probability = target_scores(seen.logits, seen.targets, batch.scorer.activation).probability.tolist()
    for i, name in enumerate(chunk.ids):
        target = int(batch.captured.targets[i])
        pages.predictions[name] = {
            "label": chunk.labels[i],
            "target": target,
            "predicted": int(batch.captured.logits[i].argmax()),
            "probability": probability[i],
            "label_place": place_of_class(batch.captured.logits[i], chunk.labels[i]),
            "photo": chunk.photos[i],
            "object_share": _object_share(chunk, i),
            "reason": "",
        }


def _object_share(chunk: ImageBatch, i: int) -> float | None:
    """The part of the image that its mask covers, or its boxes where it has no mask."""
    boxes = chunk.boxes[i] if chunk.boxes else None
    if chunk.masks is not None:
        return float(chunk.masks[i].double().mean())
    return None if boxes is None else float(filled(boxes, chunk.images.shape[2:]).double().mean())


def _note_maps(cell: MapCell, chunk: ImageBatch, number: int, maps: MapBatch, pages: _CellDrafts, pack: Draft) -> None:
    """Maps of one chunk are one part of the pack, as chunks may differ in shape."""
    file = f"{cell.name}-{number}.npy"
    if maps.tensor is not None:
        pack.write_maps(file, maps.tensor.cpu().numpy().astype(np.float32))
    health_entries = health(maps.tensor) if maps.tensor is not None else []
    for i, name in enumerate(chunk.ids):
        pages.maps[cell.name][name] = {
            "file": "" if maps.tensor is None else file,
            "row": i,
            "status": maps.statuses[i],
            "reason": maps.reasons[i],
            "note": maps.notes[i] if maps.notes else "",
            "health": health_entries[i] if health_entries and maps.statuses[i] == "ok" else {},
        }


def stored(name: str, ids: Sequence[str], desk: RunContext) -> MapBatch:
    """Maps that an earlier run left, in the order of the images."""
    cell = desk.store.read_cell(name)["samples"]
    entries = [cell[i] for i in ids]
    reasons = tuple(entry["reason"] for entry in entries)
    statuses: tuple[Status, ...] = tuple(entry["status"] for entry in entries)
    files = {entry["file"]: desk.store.read_maps(entry["file"]) for entry in entries if entry["file"]}
    if not files:
        return MapBatch(None, reasons, statuses)
    blank = np.full(next(iter(files.values())).shape[1:], np.nan, np.float32)
    stack = np.stack([files[entry["file"]][entry["row"]] if entry["file"] else blank for entry in entries])
    return MapBatch(torch.from_numpy(stack).to(desk.device), reasons, statuses)


def _write(
    task: Task, pages: _CellDrafts, failures: Mapping[str, str], labels: Mapping[str, int | None], pack: Draft
) -> None:
    for name, samples in pages.maps.items():
        pack.write_cell(name, {"samples": samples})
    for name, page in pages.scores.items():
        pack.write_cell(name, page)
    for sample, reason in failures.items():
        pages.predictions[sample] = {"label": labels.get(sample), "target": None, "photo": "", "reason": reason}
    pack.write_cell(task.predictions, {"samples": pages.predictions})
