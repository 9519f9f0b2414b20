"""A run's folder is one run's at a time, whether or not the file system has locks; the refusal names the owner."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchbench.containment.hang_record import CALL, LIST, HangRecord
from benchbench.engine import lock
from benchbench.engine.lock import locked
from benchbench.engine.progress import Silent
from benchbench.engine.run_plan import write_plan
from benchbench.errors import BenchError
from benchbench.results import lock_owner
from benchbench.results.lock_owner import (
    FILE,
    LOCK,
    LockOwner,
    birth,
    evict,
    is_written,
    lock_is_held,
    owner_of,
    sign,
    sign_first,
)
from benchbench.results.run_folder import UNFINISHED

NOTHING = Silent().warn


@pytest.fixture(params=[True, False], ids=["locks", "no locks"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With a file system that has locks, and one that has none."""
    if not request.param:
        import fcntl

        def none(*_: Any) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", none)
    return bool(request.param)


def _put(folder: Path, owner: LockOwner) -> None:
    (folder / FILE).write_text(json.dumps(asdict(owner)))


class _Nothing:
    """A study of nothing."""

    models = datasets = methods = metrics = ()
    seed = 0


def _dead() -> LockOwner:
    """Of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return replace(LockOwner.me(), process=ended.pid)


@pytest.mark.usefixtures("locks")
def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    with locked(tmp_path, NOTHING), pytest.raises(BenchError) as caught, locked(tmp_path, NOTHING):
        pass
    me = LockOwner.me()
    owner = rf"process {me.process} of {re.escape(me.user)} on host {re.escape(me.host)}, since \d\d:\d\d \(0 min ago\)"
    assert re.search(f"another run writes into this folder: {owner}. Wait for it", str(caught.value))
    assert not (tmp_path / FILE).exists()
    with locked(tmp_path, NOTHING):
        assert owner_of(tmp_path) is not None


@pytest.mark.usefixtures("locks")
def test_a_dead_run_of_this_machine_loses_the_folder(tmp_path: Path) -> None:
    _put(tmp_path, _dead())
    with locked(tmp_path, NOTHING):
        owner = owner_of(tmp_path)
        assert owner is not None
        assert owner.process == os.getpid()


@pytest.mark.usefixtures("locks")
def test_a_run_that_was_killed_and_that_nobody_waited_for_loses_the_folder(tmp_path: Path) -> None:
    """Its number stays, as in a container whose first process waits for no other."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as run:
        _put(tmp_path, replace(LockOwner.me(), process=run.pid, began=birth(run.pid)))
        assert is_written(tmp_path)
        run.kill()
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays in the list of processes
        assert psutil.pid_exists(run.pid)
        assert not is_written(tmp_path)
        with locked(tmp_path, NOTHING):
            owner = owner_of(tmp_path)
            assert owner is not None
            assert owner.process == os.getpid()


def test_a_process_with_a_dead_one_s_number_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_has_locks", lambda _: False)
    warned: list[str] = []
    _put(tmp_path, replace(LockOwner.me(), began=f"{birth(os.getpid())}0"))
    with locked(tmp_path, warned.append):
        pass
    assert "the lock of a dead run is removed" in warned[0]


def test_a_run_of_another_machine_keeps_it_but_for_take_over(tmp_path: Path, locks: bool) -> None:
    """Where the system has locks they say whether the run is alive, on any machine."""
    _put(tmp_path, replace(LockOwner.me(), host="elsewhere", process=2))
    warned: list[str] = []
    if not locks:
        with pytest.raises(BenchError, match=r"on host elsewhere.*--take-over"), locked(tmp_path, NOTHING):
            pass
    with locked(tmp_path, warned.append, take_over=not locks):
        owner = owner_of(tmp_path)
        assert owner is not None
        assert owner.here
    assert bool(warned) == (not locks)


def test_a_living_run_of_this_machine_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_has_locks", lambda _: False)
    with locked(tmp_path, NOTHING), pytest.raises(BenchError, match="Wait"), locked(tmp_path, NOTHING, take_over=True):
        pass


def test_an_owner_s_file_that_nobody_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_has_locks", lambda _: False)
    (tmp_path / FILE).write_text("{")
    with (
        pytest.raises(BenchError, match="json is not what a run wrote"),
        locked(tmp_path, NOTHING),
    ):
        pass


def test_who_comes_later_does_not_remove_a_faster_one(tmp_path: Path) -> None:
    dead, living = _dead(), LockOwner.me()
    _put(tmp_path, dead)
    evict(tmp_path, dead)
    assert sign_first(tmp_path)
    evict(tmp_path, dead)  # of a second run, which saw the dead one too
    owner = owner_of(tmp_path)
    assert owner is not None
    assert owner.process == living.process
    assert not sign_first(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(("age", "words"), [(0, "0 min"), (59, "59 min"), (125, "2 h 5 min"), (3000, "50 h 0 min")])
def test_how_long_ago(age: int, words: str) -> None:
    since = datetime.now(UTC) - timedelta(minutes=age)
    owner = replace(LockOwner.me(), since=since.isoformat(timespec="seconds"))
    assert f"({words} ago)" in str(owner)
    assert (f"{since.astimezone():%Y-%m-%d}" in str(owner)) == (since.astimezone().date() != datetime.now().date())


def test_a_name_that_cannot_be_written_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(lock, "sign", full)
        with pytest.raises(BenchError, match=r"cannot write there.*No space left"), locked(tmp_path, NOTHING):
            pass
    sign(tmp_path)
    with locked(tmp_path, NOTHING):
        pass


def test_the_clock_may_be_set_while_a_run_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil reckons when a process began from the clock, and by how much it was set since the machine started."""
    me = LockOwner.me()
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3600)
    assert not me.dead
    assert LockOwner.me().began == me.began


@pytest.mark.parametrize("shift", [0, 1, 3])
def test_elsewhere_than_on_linux_the_clock_tells_it(
    shift: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_owner, "_PROC", tmp_path)
    me = LockOwner.me()
    assert float(me.began) == pytest.approx(psutil.Process().create_time(), abs=0.01)
    assert replace(me, began=f"{float(me.began) + shift}").dead == (shift > 2)
    assert replace(me, began="unknown").dead


def test_another_start_of_the_machine_is_another_process() -> None:
    me = LockOwner.me()
    start, _, ticks = me.began.partition(":")
    assert replace(me, began=f"{start[::-1]}:{ticks}").dead
    assert replace(me, began=f"{start}:{int(ticks) + 1}").dead
    assert not replace(me, process=os.getppid(), began=birth(os.getppid())).dead


WRONG: list[Any] = [
    {"process": "x"},
    {"process": True},
    {"process": -1},
    {"began": None},
    {"began": 1.0},
    {"user": ["ann"]},
    {"host": 7},
    {"since": None},
    {"since": "yesterday"},
    {"since": "0001-01-01T00:00:00+23:00"},
    {"more": 1},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_owner_s_file_with_other_kinds_of_values(
    wrong: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).write_text(json.dumps({**asdict(LockOwner.me()), **wrong}))
    assert owner_of(tmp_path) is None
    assert not is_written(tmp_path)
    with locked(tmp_path, NOTHING):
        pass
    (tmp_path / FILE).write_text(json.dumps({**asdict(LockOwner.me()), **wrong}))
    monkeypatch.setattr(lock, "_has_locks", lambda _: False)
    with pytest.raises(BenchError, match="not what a run wrote"), locked(tmp_path, NOTHING):
        pass


@pytest.mark.parametrize("process", [2**22 + 1, 2**31, 2**70, 0, -1])
def test_a_number_that_no_process_has(process: int) -> None:
    assert replace(LockOwner.me(), process=process).dead


def test_a_time_without_a_zone_is_of_this_machine(tmp_path: Path) -> None:
    _put(tmp_path, replace(LockOwner.me(), since=datetime.now().isoformat(timespec="seconds")))
    assert "(0 min ago)" in str(owner_of(tmp_path))


def test_who_removes_a_dead_one_removes_no_third_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the steps of one that removes the dead one's file, others take the folder, and each keeps it."""
    dead = _dead()
    _put(tmp_path, dead)
    taken: list[bool] = []
    real = os.unlink

    def unlink(path: Any, *rest: Any, **keys: Any) -> None:
        if Path(path).name == FILE and not taken:
            taken.append(False)
            evict(tmp_path, dead)  # a second one, at the same time: it must not remove anything
            taken.append(sign_first(tmp_path))
            real(path, *rest, **keys)
            taken.append(sign_first(tmp_path))
            evict(tmp_path, dead)  # a third one, which saw the dead one too
            return
        real(path, *rest, **keys)

    monkeypatch.setattr(os, "unlink", unlink)
    evict(tmp_path, dead)
    owner = owner_of(tmp_path)
    assert taken == [False, False, True]
    assert owner is not None
    assert owner.process == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_who_dies_while_it_removes_a_dead_one_s_file_keeps_it_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = _dead()
    _put(tmp_path, dead)
    real = os.link

    def dies(*names: Any, **keys: Any) -> None:
        real(*names, **keys)
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(os, "link", dies)
        with pytest.raises(KeyboardInterrupt):
            evict(tmp_path, dead)
    (aside,) = tmp_path.glob(".writing-*")
    evict(tmp_path, dead)
    assert owner_of(tmp_path) == dead
    monkeypatch.setattr(lock_owner, "_PATIENCE", -1.0)
    evict(tmp_path, dead)
    assert not aside.exists()
    evict(tmp_path, dead)
    assert owner_of(tmp_path) is None


def test_status_is_no_second_run(tmp_path: Path) -> None:
    """It holds the lock for a moment, shared."""
    import fcntl

    with locked(tmp_path, NOTHING):
        pass
    with (tmp_path / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(0.15, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        with locked(tmp_path, NOTHING):
            assert lock_is_held(tmp_path)
    assert not lock_is_held(tmp_path)


def test_a_disk_that_goes_read_only_leaves_the_run_s_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    def fails() -> None:
        with locked(tmp_path, NOTHING):
            monkeypatch.setattr(Path, "unlink", read_only)
            raise BenchError("the disk is read-only")

    with pytest.raises(BenchError, match="the disk is read-only"):
        fails()
    monkeypatch.undo()
    assert not lock_is_held(tmp_path), "the lock is given back all the same"


@pytest.mark.usefixtures("locks")
def test_a_received_folder_s_links_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "run"
    folder.mkdir()
    outside.write_text("mine")
    for name in (FILE, UNFINISHED, CALL, LIST):
        (folder / name).symlink_to(outside)
    with suppress(BenchError), locked(folder, NOTHING):
        pass
    with HangRecord(folder).kept() as record:
        record.note("method slow")
    write_plan(folder, _Nothing(), [], {})  # type: ignore[arg-type]
    assert outside.read_text() == "mine"
    assert not (folder / UNFINISHED).is_symlink()
