"""Bookkeeping grows with the cells: what is asked once per sample is asked once, and a cell is parsed once at most."""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchbench.datasets.sources.serial import serial
from benchbench.engine.missing_cells import missing_cells, needs_work
from benchbench.engine.result_rows import tables
from benchbench.engine.sample_loader import Loader
from benchbench.engine.shard import run_shard
from benchbench.engine.subsets import choose
from benchbench.results.pack_folder import PackFolder
from benchbench.results.store import Draft, Store, mask_of
from benchbench.study import plan
from benchbench.study.plan import SHARD, ReadyModel, Task, shards, tasks
from benchbench.study.spec import StudySpec
from benchbench.study.subset import Subset
from benchbench.types import Preprocess, Sample
from tests.packs import lose

HEALTH = {"cells": 49, "distinct": 49, "ties": 1}
METHODS, METRICS, LAYERS = ["gradcam", "layercam", "random"], ["deletion", "max_box_acc", "sparseness"], ("a", "b")
WIDE_METHODS = [
    *("gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam", "eigencam", "eigengradcam"),
    *("fem", "kpcacam", "ablationcam", "reciprocam", "shapleycam", "finercam", "liftcam", "scorecam", "groupcam"),
    *("random", "uniform", "center"),
]
WIDE_METRICS = [
    *("deletion", "insertion", "average_drop", "increase", "average_gain", "road", "max_box_acc", "sparseness"),
    *("effective_complexity", "pointing_game"),
]
WIDE_LAYERS = ("layer1", "layer2", "layer3", "layer4")
WIDE = (WIDE_METHODS, WIDE_METRICS, WIDE_LAYERS)


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


def study(
    samples: int, methods: Sequence[str | Mapping[str, str]] = METHODS, metrics: Sequence[str] = METRICS
) -> StudySpec:
    options = {"methods": list(methods), "metrics": list(metrics), "samples": samples}
    return StudySpec.model_validate({"models": ["resnet18"], "datasets": ["photos"], **options})


def planned(
    data: Counted,
    methods: Sequence[str | Mapping[str, str]] = METHODS,
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


def _counting(call: Callable[..., Any], name: str, counts: Counter[str]) -> Callable[..., Any]:
    def counted(*arguments: Any, **options: Any) -> Any:
        counts[name] += 1
        return call(*arguments, **options)

    return counted


def _planning(shards_of_data: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the plan of the widest study asks for, how often."""
    planned(Counted(1), *WIDE)  # imports the plugins
    data, counts = Counted(shards_of_data * SHARD), Counter[str]()
    with monkeypatch.context() as context:
        for place, name in ((plan, "digest"), (plan, "identity"), (os, "stat")):
            context.setattr(place, name, _counting(getattr(place, name), name, counts))
        planned(data, *WIDE)
    return counts + data.calls


def test_planning_grows_with_the_cells_and_with_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 methods at 4 layers under 10 metrics: a name for each cell; code and parameters are read once for all."""
    cells = 1 + 20 * 4 * (1 + 10)
    for shards_of_data in (10, 20):
        counts = _planning(shards_of_data, monkeypatch)
        assert counts["digest"] == shards_of_data * cells
        assert counts["identity"] == 20 + 10
        assert counts["fingerprint"] == shards_of_data * SHARD
        assert counts["ids"] <= 2
        assert counts["stat"] == 0


def _resuming(shards_of_data: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What a run that finds the widest study done, and makes its tables, asks for, how often."""
    data = Counted(shards_of_data * SHARD)
    work = planned(data, *WIDE)
    fill(Store(folder), work)
    store, counts = Store(folder), Counter[str]()
    with monkeypatch.context() as context:
        for place, name in ((Store, "outcome"), (Store, "read_cell"), (PackFolder, "read"), (os, "stat")):
            context.setattr(place, name, _counting(getattr(place, name), name, counts))
        for _ in range(4):  # a run asks that often
            assert not any(missing_cells(task, store).maps or missing_cells(task, store).metrics for task in work)
        assert not counts["read_cell"]
        assert not counts["read"]
        assembled = tables(work, [], study(data.samples, *WIDE[:2]), store, {})
    assert len(assembled.results) == data.samples * 4 * 20 * 10
    return counts + data.calls


def test_resuming_and_the_tables_grow_with_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resuming parses no cell, and the tables parse each one once."""
    cells = 1 + 20 * 4 * (1 + 10)
    small, large = (_resuming(n, tmp_path / f"{n}", monkeypatch) for n in (1, 2))
    for shards_of_data, counts in ((1, small), (2, large)):
        assert counts["read_cell"] == counts["read"] == shards_of_data * cells
        assert counts["ids"] <= 2
    assert large["outcome"] == 2 * small["outcome"]
    assert small["outcome"] <= 4 * 2 * 2 * cells  # four times, two calls each, two questions for a cell
    assert 0 < large["stat"] <= 2 * small["stat"] <= 8 * cells


def test_the_tables_parse_no_cell_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Counted(6 * SHARD)
    work = planned(data)
    fill(Store(tmp_path), work)
    read: Counter[str] = Counter()
    honest = Store.read_cell

    def counting(self: Store, name: str) -> dict[str, Any]:
        read[name] += 1
        return honest(self, name)

    monkeypatch.setattr(Store, "read_cell", counting)
    tables(work, [], study(data.samples), Store(tmp_path), {})
    assert len(read) == 6 * (1 + len(LAYERS) * len(METHODS) * (1 + len(METRICS)))
    assert set(read.values()) == {1}


@pytest.mark.parametrize("lacks", ["nothing", "a metric", "a photograph", "a mask"])
def test_a_shard_is_complete_or_not_without_a_cell_being_read(
    lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photographs are looked for by the names that are noted beside the cell of predictions."""
    work = planned(Counted(2 * SHARD))
    fill(Store(tmp_path), work)
    _add_photographs(Store(tmp_path), work, but_mask=lacks == "a mask")
    if lacks == "a photograph":
        lose(tmp_path, f"{0:024d}.jpg")
    store, counts = Store(tmp_path), Counter[str]()
    if lacks == "a metric":
        store.forget(task.metrics[0].name for task in work)
    monkeypatch.setattr(Store, "read_cell", _counting(Store.read_cell, "read_cell", counts))
    assert [needs_work(task, store) for task in work] == [lacks != "nothing", lacks == "a metric"]
    assert counts["read_cell"] == 0


def _add_photographs(store: Store, work: Sequence[Task], *, but_mask: bool = False) -> None:
    """One image of each shard has a photograph and a mask, which that of the first shard may lack."""
    for number, task in enumerate(work):
        photo = f"{number:024d}.jpg"
        samples = store.read_cell(task.predictions)["samples"]
        samples[task.shard.ids[0]] |= {"photo": photo, "object_share": 0.25}
        with store.pack(task.predictions) as pack:
            pack.write_cell(task.predictions, {"samples": samples})
            pack.write_photo(photo, b"picture")
            if number or not but_mask:
                pack.write_photo(mask_of(photo), b"mask")


@pytest.mark.parametrize("by_workers", [False, True])
def test_a_run_that_finds_its_shards_done_parses_each_cell_once(
    by_workers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks whether they are, works on them in two sweeps, and makes the tables."""
    data = Counted(2 * SHARD)
    work = planned(data)
    fill(Store(tmp_path), work)
    _add_photographs(Store(tmp_path), work)
    store, parsed = Store(tmp_path), Counter[str]()
    honest = PackFolder.read

    def counting(self: PackFolder, pack: str, part: str) -> bytes:
        parsed[part] += 1
        return honest(self, pack, part)

    monkeypatch.setattr(PackFolder, "read", counting)
    desk: Any = SimpleNamespace(store=store)
    for _ in range(2):
        done = [needs_work(task, store) if by_workers else run_shard(task, desk) for task in work]
        assert not any(done)
    tables(work, [], study(data.samples), store, {})
    assert len(parsed) == 2 * (1 + len(LAYERS) * len(METHODS) * (1 + len(METRICS)))
    assert set(parsed.values()) == {1}


def test_the_ids_of_images_that_fail_are_asked_for_once(tmp_path: Path) -> None:
    """A data set of someone else may make all its ids anew whenever it is asked."""
    data = Counted(6 * SHARD)
    loader = Loader(Store(tmp_path), 0)
    for task in planned(data):
        failures = loader.load(task.shard).failures
        assert set(failures) == set(task.shard.ids)
        assert all("bookkeeping reads no image" in reason for reason in failures.values())
    assert data.calls["ids"] <= 2


def test_a_data_set_behind_a_lock_is_asked_for_its_ids_once() -> None:
    data = Counted(3)
    locked = serial(data)
    assert [locked.ids[index] for index in range(3)] == ["image-00000.jpg", "image-00001.jpg", "image-00002.jpg"]
    assert data.calls["ids"] == 1


def test_no_data_set_of_ours_makes_its_ids_anew() -> None:
    """A property that lists the ids lists all of them for each image; one that names another list does not."""
    home = Path(__file__).parents[2] / "benchbench" / "datasets"
    listed = (ast.ListComp, ast.GeneratorExp, ast.For, ast.Call)
    properties = 0
    for path in home.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "ids":
                properties += 1
                decorators = [each.id for each in node.decorator_list if isinstance(each, ast.Name)]
                makes = any(isinstance(each, listed) for step in node.body for each in ast.walk(step))
                assert "cached_property" in decorators or not makes, f"{path.name}:{node.lineno}"
    assert properties >= 8


class Labelled(Counted):
    """Every label is 1."""

    @property
    def labels(self) -> Sequence[int]:
        self.calls["labels"] += 1
        return [1] * self.samples


def test_a_subset_asks_for_ids_and_labels_no_more_often_for_more_samples() -> None:
    for samples in (64, 256):
        data = Labelled(samples)
        part = choose(data, Subset(right_only=True), samples, 0, (), lambda asked: dict.fromkeys(asked, (1, 0.9)))
        assert len(part.chosen) == samples
        assert data.calls["ids"] <= 2
        assert data.calls["labels"] <= 3
