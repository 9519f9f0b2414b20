"""Shards are loaded ahead by threads: the same samples in the same order, and one reader at a time where it matters."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.datasets.sources.serial import serial
from benchbench.engine import method_cost, runner
from benchbench.engine.sample_loader import Loader
from benchbench.errors import BenchError
from benchbench.study import plan
from benchbench.types import Sample

from ..networks import Pooled, seeded
from ..study_runs.test_run import done

SHARD, COUNT = 8, 18  # two whole shards, and the rest


class Watched:
    """Tells which threads read it, and how many at once."""

    name = "watched"
    about: dict[str, str] = {}  # noqa: RUF012 - read, never written

    def __init__(self, images: Tensor, broken: frozenset[int] = frozenset()) -> None:
        self.images, self.broken = images, broken
        self.inside = self.most = 0
        self.threads: set[str] = set()
        self.read: list[int] = []

    @property
    def ids(self) -> list[str]:
        return [f"{i:03d}" for i in range(len(self.images))]

    def __getitem__(self, index: int) -> Sample:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.threads.add(threading.current_thread().name)
        self.read.append(index)
        time.sleep(0.002)
        self.inside -= 1
        if index in self.broken:
            raise BenchError("torn")
        return Sample(self.ids[index], self.images[index], index % 7)

    def fingerprint(self, index: int) -> str:
        return str(float(self.images[index].sum()))


class Concurrent(Watched):
    concurrent = True


def run(data: Any, folder: Path, **keys: Any) -> bb.Run:
    study = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": data},
        layers=["relu"],
        methods=["gradcam", "random"],
        metrics=["deletion"],
        samples=COUNT,
        batch=5,
        **keys,
    )
    return study.run(folder, report=False)


@pytest.fixture
def many(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Pictures of three shards."""
    monkeypatch.setattr(plan, "SHARD", SHARD)
    noise = torch.randn(COUNT, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return images[:, :, :32, :32].repeat(3, 1, 1, 1) + noise


def test_the_number_of_workers_changes_nothing(many: Tensor, tmp_path: Path) -> None:
    broken = frozenset({3, 9, 17})
    tables = [run(Watched(many, broken), tmp_path / str(n), workers=n).table for n in (0, 1, 5)]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    failed = tables[0][tables[0]["status"] == "failed"]
    assert set(failed["sample"]) == {"003", "009", "017"}
    assert (failed["reason"] == "torn").all()


def test_a_dataset_that_says_nothing_has_one_reader_at_a_time(many: Tensor, tmp_path: Path) -> None:
    data = Watched(many)
    run(data, tmp_path, workers=5)
    assert data.most == 1
    assert {name.split("_")[0] for name in data.threads} == {"MainThread", "load"}


def test_a_concurrent_dataset_has_many(many: Tensor, tmp_path: Path) -> None:
    data = Concurrent(many)
    run(data, tmp_path, workers=5)
    assert 1 < data.most <= 5


def test_without_workers_everything_is_read_in_place(many: Tensor, tmp_path: Path) -> None:
    data = Concurrent(many)
    run(data, tmp_path, workers=0)
    assert data.threads == {"MainThread"}


def test_the_next_shard_is_read_while_the_network_works(many: Tensor, tmp_path: Path) -> None:
    data = Watched(many)
    order: list[str] = []

    class Slow(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            if len(images) == 5:
                order.append(f"forward after {len(set(data.read))}")
                time.sleep(0.01)
            return super().forward(images)

    study = bb.Study(
        models={"net": seeded(Slow)}, datasets={"data": data}, layers=["relu"], methods=["gradcam"],
        metrics=["deletion"], samples=COUNT, batch=5, workers=1,
    )  # fmt: skip
    study.run(tmp_path, report=False)
    seen = [int(text.split()[-1]) for text in order]
    assert any(count > SHARD for count in seen[:20]), "the second shard was begun during the first"
    assert max(seen[:20]) <= 2 * SHARD + 4, "and no shard beyond it"


def test_what_is_not_needed_is_not_read(many: Tensor, tmp_path: Path) -> None:
    run(Watched(many), tmp_path)
    again = Watched(many)
    run(again, tmp_path)
    assert set(again.read) <= {0, 1, 2, 3}, "the example and the proof alone"


def test_the_built_in_datasets_may_be_read_at_once() -> None:
    from benchbench.datasets.sources.file_dataset import Files

    files = Files("none", [])
    assert serial(files) is files
    assert serial(Watched(torch.zeros(0))) is not None
    assert serial(Watched(torch.zeros(0))).name == "watched"


def test_an_error_in_a_thread_fails_its_rows(many: Tensor, tmp_path: Path) -> None:
    class Faulty(Watched):
        def __getitem__(self, index: int) -> Sample:
            if threading.current_thread().name != "MainThread":
                raise ZeroDivisionError("a bug in the dataset")
            return super().__getitem__(index)

    table = run(Faulty(many), tmp_path).table
    assert set(table["status"]) == {"failed"}
    assert table["reason"].str.contains("the dataset fails: ZeroDivisionError: a bug in the dataset").all()


def test_loading_threads_keep_torch_to_themselves() -> None:
    """Else torch's own threads under them stay, and every forward of the network waits for them."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    loader = Loader(cast(Any, None), 2)
    assert loader._pool is not None
    try:
        seen = set(loader._pool.map(lambda _: torch.get_num_threads(), range(8)))
        here = torch.get_num_threads()
    finally:
        loader.close()
        torch.set_num_threads(before)
    assert (seen, here) == ({1}, 2)
    loader.close()


def test_no_thread_loads_while_costs_are_measured(
    images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[list[str]] = []
    real = method_cost.measure_cost

    def watched(cell: Any, desk: Any) -> None:
        alive.append([thread.name for thread in threading.enumerate() if thread.name.startswith("load")])
        real(cell, desk)

    monkeypatch.setattr(runner, "measure_cost", watched)
    done(images, tmp_path, methods=["gradcam"], metrics=["deletion", "runtime"], workers=2)
    assert alive == [[]]


@pytest.mark.parametrize("count", [40, 160])
def test_a_dataset_is_asked_for_its_ids_a_fixed_number_of_times(count: int, tmp_path: Path) -> None:
    """Whatever the number of images: else planning takes quadratic time."""
    calls: list[int] = []

    class Counting(Watched):
        @property
        def ids(self) -> list[str]:
            calls.append(1)
            return [str(i) for i in range(len(self.images))]

    images = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    study = bb.Study(
        models={"net": seeded(Pooled)}, datasets={"data": (data := Counting(images))}, layers=["relu"],
        methods=["random"], metrics=["sparseness"], samples=count,
    )  # fmt: skip
    study.run(tmp_path, report=False)
    assert len(calls) - len(data.read) < 20, "it asks itself for each image that it gives"
