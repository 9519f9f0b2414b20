"""A small real run, and its baseline, in which changes are planted."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchbench as bb
from benchbench.regression import Baseline
from benchbench.testing import Small, example_images, seeded

METHODS = ["gradcam", "layercam", "smoothgradcam++", "random"]
METRICS = ["deletion", "insertion", "average_drop", "increase", "max_sensitivity", "runtime", "peak_memory", "passes"]


def tiny(out: Path, **keys: object) -> bb.Run:
    options: dict[str, object] = {
        "models": {"small": seeded(Small)},
        "datasets": {"smooth": (example_images(8), [0] * 8)},
        "layers": ["relu"],
        "methods": METHODS,
        "metrics": METRICS,
    }
    return bb.Study(**{**options, **keys}).run(out, report=False)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    return tiny(tmp_path_factory.mktemp("gate") / "run")


@pytest.fixture(scope="session")
def then(run: bb.Run) -> Baseline:
    return Baseline.of(run.record)
