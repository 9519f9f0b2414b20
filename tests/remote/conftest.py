from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .stores import s3_server


@pytest.fixture(scope="package")
def bucket() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(params=["memory", "s3"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a place of this test's own, in each kind of store."""
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without working copies."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BENCHBENCH_CACHE", str(folder))
    return folder
