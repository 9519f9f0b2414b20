"""The files of the sessions of pytest inside a test."""

from __future__ import annotations

from pathlib import Path

# every call of the method leaves a line in calls.txt: how often a study was computed
CONFTEST = '''
import os
from pathlib import Path
from benchbench.quick_imports import quick_imports
with quick_imports():
    import pytest, torch
    import benchbench as bb
    from benchbench.testing import Small, example_images, seeded

HERE = Path(__file__).parent

@bb.method("counted", needs="activation", control=True)
def counted(layer):
    """For a test."""
    with open(HERE / "calls.txt", "a") as file:
        file.write(f"{os.getpid()}\\n")
    return layer.activation.mean(1)

@bb.method("raising", needs="activation", control=True)
def raising(layer):
    """For a test."""
    raise ValueError("it is broken")

@pytest.fixture
def keys():
    return {"models": {"net": seeded(Small)}, "datasets": {"data": (example_images(3), [0, 1, 2])},
            "layers": ["relu"], "methods": ["counted"], "metrics": ["average_drop"]}
'''
ASKS = """
import pytest
@pytest.mark.parametrize("i", range(4))
def test_it(benchbench_run, keys, i):
    run = benchbench_run(**keys)
    assert len(run.table) == 3 and run.failed == 0
    assert benchbench_run(**keys) is run
"""
FAILING = """
import pytest
@pytest.mark.parametrize("i", range(4))
def test_layer(benchbench_run, keys, i):
    benchbench_run(**{**keys, "layers": ["nope"]})

def test_rows(benchbench_run, keys):
    benchbench_run(**{**keys, "methods": ["center", "raising"]})

def test_allowed(benchbench_run, keys):
    assert benchbench_run(allow_failed=True, **{**keys, "methods": ["center", "raising"]}).failed == 3
"""
SNAPSHOT = """
import pytest
from benchbench.testing import example_maps

@pytest.mark.parametrize("method", ["gradcam", "layercam"])
def test_maps(benchbench_snapshot, method):
    benchbench_snapshot(example_maps(method))
    benchbench_snapshot(example_maps(method)[:1], "first")
"""
PLUGINS = '''
import torch
import benchbench as bb

@bb.method("sound", needs="gradient", control=True)
def sound(layer, *, power: float = 1.0):
    """For a test."""
    return torch.relu((layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1)) ** power

@bb.method("mixing", needs="activation", control=True)
def mixing(layer):
    """For a test."""
    means = layer.activation.mean(1)
    return means - means.mean(0)

@bb.metric("large", higher_is_better=True, needs="map", unit="none", equation="mean", range=(0, 1),
           protocols={"only": {}})
def large(seen):
    """For a test."""
    return bb.Scored(seen.map.double().mean((1, 2)) + 7)

@bb.metric("again", higher_is_better=True, needs=("map", "reexplain"), unit="none", equation="0", range=(0, 1),
           protocols={"only": {}})
def again(seen):
    """For a test."""
'''


def written_snapshots(place: Path, test_file: str = "test_it") -> dict[Path, bytes]:
    """By path, the text of each snapshot of a test file's tests."""
    return {path: path.read_bytes() for path in (place / "snapshots" / test_file).iterdir()}


def spoil(snapshots: dict[Path, bytes]) -> None:
    """Another value in place of the first 1.0 of each."""
    for path, text in snapshots.items():
        path.write_bytes(text.replace(b"1.0", b"0.9", 1))
