"""A small study with a network, images with masks and methods of its own, for runs that are stopped in the middle."""

from __future__ import annotations

from pathlib import Path

PLUGIN = """
import ctypes
import os
import time

import torch
import benchbench as bb
from benchbench.testing import Small, example_images, seeded

SIDE = 32


@bb.model("small")
def small() -> torch.nn.Module:
    \"\"\"Small.\"\"\"
    return seeded(Small)


class Spots:
    name, about = "spots", {}
    ids = [f"image-{i:02}" for i in range(12)]

    def __getitem__(self, index: int) -> bb.Sample:
        image = example_images(12, height=SIDE, width=SIDE)[index]
        mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        mask[index : index + 12, 6:20] = True
        return bb.Sample(self.ids[index], image, label=index % 3, mask=mask)

    def fingerprint(self, index: int) -> str:
        return f"version 1 of {index}"


@bb.dataset("spots")
def spots() -> bb.Dataset:
    \"\"\"Spots.\"\"\"
    return Spots()


@bb.method("picky", needs="activation")
def picky(layer: bb.Layer) -> torch.Tensor:
    \"\"\"Fails on the fourth image.\"\"\"
    if (layer.images == example_images(12, height=SIDE, width=SIDE)[3]).flatten(1).all(1).any():
        raise ValueError("not this one")
    return layer.activation.mean(1)


@bb.method("hangs", needs="activation")
def hangs(layer: bb.Layer) -> torch.Tensor:
    \"\"\"Hangs in C, and holds the interpreter's lock.\"\"\"
    print("hangs", flush=True)
    ctypes.PyDLL(None).usleep(600_000_000) if os.environ["HANGS"] == "in C" else _swallows()
    return layer.activation.mean(1)


def _swallows() -> None:
    until = time.monotonic() + 600
    while time.monotonic() < until:
        try:
            time.sleep(0.05)
        except BaseException:
            pass
"""
STUDY = """
models: [small]
datasets: [spots]
layers: [relu]
methods: [gradcam, random, picky, dataset-mean]
metrics: [deletion, iou, pxap@wsol-100, passes]
workers: 1
"""
WORDS = ("run", "study.yaml", "--plugin", "plugin.py", "--no-report")


def furnish(folder: Path) -> None:
    """Write the study and its plugins."""
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "study.yaml").write_text(STUDY)
