"""A run in one file: opened it is the same run, and whatever is not what was exported is refused in one line."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchbench.errors import BenchError
from benchbench.results.bundle import MANIFEST, is_bundle, opened, write_bundle
from benchbench.results.environment import differences, same_values
from benchbench.results.record import Record

from ..engine.test_watch import pictures, study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle") / "run"
    study(datasets={"data": pictures(6)}).run(place, report=False)
    return place


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    out = folder.with_name("run.zip")
    digest = write_bundle(folder, out)
    assert digest == write_bundle(folder, folder.with_name("again.zip")), "the same run gives the same bytes"
    return out


def test_an_opened_bundle_is_the_run(folder: Path, bundle: Path) -> None:
    assert is_bundle(bundle)
    assert not is_bundle(folder)
    then = Record.load(folder)
    with opened(bundle) as place:
        now = Record.load(place)
        pd.testing.assert_frame_equal(now.results, then.results)
        for file, row in zip(now.maps["file"], now.maps["row"], strict=True):
            np.testing.assert_array_equal(now.map(file, row), then.map(file, row))
        assert all(now.photo(file) == then.photo(file) for file in now.photos["file"])
        assert not list(place.glob("cells/*.json")), "what a report does not need stays at home"
        assert not (place / "log.jsonl").exists()
    assert not place.exists()


def rewritten(bundle: Path, out: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed is not None:
                new.writestr(*changed)
    return out


def other_name(name: str, data: bytes, path: str) -> tuple[str, bytes]:
    """A photograph under another path, in the list too."""
    if name == MANIFEST:
        listed = json.loads(data)
        first = next(file for file in listed["files"] if file.startswith("cells/"))
        listed["files"] = {path if file == first else file: seal for file, seal in listed["files"].items()}
        return name, json.dumps(listed).encode()
    return name, data


def hostile(bundle: Path, out: Path) -> Iterator[tuple[str, Path, str]]:
    """Name, file, and what the error says."""
    changes: dict[str, tuple[Callable[[str, bytes], tuple[str, bytes] | None], str]] = {
        "altered": (lambda n, d: (n, d[:-1] + b"?") if n == "results.parquet" else (n, d), "is not what was exported"),
        "lacking": (lambda n, d: None if n == "curves.parquet" else (n, d), "its files are not those of"),
        "no list": (lambda n, d: None if n == MANIFEST else (n, d), f"it has no {MANIFEST}"),
        "no json": (lambda n, d: (n, b"[") if n == MANIFEST else (n, d), "is no JSON"),
        "deep": (lambda n, d: (n, b"[" * 100_000) if n == MANIFEST else (n, d), "is no JSON"),
        "format": (lambda n, d: (n, b'{"format": "x"}') if n == MANIFEST else (n, d), "is of another format"),
        "foreign": (lambda n, d: (n, d.replace(b'"files"', b'"filez"')) if n == MANIFEST else (n, d), "another format"),
    }
    for name, (change, message) in changes.items():
        yield name, rewritten(bundle, out / f"{name}.zip", change), message
    for number, path in enumerate(("../evil.py", "/tmp/evil", "maps/../../evil", "cells/../x", "a\\..\\b", "maps/.x")):
        place = rewritten(bundle, out / f"path{number}.zip", lambda n, d, path=path: other_name(n, d, path))  # type: ignore[misc]
        with zipfile.ZipFile(place, "a") as changed:
            changed.writestr(path, b"evil")
        yield path, place, "its files are not those of"
    text = out / "text.zip"
    text.write_text("no zip")
    yield "text", text, "it is not an exported run"
    half = out / "half.zip"
    half.write_bytes(bundle.read_bytes()[: bundle.stat().st_size // 2])
    yield "half", half, "it is not an exported run"


def test_whatever_is_not_what_was_exported_is_refused(bundle: Path, tmp_path: Path) -> None:
    for name, file, message in hostile(bundle, tmp_path):
        with pytest.raises(BenchError, match="it is not an exported run") as caught, opened(file):
            pytest.fail(f"{name} was opened")
        assert message in str(caught.value), name
        assert "benchbench export RUN" in caught.value.hint
    assert not list(tmp_path.parent.rglob("evil*"))


def test_a_path_that_leads_outside_is_refused_by_its_name(bundle: Path, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes] | None:
        listed = {"format": "benchbench run 1", "files": {"../evil.py": "0"}}
        return (name, json.dumps(listed).encode()) if name == MANIFEST else None

    file = rewritten(bundle, tmp_path / "evil.zip", change)
    with zipfile.ZipFile(file, "a") as changed:
        changed.writestr("../evil.py", b"evil")
    with pytest.raises(BenchError, match="is no name of a run's file"), opened(file):
        pytest.fail("it was opened")
    assert not (tmp_path.parent / "evil.py").exists()


def test_a_damaged_run_is_not_exported(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(folder, place)
    pack = place / "cells" / Record.load(place).maps["file"][0].partition("/")[0]
    data = bytearray(pack.read_bytes())
    for start in range(len(data) // 4, len(data) // 2):
        data[start] ^= 1
    pack.write_bytes(data)
    with pytest.raises(BenchError, match="not what was written"):
        write_bundle(place, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_what_differs_between_two_runs_is_said(folder: Path, tmp_path: Path) -> None:
    then = Record.load(folder).info
    assert differences(then, then) == []
    now = json.loads(json.dumps(then))
    now["versions"]["torch"] = "0.1"
    now["device"]["threads"] = 99
    now["models"][0]["state"] = "other"
    sample = next(iter(now["datasets"][0]["samples"]))
    now["datasets"][0]["samples"][sample] = "other"
    now["methods"][0]["code"] = "other"
    text = "\n".join(differences(then, now))
    assert f"torch: {then['versions']['torch']} then, 0.1 now" in text
    assert "threads: 1 then, 99 now" in text
    assert "the network net has other weights" in text
    assert "the images of data: 1 changed" in text
    assert "the code of gradcam has changed" in text


def test_values_are_compared(folder: Path, tmp_path: Path) -> None:
    then = Record.load(folder)
    assert same_values(then, then) == f"{len(then.results)} of {len(then.results)} values are the same"
    study(datasets={"data": pictures(6)}, methods=["gradcam"]).run(tmp_path, report=False)
    now = Record.load(tmp_path)
    assert f"{len(now.results)} of {len(now.results)} values are the same; " in same_values(then, now)
    assert "are in one run only" in same_values(then, now)
