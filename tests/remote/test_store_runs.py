"""Runs into stores: killed, continued elsewhere, damaged, contested; their rows are those of a run into a folder."""

from __future__ import annotations

import json
import platform
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.remote import uploads
from benchbench.remote.object_folder import ObjectFolder, StoreFailure
from benchbench.remote.run_places import place_to_read, run_place
from benchbench.remote.store_lock import LostLock, StoreLock
from benchbench.remote.uploads import Uploads
from benchbench.remote.working_copy import WorkingCopy
from benchbench.results.lock_owner import LockOwner
from benchbench.results.pack import read_pack

from .stores import AtEachShard, contents, fill, objects, rows, study

OWNER = ".owner.json"
ELSEWHERE = LockOwner("ann", "gpu3", 4711, "1700000000.00", "2026-11-30T09:00:00+00:00")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    study().run(folder, report=False, progress=False)
    return rows(folder)


def lock_of(owner: LockOwner, token: str = "0") -> bytes:
    return json.dumps({**asdict(owner), "token": token}).encode()


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not there():
        assert time.monotonic() < end, "nothing is sent"
        time.sleep(0.01)


def put(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(name)


def packs(url: str) -> list[str]:
    return [name for name in objects(url).listing() if name.endswith(".zip")]


def killed_after(url: str, shards: int, target: str) -> None:
    """Put into ``target`` what a run into ``url`` has sent when so many of its three shards are finished."""

    def act(count: int) -> None:
        if count == shards:
            until(lambda: len(packs(url)) == shards)
            fill(target, {**contents(url), OWNER: lock_of(ELSEWHERE)})

    with run_place(url, pause=0.01) as folder:
        study().run(folder, report=False, progress=AtEachShard(act))


def test_a_run_into_a_store_and_read_elsewhere(
    undisturbed: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{tmp_path.name}/runs/a"
    run = study().run(url, report=False, progress=False)
    pd.testing.assert_frame_equal(rows(run.folder), undisturbed)
    kept = contents(url)
    assert {"run.json", "results.parquet", "maps/index.parquet", "log.jsonl"} <= set(kept)
    assert not [name for name in kept if name.startswith(".") or "unfinished" in name]
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "another machine"))
    read = bb.Run.load(url)
    assert read.folder != run.folder
    pd.testing.assert_frame_equal(rows(read.folder), undisturbed)
    assert len(read.maps(method="gradcam")) == 70
    again = study().run(url, report=False, progress=False)
    assert again.record.info["work"]["cells_computed"] == 0


def test_a_killed_run_goes_on_on_another_machine(
    bucket: str, undisturbed: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after(f"{bucket}/killed/first", 2, url := f"{bucket}/killed/copy")
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "another machine"))
    part = bb.Run.load(url)
    assert part.unfinished == "2 of 3 shards"
    with pytest.raises(BenchError, match=r"another run .*: process 4711 of ann on host gpu3, .* dead: --take-over"):
        study().run(url, report=False, progress=False)
    shown = AtEachShard(lambda _: None)
    run = study().run(url, report=False, progress=shown, take_over=True)
    assert [each for each in shown.warnings if "taken from process 4711 of ann on host gpu3" in each]
    assert run.record.info["work"]["cells_reused"] == 8
    assert run.record.info["work"]["cells_computed"] == 4
    pd.testing.assert_frame_equal(rows(run.folder), undisturbed)
    assert OWNER not in contents(url)
    assert not run.unfinished


@pytest.mark.parametrize("machine", ["this", "another"])
def test_an_object_that_is_not_what_was_written_is_computed_anew(
    machine: str, undisturbed: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{tmp_path.name}/runs/a"
    study().run(url, report=False, progress=False)
    pack = packs(url)[0]
    content = contents(url)[pack]
    fill(url, {pack: content[:-1] if machine == "another" else content[:200] + b"X" + content[201:]})
    if machine == "another":
        monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "another machine"))
    shown = AtEachShard(lambda _: None)
    run = study().run(url, report=False, progress=shown)
    assert [each for each in shown.warnings if pack in each and "the damaged results are recomputed" in each]
    assert 0 < run.record.info["work"]["cells_computed"] <= 4
    pd.testing.assert_frame_equal(rows(run.folder), undisturbed)
    assert contents(url)[pack] == (run.folder / pack).read_bytes()
    assert read_pack(run.folder / pack).damaged() == []


def test_a_second_writer_is_refused(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{base}/runs/a"
    with run_place(url, pause=0.01):
        with pytest.raises(BenchError, match="another run of this machine writes into this folder"), run_place(url):
            pass
        monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "another"))
        with pytest.raises(BenchError, match="another run writes into this folder: process "), run_place(url):
            pass
        with pytest.raises(BenchError, match="another run"), run_place(url, take_over=True):
            pass  # it is alive
    with run_place(url):
        pass
    assert contents(url) == {}


def test_the_lock_of_a_dead_process_of_this_machine_is_removed(base: str) -> None:
    dead = LockOwner("ann", platform.node(), 2**22 + 5, "1700000000.00", "2026-11-30T09:00:00+00:00")
    fill(f"{base}/a", {OWNER: lock_of(dead)})
    told: list[str] = []
    with run_place(f"{base}/a", told.append):
        pass
    assert "the lock of a dead run is removed (process " in told[0]


def test_a_lock_that_is_none_is_not_removed(base: str) -> None:
    for content in (b"", b"{}", b"[1]", lock_of(ELSEWHERE)[:-9], b'{"token": 1}'):
        fill(f"{base}/a", {OWNER: content})
        with pytest.raises(BenchError, match=r"\.owner\.json is not what a run wrote"), run_place(f"{base}/a"):
            pass
        assert contents(f"{base}/a")[OWNER] == content


@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN])
def test_a_run_that_lost_its_lock_stops_and_sends_nothing(
    interrupts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the background of a shell, where Ctrl-C is ignored."""
    monkeypatch.setattr(uploads, "_LOCK_EVERY", 0.0)
    url = f"memory://{tmp_path.name}/a"
    theirs = lock_of(ELSEWHERE)

    def act(count: int) -> None:
        if count == 1:
            fill(url, {OWNER: theirs, "run.json": b"theirs"})
            while "benchbench uploads" in {thread.name for thread in threading.enumerate()}:
                time.sleep(0.01)

    shown = AtEachShard(act)
    lost = pytest.raises(LostLock, match="no longer has the folder: process 4711 of ann on host gpu3")
    before = signal.signal(signal.SIGINT, interrupts)
    try:
        with lost, run_place(url, pause=0.01) as folder:
            study().run(folder, report=False, progress=shown)
    finally:
        signal.signal(signal.SIGINT, before)
    assert shown.count == 2
    assert contents(url)["run.json"] == b"theirs"
    assert contents(url)[OWNER] == theirs


def test_a_store_that_fails_for_a_while_delays_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, failures = f"memory://{tmp_path.name}/a", list[int]()
    send = WorkingCopy.send

    def failing(self: WorkingCopy, *arguments: Any, **how: Any) -> None:
        if len(failures) < 3:
            failures.append(1)
            raise StoreFailure("cannot write a: TimeoutError: slow")
        send(self, *arguments, **how)

    monkeypatch.setattr(WorkingCopy, "send", failing)
    told: list[str] = []
    with run_place(url, told.append, pause=0.01) as folder:
        put(folder, "run.json")
        until(lambda: "run.json" in contents(url))
    assert told == ["cannot write a: TimeoutError: slow. The run goes on, and its results are sent later"]


def test_a_store_that_fails_in_the_end_is_said_and_sent_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, pauses = f"memory://{tmp_path.name}/a", list[float]()

    def failing(self: ObjectFolder, name: str, place: Path) -> Any:
        raise StoreFailure(f"cannot write {name}", where=self.url.shown)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectFolder, "put", failing)
        patch.setattr("benchbench.remote.uploads.time.sleep", pauses.append)
        failed = pytest.raises(
            StoreFailure, match=r"cannot write run.json\. The results are in .*/a and not all in the "
        )
        with failed, run_place(url) as folder:
            put(folder, "run.json")
    assert pauses == [1.0, 3.0, 9.0]
    assert contents(url) == {}
    with run_place(url):
        pass
    assert contents(url) == {"run.json": b"run.json"}


def test_an_error_of_the_run_counts_more_than_one_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, told = f"memory://{tmp_path.name}/a", list[str]()

    def failing(folder: Path) -> None:
        put(folder, "unfinished.json")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), run_place(url, told.append) as folder:
        failing(folder)
    assert contents(url) == {"unfinished.json": b"unfinished.json"}
    monkeypatch.setattr("benchbench.remote.uploads._LAST_PAUSES", ())
    monkeypatch.setattr(StoreLock, "check", failing_check)
    with pytest.raises(ZeroDivisionError), run_place(url, told.append) as folder:
        failing(folder)
    assert len(told) == 1
    assert "slow. The results are in " in told[0]


def failing_check(_: StoreLock) -> None:
    raise StoreFailure("slow")


def test_the_log_is_not_sent_at_each_look(tmp_path: Path) -> None:
    copy = WorkingCopy(objects(f"memory://{tmp_path.name}/a"), tmp_path / "a")
    lock = StoreLock(copy.store, print)
    lock.take()
    uploads = Uploads(copy, lock, print)
    (tmp_path / "a" / "cells").mkdir(parents=True)
    for name in ("log.jsonl", "cells/a.zip"):
        (tmp_path / "a" / name).write_text("x")
    uploads.look()
    assert set(copy.store.listing()) == {"cells/a.zip"}
    uploads.begin()
    uploads.end()
    assert set(copy.store.listing()) == {"cells/a.zip", "log.jsonl"}


def test_a_reader_of_this_machine_reads_the_copy_of_the_run(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}/a"
    with run_place(url, pause=60) as folder:
        put(folder, "unfinished.json")
        with place_to_read(url) as read:
            assert read == folder
            put(folder, "report.html")
        assert contents(url).keys() == {OWNER}  # the run sends it
    assert contents(url).keys() == {"unfinished.json", "report.html"}


def test_errors_name_the_url(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}/a"
    with pytest.raises(BenchError, match=r"memory://\S+/a: there is no run"), place_to_read(url):
        pass
    fill(url, {"run.json": b"{}"})
    with pytest.raises(BenchError) as raised, place_to_read(url) as folder:
        bb.Run.load(folder)
    assert raised.value.where == url
    assert "cache" not in str(raised.value)
