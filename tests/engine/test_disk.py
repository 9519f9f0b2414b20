"""Disks that fill up, close or go away in the middle of a run: one line, and the same study continues."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.files import ASIDE, write

from ..helpers import Told
from ..networks import Pooled, seeded


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.study.plan.SHARD", 2)


def _run(folder: Path, progress: Any = False) -> bb.Run:
    coarse: Tensor = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(coarse, size=32, mode="bicubic")
    study = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": images},
        layers=["relu"],
        methods=["gradcam"],
        metrics=["deletion"],
        workers=0,
    )
    return study.run(folder, progress=progress, report=False)


class AtShard(Told):
    """Calls ``act`` when the second shard begins."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self.act, self.shards = act, 0

    def say(self, what: str) -> None:
        self.shards += what == "net on data"
        if self.shards == 2:
            self.act()


def _failing(call: str, number: int, context: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has every later call of an ``os`` function raise an error of this number."""

    def raises(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return lambda: context.setattr(os, call, raises)


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [
        ("fsync", errno.ENOSPC, r"the disk is full.*Free some space.*the same command continues"),
        ("fsync", errno.EDQUOT, "the disk is full"),
        ("replace", errno.EROFS, "it can no longer be written: Read-only file system"),
        ("replace", errno.EIO, "Input/output error.*Finished work is kept"),
    ],
)
def test_a_disk_that_takes_no_more(
    call: str, number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        progress = AtShard(_failing(call, number, context))
        with pytest.raises(BenchError, match=words) as caught:
            _run(tmp_path, progress)
    assert "\n" not in str(caught.value)
    assert bb.Run.load(tmp_path).unfinished == "1 of 2 shards"
    assert not list(tmp_path.rglob(f"{ASIDE}*"))
    run = _run(tmp_path)
    assert run.record.info["work"]["cells_reused"] == 2
    pd.testing.assert_frame_equal(run.table, _run(tmp_path / "whole").table)


def test_a_folder_that_is_removed_is_not_written_anew_by_half(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(BenchError, match="the run's folder was removed") as caught:
        _run(folder, AtShard(lambda: shutil.rmtree(folder)))
    assert "\n" not in str(caught.value)
    assert not _run(folder).failed


def _recorded(context: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is flushed and renamed from now on, by the number that the file system has for it."""
    flush, rename, calls = os.fsync, os.replace, list[tuple[str, int]]()

    def fsync(handle: int) -> None:
        calls.append(("flush", os.fstat(handle).st_ino))
        flush(handle)

    def replace(old: str, new: Path) -> None:
        calls.append(("rename", os.stat(old).st_ino))
        rename(old, new)

    context.setattr(os, "fsync", fsync)
    context.setattr(os, "replace", replace)
    return calls


@pytest.mark.skipif(os.name != "posix", reason="Windows does not open folders")
@pytest.mark.parametrize("place", ["run.json", "cells/pack", "deep/er/table"])
def test_a_file_and_its_name_outlive_the_loss_of_power(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content is flushed before the rename, the folder after it, and each new folder's name when it is made."""
    path = tmp_path / place
    with monkeypatch.context() as context:
        calls = _recorded(context)
        write(path, lambda file: file.write(b"whole"))
    above = [each for each in path.parents if each.is_relative_to(tmp_path)][::-1]
    flushes, folder = [("flush", each.stat().st_ino) for each in above[:-1]], path.parent.stat().st_ino
    content = path.stat().st_ino
    assert calls == [*flushes, ("flush", content), ("rename", content), ("flush", folder)]


@pytest.mark.parametrize(
    ("number", "fails"), [(errno.EIO, True), (errno.ENOSPC, True), (errno.EINVAL, False), (errno.ENOTSUP, False)]
)
def test_a_file_system_that_flushes_no_folder_is_no_failing_disk(
    number: int, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    if fails:
        with pytest.raises(OSError, match=os.strerror(number)):
            write(tmp_path / "file", lambda file: file.write(b"whole"))
    else:
        write(tmp_path / "file", lambda file: file.write(b"whole"))
    assert (tmp_path / "file").read_bytes() == b"whole"
