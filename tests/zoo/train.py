"""Trains the zoo's networks on ``shapes`` and writes their weights: ``make zoo``, or with names of architectures.

The scenes of training are of the split train, those of the accuracy of the split test. Each network has a process and
a thread of its own, so that the number of cores changes no weight.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.models.zoo import weights_file
from benchbench.models.zoo_networks import ARCHITECTURES

from . import page
from .scenes import Scenes, as_input, scenes

TRAINING, HELD_OUT, SEED = 36_000, 6_000, 0
EVERY = 250  # steps between two lines of the log


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: AdamW under a one-cycle schedule, the norm of the gradient clipped at 1.

    Attributes:
        epochs: passes over the scenes.
        batch: scenes of a step.
        rate: the largest learning rate, a fifth of the way in.
        decay: the weight decay.
        turns: whether a step shows its scenes in one of the eight positions, drawn at random, or as they are.
    """

    epochs: float = 3
    batch: int = 64
    rate: float = 4e-3
    decay: float = 0.02
    turns: bool = True


SCHEDULES = {
    "residual": Schedule(),
    "plain": Schedule(epochs=4, rate=3e-3),
    "dense": Schedule(),
    "mobile": Schedule(),
    "convnext": Schedule(epochs=5),
    "vit": Schedule(epochs=8, rate=2e-3),
}


def make(name: str, training: Scenes, held_out: Scenes, schedule: Schedule, file: Path) -> float:
    """Train an architecture and write its weights in float16, with what they reach as the file's header.

    Args:
        name: such as ``residual``.
        training: the scenes that it learns.
        held_out: the scenes of the accuracy, which is that of the weights as they are written.
        schedule: how it is trained.
        file: where the weights go.

    Returns:
        The accuracy, 0 to 1.
    """
    torch.set_num_threads(1)
    began = time.perf_counter()
    network = trained(name, training, schedule)
    seconds = time.perf_counter() - began
    halves = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
    halves = {key: t.contiguous() for key, t in halves.items()}
    network.load_state_dict(halves)
    reached = accuracy(network, held_out)
    facts = {"accuracy": f"{reached:.4f}", "held_out": str(len(held_out.labels)), "seed": str(SEED)}
    facts |= {"epochs": f"{schedule.epochs:g}", "scenes": str(len(training.labels))}
    save_file(halves, file, facts)
    print(f"{name}: {reached:.2%} of {len(held_out.labels)} held-out scenes, {seconds:.0f} s", flush=True)
    return reached


def trained(
    name: str,
    training: Scenes,
    schedule: Schedule,
    *,
    build: Callable[[], nn.Module] | None = None,
    seed: int = SEED,
) -> nn.Module:
    """The architecture called ``name``, or what ``build`` returns, trained and in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = (build or ARCHITECTURES[name])().to(memory_format=torch.channels_last).train()
        draws = torch.Generator().manual_seed(seed)
        steps = max(1, round(schedule.epochs * len(training.labels) / schedule.batch))
        optimizer = torch.optim.AdamW(network.parameters(), schedule.rate, weight_decay=schedule.decay)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.rate, total_steps=steps + 1, pct_start=0.2)
        order, losses = torch.empty(0, dtype=torch.long), []
        for step in range(1, steps + 1):
            while len(order) < schedule.batch:
                order = torch.cat([order, torch.randperm(len(training.labels), generator=draws)])
            chosen, order = order[: schedule.batch], order[schedule.batch :]
            position = int(torch.randint(8, (), generator=draws)) if schedule.turns else 0
            images = as_input(turned(training.pixels[chosen], position))
            losses.append(_step(network, images, training.labels[chosen], optimizer))
            cycle.step()
            if step % EVERY == 0:
                print(f"{name}: step {step} of {steps}, loss {sum(losses[-EVERY:]) / EVERY:.3f}", flush=True)
    return network.eval()


def _step(network: nn.Module, images: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer) -> float:
    loss = F.cross_entropy(network(images.contiguous(memory_format=torch.channels_last)), labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def turned(pixels: Tensor, position: int) -> Tensor:
    """Pixels (N, 3, H, H) in one of the eight positions of a square, which leave every class as it is."""
    mirrored, quarters = divmod(position, 4)
    rotated = torch.rot90(pixels, quarters, (2, 3))
    return rotated.flip(3) if mirrored else rotated


def accuracy(network: nn.Module, held_out: Scenes) -> float:
    """The share of scenes whose class has the largest logit."""
    with torch.no_grad():
        answers = [network(as_input(batch)).argmax(1) for batch in torch.split(held_out.pixels, 100)]
    return float((torch.cat(answers) == held_out.labels).double().mean())


def main(names: list[str]) -> None:
    with get_context("spawn").Pool(min(len(names), os.cpu_count() or 1)) as pool:
        pool.map(_anew, names, chunksize=1)
    page.write()


def _anew(name: str) -> None:
    """A network of the zoo from nothing but its name, in a process of its own: the scenes take half a minute."""
    training, held_out = scenes(f"train/{SEED}", TRAINING), scenes(f"test/{SEED}", HELD_OUT)
    make(name, training, held_out, SCHEDULES[name], weights_file(name))


if __name__ == "__main__":
    main(sys.argv[1:] or list(SCHEDULES))
