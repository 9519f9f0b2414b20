"""Stored files are read only as they were written: what is damaged is computed anew, and said; readers refuse it."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.results.record import Record
from benchbench.results.run_folder import FORMAT, UNFINISHED, info_digest
from benchbench.results.store import Store

from ..helpers import Told
from ..networks import Pooled, seeded
from ..packs import flip, parts
from ..study_runs.test_run import values

METHODS = ["gradcam", "random"]
METRICS = ["deletion", "passes"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    _study().run(folder)
    return folder


@pytest.fixture(scope="module")
def kept(whole: Path) -> Record:
    return Record.load(whole)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def _images() -> Tensor:
    coarse = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=32, mode="bicubic")


def _study(methods: list[str] = METHODS, metrics: list[str] = METRICS) -> bb.Study:
    data, network = {"data": _images()}, {"net": seeded(Pooled)}
    return bb.Study(models=network, datasets=data, layers=["relu"], methods=methods, metrics=metrics)


def _run(folder: Path, methods: list[str] = METHODS) -> tuple[bb.Run, list[str]]:
    progress = Told()
    return _study(methods).run(folder, progress=progress, report=False), progress.warnings


def _npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values, allow_pickle=True)
    return out.getvalue()


def _huge(data: bytes) -> bytes:
    """The header of an array of a petabyte."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": (1 << 48,)})
    return out.getvalue() + data[:100]


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "a byte less": lambda data: data[:-1],
    "a byte more": lambda data: data + b"\n",
    "first bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "middle bit": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :],
    "last bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "a digit": lambda data: data.replace(b"1", b"2", 1) if b"1" in data else data[::-1],
    "an object": lambda data: b"{}",
    "null": lambda data: b"null",
    "a list": lambda data: b"[]",
    "deep": lambda data: b"[" * 100_000,
    "nan": lambda data: b'{"value": NaN}',
    "no unicode": lambda data: b"\xff\xfe\x00\xd8",
    "zeros": lambda data: _npy(np.zeros((6, 8, 8), np.float32)),
    "objects": lambda data: _npy(np.array([{}, None], dtype=object)),
    "strings": lambda data: _npy(np.array(["a"])),
    "huge": _huge,
}
PLACES: dict[str, Callable[[Path], None]] = {
    "a pipe": lambda path: os.mkfifo(path),
    "a link": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to(path.with_name("absent")),
    "gone": lambda path: None,
}
DAMAGES = [*BYTES, *PLACES]
STORED = ["*.zip", "*.json"]  # in cells/: packs, and costs
PARTS = [".json", ".npy", ".jpg"]  # of a pack
TABLES = [
    "run.json",
    "results.parquet",
    "curves.parquet",
    "pooled.parquet",
    "maps/index.parquet",
    "photos/index.parquet",
]


def _damage(path: Path, how: str) -> None:
    if how in BYTES:
        path.write_bytes(BYTES[how](path.read_bytes()))
    else:
        path.unlink()
        PLACES[how](path)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("kind", STORED)
def test_what_is_damaged_is_made_anew(kind: str, how: str, whole: Path, kept: Record, folder: Path) -> None:
    """All files of a kind at once."""
    damaged = sorted((folder / "cells").glob(kind))
    assert damaged
    for path in damaged:
        _damage(path, how)
    run, warned = _run(folder)
    pd.testing.assert_frame_equal(run.table, kept.results)
    assert run.record.maps.equals(kept.maps)
    assert parts(folder) == parts(whole)
    if how != "gone":
        assert any(f"{len(damaged)} damaged file" in warning for warning in warned)


@pytest.mark.parametrize("ending", PARTS)
def test_a_damaged_part_is_made_anew_and_the_others_stay(ending: str, whole: Path, kept: Record, folder: Path) -> None:
    damaged = flip(folder, ending)
    assert damaged
    run, warned = _run(folder)
    pd.testing.assert_frame_equal(run.table, kept.results)
    assert run.record.maps.equals(kept.maps)
    assert parts(folder) == parts(whole)
    files = "file" if len(damaged) == 1 else "files"
    assert f"{len(damaged)} damaged {files} (cells/{damaged[0]}" in warned[0]
    lost = {".json": 4, ".npy": 2, ".jpg": 0}  # maps and scores of two methods
    assert run.record.info["work"]["cells_computed"] == lost[ending]


def test_a_shard_is_one_file(whole: Path) -> None:
    names = sorted(path.suffix for path in (whole / "cells").iterdir())
    assert names == [".json", ".json", ".json", ".zip"], (
        "the costs of two methods and the check of the images are files"
    )
    assert [path.name for name in ("maps", "photos") for path in (whole / name).iterdir()] == ["index.parquet"] * 2


def test_a_folder_of_another_format_is_refused_and_left_as_it_is(folder: Path) -> None:
    info = json.loads((folder / "run.json").read_text())
    del info["digest"], info["format"]
    (folder / "run.json").write_text(json.dumps({**info, "digest": info_digest(info)}))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    message = rf"format 1, which benchbench {info['benchbench']} wrote; this version has format {FORMAT}.*new folder"
    for attempt in (
        lambda: bb.Run.load(folder),
        lambda: _run(folder),
        lambda: _study().run(folder, report=False, overwrite=True),
    ):
        with pytest.raises(BenchError, match=message):
            attempt()
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", TABLES)
def test_a_reader_refuses_a_table_that_is_not_what_was_written(name: str, how: str, folder: Path) -> None:
    if (name, how) == ("run.json", "a byte more"):
        pytest.skip("white space behind JSON says nothing")
    _damage(folder / name, how)
    with pytest.raises(BenchError) as caught:
        bb.Run.load(folder).pooled()
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("how", ["half", "null", "a pipe", "a link", "gone"])
@pytest.mark.parametrize("name", TABLES)
def test_a_run_writes_its_tables_anew(name: str, how: str, kept: Record, folder: Path) -> None:
    _damage(folder / name, how)
    run, warned = _run(folder)
    pd.testing.assert_frame_equal(run.table, kept.results)
    assert not (folder / name).is_symlink()
    if (name, how) != ("run.json", "gone"):
        assert any(name in warning for warning in warned)


@pytest.mark.parametrize("key", ["seed", "created", "methods", "models", "study", "files"])
def test_a_changed_run_json_is_refused(key: str, folder: Path) -> None:
    info = json.loads((folder / "run.json").read_text())
    for changed in (None, list[str](), dict[str, str](), "text", 7):
        (folder / "run.json").write_text(json.dumps({**info, key: changed}))
        with pytest.raises(BenchError, match=r"run\.json is not what was written"):
            bb.Run.load(folder)


@pytest.mark.parametrize("name", ["run.json", "results.parquet", "cells/*.json", "cells/*.zip"])
def test_a_folder_in_the_place_of_a_file_is_said_before_anything_runs(name: str, folder: Path) -> None:
    path = next(folder.glob(name))
    path.unlink()
    path.mkdir()
    (path / "mine.txt").touch()
    with pytest.raises(BenchError, match=r"it is a folder.*Remove it"):
        _run(folder)
    assert (path / "mine.txt").exists()


@pytest.mark.parametrize("name", ["cells", "maps", "photos", "tables"])
def test_nothing_is_written_through_a_link(name: str, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    before = sorted(path.name for path in outside.iterdir())
    (folder / name).symlink_to(outside)
    with pytest.raises(BenchError, match=f"{name}.*is a link"):
        _run(folder)
    assert sorted(path.name for path in outside.iterdir()) == before
    if name == "tables":
        with pytest.raises(BenchError, match="it is a link"):
            bb.Run.load(folder).report()


def test_nothing_is_read_outside_the_folder(folder: Path, tmp_path: Path) -> None:
    pack = next((folder / "cells").glob("*.zip"))
    (tmp_path / pack.name).write_bytes(pack.read_bytes())
    record = Record.load(folder)
    part = record.photos["file"][0].partition("/")[2]
    for file in (f"../../{pack.name}/{part}", "../run.json", "/etc/hostname", "sub/x.jpg", pack.name, ""):
        with pytest.raises(BenchError, match="not in the run's folder"):
            record.photo(file)
        with pytest.raises(BenchError, match="not in the run's folder"):
            record.map(file, 0)


@pytest.fixture(scope="module")
def without_curves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose report draws few figures."""
    folder = tmp_path_factory.mktemp("without_curves") / "run"
    _study(metrics=["average_drop"]).run(folder, report=False)
    return folder


@pytest.mark.parametrize("ending", [".npy", ".jpg"])
def test_a_report_refuses_a_damaged_picture(ending: str, without_curves: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(without_curves, tmp_path / "run"))
    flip(folder, ending)
    with pytest.raises(BenchError, match=r"is not what was written.*Run it again"):
        bb.Run.load(folder).report()


@pytest.mark.parametrize("how", ["half", "zeros", "a pipe", "gone"])
def test_a_report_refuses_a_damaged_pack(how: str, without_curves: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(without_curves, tmp_path / "run"))
    _damage(next((folder / "cells").glob("*.zip")), how)
    with pytest.raises(BenchError, match="Run it again"):
        bb.Run.load(folder).report()


def test_another_cell_s_file_is_not_read_in_a_cell_s_place(kept: Record, folder: Path) -> None:
    file, other, *_ = sorted((folder / "cells").glob("*.json"))
    file.write_bytes(other.read_bytes())
    run, warned = _run(folder)
    pd.testing.assert_frame_equal(run.table, kept.results)
    assert f"1 damaged file (cells/{file.name})" in warned[0]


def test_files_of_killed_runs_are_swept(folder: Path) -> None:
    for place in (folder, folder / "cells", folder / "maps", folder / "photos", folder / "tables"):
        (place / ".writing-abc").write_bytes(b"half")
    _run(folder)
    assert not list(folder.rglob(".writing-*"))


@pytest.mark.parametrize("at", ["results.parquet", "curves.parquet", "photos/index.parquet", "run.json"])
def test_a_run_that_is_killed_while_it_writes_its_tables(
    at: str, folder: Path, kept: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More methods into a finished folder, and the end in front of one of the files."""
    write = Store._write

    def killed(self: Store, name: str, data: bytes) -> None:
        if name == at:
            raise KeyboardInterrupt
        write(self, name, data)

    with monkeypatch.context() as context:
        context.setattr(Store, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            _run(folder, [*METHODS, "layercam"])
    rebuilt = bb.Run.load(folder)  # of the cells, which are all there
    assert not rebuilt.unfinished
    run, _ = _run(folder)
    both = rebuilt.table[rebuilt.table["method"].isin(METHODS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(both, run.table)
    assert not (folder / UNFINISHED).exists()
    now, then = values(run.record), values(kept)
    pd.testing.assert_series_equal(now[now.index.isin(then.index)], then)
