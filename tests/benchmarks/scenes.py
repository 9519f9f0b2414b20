"""What every row of a case gets: one network, its images and targets, and what the rows before it found."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
import torchvision
from torch import Tensor, nn

from benchbench.network.fast_copy import Prepared, channels_last, prepare
from benchbench.network.proven_layers import proven_layers
from benchbench.network.scorer import Scorer

BATCH = 16  # images per forward: of ours, and of every peer that has the option
SMALL = bool(os.environ.get("BENCH_SMALL"))  # to see in a minute that all of it runs; its times mean nothing
SIZE = 56 if SMALL else 224
CLASSES = 100
Call: TypeAlias = Callable[[], Any]
Role: TypeAlias = Literal["eager", "floor", "ours", "part", "peer", "sum"]


class Small(nn.Module):
    """A network in place of any other, with the names of ResNet's modules."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 8, 8, 8, 8)
        self.layers = [f"layer{i}" for i in range(1, 5)]
        for name, before, after in zip(self.layers, widths, widths[1:], strict=False):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            self.add_module(name, nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU()))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        maps = images
        for name in self.layers:
            maps = self.get_submodule(name)(maps)
        logits: Tensor = self.fc(torch.flatten(self.avgpool(maps), 1))
        return logits


def network_of(name: str) -> nn.Module:
    """Random weights; batch norms' statistics from real passes, so that no activation explodes or dies."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Small() if SMALL else torchvision.models.get_model(name, weights=None, num_classes=CLASSES)
        network.train()
        with torch.no_grad():
            for _ in range(3):
                network(smooth(4, 96))
        linear = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
        linear.weight.data *= 10  # probabilities that move
    return network.eval()


def not_in_place(network: nn.Module) -> nn.Module:
    """For the peers, whose hooks would see what an in-place activation left behind. Parameters as they are loaded."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.__dict__["inplace"] = False
    return network


def smooth(count: int, size: int = SIZE) -> Tensor:
    """(count, 3, size, size): images that are not noise."""
    generator = torch.Generator().manual_seed(count)
    coarse = torch.randn(count, 3, 14, 14, generator=generator)
    images: Tensor = nn.functional.interpolate(coarse, size=size, mode="bicubic")
    return images


def not_timed(_scene: Scene) -> Call:
    """Of a row that is a sum of others."""
    raise NotImplementedError


@dataclass(frozen=True)
class Row:
    """One line of a case's table: how it is made ready, and what is timed.

    Attributes:
        make: from the scene to the call that is timed.
        role: a ``part`` is timed to be added up, by the ``parts`` of a ``sum``; it has no line of its own.
        beside: the row of ours that a peer is compared with, and ``also`` others, each with a goal.
        goal: of a peer, how many times ours is to be faster; of ours, the most eager forwards.
        each: of ours, the most eager forwards for one picture that is scored.
        floor: of ours, from the scene and what the call returned, how many calls of which floor rows it needs.
        times: what the measured time is multiplied by, where a call does a share of the case.
        points: curve points that a call answers, where peers answer different numbers of them.
        agree: raises where the results of ours and of a peer differ.
        note: what this peer does differently.
    """

    key: str
    title: str
    role: Role
    make: Callable[[Scene], Call] = not_timed
    beside: str = ""
    goal: float | None = None
    also: tuple[tuple[str, float | None], ...] = ()
    each: float | None = None
    parts: tuple[tuple[str, float], ...] = ()
    floor: Callable[[Scene, Any], dict[str, float]] | None = None
    rounds: int = 3
    warm: int = 1
    times: float = 1.0
    points: int = 1
    agree: Callable[[Any, Any], None] | None = None
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A table of the page: rows on one network and the same images."""

    key: str
    title: str
    network: str
    images: int
    layers: tuple[str, ...]
    rows: tuple[Row, ...]
    text: str = ""


@dataclass(frozen=True, eq=False)
class Scene:
    """A case made ready, once for all its rows; ``results`` by row."""

    case: Case
    network: nn.Module
    peer: nn.Module
    prepared: Prepared
    images: Tensor
    targets: Tensor
    proven: frozenset[str]  # the layers at which the prepared copy may be captured, as a run decides it
    results: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case) -> Scene:
        network, images = network_of(case.network), smooth(case.images, SIZE)
        prepared = prepare(network, images[:4])
        assert prepared.used, prepared.reason
        with torch.no_grad():
            targets: Tensor = network(images).argmax(1)
        proven = proven_layers(network, prepared.network, images[:4], case.layers)
        return cls(case, network, not_in_place(network), prepared, images, targets, proven)

    @property
    def classes(self) -> list[int]:
        return [int(target) for target in self.targets]

    def scorer(self, prepared: Prepared | None = None) -> Scorer:
        """A scorer on a prepared copy, as the runner makes it."""
        prepared = prepared or self.prepared
        proven = self.proven if prepared is self.prepared else None
        return Scorer(prepared.network, BATCH, prepared.used, proven=proven)


def full(images: Tensor) -> Tensor:
    """The images, repeated to one batch as all the tools score them; 8 or more stay as they are."""
    return images if len(images) >= BATCH // 2 else images.repeat(-(-BATCH // len(images)), 1, 1, 1)[:BATCH]


def forwards(scene: Scene, count: int) -> dict[str, float]:
    """So many images through the prepared copy, in calls of ``bare_forward``."""
    return {"bare": count / len(full(scene.images))}


def eager(scene: Scene) -> Call:
    """One plain eager forward: the unit."""
    network, batch = scene.network, full(scene.images)

    def call() -> None:
        with torch.inference_mode():
            network(batch)

    return call


def bare_forward(scene: Scene) -> Call:
    """One forward of the prepared copy."""
    network, batch = scene.prepared.network, channels_last(full(scene.images))

    def call() -> None:
        with torch.inference_mode():
            network(batch)

    return call


def bare_gradient(scene: Scene) -> Call:
    """One forward and one backward of the prepared copy, the graph from the shallowest layer on."""
    network, layers = scene.prepared.network.requires_grad_(False), scene.case.layers
    batch, targets = channels_last(scene.images), scene.targets[:, None]

    def call() -> Sequence[Tensor]:
        kept: list[Tensor] = []

        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            kept.append(output if output.requires_grad else output.detach().requires_grad_())
            return kept[-1].clone()

        handles = [network.get_submodule(name).register_forward_hook(keep) for name in layers]
        try:
            score = network(batch).gather(1, targets).sum()
        finally:
            for handle in handles:
                handle.remove()
        return torch.autograd.grad(score, kept)

    return call


EAGER = Row("eager", "one plain eager forward", "eager", eager, rounds=7, warm=2)
BARE = Row("bare", "one forward of the prepared copy", "floor", bare_forward, rounds=7, warm=2)
BARE_GRADIENT = Row("bare gradient", "one forward and one backward of the prepared copy", "floor", bare_gradient)
ONCE: dict[str, Any] = {"rounds": 1, "warm": 0}  # what takes too long to be repeated
