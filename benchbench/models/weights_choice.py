"""A named architecture with the weights that a study asks for: cached on this machine, random, or a checkpoint's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn

from ..errors import BenchError
from ..paths import expanded
from ..types import ModelSpec, Preprocess
from .checkpoint import Checkpoint, fit_checkpoint, install, read_checkpoint
from .class_names import MOST_CLASSES, read_class_names
from .load import IMAGENET, imagenet_classes
from .weights_fit import WeightsFit

INIT_SEED = 0
Count: TypeAlias = Annotated[int, Field(ge=1, le=MOST_CLASSES)]
Classes: TypeAlias = Annotated[Count | Path | None, Field(union_mode="left_to_right")]


def _imagenet(count: int) -> tuple[str, ...]:
    return imagenet_classes() if count == IMAGENET else ()


def _classes_of(fit: WeightsFit) -> int | None:
    return fit.classes[0] if fit.classes else None


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network that benchbench builds by name.

    Attributes:
        name: in the study.
        build: the network of so many classes, with random weights.
        preprocess: its own.
        classes: how many its published weights have.
        names: of these classes, where known.
        cached: a network with the published weights and where they come from; None where this machine lacks them.
        put: what to do to have the published weights, as in "put URL at PATH".
        note: what the report is to say of it.
        named: the names of so many classes, where the user gives none.
        build_for: ``build`` for the tensors of a checkpoint, where these decide on parts of the network.
        classes_of: how many classes a checkpoint has; None where its head fits, or where it has none.
        changed: changes a network that has a checkpoint's weights, and returns what the report is to say of it.
        least: the least number of classes.
    """

    name: str
    build: Callable[[int], nn.Module]
    preprocess: Preprocess
    classes: int
    names: tuple[str, ...]
    cached: Callable[[], tuple[nn.Module, str] | None]
    put: str
    note: str = ""
    named: Callable[[int], tuple[str, ...]] = _imagenet
    build_for: Callable[[Mapping[str, Tensor]], Callable[[int], nn.Module]] | None = None
    classes_of: Callable[[WeightsFit], int | None] = _classes_of
    changed: Callable[[nn.Module], str] = lambda _: ""
    least: int = 1


@dataclass(frozen=True, eq=False)
class WeightedNetwork:
    """A network with weights, and what a ModelSpec says of them.

    Attributes:
        count: of its classes.
        names: of its classes; empty where nobody knows them.
    """

    architecture: Architecture
    network: nn.Module
    weights: str
    count: int
    names: tuple[str, ...]
    warning: str = ""
    note: str = ""

    @property
    def spec(self) -> ModelSpec:
        known = self.architecture
        return ModelSpec(
            known.name, self.network, known.preprocess, self.weights, self.warning, self.names, note=self.note
        )


def with_weights(architecture: Architecture, weights: str, classes: int | Path | None) -> ModelSpec:
    """The network; see ``weighted_network``."""
    return weighted_network(architecture, weights, classes).spec


def weighted_network(architecture: Architecture, weights: str, classes: int | Path | None) -> WeightedNetwork:
    """The network with its weights.

    Args:
        weights: ``auto`` (the published weights where this machine has them and they have so many classes, else random
            ones), ``random``, or the path of a checkpoint.
        classes: how many, or a file of their names; None: as the checkpoint has them, else as published.

    Raises:
        BenchError: there is no such file, or the checkpoint, the names and the number of classes do not fit.
    """
    names = read_class_names(classes, architecture.least) if isinstance(classes, Path) else ()
    count = len(names) or (classes if isinstance(classes, int) else architecture.classes)
    note = architecture.note
    if weights == "auto" and count == architecture.classes:
        cached = architecture.cached()
        if cached is not None:
            return WeightedNetwork(architecture, *cached, count, names or architecture.names, note=note)
    if weights in ("auto", "random"):
        network, source = seeded(architecture.build, count), f"random, seed {INIT_SEED}"
        warning, kept = _warning(architecture, weights, count), names or architecture.named(count)
        return WeightedNetwork(architecture, network, source, count, kept, warning, note)
    return _from_checkpoint(architecture, read_checkpoint(expanded(weights)), count, names, classes)


def _from_checkpoint(
    architecture: Architecture, checkpoint: Checkpoint, count: int, names: tuple[str, ...], classes: int | Path | None
) -> WeightedNetwork:
    special = architecture.build_for
    build = architecture.build if special is None else special(checkpoint.weights)
    network = seeded(build, count)
    fit = fit_checkpoint(checkpoint, network)
    held = architecture.classes_of(fit)
    if held is not None and held != count:
        if isinstance(classes, int):
            message = f"{checkpoint.path} has {held} classes, and {architecture.name} is made with {count}"
            raise BenchError(message, where="weights", hint=f"Use classes: {held}")
        count = _checked(held, architecture.least, names, checkpoint.path, classes)
        network = seeded(build, count)
        fit = fit_checkpoint(checkpoint, network)
    installed = install(network, checkpoint, architecture.name, fit)
    note = ". ".join(filter(None, [architecture.note, installed, architecture.changed(network)]))
    kept = names or architecture.named(count)
    return WeightedNetwork(architecture, network, checkpoint.source, count, kept, note=note)


def _checked(count: int, least: int, names: tuple[str, ...], weights: Path, file: Path | None) -> int:
    """The number of classes, if the names are as many; a single logit stands for two."""
    if not least <= count <= MOST_CLASSES:
        message = f"{weights} has a head of {count:,} classes"
        raise BenchError(message, where="weights", hint=f"Give weights of {least} to {MOST_CLASSES:,} classes")
    if names and len(names) != (2 if count == 1 else count):
        message = f"{weights} has {count} classes, and {file} names {len(names)}"
        raise BenchError(message, where="classes", hint="Give the names of the network's outputs, in their order")
    return count


def _warning(architecture: Architecture, weights: str, count: int) -> str:
    why = ""
    if weights == "auto" and count != architecture.classes:
        why = f" (the published weights have {architecture.classes:,} classes, not {count:,})"
    elif weights == "auto":
        why = f" (no cached weights: {architecture.put})" if architecture.put else " (no weights are published for it)"
    return f"{architecture.name} has RANDOM weights{why}: its numbers say nothing about a trained network"


def seeded(build: Callable[[int], nn.Module], classes: int) -> nn.Module:
    """A network whose random weights are the same each time; torch's own random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(INIT_SEED)
        return build(classes)
