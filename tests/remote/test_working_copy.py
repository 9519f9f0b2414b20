"""A working copy and its store: who wins where they differ, and in what order things are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchbench.errors import BenchError
from benchbench.remote.object_folder import ObjectFolder, StoredObject, StoreFailure
from benchbench.remote.working_copy import WorkingCopy, top_only

from .stores import contents, fill, objects

PACK, TABLE = "cells/a.zip", "results.parquet"
RUN = {"run.json": b"{}", PACK: b"pack", TABLE: b"table"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"memory://{tmp_path.name}"


def copy_of(url: str, folder: Path) -> WorkingCopy:
    return WorkingCopy(objects(url), folder)


def here(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in WorkingCopy(None, folder).files()}  # type: ignore[arg-type]


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_there_and_back(url: str, tmp_path: Path) -> None:
    put(tmp_path / "a", {**RUN, ".lock": b"", ".writing-x": b"half", "cells/.writing-y": b"half"})
    copy_of(url, tmp_path / "a").send()
    assert contents(url) == RUN
    assert copy_of(url, tmp_path / "b").fetch() == 3
    assert here(tmp_path / "b") == RUN
    assert copy_of(url, tmp_path / "b").unsent() == []


def test_a_store_without_anything_leaves_no_folder(url: str, tmp_path: Path) -> None:
    assert copy_of(url, tmp_path / "a").fetch() == 0
    assert not (tmp_path / "a").exists()


def test_nothing_is_fetched_or_sent_twice(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(url, RUN)
    copy_of(url, tmp_path / "a").fetch()

    def refuse(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(ObjectFolder, "get", refuse)
    monkeypatch.setattr(ObjectFolder, "put", refuse)
    copy = copy_of(url, tmp_path / "a")
    copy.fetch()
    copy.send()


def test_the_store_wins_where_both_are_new(url: str, tmp_path: Path) -> None:
    fill(url, RUN)
    copy_of(url, tmp_path / "a").fetch()
    put(tmp_path / "a", {PACK: b"mine"})
    fill(url, {PACK: b"of another machine"})
    copy_of(url, tmp_path / "a").fetch()
    assert here(tmp_path / "a")[PACK] == b"of another machine"


def test_what_could_not_be_sent_is_kept_and_sent(url: str, tmp_path: Path) -> None:
    fill(url, RUN)
    copy_of(url, tmp_path / "a").fetch()
    put(tmp_path / "a", {PACK: b"newer", "cells/b.zip": b"new"})
    copy = copy_of(url, tmp_path / "a")
    copy.fetch()
    assert sorted(copy.unsent()) == [PACK, "cells/b.zip"]
    copy.send()
    assert contents(url) == {**RUN, PACK: b"newer", "cells/b.zip": b"new"}


def test_what_was_removed_there_is_removed_here(url: str, tmp_path: Path) -> None:
    fill(url, RUN)
    copy_of(url, tmp_path / "a").fetch()
    objects(url).remove(TABLE)
    copy_of(url, tmp_path / "a").fetch()
    assert sorted(here(tmp_path / "a")) == [PACK, "run.json"]


def test_a_run_removes_its_plan_and_never_its_results(url: str, tmp_path: Path) -> None:
    put(tmp_path / "a", {"unfinished.json": b"{}", PACK: b"pack", "call-in-progress.txt": b""})
    copy = copy_of(url, tmp_path / "a")
    copy.send()
    put(tmp_path / "a", {"run.json": b"{}"})
    for name in ("unfinished.json", PACK, "call-in-progress.txt"):
        (tmp_path / "a" / name).unlink()
    copy.send()
    assert sorted(contents(url)) == [PACK, "run.json"]
    (tmp_path / "a" / "run.json").unlink()  # a folder that was emptied empties nothing there
    copy.send()
    assert sorted(contents(url)) == [PACK, "run.json"]


def test_the_plan_is_sent_first_and_run_json_last(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    put_object = ObjectFolder.put

    def noted(self: ObjectFolder, name: str, place: Path) -> StoredObject:
        sent.append(name)
        return put_object(self, name, place)

    monkeypatch.setattr(ObjectFolder, "put", noted)
    put(tmp_path / "a", {**RUN, "unfinished.json": b"{}", "log.jsonl": b""})
    copy_of(url, tmp_path / "a").send(hold=["log.jsonl"])
    assert sent == ["unfinished.json", PACK, TABLE, "run.json"]


def test_a_failure_leaves_the_rest_to_the_next_time(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_object = ObjectFolder.put

    def failing(self: ObjectFolder, name: str, place: Path) -> StoredObject:
        if name == TABLE:
            raise StoreFailure("no")
        return put_object(self, name, place)

    put(tmp_path / "a", RUN)
    monkeypatch.setattr(ObjectFolder, "put", failing)
    with pytest.raises(StoreFailure):
        copy_of(url, tmp_path / "a").send()
    assert sorted(contents(url)) == [PACK]  # run.json does not go before its tables
    monkeypatch.undo()
    copy = copy_of(url, tmp_path / "a")
    assert sorted(copy.unsent()) == [TABLE, "run.json"]
    copy.send()
    assert contents(url) == RUN


def test_something_else_than_a_run_is_not_fetched(url: str, tmp_path: Path) -> None:
    fill(url, {"photos.tar": b"large", "b/c": b""})
    with pytest.raises(BenchError, match=r"there is b/c, photos.tar, and no run"):
        copy_of(url, tmp_path / "a").fetch()
    assert not (tmp_path / "a").exists()


def test_a_part_can_be_fetched(url: str, tmp_path: Path) -> None:
    fill(url, RUN)
    copy_of(url, tmp_path / "a").fetch(top_only)
    assert sorted(here(tmp_path / "a")) == [TABLE, "run.json"]
    copy_of(url, tmp_path / "a").fetch()
    assert here(tmp_path / "a") == RUN


@pytest.mark.parametrize(
    "state", ["", "[]", "{}", '{"objects": {"run.json": 3}}', '{"objects": {"run.json": ["a", []]}}']
)
def test_a_copy_that_does_not_know_what_it_is_fetches_all(url: str, tmp_path: Path, state: str) -> None:
    fill(url, RUN)
    put(tmp_path / "a", {".copy.json": state.encode(), "run.json": b"stale"})
    copy_of(url, tmp_path / "a").fetch()
    assert here(tmp_path / "a") == RUN
    assert set(json.loads((tmp_path / "a" / ".copy.json").read_bytes())["objects"]) == set(RUN)
