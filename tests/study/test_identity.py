"""What the numbers of a plugin depend on."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from benchbench import digests
from benchbench.digests import contents_of
from benchbench.registry import METHODS
from benchbench.registry import method as add_method
from benchbench.registry.method_parameter import Method
from benchbench.study.identity import identity
from benchbench.study.plan import SHARD
from benchbench.types import Layer
from tests.engine.test_growth import Counted, planned

NESTED = {"alone": "read from a file", "inside": "smoothed", "two deep": "inverted"}


@pytest.mark.parametrize("where", NESTED)
def test_a_parameter_that_is_a_file_counts_by_its_content(where: str, tmp_path: Path) -> None:
    @add_method("read from a file", needs="activation")
    def from_file(layer: Layer, *, file: Path = Path()) -> Any:
        """A method."""
        return layer.activation.mean(1)

    file = tmp_path / "weights.txt"
    of: dict[str, Any] = {"name": "read from a file", "file": str(file)}
    params: dict[str, dict[str, Any]] = {
        "alone": {"file": str(file)},
        "inside": {"of": of},
        "two deep": {"of": {"name": "smoothed", "of": of}},
    }
    plugin = METHODS[NESTED[where]]

    def now() -> Any:
        return identity(plugin, plugin.bind(params[where]))

    try:
        file.write_text("one")
        first, same = now(), now()
        file.write_text("other")
        assert first == same
        assert now() != first
        file.rename(tmp_path / "elsewhere.txt")
        of["file"] = params["alone"]["file"] = str(tmp_path / "elsewhere.txt")
        (tmp_path / "elsewhere.txt").write_text("one")
        assert now() == first, "by its content alone"
    finally:
        METHODS.remove("read from a file")


def _planned(file: Path) -> list[str]:
    """The names of the cells of maps, of three shards at two layers."""
    methods = [{"name": "read from a file", "file": str(file)}]
    return [cell.name for task in planned(Counted(3 * SHARD), methods) for cell in task.maps]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, planted: None) -> list[Path]:
    """The files that are read, where each has been left alone for a while; and a method that has a file."""

    @add_method("read from a file", needs="activation")
    def from_file(layer: Layer, *, file: Path = Path()) -> Any:
        """A method."""
        return layer.activation.mean(1)

    read: list[Path] = []
    honest = digests._hashed

    def hashed(path: Path) -> str:
        read.append(path)
        return honest(path)

    monkeypatch.setattr(digests, "_SETTLED", 0)
    monkeypatch.setattr(digests, "_hashed", hashed)
    return read


def test_a_file_is_read_once_for_all_shards_and_layers(tmp_path: Path, reads: list[Path]) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"one")
    first = _planned(file)
    assert len(set(first)) == 6
    assert _planned(file) == first
    assert reads == [file]


@pytest.mark.parametrize("change", ["content", "times put back", "another file"])
def test_a_file_that_changed_is_read_again(change: str, tmp_path: Path, reads: list[Path]) -> None:
    """Also where its size and the time of its change are as they were."""
    file = tmp_path / "weights.bin"
    file.write_bytes(b"one")
    first, times = _planned(file), file.stat()
    time.sleep(0.05)  # longer than a tick of the file system's clock
    if change == "another file":
        (tmp_path / "other").write_bytes(b"two")
        (tmp_path / "other").replace(file)
    else:
        file.write_bytes(b"two")
    if change != "content":
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not set(_planned(file)) & set(first)
    assert reads == [file, file]


def test_a_file_that_was_written_just_now_is_not_trusted(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    contents = []
    for text in ("one", "two", "six"):
        file.write_text(text)
        contents.append(digests.file_content(file))
    assert contents == [hashlib.sha256(text.encode()).hexdigest() for text in ("one", "two", "six")]


def test_a_folder_counts_by_its_files(tmp_path: Path, reads: list[Path]) -> None:
    """A replaced file is noticed, and a folder elsewhere with the same files is the same; hidden files do not count."""
    for name in ("a", "b"):
        (tmp_path / name / "blocks" / "__pycache__").mkdir(parents=True)
        (tmp_path / name / "blocks" / "1.bin").write_bytes(b"one")
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "around").symlink_to(tmp_path / name)
    first = digests.folder_content(tmp_path / "a")
    assert digests.folder_content(tmp_path / "b") == first
    assert len(reads) == 4
    (tmp_path / "a" / ".lock").write_text("now")
    (tmp_path / "a" / "blocks" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert digests.folder_content(tmp_path / "a") == first
    time.sleep(0.05)
    (tmp_path / "a" / "blocks" / "1.bin").write_bytes(b"two")
    replaced = digests.folder_content(tmp_path / "a")
    (tmp_path / "b" / "blocks" / "1.bin").rename(tmp_path / "b" / "blocks" / "2.bin")
    assert len({first, replaced, digests.folder_content(tmp_path / "b")}) == 3
    plan = _planned(tmp_path / "a")
    (tmp_path / "a" / "config.json").write_text("[]")
    assert not set(plan) & set(_planned(tmp_path / "a"))


def test_the_files_of_a_large_folder_are_not_read(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
    first = digests.folder_content(tmp_path)
    assert digests.folder_content(tmp_path) == first
    (tmp_path / "b").write_text("longer")
    assert digests.folder_content(tmp_path) != first
    assert not reads


def test_files_inside_of_lists_and_mappings_count_too(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"one")
    seal = hashlib.sha256(b"one").hexdigest()
    assert contents_of({"files": (file, 3), "named": {"best": [file]}}) == {
        "files": [seal, 3],
        "named": {"best": [seal]},
    }
    assert contents_of({"of": (Method("gradcam"),)}) == {"of": [Method("gradcam").identity]}
