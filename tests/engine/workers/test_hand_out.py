"""Shards by workers: the same rows as in one process, a lost worker's shard again, and nothing where nothing lacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import Tensor

from benchbench.containment.hang_record import HangRecord, LastCall
from benchbench.engine.runner import run
from benchbench.engine.workers.losses import MOST_LOSSES, Losses
from benchbench.engine.workers.order import ShardJob, WorkerLost, lost_worker
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.results.record import Record
from benchbench.types import Layer

from .conftest import LOST, Loses, PoolHere, PoolsHere, study


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


def shard_of(rows: pd.DataFrame, number: int) -> set[str]:
    """The samples of a shard."""
    return set(list(dict.fromkeys(rows["sample"].dropna()))[2 * number : 2 * number + 2])


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
    pools_here.loses = lambda job, time: LOST if job.index == 1 and time == 1 else None
    shared = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    assert scores(shared).equals(scores(done(images, tmp_path / "alone", methods=["gradcam"])))
    (pool,) = pools_here
    assert pool.given.count(1) == 2
    assert pool.together[1] == 1


def test_the_rows_of_a_deadly_shard_fail(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    alone = done(images, tmp_path / "alone", methods=["gradcam"])
    pools_here.loses = lambda job, time: LOST if job.index == 0 else None
    shared = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    (pool,) = pools_here
    assert pool.given.count(0) == MOST_LOSSES
    failed = shared.results["sample"].isin(shard_of(shared.results, 0))
    assert failed.sum() == 4
    assert (shared.results["status"][failed] == "failed").all()
    assert shared.results["reason"][failed].str.startswith("3 workers ended on the images of this shard").all()
    assert scores(shared)[~failed].equals(scores(alone)[~failed])
    pools_here.loses = lambda job, time: None
    again = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    assert pools_here[1].given == [0]  # all others were kept
    assert scores(again).equals(scores(alone))


def test_what_a_deadly_shard_has_already_stays(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    before = done(images, tmp_path, methods=["gradcam"], metrics=["sparseness"])
    pools_here.loses = lambda job, time: LOST if job.index == 0 else None
    grown = done(images, tmp_path, processes=2, methods=["gradcam", "layercam"], metrics=["sparseness"]).results
    assert grown[grown["method"] == "gradcam"].reset_index(drop=True).equals(before.results)
    failed = grown[(grown["method"] == "layercam") & (grown["status"] == "failed")]
    assert set(failed["sample"]) == shard_of(grown, 0)


def test_where_no_worker_lasts_the_run_ends(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    pools_here.loses = lambda job, time: LOST
    with pytest.raises(BenchError, match=r"3 workers ended on this shard, and no shard has come back \(a test took"):
        done(images, tmp_path, processes=2, methods=["gradcam"])


KEYS: dict[str, Any] = {"methods": ["gradcam", "layercam"], "metrics": ["sparseness"]}


def ends_in(who: str, *, given_up: bool, shards: Sequence[int]) -> Loses:
    """The worker ends in the plugin's call on these shards, wherever it is called."""
    lost = WorkerLost("it ended", LastCall(who, "hangs", given_up))
    return lambda job, time: lost if job.index in shards and who not in job.given_up else None


def test_a_plugin_that_hangs_costs_its_own_rows(
    images: Tensor, tmp_path: Path, pools_here: PoolsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PoolHere, "room", 1)
    alone = done(images, tmp_path / "alone", **KEYS).results
    pools_here.loses = ends_in("method gradcam", given_up=True, shards=[1])
    shared = done(images, tmp_path / "shared", processes=2, **KEYS).results
    (pool,) = pools_here
    assert pool.given.count(1) == 2
    healthy = alone["method"] == "layercam"
    assert shared[healthy].equals(alone[healthy])
    failed = shared[~healthy & (shared["status"] == "failed")]
    assert set(failed["reason"]) == {"method gradcam hangs. --retry-failed calls it again"}
    assert set(failed["sample"]) == shard_of(alone, 1) | shard_of(alone, 2)  # shard 0 was there
    assert HangRecord(tmp_path / "shared").hung == {"method gradcam": "hangs"}  # the next run knows


def test_a_plugin_that_crashes_costs_its_rows_of_the_shard(
    images: Tensor, tmp_path: Path, pools_here: PoolsHere
) -> None:
    alone = done(images, tmp_path / "alone", **KEYS).results
    pools_here.loses = ends_in("metric sparseness", given_up=False, shards=[1])
    shared = done(images, tmp_path / "shared", processes=2, **KEYS).results
    (pool,) = pools_here
    assert pool.given.count(1) == MOST_LOSSES + 1
    failed = shared["status"] == "failed"
    assert set(shared["sample"][failed]) == shard_of(alone, 1)
    assert shared["reason"][failed].str.startswith("metric sparseness ended its worker 3 times on these images").all()
    assert shared[~failed].equals(alone[~failed])


def test_a_plugin_that_crashes_on_three_shards_is_called_no_more(
    images: Tensor, tmp_path: Path, pools_here: PoolsHere
) -> None:
    pools_here.loses = ends_in("method gradcam", given_up=False, shards=[0, 1, 2, 3])
    shared = done(images, tmp_path, processes=2, **KEYS).results
    assert (shared["status"] == "failed").equals(shared["method"] == "gradcam")
    (pool,) = pools_here
    assert len(pool.given) <= 3 * (MOST_LOSSES + 1) + 1
    assert list(HangRecord(tmp_path).hung) == ["method gradcam"]


def test_only_three_plugins_are_blamed_for_a_shard(tmp_path: Path) -> None:
    """Where memory is short, whoever is called ends the worker."""
    losses = Losses(HangRecord(tmp_path), lambda _: None)
    lost = [WorkerLost("it ended", LastCall(f"method {k}", "", False)) for k in range(4)]
    follows = [losses.follow(0, each) for each in lost for _ in range(MOST_LOSSES)]
    assert follows.count("never") > 0
    assert len(losses.given_up(0)) == 3
    assert not losses.given_up(1)


def test_whose_worker_ended(tmp_path: Path) -> None:
    """Of the shards that were lost together."""
    jobs = [ShardJob(number, {}) for number in range(3)]
    busy, hangs = LastCall("method a", "", False), LastCall("method b", "hangs", True)
    suspected = [
        lost_worker(job, calls, "").suspected for calls in ({}, {0: busy}, {0: busy, 1: hangs}) for job in jobs
    ]
    assert suspected == [True, True, True, True, False, False, False, True, False]


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
