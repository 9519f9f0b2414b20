"""Batches that fit: chosen from what an image takes, halved when it was too much; more samples need no more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.network.starting_batch import MOST, SHARE, choose_batch

from ..networks import Pooled, seeded
from .test_packing import ERRORS


def test_the_footprint_is_what_the_network_needs() -> None:
    wide = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2))
    choice = choose_batch(wide, torch.zeros(1, 3, 32, 32), gradient=False)
    output = 64 * 32 * 32 * 4
    assert output <= choice.bytes_per_image <= 3 * output  # type: ignore[operator]
    four = choose_batch(wide, torch.zeros(1, 3, 64, 64), gradient=False)
    assert four.bytes_per_image == pytest.approx(4 * choice.bytes_per_image, rel=0.1)  # type: ignore[operator]


def test_a_backward_needs_more() -> None:
    layers = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid()) for _ in range(6)]
    deep = nn.Sequential(nn.Conv2d(3, 8, 1), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    example = torch.zeros(1, 3, 32, 32)
    forward, both = (choose_batch(deep, example, gradient=g).bytes_per_image for g in (False, True))
    assert both > 2 * forward  # type: ignore[operator]


@pytest.mark.parametrize(("free", "batch"), [(1 << 40, MOST["cpu"]), (10.0, 10), (1.5, 1), (0, 1)])
def test_what_fits_is_chosen(monkeypatch: pytest.MonkeyPatch, free: float, batch: int) -> None:
    """``free`` in units of an image's footprint, of which a share may be used."""
    network, example = seeded(Pooled), torch.zeros(1, 3, 64, 64)
    footprint = choose_batch(network, example, gradient=True).bytes_per_image
    assert footprint is not None
    monkeypatch.setattr("benchbench.network.starting_batch.free_bytes", lambda _: free * footprint / SHARE)
    choice = choose_batch(network, example, gradient=True)
    assert (choice.batch, choice.chosen) == (batch, True)


def test_measuring_leaves_the_network_as_it_was() -> None:
    network = seeded(Pooled).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    choose_batch(network, torch.zeros(1, 3, 64, 64), gradient=True)
    assert network.training
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def study(network: nn.Module, images: Tensor, folder: Path, **keys: Any) -> bb.Run:
    defaults: dict[str, Any] = {
        "models": {"net": network},
        "datasets": {"data": images},
        "layers": ["relu"],
        "methods": ["gradcam", "layercam", "scorecam", "random"],
        "metrics": ["deletion", "average_drop"],
    }
    return bb.Study(**{**defaults, **keys}).run(folder, report=False)


class Tight(Pooled):
    """Memory runs out on more than 2 images at once, in a forward with a gradient or in any."""

    def __init__(self, error: Exception, only_with_gradient: bool) -> None:
        super().__init__()
        self.error, self.only = error, only_with_gradient

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > 2 and (torch.is_grad_enabled() or not self.only):
            raise self.error
        return super().forward(images)


@pytest.mark.parametrize("only", [True, False], ids=["capture", "any forward"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_study_goes_on_with_smaller_batches(images: Tensor, tmp_path: Path, error: Exception, only: bool) -> None:
    roomy = study(seeded(Pooled), images, tmp_path / "roomy", batch=2)
    tight = seeded(lambda: Tight(error, only))
    tight.load_state_dict(seeded(Pooled).state_dict())
    run = study(tight, images, tmp_path / "tight", batch=6)
    assert (run.table["status"] == "ok").all(), run.table["reason"].unique()
    np.testing.assert_allclose(run.table["value"], roomy.table["value"], atol=1e-5)
    used = run.record.info["work"]["batches"]["net"]
    assert used["batch"] == 6
    assert used["at_end"] <= 3


def test_one_image_too_many_is_said_plainly(images: Tensor, tmp_path: Path) -> None:
    class Full(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            if torch.is_grad_enabled():
                raise ERRORS[0]
            return super().forward(images)

    with pytest.raises(BenchError, match="out of memory with a single image"):
        study(seeded(Full), images, tmp_path, batch=4)


def test_the_batch_stands_in_the_run(images: Tensor, tmp_path: Path) -> None:
    auto = study(seeded(Pooled), images, tmp_path / "auto")
    used = auto.record.info["work"]["batches"]["net"]
    assert used["chosen"]
    assert 1 <= used["batch"] <= MOST["cpu"]
    assert used["bytes_per_image"] > 3 * 64 * 64 * 4
    fixed = study(seeded(Pooled), images, tmp_path / "given", batch=3)
    assert fixed.record.info["work"]["batches"]["net"] == {
        "batch": 3, "chosen": False, "bytes_per_image": None, "at_end": 3,
    }  # fmt: skip
    pd.testing.assert_frame_equal(auto.table.drop(columns="value"), fixed.table.drop(columns="value"))
    np.testing.assert_allclose(auto.table["value"], fixed.table["value"], atol=1e-5)


PEAKS = """
import resource, sys, torch
import benchbench as bb
from benchbench.study import plan
from benchbench.types import Sample
from tests.networks import Pooled, seeded

class Made:
    name, about = "made", {}
    ids = [f"{i:04d}" for i in range(96)]
    def __getitem__(self, i):
        return Sample(self.ids[i], torch.randn(3, 320, 320, generator=torch.Generator().manual_seed(i)), i % 7)
    def fingerprint(self, i):
        return str(i)

def of_samples(samples, folder):
    bb.Study(models={"net": seeded(Pooled)}, datasets={"made": Made()}, layers=["stage1", "relu"], batch=4,
             methods=["gradcam", "layercam", "random"], metrics=["average_drop", "increase"],
             samples=samples).run(folder, report=False)

images = torch.randn(4, 3, 160, 160, generator=torch.Generator().manual_seed(0))

def of_views(draws, folder):
    bb.Study(models={"net": seeded(Pooled)}, datasets={"data": images}, layers=["relu"], batch=4, methods=["saliency"],
             metrics=[{"name": "smooth_mprt", "stages": 2, "samples": draws}]).run(folder, report=False)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

torch.set_num_threads(1)
plan.SHARD = 4
folder = sys.argv[1]
of_samples(8, folder + "/few samples")
of_views(4, folder + "/few views")
print(peak())
of_samples(96, folder + "/many samples")
print(peak())
of_views(80, folder + "/many views")
print(peak())
"""


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The peak of one process's resident memory in MiB: with few of all, with many samples, with many views too."""
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, str(tmp_path_factory.mktemp("peaks"))],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return [float(line) for line in done.stdout.split()]


def test_memory_stays_flat_as_samples_grow(peaks: list[float]) -> None:
    """8 samples, then 96, four at a time: the peak moves by less than half of their images."""
    few, many, _ = peaks
    images = (96 - 8) * 3 * 320 * 320 * 4 / 2**20
    assert many - few < images / 2, f"{few:.0f} MB with 8 samples, {many:.0f} MB with 96"


def test_memory_stays_flat_as_views_are_averaged(peaks: list[float]) -> None:
    """12 views of four images, then 240: their maps, in float32, would be 90 MiB more."""
    _, few, many = peaks
    assert many - few < 40
