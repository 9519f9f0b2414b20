"""A study for the commands that hold a run to a baseline."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.utils import save_image

from benchbench.testing import example_images
from tests.sessions import registries_restored

from .commands import benchbench

PLUGIN = '''
import torch
import benchbench as bb
from benchbench.testing import Small, seeded

@bb.method("mine", needs="gradient")
def mine(layer: bb.Layer) -> torch.Tensor:
    """Mine."""
    weight = layer.gradient.mean((2, 3), keepdim=True)
    return torch.relu((weight * layer.activation).sum(1))

@bb.model("small")
def small() -> torch.nn.Module:
    """Small."""
    return seeded(Small)
'''
STUDY = """
models: [small]
datasets: [{name: folder, root: %s}]
layers: [relu]
methods: [gradcam, mine]
metrics: [deletion, average_drop, passes]
samples: 8
"""


@pytest.fixture(scope="session")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was run, its baseline, and the same study with a method that lost its ReLU and its weights."""
    folder = tmp_path_factory.mktemp("place")
    for label in range(2):
        (folder / "data" / f"class{label}").mkdir(parents=True)
    for i, image in enumerate(example_images(8)):
        save_image(torch.sigmoid(image), folder / "data" / f"class{i % 2}" / f"{i}.png")
    (folder / "study.yaml").write_text(STUDY % (folder / "data"))
    for name, text in (("good", PLUGIN), ("bad", PLUGIN.replace("weight * layer.activation", "-layer.activation"))):
        (folder / f"{name}.py").write_text(text)
        words = ("run", folder / "study.yaml", "--plugin", folder / f"{name}.py", "--out", folder / name)
        with registries_restored():
            done = benchbench(*words, "--no-report", cwd=folder)
        assert done.returncode == 0, done.stderr
    done = benchbench("baseline", folder / "good", "--out", folder / "baseline.json", cwd=folder)
    assert (done.returncode, done.stdout) == (0, f"{folder / 'baseline.json'}\n")
    return folder
