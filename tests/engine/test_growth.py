"""Bookkeeping grows with the cells: what is asked once per sample is asked once, and a cell is parsed once at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.engine.missing_cells import missing_cells
from benchbench.engine.result_rows import tables
from benchbench.results.store import Draft, Store
from benchbench.study.plan import SHARD, ReadyModel, Task, shards, tasks
from benchbench.study.spec import StudySpec
from benchbench.types import Preprocess, Sample

HEALTH = {"cells": 49, "distinct": 49, "ties": 1}
METHODS, METRICS, LAYERS = ["gradcam", "layercam", "random"], ["deletion", "max_box_acc", "sparseness"], ("a", "b")


@dataclass(frozen=True, eq=False)
class Counted:
    """A dataset of names alone, which counts what it is asked."""

    samples: int
    calls: Counter[str] = field(default_factory=Counter)
    name: str = "counted"
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> Sequence[str]:
        self.calls["ids"] += 1
        return [f"image-{i:05d}.jpg" for i in range(self.samples)]

    def __getitem__(self, index: int) -> Sample:
        raise AssertionError("bookkeeping reads no image")

    def fingerprint(self, index: int) -> str:
        self.calls["fingerprint"] += 1
        return f"{index:064d}"


def model(layers: tuple[str, ...] = LAYERS) -> ReadyModel:
    channels = dict.fromkeys(layers, 8)
    return ReadyModel("net", Preprocess(), (), "0" * 64, layers, channels, 10, {}, {"scored": False})


def study(samples: int, methods: Sequence[str] = METHODS, metrics: Sequence[str] = METRICS) -> StudySpec:
    options = {"methods": list(methods), "metrics": list(metrics), "samples": samples}
    return StudySpec.model_validate({"models": ["resnet18"], "datasets": ["photos"], **options})


def planned(
    data: Counted,
    methods: Sequence[str] = METHODS,
    metrics: Sequence[str] = METRICS,
    layers: tuple[str, ...] = LAYERS,
) -> list[Task]:
    wanted = study(data.samples, methods, metrics)
    return [tasks(shard, wanted) for shard in shards(model(layers), data, "counted", "predicted", wanted)]


def fill(store: Store, work: Sequence[Task]) -> None:
    """Packs as an earlier run left them."""
    for task in work:
        with store.pack(task.predictions) as pack:
            _fill(task, pack)


def _fill(task: Task, pack: Draft) -> None:
    ids = task.shard.ids
    answer = {"label": 1, "target": 1, "predicted": 1, "probability": 0.5, "photo": "", "object_share": None}
    pack.write_cell(task.predictions, {"samples": {i: {**answer, "reason": ""} for i in ids}})
    for cell in task.maps:
        file = f"{cell.name}-0.npy"
        pack.write_maps(file, np.zeros((len(ids), 7, 7), np.float32))
        entries = {
            i: {"file": file, "row": row, "status": "ok", "reason": "", "health": HEALTH} for row, i in enumerate(ids)
        }
        pack.write_cell(cell.name, {"samples": entries})
    for score in task.metrics:
        scored: dict[str, Any] = {"value": 0.5, "status": "ok", "reason": "", "levels": [1.0, 0.0]}
        pack.write_cell(score.name, {"samples": dict.fromkeys(ids, scored), "at": [0.1, 0.2]})


def test_a_plan_of_50_000_names_asks_each_thing_once() -> None:
    data = Counted(50_000)
    work = planned(data)
    assert len(work) == -(-50_000 // SHARD)
    assert sum(len(task.shard.ids) for task in work) == 50_000
    assert data.calls["ids"] <= 2
    assert data.calls["fingerprint"] == 50_000


@pytest.mark.parametrize("shards_of_data", [2, 6])
def test_resuming_parses_no_cell_and_the_tables_each_one_once(
    shards_of_data: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Counted(shards_of_data * SHARD)
    work = planned(data)
    fill(Store(tmp_path), work)
    read: Counter[str] = Counter()
    honest = Store.read_cell

    def counting(self: Store, name: str) -> dict[str, Any]:
        read[name] += 1
        return honest(self, name)

    monkeypatch.setattr(Store, "read_cell", counting)
    cells = shards_of_data * (1 + len(LAYERS) * len(METHODS) * (1 + len(METRICS)))
    store = Store(tmp_path)
    for _ in range(4):  # a run asks that often
        assert not any(missing_cells(task, store).maps or missing_cells(task, store).metrics for task in work)
    assert not read
    assembled = tables(work, [], study(data.samples), store, {})
    assert len(assembled.results) == data.samples * len(LAYERS) * len(METHODS) * len(METRICS)
    assert len(read) == cells
    assert set(read.values()) == {1}
    assert data.calls["ids"] <= 2
