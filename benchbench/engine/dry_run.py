"""What a run would compute: everything is loaded and planned, nothing is computed or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..cost.allocator import keep_memory
from ..errors import BenchError
from ..failure_policy import Failure, attempt
from ..formatting import join_some, plural, size
from ..network.capture import capture
from ..plugin_guard import no_exit
from ..results.retries import Retries
from ..results.run_log import plain
from ..results.store import Store
from ..study.extension import extended, refuse_changed, refuse_other_answers
from ..study.spec import StudySpec
from ..types import INPUT
from .dataset_maps import stale_cells
from .device import device_of
from .missing_cells import missing_cells
from .model_survey import Loading, ModelSurvey, survey
from .planned_work import PlannedWork
from .provenance import describe
from .sample_loader import load_sample
from .setup import LoadedModel, ModelPlan

_ROW_BYTES, _PHOTO_BYTES = 300, 20_000  # of a score in its cell and the tables; of a thumbnail
_SHOWN = 8  # names of a line


@dataclass(frozen=True, eq=False)
class DryRun:
    """What a run of a study into a folder would compute.

    Attributes:
        study: with what the folder's study has besides.
        folder: which may not exist.
        survey: the networks' plans.
        work: what is to be done.
        cautions: what the run would warn of before it starts.
        kept: of the folder's study, what this study does not name.
        map_bytes: of the maps that are to be made.
        held: images of each data set that the folder's results are of; 0 where it holds none.
    """

    study: StudySpec
    folder: Path
    survey: ModelSurvey
    work: PlannedWork
    cautions: list[str]
    kept: list[str]
    map_bytes: int
    held: int = 0

    @property
    def bytes(self) -> int:
        """Roughly what the run adds to the folder."""
        new = self.work.rows - self.work.rows_there
        photos = self.work.images * (1 - self.work.shards_there / max(self.work.shards, 1))
        return round(self.map_bytes + new * _ROW_BYTES + photos * _PHOTO_BYTES)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        counts = {key: value for key, value in vars(self.work).items() if isinstance(value, int)}
        forwards = {
            "forwards": round(self.work.forwards),
            "forwards_by_method": dict(self.work.by_method),
            "forwards_by_metric": dict(self.work.by_metric),
        }
        numbers: dict[str, Any] = plain({**counts, "missing": self.work.missing, **forwards, "bytes": self.bytes})
        return {"folder": str(self.folder), **numbers, "kept": self.kept, "warnings": self.cautions}

    def lines(self) -> list[str]:
        """In words."""
        return [*self.subject(), *self.to_do(), f"Disk: about {size(self.bytes)}"]

    def subject(self) -> list[str]:
        """What the study is of."""
        plans = self.survey.plans
        titles = {choice.label: choice.title for choice in self.study.models}
        networks = [
            f"{titles[plan.model.name]} ({join_some(plan.model.layers, _SHOWN) or INPUT}, batch {plan.sizing.batch})"
            for plan in plans
        ]
        images = {shard.dataset_name: len(shard.whole.indices) for shard in self.survey.shards}
        data = [
            f"{name}: {images.get(name, 0):,} of {plural(len(d.ids), 'image')}" for name, d in plans[0].datasets.items()
        ]
        methods, metrics = ([choice.title for choice in chosen] for chosen in (self.study.methods, self.study.metrics))
        return [
            f"Networks: {join_some(networks, _SHOWN)}",
            f"Data: {join_some(data, _SHOWN)}",
            f"Methods: {len(methods)} ({join_some(methods, _SHOWN)})",
            f"Metrics: {len(metrics)} ({join_some(metrics, _SHOWN)})",
            *(f"Kept of the study in {self.folder}: {each}" for each in self.kept),
        ]

    def to_do(self) -> list[str]:
        """What is to be computed."""
        work = self.work
        cells = {"maps": (work.maps, work.maps_there), "scores": (work.scores, work.scores_there)}
        cells |= {"costs": (work.costs, work.costs_there)} if work.costs else {}
        parts = join_some(f"{name} {count - there:,} of {count:,}" for name, (count, there) in cells.items())
        lines = [
            f"Cells to compute: {work.missing:,} ({parts})",
            f"Shards: {work.shards - work.shards_there:,} of {work.shards:,}; rows: {work.rows - work.rows_there:,} of "
            f"{work.rows:,}",
            f"Forward passes: about {round(work.forwards):,}",
        ]
        for name, counts in (("methods", work.by_method), ("metrics", work.by_metric)):
            asked = [f"{title} {count:,.0f}" for title, count in _largest(counts) if count]
            lines += [f"  asked for by {name}: {join_some(asked, _SHOWN)}"] if asked else []
        return lines


def dry_run(study: StudySpec, folder: Path, *, overwrite: bool = False, retry_failed: bool = False) -> DryRun:
    """What ``run`` would compute with the same arguments. Nothing is computed or written.

    Raises:
        BenchError: as ``run`` would.
    """
    store, device = Store(folder, Retries(retry_failed)), device_of(study)
    before = None if overwrite else store.read_info()
    whole, kept = extended(study, before, folder)
    keep_memory()
    sizes = _MapSizes(device)
    with no_exit("code that the run calls"):
        known, loaded = survey(whole, store, device, sizes.told)
        del loaded
        cautions = known.cautions(whole)
        about = [plan.about for plan in known.plans]
        described = describe(whole, about, known.plans[0].datasets, known.shards)
        refuse_other_answers(store.read_info(), described, folder)
        refuse_changed(before, described, folder)
        store.forget(stale_cells((task for plan in known.plans for task in plan.tasks), store))
        work = known.work(store)
    map_bytes = sum(_map_bytes(plan, store, sizes.sides[plan.model.name]) for plan in known.plans)
    held = 0 if before is None else int(before["study"]["samples"])
    return DryRun(whole, folder, known, work, cautions, kept, map_bytes, held)


@dataclass(eq=False)
class _MapSizes:
    """By network and layer, how many cells a map has: looked at while the network is loaded."""

    device: torch.device
    sides: dict[str, dict[str, int]] = field(default_factory=dict)

    def told(self, name: str, _title: str, loading: Loading) -> LoadedModel:
        loaded = loading()
        cells = attempt(partial(_cells_of, loaded, self.device), contain_memory=True)
        self.sides[name] = {} if isinstance(cells, Failure) else cells
        return loaded


def _cells_of(loaded: LoadedModel, device: torch.device) -> dict[str, int]:
    """By layer, how many cells a map of the first image has."""
    model, task = loaded.plan.model, loaded.plan.tasks[0]
    image = None
    for index in task.shard.indices:
        try:
            image = load_sample(task.shard.dataset, index, model.preprocess)[1][None].to(device)
            break
        except BenchError:
            continue
    if image is None:
        return {}
    layers = [layer for layer in model.layers if not model.skips.get((layer, "any"))]
    seen = capture(loaded.network, image, [*layers, INPUT], lambda logits: logits.argmax(1), gradient=False)
    return {name: activation.shape[2:].numel() for name, activation in seen.activations.items()}


def _map_bytes(plan: ModelPlan, store: Store, cells: Mapping[str, int]) -> int:
    total = 0
    for task in plan.tasks:
        total += sum(4 * cells.get(cell.layer, 0) for cell in missing_cells(task, store).maps) * len(task.shard.indices)
    return total


def _largest(counts: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    return sorted(counts.items(), key=lambda pair: -pair[1])
