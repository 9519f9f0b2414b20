"""A run's folder is one run's at a time, whether or not the file system has locks; the refusal names the owner."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchbench.engine import lock
from benchbench.engine.lock import locked
from benchbench.engine.lock_owner import FILE, LockOwner, evict, owner_of, sign, sign_first
from benchbench.engine.progress import Silent
from benchbench.errors import BenchError

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


def test_a_process_with_a_dead_one_s_number_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_has_locks", lambda _: False)
    warned: list[str] = []
    _put(tmp_path, replace(LockOwner.me(), began=LockOwner.me().began - 60))
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
