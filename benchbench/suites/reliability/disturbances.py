"""Scores again after a disturbance of the image or of the network: what stats.reliability judges a metric by.

A disturbance of the input leaves the map as it was (MetaQuantus: only what the metric asks of the network changes); a
metric that compares the map with maps of changed images is given the map of the disturbed image. A disturbance of the
weights explains the image anew. The class stays that of the undisturbed image, and so do all seeds.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd
import torch

from ...attribution.apply_view import RandomisedNetworks, ViewBatch, apply_view
from ...attribution.explainer import explainer_of
from ...attribution.reexplain import explain_shown, reexplain
from ...containment.hang_record import HangRecord
from ...containment.network_watch import NetworkWatch
from ...containment.plugin_watch import PluginWatch
from ...digests import digest
from ...engine import result_rows
from ...engine.dataset_maps import source_of
from ...engine.device import deterministic_cudnn, device_of
from ...engine.lock import locked
from ...engine.plugin_marks import plugin_marks
from ...engine.progress import Progress, Silent
from ...engine.reference_images import ReferenceImages
from ...engine.runner import as_bench_errors
from ...engine.sample_loader import Loader, chunks
from ...engine.setup import PROOF_IMAGES, LoadedModel, ModelPlan, load
from ...engine.shard import RunContext, reference_batch, stored, watched_batch
from ...engine.stopping import Stopped, StopRequest, stoppable, told_once
from ...errors import BenchError
from ...evaluation.evaluate import evaluate, merge
from ...failure_policy import in_pieces
from ...maps.map_batch import MapBatch
from ...network.capture import eval_frozen
from ...network.fast_copy import prepare
from ...network.reference_batch import ReferenceBatch
from ...network.scorer import Scorer
from ...results.disturbance_scores import FILE
from ...results.record import Record
from ...results.store import Store
from ...stats import is_part
from ...study.plan import MetricCell, Task
from ...study.requests import probes_of
from ...study.spec import ModelChoice, StudySpec
from ...types.batch import ImageBatch
from ...types.views import Noisy, NoisyWeights

FIRST = 10_000  # draws of noise that no metric's own views use
On: TypeAlias = Literal["input", "weights"]
Strength: TypeAlias = Literal["minor", "disruptive"]


@dataclass(frozen=True)
class Disturbance:
    """One draw of noise on every image, or on every weight."""

    on: On
    strength: Strength
    size: float
    draw: int

    @property
    def view(self) -> Noisy | NoisyWeights:
        return Noisy(FIRST + self.draw, self.size) if self.on == "input" else NoisyWeights(self.draw, self.size)


@dataclass(frozen=True)
class Disturbances:
    """How often, and how much, minor and disruptive.

    Attributes:
        draws: of each of the four kinds.
        input: the bound of uniform noise on pixels of [0, 1]; nothing is clipped.
        weights: the standard deviation of what each weight is multiplied by, around 1.
    """

    draws: int = 5
    input: tuple[float, float] = (0.001, 1.0)
    weights: tuple[float, float] = (0.001, 0.5)

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise BenchError(f"draws is {self.draws}", where="reliability", hint="Ask for one or more")
        for name, (minor, disruptive) in (("input", self.input), ("weights", self.weights)):
            if not 0 < minor < disruptive < float("inf"):
                message = f"{name} is {minor:g}, {disruptive:g}"
                raise BenchError(message, where="reliability", hint="Give a small size above 0, then a larger one")

    def all(self) -> Iterator[Disturbance]:
        strengths: tuple[Strength, ...] = ("minor", "disruptive")
        for on, sizes in (("input", self.input), ("weights", self.weights)):
            for strength, size in zip(strengths, sizes, strict=True):
                for draw in range(self.draws):
                    yield Disturbance("input" if on == "input" else "weights", strength, size, draw)


def disturb(study: StudySpec, folder: Path, disturbances: Disturbances, progress: Progress | None = None) -> None:
    """Score what a finished run of the study holds again under every disturbance, and write reliability.parquet.

    Controls are left out. What the folder already holds is not computed again.

    Raises:
        Stopped: a signal came. The shard that was worked on is finished; reliability.parquet is not written.
        BenchError: the request cannot be met.
    """
    progress = progress or Silent()
    device, store = device_of(study), Store(folder)
    frames: list[pd.DataFrame] = []
    tell = told_once(progress, "this shard is finished first")
    with (
        stoppable() as stop,
        locked(folder, progress.warn),
        as_bench_errors(study, folder, progress),
        deterministic_cudnn(),
        stop.patient(tell),
    ):
        remains: list[str] = []
        for choice in study.models:
            tables, told = _tables(choice, study, disturbances, store, device, progress, stop)
            frames += tables
            remains += told
            gc.collect()  # one network in memory at a time
        info = Record.load(folder).info
        warnings = list(dict.fromkeys([*info["warnings"], *remains]))
        store.write_results({FILE: pd.concat(frames, ignore_index=True)}, {**info, "warnings": warnings})


def _tables(
    choice: ModelChoice,
    study: StudySpec,
    disturbances: Disturbances,
    store: Store,
    device: torch.device,
    progress: Progress,
    stop: StopRequest,
) -> tuple[list[pd.DataFrame], list[str]]:
    """The tables of one network, one for each disturbance; and what plugins did that spoilt no number."""
    loaded = load(choice, study, device)
    progress.start(_estimate(loaded.plan, disturbances))
    hangs = HangRecord(store.folder, marks=plugin_marks(study, [loaded.plan]))
    with hangs.kept(), eval_frozen(loaded.network):
        networks = NetworkWatch([loaded.network, loaded.prepared.network])  # as they are in the block
        watch = PluginWatch(study.time_limit, networks, hangs, progress.warn)
        loader = Loader(store, study.workers)
        scorer, references = _scorer(loaded, watch, progress), ReferenceImages(study.seed)
        desk = RunContext(study, loaded.network, store, scorer, device, loader, references)
        frames = []
        try:
            for each in disturbances.all():
                progress.say(f"{loaded.plan.model.name}: {each.strength} noise on {each.on}, draw {each.draw}")
                frames.append(_table(loaded.plan, each, desk, stop))
        finally:
            loader.close()
    return frames, watch.told()


def _scorer(loaded: LoadedModel, watch: PluginWatch, progress: Progress) -> Scorer:
    prepared, batch = loaded.prepared, loaded.plan.sizing.batch
    activation = loaded.plan.model.settings.get("score", "softmax")
    arguments = (prepared.network, batch, prepared.used)
    return Scorer(*arguments, advance=progress.advance, padded=prepared.compiled, activation=activation, watch=watch)


def _estimate(plan: ModelPlan, disturbances: Disturbances) -> int:
    """Forwards, roughly: what the progress bar counts."""
    each = sum(len(t.shard.ids) * sum(len(probes_of(c.metric)) for c in _method_cells(t)) for t in plan.tasks)
    return 4 * disturbances.draws * each


def _method_cells(task: Task) -> list[MetricCell]:
    return [cell for cell in task.metrics if not cell.maps.method.plugin.control]


def _table(plan: ModelPlan, each: Disturbance, desk: RunContext, stop: StopRequest) -> pd.DataFrame:
    """The results' rows under one disturbance, with what it was and whether the prediction stayed.

    Raises:
        Stopped: a signal came.
    """
    tasks = []
    kept: dict[tuple[str, str], bool | None] = {}
    for task in plan.tasks:
        if stop.number:
            raise Stopped(stop.number, "stopped among the disturbances")
        cells = [replace(cell, name=_name(task, cell, each, desk.store)) for cell in _method_cells(task)]
        answers = digest("answers", task.predictions, vars(each), _failed(task.predictions, desk.store))
        _work(task, cells, answers, each, desk)
        tasks.append(replace(task, metrics=tuple(cells)))
        kept |= {(task.shard.dataset_name, i): k for i, k in desk.store.read_cell(answers)["kept"].items()}
    rows = result_rows.scores(tasks, desk.store)
    rows = rows[~is_part(rows["metric"])].reset_index(drop=True)
    stayed = [kept.get(key) for key in zip(rows["dataset"], rows["sample"], strict=True)]
    columns = {"on": each.on, "strength": each.strength, "size": each.size, "draw": each.draw}
    return rows.assign(**columns, kept=pd.array(stayed, dtype="boolean"))


def _name(task: Task, cell: MetricCell, each: Disturbance, store: Store) -> str:
    """Of a disturbed cell: another one if an image or a map that failed was made since, or a derived map made anew."""
    failed = [_failed(name, store) for name in (task.predictions, cell.maps.name)]
    source = source_of(cell.maps.name, store) if cell.maps.base else ""
    return digest("disturbed", cell.name, vars(each), *failed, source)


def _failed(name: str, store: Store) -> list[str]:
    """The samples of a cell that failed."""
    known = store.outcome(name)
    return sorted(known.reasons) if known else []


def _work(task: Task, cells: Sequence[MetricCell], answers: str, each: Disturbance, desk: RunContext) -> None:
    """Write the cells that the store lacks, and whether each image's prediction stayed."""
    live = [cell for cell in cells if not cell.maps.skip]
    lacking = [cell for cell in live if desk.store.wants(cell.name)]
    if not lacking and not desk.store.wants(answers):
        return
    predicted = desk.store.read_cell(task.predictions)["samples"]
    pages: dict[str, dict[str, Any]] = {cell.name: {"samples": {}} for cell in lacking}
    kept: dict[str, bool | None] = {}
    samples = [s for s in desk.loader.load(task.shard).samples if not predicted[s.id]["reason"]]

    def work(chunk: ImageBatch) -> Sequence[ImageBatch]:
        score = partial(_score, task, lacking, chunk, predicted, each, desk)
        stayed, scores = watched_batch(desk, chunk, score)
        merge(pages, scores)
        kept.update(zip(chunk.ids, stayed, strict=True))
        return ()

    with desk.store.pack(digest("disturbances", task.predictions)) as pack:
        in_pieces(chunks(samples, desk.scorer.batch, desk.device), work, desk.scorer.halve)
        for name, page in pages.items():
            pack.write_cell(name, page)
        pack.write_cell(answers, {"kept": kept})


def _score(
    task: Task,
    cells: Sequence[MetricCell],
    chunk: ImageBatch,
    predicted: dict[str, Any],
    each: Disturbance,
    desk: RunContext,
) -> tuple[list[bool | None], dict[str, dict[str, Any]]]:
    """Whether each prediction stayed (None where the network failed), and the cells' pages."""
    pool = desk.references.of(task.shard, [cell.maps.method for cell in cells])
    original = reference_batch(chunk, predicted, task.shard, desk, pool)
    shown = _shown(each, original, desk)
    if all(shown.reasons):
        entries = {i: {"value": None, "status": "not_applicable", "reason": shown.reasons[0]} for i in chunk.ids}
        return [None] * len(chunk.ids), {cell.name: {"samples": dict(entries)} for cell in cells}
    with _compared(shown, each, desk):
        return _scores_of_shown(cells, shown, original, each, desk)


@contextmanager
def _compared(shown: ViewBatch, each: Disturbance, desk: RunContext) -> Iterator[None]:
    """In the block a network with noisy weights is compared as the study's own are."""
    if each.on == "input":
        yield
        return
    probe = partial(shown.scorer.probe, shown.network, shown.images)
    with desk.scorer.watch.also([shown.network, shown.scorer.network], probe):
        yield


def _scores_of_shown(
    cells: Sequence[MetricCell], shown: ViewBatch, original: ReferenceBatch, each: Disturbance, desk: RunContext
) -> tuple[list[bool | None], dict[str, dict[str, Any]]]:
    anew = [cell for cell in cells if each.on == "weights" or {"reexplain", "network"} & cell.metric.plugin.needs]
    fixed = [cell for cell in cells if cell not in anew]
    explained = explain_shown(shown, list({cell.maps.name: cell.maps for cell in anew}.values()))
    then = replace(original.pixels, images=shown.images, cache={})
    now = replace(
        original, network=shown.network, scorer=shown.scorer, pixels=then, masks=shown.masks, predicted=explained.likely
    )
    reexplained = reexplain(anew, explained.maps, now)
    before: dict[str, MapBatch] = {
        name: stored(name, original.ids, desk) for name in {cell.maps.name for cell in fixed}
    }
    pages = evaluate(anew, explained.maps, now, reexplained, partial(explainer_of, now))
    pages |= evaluate(fixed, before, now, {}, partial(explainer_of, now))
    pairs = zip(explained.likely.tolist(), original.predicted.tolist(), strict=True)
    return [None if likely < 0 else likely == was for likely, was in pairs], pages


def _shown(each: Disturbance, original: ReferenceBatch, desk: RunContext) -> ViewBatch:
    """What is shown; a network with noisy weights is scored on a prepared copy of it, as the undisturbed one is."""
    shown = apply_view(each.view, original.pixels.images[:, 0], original, RandomisedNetworks(original))
    if each.on == "input" or all(shown.reasons):
        return shown
    scorer = desk.scorer
    prepared = prepare(shown.network, shown.images[:PROOF_IMAGES], precision=desk.study.precision)
    copied = Scorer(
        prepared.network, scorer.batch, prepared.used, scorer.passes, scorer.advance, activation=scorer.activation
    )
    copied.watch = scorer.watch
    return replace(shown, scorer=copied)
