"""Stores for the tests: in memory, in a folder, and an S3 server on this machine; and a run to put there."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

import benchbench as bb
from benchbench.engine.progress import Silent
from benchbench.remote.object_folder import ObjectFolder
from benchbench.remote.run_url import RunURL
from benchbench.testing import Small, seeded

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "not-so-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """A bucket's URL, at a server of moto on a free port of this machine."""
    if any(importlib.util.find_spec(name) is None for name in ("moto", "s3fs", "flask")):
        if os.environ.get("BENCHBENCH_REQUIRE_SYSTEM") == "1":
            pytest.fail("BENCHBENCH_REQUIRE_SYSTEM=1, and moto[server] or s3fs is not installed")
        pytest.skip("moto[server] or s3fs is not installed; BENCHBENCH_REQUIRE_SYSTEM=1 makes this fail")
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or there is a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**SETTINGS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
                patch.setenv(name, value)
            patch.delenv("AWS_PROFILE", raising=False)
            S3FileSystem.clear_instance_cache()
            S3FileSystem().mkdir("bucket")
            yield "s3://bucket"
    finally:
        server.stop()
        S3FileSystem.clear_instance_cache()


def objects(url: str) -> ObjectFolder:
    return ObjectFolder.at(RunURL.of(url))


def contents(url: str) -> dict[str, bytes]:
    """Every object, the lock too."""
    folder = objects(url)
    paths = folder.files.find(folder.root)
    return {path[len(folder.root) + 1 :]: folder.files.cat_file(path) for path in paths}


def fill(url: str, files: dict[str, bytes]) -> None:
    folder = objects(url)
    for name, content in files.items():
        folder.files.pipe_file(f"{folder.root}/{name}", content)


def study() -> bb.Study:
    """Three shards of a small network; the same each time."""
    images = torch.randn(70, 3, 24, 24, generator=torch.Generator().manual_seed(3))
    return bb.Study(
        models={"small": seeded(Small)},
        datasets={"noise": images},
        layers=["relu"],
        methods=["gradcam", "random"],
        metrics=["sparseness"],
        samples=70,
        workers=0,
    )


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "results.parquet")


class AtEachShard(Silent):
    """Calls ``act`` with the number of shards that are finished, before each shard."""

    def __init__(self, act: Callable[[int], None]) -> None:
        self.act, self.count, self.warnings = act, 0, list[str]()

    def say(self, what: str) -> None:
        if " on " in what:
            self.act(self.count)
            self.count += 1

    def warn(self, what: str) -> None:
        self.warnings.append(what)
