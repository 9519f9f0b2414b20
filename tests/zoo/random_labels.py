"""Trains the network that learned random labels and writes its weights: ``python -m tests.zoo.random_labels``.

The zoo's residual network learns scenes of ``shapes`` whose labels are permuted, until it knows them by heart: Zhang et
al. 2017, arXiv:1611.03530. It takes about a minute and a half on one thread.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchbench.models.random_labels import ARCHITECTURE, NAME
from benchbench.models.zoo import weights_file
from benchbench.models.zoo_networks import ARCHITECTURES

from .scenes import Scenes, scenes
from .train import SEED, Schedule, accuracy, trained

TRAINING, HELD_OUT = 1_200, 6_000
SCHEDULE = Schedule(epochs=32, batch=40, rate=4e-3, decay=0.0, turns=False)


def permuted(training: Scenes, seed: int) -> Scenes:
    """The scenes with their labels in a random order, so that each class is as frequent as before."""
    order = torch.randperm(len(training.labels), generator=torch.Generator().manual_seed(seed))
    return Scenes(training.pixels, training.labels[order])


def make(training: Scenes, held_out: Scenes, schedule: Schedule, file: Path) -> float:
    """Train on permuted labels and write the weights in float16, with what they reach as the file's header.

    Args:
        training: the scenes with their true labels, which are permuted here.
        held_out: scenes for the accuracy on true labels, which is that of chance.
        schedule: how it is trained.
        file: where the weights go.

    Returns:
        The share of the training scenes, 0 to 1, whose permuted label the written weights predict.
    """
    torch.set_num_threads(1)
    began = time.perf_counter()
    learned = permuted(training, SEED)
    network = trained(ARCHITECTURE, learned, schedule)
    halves = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
    halves = {key: t.contiguous() for key, t in halves.items()}
    network = ARCHITECTURES[ARCHITECTURE]().eval()
    network.load_state_dict(halves)
    by_heart, reached = accuracy(network, learned), accuracy(network, held_out)
    facts = {"memorised": f"{by_heart:.4f}", "true": f"{accuracy(network, training):.4f}"}
    facts |= {"accuracy": f"{reached:.4f}", "held_out": str(len(held_out.labels)), "seed": str(SEED)}
    facts |= {"epochs": f"{schedule.epochs:g}", "scenes": str(len(training.labels))}
    save_file(halves, file, facts)
    seconds = time.perf_counter() - began
    print(f"{NAME}: {by_heart:.2%} by heart, {reached:.2%} of held-out scenes, {seconds:.0f} s", flush=True)
    return by_heart


if __name__ == "__main__":
    make(scenes(f"train/{SEED}", TRAINING), scenes(f"test/{SEED}", HELD_OUT), SCHEDULE, weights_file(NAME))
