"""Objects of a store: written whole, checked, created by one alone; what goes wrong is said in one line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from benchbench.errors import BenchError
from benchbench.files import ASIDE
from benchbench.remote import object_folder
from benchbench.remote.object_folder import ObjectFolder, StoreFailure
from benchbench.remote.run_url import RunURL

from .stores import contents, fill, objects


@pytest.fixture(params=["memory", "s3", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    places = {"memory": f"memory://{tmp_path.name}", "file": f"file://{tmp_path}/objects"}
    return places.get(request.param) or f"{request.getfixturevalue('bucket')}/{tmp_path.name}/objects"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "written"
    path.write_bytes(content)
    return path


def test_what_is_sent_comes_back(place: str, tmp_path: Path) -> None:
    folder = objects(place)
    assert folder.listing() == {}
    there = folder.put("cells/a.zip", written(tmp_path, b"one"))
    assert folder.listing() == {"cells/a.zip": there}
    folder.get("cells/a.zip", tmp_path / "back" / "a", there.size)
    assert (tmp_path / "back" / "a").read_bytes() == b"one"
    again = folder.put("cells/a.zip", written(tmp_path, b"two"))
    assert again.stamp != there.stamp
    assert folder.listing()["cells/a.zip"] == again
    folder.remove("cells/a.zip")
    folder.remove("cells/a.zip")
    assert folder.listing() == {}
    assert folder.text("cells/a.zip") is None


def test_large_objects_are_streamed(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_folder, "_AT_ONCE", 10)
    folder, content = objects(place), bytes(range(256))
    there = folder.put("cells/a.zip", written(tmp_path, content))
    assert there.size == 256
    assert folder.listing() == {"cells/a.zip": there}
    folder.get("cells/a.zip", tmp_path / "back", 256)
    assert (tmp_path / "back").read_bytes() == content
    assert not list(tmp_path.rglob(f"{ASIDE}*"))


def test_one_of_several_creates(place: str) -> None:
    folder = objects(place)
    names = [f"writer {i}".encode() for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        created = list(pool.map(lambda name: folder.create(".owner.json", name), names))
    assert created.count(True) == 1
    assert folder.text(".owner.json") == names[created.index(True)]
    assert folder.create(".owner.json", names[0]) is False


def test_names_that_are_no_runs_files_are_left_out(base: str) -> None:
    fill(
        base, {"a.json": b"1", "cells/b.zip": b"2", ".owner.json": b"3", ".hidden/c": b"4", "d\\e": b"5", "f/:g": b"6"}
    )
    assert set(objects(base).listing()) == {"a.json", "cells/b.zip"}


class Wrong(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """Says that it wrote, and did not write all of it."""

    protocol = "wrong"
    kept = b""

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        self.kept = value[:-1]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": 3, "type": "file", "ETag": '"of several parts-2"'}

    def cat_file(self, path: str, **_: Any) -> bytes:
        return self.kept


def test_what_the_store_has_is_compared_with_what_was_sent(tmp_path: Path) -> None:
    folder = ObjectFolder(Wrong(), "bucket/run", RunURL.of("s3://bucket/run"))
    with pytest.raises(StoreFailure, match="s3://bucket/run: a is not there as it was sent"):
        folder.put("a", written(tmp_path, b"one"))


def test_drivers_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(protocol: str) -> None:
        raise ImportError("Please install gcsfs to access Google Storage")

    monkeypatch.setattr("fsspec.core.get_filesystem_class", absent)
    with pytest.raises(BenchError, match=r"gs:// needs a driver: .*\. pip install gcsfs"):
        ObjectFolder.at(RunURL.of("gs://bucket/run"))
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(BenchError, match=r"needs fsspec\. pip install 'benchbench-saliency\[remote\]'"):
        ObjectFolder.at(RunURL.of("gs://bucket/run"))


def test_a_protocol_that_nobody_knows() -> None:
    with pytest.raises(BenchError, match=r"nobody://bucket/run: cannot open it: .*nobody"):
        ObjectFolder.at(RunURL.of("nobody://bucket/run"))


class Refusing(fsspec.AbstractFileSystem):  # type: ignore[misc]
    protocol = "refusing"

    def find(self, path: str, **_: Any) -> None:
        raise RuntimeError(f"403 at https://ann:pw@host/{path}?X-Amz-Signature=abcdef, password secret")


def test_errors_of_drivers_are_one_line_without_secrets() -> None:
    folder = ObjectFolder(Refusing(), "run", RunURL.of("sftp://ann:secret@host/run"))
    with pytest.raises(StoreFailure) as raised:
        folder.listing()
    text = str(raised.value)
    assert text.startswith("sftp://host/run: cannot list it: RuntimeError: 403 at https://host/run?***")
    assert not {"ann", "pw@", "abcdef", "secret"} & set(text.replace(",", " ").split())
    assert "secret" not in text


def test_wrong_credentials_are_one_line(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="s3://no-such-bucket/run: cannot write a"):
        objects("s3://no-such-bucket/run").put("a", written(tmp_path, b"1"))
    assert contents(f"{bucket}/nothing") == {}
