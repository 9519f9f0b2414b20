"""A run in one file: opened it is the same run, and whatever is not what was exported is refused in one line."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.errors import BenchError
from benchbench.results.bundle import MANIFEST, is_bundle, opened, write_bundle
from benchbench.results.environment import differences, same_values
from benchbench.results.record import Record
from benchbench.results.run_folder import info_digest

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


def other_list(name: str, data: bytes, path: str) -> tuple[str, bytes]:
    """A list of files with one more, of which the digest is right."""
    if name == MANIFEST:
        listed = json.loads(data)
        listed["files"][path] = hashlib.sha256(b"evil").hexdigest()
        return name, json.dumps(listed).encode()
    return name, data


def named_without_unicode() -> bytes:
    """A zip file whose flags say that a name is UTF-8, which it is not."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("\u00e9", b"")
    return out.getvalue().replace("\u00e9".encode(), b"\xff\xff")


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
    for number, path in enumerate(("../evil2.py", "/tmp/evil2", "maps/../../evil2", "cells/../evil2", "a\\..\\evil2")):
        place = rewritten(bundle, out / f"listed{number}.zip", lambda n, d, path=path: other_list(n, d, path))  # type: ignore[misc]
        with zipfile.ZipFile(place, "a") as changed:
            changed.writestr(path, b"evil")
        yield path, place, "is no name of a run's file"
    for kind in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        other = out / f"kind{kind}.zip"
        with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(other, "w", kind) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        yield f"kind {kind}", other, "packed in a way that benchbench does not use"
    unread = out / "unread.zip"
    unread.write_bytes(named_without_unicode())
    yield "no unicode", unread, "it is not an exported run"
    text = out / "text.zip"
    text.write_text("no zip")
    yield "text", text, "it is not an exported run"
    half = out / "half.zip"
    half.write_bytes(bundle.read_bytes()[: bundle.stat().st_size // 2])
    yield "half", half, "it is not an exported run"


def test_whatever_is_not_what_was_exported_is_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is written but into a folder that is gone afterwards: every file that is opened for it is seen."""
    written: list[Path] = []
    open_path = Path.open

    def seen(path: Path, mode: str = "r", **keys: Any) -> Any:
        written.extend([path] * ("w" in mode))
        return open_path(path, mode, **keys)

    monkeypatch.setattr(Path, "open", seen)
    for name, file, message in hostile(bundle, tmp_path):
        written.clear()
        with pytest.raises(BenchError, match="it is not an exported run") as caught, opened(file):
            pytest.fail(f"{name} was opened")
        assert message in str(caught.value), name
        assert "benchbench export RUN" in caught.value.hint
        assert not [path for path in written if path.name.startswith(("evil", "x"))], f"{name}: {written}"


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


def with_files(folder: Path, place: Path, files: dict[str, str]) -> Path:
    """A copy of a run whose run.json names other files, with its digest: what somebody may send."""
    shutil.copytree(folder, place)
    info = json.loads((place / "run.json").read_text())
    info.pop("digest")
    info["files"].update(files)
    (place / "run.json").write_text(json.dumps({**info, "digest": info_digest(info)}))
    return place


@pytest.mark.parametrize("name", ["../secret", "ABSOLUTE", "maps/../../secret", "cells/../secret", ".secret"])
def test_no_file_from_outside_of_a_run_is_exported(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    path = name.replace("ABSOLUTE", str(tmp_path / "secret"))
    seal = hashlib.sha256(b"secret").hexdigest()
    with pytest.raises(BenchError, match=r"is no name of a run's file|run\.json is not as benchbench writes it: files"):
        write_bundle(with_files(folder, tmp_path / "run", {path: seal}), tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_a_table_that_is_not_the_run_s_is_not_exported(folder: Path, tmp_path: Path) -> None:
    """Also one that no report reads, and one in a folder that is a link."""
    (tmp_path / "elsewhere").mkdir()
    for at in (tmp_path / "elsewhere" / "more.json", tmp_path / "more.json"):
        at.write_text("more")
    seal = hashlib.sha256(b"more").hexdigest()
    place = with_files(folder, tmp_path / "changed", {"more.json": seal})
    (place / "more.json").write_text("other")
    with pytest.raises(BenchError, match=r"more.json is not what the run wrote"):
        write_bundle(place, tmp_path / "out.zip")
    place = with_files(folder, tmp_path / "linked", {"suite/more.json": seal})
    (place / "suite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BenchError, match="suite is a link"):
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
