"""What every test gets: one thread per process, no wait for the disk, and images that are not noise."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("MPLBACKEND", "Agg")
gc.disable()  # until all tests are collected

from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from benchbench.cost import measure  # noqa: E402
from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, SUITES, Registry  # noqa: E402

pytest_plugins = ["pytester"]  # sessions of pytest inside a test
torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """The collected tests live to the end. The garbage collector would visit them often: a twelfth of the time."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def no_disk_waits() -> Iterator[None]:
    """No test cuts the power, so none waits for the disk: a run flushes 24 times. A handle must still be open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(scope="session", autouse=True)
def short_timings() -> Iterator[None]:
    """Every method of every run is timed, and the reference kernel twice; no test asks how precisely: 3 calls do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "REPEATS", measure.LEAST_REPEATS)
        yield


@pytest.fixture(scope="session")
def images() -> Tensor:
    """(6, 3, 64, 64), smooth, so that maps have structure."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(6, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=64, mode="bicubic")


@pytest.fixture(scope="session")
def photos224() -> Tensor:
    """(3, 3, 224, 224), smooth."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn(3, 3, 16, 16, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=224, mode="bicubic")


@pytest.fixture
def planted() -> Iterator[None]:
    """What is registered in a test is forgotten after it."""
    registries: list[Registry[Any]] = [METHODS, METRICS, MODELS, DATASETS, SUITES]
    before = [set(registry.names()) for registry in registries]
    yield
    for registry, names in zip(registries, before, strict=True):
        for name in set(registry.names()) - names:
            registry.remove(name)
