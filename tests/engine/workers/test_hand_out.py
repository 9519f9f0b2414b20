"""Shards by workers: the same rows as in one process, a lost worker's shard again, and nothing where nothing lacks."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from benchbench.containment.hang_record import HangRecord, LastCall
from benchbench.engine.runner import run
from benchbench.engine.stopping import Stopped
from benchbench.engine.workers.losses import MOST_LOSSES, Losses
from benchbench.engine.workers.order import ShardJob, WorkerLost, lost_worker
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.registry.importing import load_file, user_files
from benchbench.results.record import Record
from benchbench.results.run_log import last_events
from benchbench.results.unfinished import progress_of
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
    assert pool.handed_out.count(1) == 2
    assert pool.together[1] == 1


def test_the_rows_of_a_deadly_shard_fail(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    alone = done(images, tmp_path / "alone", methods=["gradcam"])
    pools_here.loses = lambda job, time: LOST if job.index == 0 else None
    shared = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    (pool,) = pools_here
    assert pool.handed_out.count(0) == MOST_LOSSES
    failed = shared.results["sample"].isin(shard_of(shared.results, 0))
    assert failed.sum() == 4
    assert (shared.results["status"][failed] == "failed").all()
    assert shared.results["reason"][failed].str.startswith("3 workers ended on the images of this shard").all()
    assert scores(shared)[~failed].equals(scores(alone)[~failed])
    pools_here.loses = lambda job, time: None
    again = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    assert pools_here[1].handed_out == [0]  # all others were kept
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
    assert pool.handed_out.count(1) == 2
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
    assert pool.handed_out.count(1) == MOST_LOSSES + 1
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
    assert len(pool.handed_out) <= 3 * (MOST_LOSSES + 1) + 1
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


def test_what_fails_is_tried_once_a_run(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    """Also where a second time follows, for the maps that are derived; an image that fails is one of the shard's."""
    calls: list[int] = []
    images = torch.cat([images[:-1], torch.full_like(images[:1], 1e38)])  # whose logits overflow

    @method("breaks_in_workers", needs="gradient")
    def breaks_in_workers(layer: Layer) -> Tensor:
        calls.append(1)
        raise ValueError("broken")

    def three_runs(folder: Path, **keys: Any) -> tuple[Record, list[int]]:
        """What they leave, and the calls of each."""
        names, counts = ["gradcam", "dataset-mean", "breaks_in_workers"], []
        for _ in range(3):
            calls.clear()
            record = done(images, folder, methods=names, metrics=["sparseness"], **keys)
            counts.append(len(calls))
        return record, counts

    try:
        alone, once = three_runs(tmp_path / "alone")
        shared, counts = three_runs(tmp_path / "shared", processes=2)
        assert counts == once
        assert once[1:] == [once[0], 0]  # the third run has nothing to try
        failed = shared.results[shared.results["method"] == "breaks_in_workers"]
        assert failed["reason"].str.contains("ValueError: broken|not finite").all()
        assert shared.results.equals(alone.results)
        assert len(pools_here) == 2
    finally:
        METHODS.remove("breaks_in_workers")


CODE = '''
from torch import Tensor
from benchbench.registry import method
from benchbench.types import Layer


@method("edited_file", needs="gradient")
def edited_file(layer: Layer) -> Tensor:
    """The gradient."""
    return layer.gradient.{reduce}.sum(1)
'''


def test_a_file_that_was_edited_during_the_run_is_refused(
    images: Tensor, tmp_path: Path, pools_here: PoolsHere, planted: None
) -> None:
    """Its maps would be stored under the name of the code that the command has."""
    file = tmp_path / "mine.py"

    def write(reduce: str) -> None:
        """As a worker imports it, which has not done so before."""
        METHODS.remove("edited_file")
        for name in [name for name, path in user_files(sys.modules).items() if path == file]:
            del sys.modules[name]
        file.write_text(CODE.format(reduce=reduce))
        load_file(file)

    write("abs()")
    keys: dict[str, Any] = {"methods": ["edited_file"], "metrics": ["sparseness"], "processes": 2}
    pools_here.before = partial(write, "square()")
    with pytest.raises(BenchError, match="a worker has other code or other files of method edited_file"):
        done(images, tmp_path / "run", **keys)
    shared = done(images, tmp_path / "run", **keys)  # the command has the edited file now
    pools_here.before = lambda: None
    assert shared.results.equals(done(images, tmp_path / "alone", **{**keys, "processes": 1}).results)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C counts, also where the tests were started in the background and it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal_the_shards_that_wait_are_withdrawn(
    number: signal.Signals, images: Tensor, tmp_path: Path, pools_here: PoolsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three are submitted; the one that is begun is finished and is in the tables."""
    monkeypatch.setattr(signal, "raise_signal", lambda _: None)  # the run sends SIGTERM again, which would end pytest
    pools_here.loses = lambda job, time: os.kill(os.getpid(), number)
    with pytest.raises(Stopped):
        done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    (pool,) = pools_here
    assert pool.together[2] == 3
    assert pool.handed_out == [0]
    assert progress_of(Record.load(tmp_path / "shared").info).startswith("1 of 3 shards")
    pools_here.loses = lambda job, time: None
    whole = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    assert pools_here[1].handed_out == [1, 2]
    assert scores(whole).equals(scores(done(images, tmp_path / "alone", methods=["gradcam"])))


def test_the_log_has_the_seconds_of_the_worker(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    """Without the time in which the workers start, or other shards are worked on."""
    pools_here.before = partial(time.sleep, 0.5)
    begun = time.perf_counter()
    done(images, tmp_path, processes=2, methods=["gradcam"], metrics=["sparseness"])
    whole = time.perf_counter() - begun
    seconds = [event["seconds"] for event in last_events(tmp_path) if event["event"] == "shard"]
    assert len(seconds) == 3
    assert 0 < sum(seconds) < whole - 0.5
