"""How a run is getting on, told by its folder: of runs that run, that ended, and whose process is gone."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchbench.cli.app import app
from benchbench.errors import BenchError
from benchbench.results.lock_owner import FILE, LockOwner, birth
from benchbench.results.run_folder import UNFINISHED
from benchbench.results.run_log import LOG, RunLog
from benchbench.results.run_status import RunStatus, run_status

SHARD = {"network": "net", "dataset": "d", "images": 32, "rows": 64, "failed_rows": 1, "seconds": 2.0}


def begun(folder: Path, process: int | None = None, machine: str = "", began: str = "") -> RunLog:
    """A run with 3 of 10 shards there, one more done, a warning, and two minutes left."""
    owner = LockOwner.me()
    owner = replace(owner, process=process or owner.process, host=machine or owner.host, began=began or owner.began)
    (folder / FILE).write_text(json.dumps(asdict(owner)))
    (folder / UNFINISHED).write_text("{}")
    log = RunLog(folder, lambda _: None)
    log.open()
    log.write("start", process=owner.process, machine=owner.host)
    log.write("plan", shards=10, shards_there=3, rows=640, rows_there=192)
    log.write("work", work="Net on data")
    log.write("warning", warning="careful")
    log.write("shard", **SHARD, seconds_left=120.0)
    return log


def ended(folder: Path, outcome: str, **values: Any) -> None:
    """The run's last line; its process gives the folder back."""
    begun(folder).write("end", outcome=outcome, **values)
    (folder / FILE).unlink()


def of(folder: Path) -> RunStatus:
    return run_status(folder)


def test_a_run_that_runs(tmp_path: Path) -> None:
    begun(tmp_path)
    status = of(tmp_path)
    assert status.state == "running"
    assert (status.shards_done, status.shards) == (4, 10)
    assert (status.rows_done, status.rows) == (256, 640)
    assert (status.failed_rows, status.warnings, status.number) == (1, 1, 1)
    assert status.seconds_left == pytest.approx(120, abs=5)
    assert (status.last, status.process) == ("Net on data", os.getpid())
    text = "\n".join(status.lines())
    assert f"running (process {os.getpid()} on {platform.node()})" in text
    assert "4 of 10 shards, 256 of 640 rows" in text
    assert "about 2 min left" in text or "about 1 min" in text
    assert "1 failed row, 1 warning" in text
    assert json.loads(json.dumps(status.plain()))["shards_done"] == 4


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [("interrupted", "the same command continues"), ("failed", "the same command tries again"), ("finished", "")],
)
def test_a_run_that_ended(outcome: str, advice: str, tmp_path: Path) -> None:
    reason = "no disk" if outcome == "failed" else ""
    ended(tmp_path, outcome, seconds=3.0, **({"reason": reason} if reason else {}))
    status = of(tmp_path)
    assert (status.state, status.seconds_left, status.reason) == (outcome, None, reason)
    assert advice in status.lines()[0]
    assert reason in status.lines()[0]


def test_a_run_whose_process_is_gone_is_dead(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    begun(tmp_path, process=gone.pid)
    status = of(tmp_path)
    assert status.state == "dead"
    assert status.seconds_left is None
    assert "its process has ended without a word" in status.lines()[0]


def test_a_process_that_has_taken_over_the_number_is_another(tmp_path: Path) -> None:
    begun(tmp_path, began=f"{birth(os.getpid())}0")
    assert of(tmp_path).state == "dead"


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_of_another_machine_the_lock_decides(tmp_path: Path) -> None:
    begun(tmp_path, machine="far away")
    assert of(tmp_path).state == "dead"
    with FileLock(tmp_path / ".lock"):
        assert of(tmp_path).state == "running"
    FileLock(tmp_path / ".lock", timeout=0).acquire()  # and looking took nothing


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_a_folder_whose_run_ended_and_that_is_locked_runs_again(tmp_path: Path) -> None:
    ended(tmp_path, "finished")
    assert of(tmp_path).state == "finished"
    with FileLock(tmp_path / ".lock"):
        assert of(tmp_path).state == "running"


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_a_run_that_has_not_written_yet_runs(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        assert of(tmp_path).state == "running"


def test_where_the_system_has_no_locks_the_owner_s_process_decides(tmp_path: Path) -> None:
    """Of a run into a folder whose last run ended, and that has not written a line yet."""
    log = begun(tmp_path)
    log.write("end", outcome="finished")
    assert of(tmp_path).state == "running"
    (tmp_path / FILE).unlink()
    assert of(tmp_path).state == "finished"


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="not the folder of a run"):
        of(tmp_path)
    with pytest.raises(BenchError, match="not the folder of a run"):
        of(tmp_path / "nowhere")


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["event", "run", "time", "shards", "rows", "work", "seconds_left", "outcome", "process", "failed_rows"]
            ),
            st.none() | st.integers(-9, 9) | st.text(max_size=5) | st.floats() | st.lists(st.none(), max_size=1),
        ),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_log_makes_it_fall_over(tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("run")
    sound = {"run": 1, "event": "end"}
    (folder / LOG).write_text("".join(f"{json.dumps({**sound, **event})}\n" for event in [sound, *events]))
    try:
        run_status(folder).lines()
    except BenchError:
        return


@pytest.mark.parametrize("keys", [{"work": "\x1b[2Jgone"}, {"reason": "\x1b]0;title\x07"}, {"work": "\x9b31m"}])
def test_a_foreign_folder_does_not_command_the_terminal(keys: dict[str, str], tmp_path: Path) -> None:
    log = begun(tmp_path)
    (tmp_path / FILE).unlink()
    log.write("start", process=2, **keys)
    log.write("end", outcome="failed", **keys)
    for arguments in ([], ["--json"]):
        shown = CliRunner().invoke(app, ["status", str(tmp_path), *arguments]).output
        assert str(tmp_path) in shown
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)
