"""Actors get shards when they are there: on a cluster that has room for few, for none, or loses machines."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.engine.workers import ray_pool
from benchbench.engine.workers.cluster_room import fitting
from benchbench.engine.workers.order import ShardJob, Withdrawn, WorkerLost
from benchbench.engine.workers.ray_pool import AHEAD, RayPool, RayWorker, fitting_now
from benchbench.errors import BenchError

from .fake_ray import Answer, DiedError, FakeRay, RayError, RayTaskError

SHARDS = 20


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no mailbox: nobody says in which call it ended."""
    monkeypatch.setattr(ray_pool, "PATIENCE", 0.0)
    monkeypatch.setattr(RayPool, "_opened_mailbox", lambda pool: None)
    monkeypatch.setattr(RayPool, "_last_calls", lambda pool, shards: {})


def pool_on(ray: FakeRay, monkeypatch: pytest.MonkeyPatch, size: int | None = None, **needs: float) -> RayPool:
    monkeypatch.setattr(ray_pool, "_imported", lambda: ray)
    return RayPool(cast(Any, "order"), size, {"num_cpus": 1, "num_gpus": 0, **needs})


def finished(pool: RayPool, shards: int = SHARDS) -> Counter[int]:
    """How often each shard came back, where one that is lost is submitted again."""
    fresh, running, came = [ShardJob(number, {}) for number in range(shards)], 0, Counter[int]()
    for _ in range(50 * shards):
        while fresh and running < pool.room:
            pool.submit(fresh.pop(0))
            running += 1
        if not running:
            break
        answer = pool.next()
        if answer is not None:
            job, result = answer
            running -= 1
            if isinstance(result, WorkerLost):
                fresh.append(job)
            else:
                came[job.index] += 1
    pool.close()
    return came


ONCE = Counter(range(SHARDS))


@pytest.mark.parametrize(
    ("machines", "places", "size"),
    [
        ([{"CPU": 8.0}], 8, 16),  # more workers than fit
        ([{"CPU": 8.0}], 8, None),
        ([{"CPU": 8.0}], 1, None),  # a busy cluster
        ([{"CPU": 4.0}] * 4, 3, 5),
        ([{"CPU": 1.0}], 1, 1),
    ],
)
def test_a_run_ends_with_the_workers_that_fit(
    machines: list[dict[str, float]], places: int, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = FakeRay(machines, places)
    assert finished(pool_on(ray, monkeypatch, size)) == ONCE
    asked = size or sum(int(machine["CPU"]) for machine in machines)
    assert len(ray.actors) == asked
    assert sorted(ray.killed) == list(range(asked))  # also those that never started


def test_room_grows_with_the_workers_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_on(FakeRay([{"CPU": 3.0}], 2), monkeypatch)
    rooms = [pool.room]
    for _ in range(2):
        assert pool.next() is None
        rooms.append(pool.room)
    assert rooms == [AHEAD, AHEAD, 2 * AHEAD]


def test_no_worker_at_all_is_an_error_and_not_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match="no worker started on the Ray cluster in 0 s; free: CPU 0"):
        finished(pool_on(FakeRay([{"CPU": 8.0}], 0), monkeypatch))


def test_machines_that_are_lost_leave_the_work_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four workers three end, each with two shards, and none can be replaced."""
    ray, read = FakeRay([{"CPU": 2.0}] * 2, 4), Counter[bool]()

    def fails(answer: Answer) -> RayError | None:
        read[answer.job is not None] += 1
        if read[True] == 3:
            for actor in ray.actors[:3]:
                actor.alive = False
            ray.places = 1
        return None

    ray.fails = fails
    assert finished(pool_on(ray, monkeypatch)) == ONCE


def test_the_last_worker_is_lost_and_none_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([{"CPU": 1.0}], 1)

    def fails(answer: Answer) -> RayError | None:
        if answer.job is None:
            return None
        ray.places = 0
        return DiedError("the machine is off")

    ray.fails = fails
    with pytest.raises(BenchError, match="no worker started"):
        finished(pool_on(ray, monkeypatch))


def test_a_result_that_is_lost_ends_its_worker_which_may_have_finished_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker lives, so its second shard can come back after it was struck off."""
    ray = FakeRay([{"CPU": 1.0}], 1)
    lost: list[int] = []

    def fails(answer: Answer) -> RayError | None:
        if answer.job is None or lost:
            return None
        lost.append(answer.actor.number)
        return RayError("the object is lost")

    ray.fails = fails
    pool = pool_on(ray, monkeypatch)
    kill = ray.kill
    monkeypatch.setattr(ray, "kill", lambda actor: ray.killed.append(actor.number))  # too late for its second shard
    assert pool.next() is None
    for number in range(2):
        pool.submit(ShardJob(number, {}))
    first, second = pool.next(), pool.next()
    assert first is not None
    assert second is not None
    assert isinstance(first[1], WorkerLost)
    assert [job.index for job in cast(Any, second)] == [1, 1]  # the fake answers with the job
    assert ray.killed == lost == [0]
    kill(ray.actors[0])
    assert pool.next() is None  # another worker is there
    assert len(ray.actors) == 2


def test_a_worker_that_ends_as_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out where there are others, and replaced where it was the only one."""
    ends = {2}
    ray = FakeRay([{"CPU": 4.0}], 4, lambda answer: DiedError("no memory") if answer.actor.number in ends else None)
    assert finished(pool_on(ray, monkeypatch)) == ONCE
    assert len(ray.actors) == 4
    ray = FakeRay([{"CPU": 1.0}], 1, lambda answer: DiedError("no memory") if answer.actor.number == 0 else None)
    pool = pool_on(ray, monkeypatch)
    ray.actors.clear()
    assert pool.next() is None
    ray.actors[0].alive = False
    assert finished(pool) == ONCE
    assert len(ray.actors) == 2


@pytest.mark.parametrize("error", [RayTaskError("No module named benchbench"), DiedError("No module named benchbench")])
def test_a_worker_whose_code_fails_as_it_starts_ends_the_run(error: RayError, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error, "actor_init_failed", True, raising=False)
    ray = FakeRay([{"CPU": 4.0}], 4, lambda answer: error)
    with pytest.raises(BenchError, match=r"a worker on Ray does not start: .*No module named benchbench"):
        finished(pool_on(ray, monkeypatch))


@pytest.mark.parametrize(
    ("machines", "needs"),
    [
        ([{"CPU": 2.0}, {"CPU": 2.0}], {"num_cpus": 3}),  # together they have room
        ([{"CPU": 8.0}, {"CPU": 1.0, "GPU": 1.0}], {"num_cpus": 2, "num_gpus": 1}),
        ([{"CPU": 8.0, "GPU": 1.0}] * 2, {"num_gpus": 2}),
    ],
)
def test_a_worker_that_fits_into_no_machine_is_refused(
    machines: list[dict[str, float]], needs: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BenchError, match="no worker fits into a machine of the Ray cluster: CPU"):
        pool_on(FakeRay(machines, 9), monkeypatch, 16, **needs)


@pytest.mark.parametrize(
    ("machine", "cpus", "gpus", "count"),
    [
        ({"CPU": 8.0, "GPU": 2.0}, 1, 0.5, 4),
        ({"CPU": 8.0, "GPU": 2.0}, 1, 0.4, 4),  # no worker has parts of two GPUs
        ({"CPU": 16.0}, 3, 0, 5),
        ({"CPU": 3.0}, 2, 0, 1),
        ({"CPU": 3.0}, 1, 1, 0),
        ({"CPU": 1.2}, 0.4, 0, 3),
        ({"CPU": 16.0, "GPU": 4.0}, 1, 2, 2),
        ({}, 1, 0, 0),
    ],
)
def test_how_many_workers_fit_into_a_machine(machine: dict[str, float], cpus: float, gpus: float, count: int) -> None:
    assert fitting(machine, {"num_cpus": cpus, "num_gpus": gpus}) == count


@given(cpus=st.integers(0, 64), tenths=st.integers(1, 80))
def test_as_many_workers_fit_as_processors_go(cpus: int, tenths: int) -> None:
    assert fitting({"CPU": float(cpus)}, {"num_cpus": tenths / 10, "num_gpus": 0}) == cpus * 10 // tenths


def test_shards_that_wait_for_a_first_worker_are_withdrawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, told = pool_on(FakeRay([{"CPU": 2.0}], 2), monkeypatch), list[str]()
    vars(pool)["_mailbox"] = actor_of(told.append, "withdraw")
    for number in range(3):
        pool.submit(ShardJob(number, {}))
    pool.withdraw()
    pool.withdraw()
    assert [pool.next() for _ in range(3)] == [(ShardJob(number, {}), Withdrawn()) for number in range(3)]
    assert told == ["withdraw"]


def test_shards_that_workers_have_are_waited_for_and_no_worker_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that an actor has not begun it sends back itself; one that ends is not replaced."""
    ray = FakeRay([{"CPU": 2.0}], 1)
    pool = pool_on(ray, monkeypatch)
    vars(pool)["_mailbox"] = actor_of(lambda _: None, "withdraw")
    assert pool.next() is None
    for number in range(2):
        pool.submit(ShardJob(number, {}))
    ray.actors[0].alive, ray.places = False, 0
    pool.withdraw()
    lost = [pool.next() for _ in range(2)]
    assert all(answer is not None and isinstance(answer[1], WorkerLost) for answer in lost)
    assert len(ray.actors) == 2


def actor_of(call: Callable[[str], object], name: str) -> Any:
    """An actor whose method of this name calls it with the name."""
    return SimpleNamespace(**{name: SimpleNamespace(remote=lambda: call(name))})


@pytest.mark.parametrize("mailbox", ["empty", "withdrawn", "withdrawn meanwhile", "gone"])
def test_a_worker_asks_before_each_shard_whether_it_is_withdrawn(
    mailbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it has loaded the network. If the mailbox is gone, the shard is computed."""
    answers = {"empty": [False, False], "withdrawn": [True], "withdrawn meanwhile": [False, True]}.get(mailbox, [])

    def get(_: Any, timeout: float) -> bool:
        if not answers:
            raise RayError("the mailbox is gone")
        return answers.pop(0)

    ray = SimpleNamespace(get=get, exceptions=SimpleNamespace(RayError=RayError))
    monkeypatch.setattr(ray_pool, "_imported", lambda: ray)
    worker = RayWorker.__new__(RayWorker)  # which would leave signals out in this process
    vars(worker)["_mailbox"] = actor_of(lambda _: None, "withdrawn")
    vars(worker)["_folder"] = SimpleNamespace(path=tmp_path)
    vars(worker)["_worker"] = SimpleNamespace(work=lambda job, record: job.index)
    assert worker.work(ShardJob(3, {})) == (Withdrawn() if "withdrawn" in mailbox else 3)
    assert not answers


def test_workers_without_a_shard_remove_what_they_wrote_before_they_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has one may never answer."""
    ray = FakeRay([{"CPU": 3.0}], 2)
    pool = pool_on(ray, monkeypatch)
    for _ in range(2):
        assert pool.next() is None
    pool.submit(ShardJob(0, {}))
    pool.close()
    assert [actor.dismissed for actor in ray.actors] == [0, 1, 0]
    assert sorted(ray.killed) == [0, 1, 2]


def test_a_worker_has_a_folder_from_its_first_shard_until_it_is_dismissed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker = RayWorker.__new__(RayWorker)
    worker.close()
    assert list(tmp_path.iterdir()) == []
    assert worker._folder.path.is_dir()
    worker.close()
    assert list(tmp_path.iterdir()) == []


def test_the_workers_that_fit_now_are_counted_as_a_run_would_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([{"CPU": 8.0, "GPU": 1.0}] * 3, 0)
    monkeypatch.setattr(ray_pool, "_imported", lambda: ray)
    assert fitting_now({"num_cpus": 2, "num_gpus": 0}, None) == 12
    assert fitting_now({"num_cpus": 2, "num_gpus": 0.5}, None) == 6
    with pytest.raises(BenchError, match="no worker fits into a machine of the Ray cluster: CPU 8, GPU 1"):
        fitting_now({"num_cpus": 2, "num_gpus": 2}, None)
