"""Shards by workers: the same rows as in one process, a lost worker's shard again, and nothing where nothing lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.engine.workers.hand_out import MOST_LOSSES
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.results.record import Record
from benchbench.types import Layer

from .conftest import PoolsHere, study


def done(images: Tensor, folder: Path, **keys: Any) -> Record:
    run(study(images, **keys), folder)
    return Record.load(folder)


def scores(record: Record) -> Any:
    """All rows but measured seconds."""
    return (
        record.results[~record.results["metric"].str.startswith("overhead.s")]
        .drop(columns="value")
        .join(record.results["value"].where(~record.results["metric"].str.startswith("overhead")))
    )


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_rows_are_those_of_one_process(
    newest_first: bool, images: Tensor, tmp_path: Path, pools_here: PoolsHere
) -> None:
    alone = done(images, tmp_path / "alone")
    pools_here.newest_first = newest_first
    shared = done(images, tmp_path / "shared", processes=2)
    assert scores(shared).equals(scores(alone))
    assert shared.curves.equals(alone.curves)
    assert shared.maps.equals(alone.maps)
    assert shared.photos.equals(alone.photos)
    assert shared.info["work"]["forwards"] == alone.info["work"]["forwards"]
    assert shared.info["work"]["cells_computed"] == alone.info["work"]["cells_computed"]
    assert len(pools_here) == 1  # for the maps and for what is made of them


def test_a_run_that_lacks_nothing_starts_no_worker(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    done(images, tmp_path)
    done(images, tmp_path, processes=2)
    assert not pools_here


def test_more_methods_extend_the_packs(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    done(images, tmp_path / "a", methods=["gradcam"], processes=2)
    grown = done(images, tmp_path / "a", methods=["gradcam", "layercam"], processes=2)
    whole = done(images, tmp_path / "b", methods=["gradcam", "layercam"])
    assert scores(grown).equals(scores(whole))
    assert len(pools_here) == 2


def test_a_lost_workers_shard_is_tried_alone(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    pools_here.loses = lambda index, time: index == 1 and time == 1
    shared = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    assert scores(shared).equals(scores(done(images, tmp_path / "alone", methods=["gradcam"])))
    (pool,) = pools_here
    assert pool.given.count(1) == 2
    assert pool.together[1] == 1


def test_a_deadly_shard_ends_the_run_after_the_others(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    pools_here.loses = lambda index, time: index == 0
    with pytest.raises(BenchError, match=f"{MOST_LOSSES} workers ended on this shard .a test took the worker"):
        done(images, tmp_path, processes=2, methods=["gradcam"])
    (pool,) = pools_here
    assert pool.given.count(0) == MOST_LOSSES
    assert set(pool.given) == set(range(len(images) // 2))
    pools_here.loses = lambda index, time: False
    again = done(images, tmp_path, processes=2, methods=["gradcam"])
    assert pools_here[1].given == [0]  # all others were kept
    assert (again.results["status"] == "ok").all()


def test_a_failing_method_has_its_rows_and_is_tried_twice(
    images: Tensor, tmp_path: Path, pools_here: PoolsHere
) -> None:
    calls = []

    @method("breaks_in_workers", needs="gradient")
    def breaks_in_workers(layer: Layer) -> Tensor:
        calls.append(1)
        raise ValueError("broken")

    try:
        names = ["gradcam", "breaks_in_workers"]
        for _ in range(3):
            record = done(images, tmp_path, processes=2, methods=names, metrics=["sparseness"])
        failed = record.results[record.results["method"] == "breaks_in_workers"]
        assert failed["reason"].str.contains("ValueError: broken").all()
        assert len(pools_here) == 2  # the third run has nothing to try
    finally:
        METHODS.remove("breaks_in_workers")
