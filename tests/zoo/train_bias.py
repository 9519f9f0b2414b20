"""Trains the twelve networks of the suite ``bias`` on ``cued`` and writes their weights: ``make bias``.

All learn the same scenes, in which alone the kind of the tag differs. Each network has a thread of its own, so that the
number of cores changes no weight.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.multiprocessing import get_context

from benchbench.datasets.builtin.cued import cued
from benchbench.models.bias_networks import RHOS, SEEDS, bias_architecture, bias_file

from . import bias_page
from .scenes import Scenes, as_input
from .train import Schedule, trained

TRAINING, HELD_OUT = 4_000, 1_000
SCHEDULE = Schedule(epochs=3, batch=64, rate=8e-3)


@dataclass(frozen=True, eq=False)
class CuedScenes:
    """The scenes of a split with either tag.

    Attributes:
        split: train or test.
        agreeing: uint8 (N, 3, 64, 64), with the tag of the class.
        contradicting: the same with the other tag.
        labels: (N,).
    """

    split: Literal["train", "test"]
    agreeing: Tensor
    contradicting: Tensor
    labels: Tensor

    def at(self, rho: float) -> Scenes:
        """With tags that agree with probability ``rho``, as the data set has them."""
        return self._tagged(self._agrees(rho))

    def swapped(self, rho: float = 0.5) -> Scenes:
        """The twins of ``at(rho)``: each with the other tag."""
        return self._tagged(~self._agrees(rho))

    def _agrees(self, rho: float) -> Tensor:
        return torch.tensor(cued(count=len(self.labels), split=self.split, rho=rho).kinds) == self.labels

    def _tagged(self, agrees: Tensor) -> Scenes:
        return Scenes(torch.where(agrees[:, None, None, None], self.agreeing, self.contradicting), self.labels)


def cued_scenes(split: Literal["train", "test"], count: int) -> CuedScenes:
    """The first ``count`` scenes of a split, of seed 0."""
    data = cued(count=count, split=split, rho=1.0)
    shown = np.stack([np.array(data[i].image) for i in range(count)])
    twins = np.stack([np.array(data.cue_twin(i).image) for i in range(count)])
    agreeing, other = (torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous() for pixels in (shown, twins))
    return CuedScenes(split, agreeing, other, torch.tensor(data.labels))


def make_biased(
    rho: float, seed: int, training: CuedScenes, held_out: CuedScenes, schedule: Schedule, file: Path
) -> dict[str, str]:
    """Train a network and write its weights in float16, with what they reach as the file's header.

    Args:
        rho: the probability that the tag agrees with the class in training.
        seed: of the weights at the start and of the order of the scenes.
        training, held_out: the scenes; on the second, tags say nothing of the class.
        schedule: how it is trained.
        file: where the weights go.

    Returns:
        The header.
    """
    torch.set_num_threads(1)
    network = trained(file.stem, training.at(rho), schedule, build=bias_architecture, seed=seed)
    halves = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
    halves = {key: t.contiguous() for key, t in halves.items()}
    network.load_state_dict(halves)
    accuracy, reliance = reached(network, held_out)
    facts = {"rho": f"{rho:g}", "seed": str(seed), "accuracy": f"{accuracy:.4f}", "reliance": f"{reliance:.4f}"}
    facts |= {"held_out": str(len(held_out.labels)), "epochs": f"{schedule.epochs:g}"}
    facts["scenes"] = str(len(training.labels))
    save_file(halves, file, facts)
    print(f"{file.stem}: {accuracy:.1%} of unbiased scenes, reliance {reliance:.3f}", flush=True)
    return facts


def reached(network: nn.Module, held_out: CuedScenes) -> tuple[float, float]:
    """On scenes whose tag says nothing: the accuracy, and how much swapping the tag changes the prediction.

    Returns:
        The share that is right, and the mean absolute change of the predicted class's probability.
    """
    before, after = (_probabilities(network, pixels) for pixels in (held_out.at(0.5).pixels, held_out.swapped().pixels))
    predicted = before.argmax(1)
    change = (before - after).gather(1, predicted[:, None]).abs().mean()
    return float((predicted == held_out.labels).double().mean()), float(change)


def _probabilities(network: nn.Module, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(as_input(batch)).double().softmax(1) for batch in torch.split(pixels, 100)])


def main() -> None:
    training, held_out = cued_scenes("train", TRAINING), cued_scenes("test", HELD_OUT)
    tasks = [(rho, seed, training, held_out, SCHEDULE, bias_file(rho, seed)) for rho in RHOS for seed in SEEDS]
    with get_context("spawn").Pool(min(len(tasks), os.cpu_count() or 1)) as pool:
        pool.starmap(make_biased, tasks, chunksize=1)
    bias_page.write()


if __name__ == "__main__":
    main()
