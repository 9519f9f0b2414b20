"""log.jsonl has whole lines of plain JSON, whatever reaches it and however a run before it ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.results import run_log
from benchbench.results.run_log import LOG, LONGEST, OLDER, RunLog, last_events, plain

NOTHING: list[str] = []


def log(folder: Path, warned: list[str] | None = None) -> RunLog:
    return RunLog(folder, (NOTHING if warned is None else warned).append)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_lines_are_held_until_the_folder_is_a_run(tmp_path: Path) -> None:
    written_log = log(tmp_path)
    written_log.write("start", samples=3)
    assert not list(tmp_path.iterdir()), "a request that is refused leaves no file"
    written_log.open()
    written_log.write("shard", seconds=1.5)
    assert [(line["run"], line["event"]) for line in lines(tmp_path)] == [(1, "start"), (1, "shard")]
    assert all(line["time"].endswith("+00:00") for line in lines(tmp_path))


def test_the_next_run_appends_with_its_number(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        written_log = log(tmp_path)
        written_log.open()
        written_log.write("start")
        written_log.write("end", outcome="finished")
        assert written_log.number == number
    assert [line["run"] for line in lines(tmp_path)] == [1, 1, 2, 2, 3, 3]
    assert [event["event"] for event in last_events(tmp_path)] == ["start", "end"]
    assert {event["run"] for event in last_events(tmp_path)} == {3}


def test_half_a_line_of_a_killed_run_is_left_behind(tmp_path: Path) -> None:
    written_log = log(tmp_path)
    written_log.open()
    written_log.write("start")
    with (tmp_path / LOG).open("ab") as file:
        file.write(b'{"time": "2026-01-01T00:00:00+00:00", "run": 1, "eve')
    assert [event["event"] for event in last_events(tmp_path)] == ["start"]
    other = log(tmp_path)
    other.open()
    other.write("start")
    assert (other.number, [event["run"] for event in last_events(tmp_path)]) == (2, [2])
    assert len((tmp_path / LOG).read_text().splitlines()) == 3


def test_names_reach_it_as_plain_json(tmp_path: Path) -> None:
    written_log = log(tmp_path)
    written_log.open()
    names = ['<b>"x"\n', "=1+1", "\udcff", "\u2028", "\x1b[31m"]
    written_log.write("warning", warning=names, number=float("inf"), folder=tmp_path, text="a" * 10_000)
    text = (tmp_path / LOG).read_bytes()
    assert text.count(b"\n") == 1
    assert text.isascii(), "no letter that a terminal or an editor takes for a command"
    assert b"\x1b" not in text
    (line,) = lines(tmp_path)
    assert line["warning"][:2] == names[:2]
    assert (line["number"], line["folder"], len(line["text"])) == (None, str(tmp_path), LONGEST + 3)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
@settings(max_examples=50, deadline=None)
def test_plain_is_what_json_takes(value: Any) -> None:
    json.dumps(plain(value), allow_nan=False)


def test_its_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "MOST_BYTES", 200)
    monkeypatch.setattr(run_log, "MOST_OF_A_KIND", 3)
    written_log = log(tmp_path)
    written_log.open()
    for number in range(10):
        written_log.write("warning", warning=number)
    assert len(lines(tmp_path)) == 3
    other = log(tmp_path)
    other.open()
    other.write("start")
    assert [line["run"] for line in lines(tmp_path)] == [2]
    assert (tmp_path / OLDER).is_file()
    assert log(tmp_path).number == 3


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system has no such flag")
def test_a_link_in_its_place_is_not_followed_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / LOG).symlink_to(tmp_path / "mine")
    warned: list[str] = []
    written_log = log(tmp_path, warned)
    written_log.open()
    written_log.write("start")
    written_log.write("end")
    assert (tmp_path / "mine").read_text() == "mine"
    assert len(warned) == 1
    assert "The run goes on without it" in warned[0]
    assert last_events(tmp_path) == []
