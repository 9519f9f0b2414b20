"""A named architecture with the weights that a study asks for: cached on this machine, random, or a checkpoint's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import torch
from pydantic import Field
from torch import nn

from ..errors import BenchError
from ..paths import expanded
from ..types import ModelSpec, Preprocess
from .checkpoint import fit_checkpoint, install, read_checkpoint
from .class_names import read_class_names
from .load import IMAGENET, imagenet_classes

INIT_SEED = 0
MOST_CLASSES = 1_000_000
Count: TypeAlias = Annotated[int, Field(ge=1, le=MOST_CLASSES)]
Classes: TypeAlias = Annotated[Count | Path | None, Field(union_mode="left_to_right")]


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
    """

    name: str
    build: Callable[[int], nn.Module]
    preprocess: Preprocess
    classes: int
    names: tuple[str, ...]
    cached: Callable[[], tuple[nn.Module, str] | None]
    put: str
    note: str = ""


def with_weights(architecture: Architecture, weights: str, classes: int | Path | None) -> ModelSpec:
    """The network.

    Args:
        weights: ``auto`` (the published weights where this machine has them, else random ones), ``random``, or the
            path of a checkpoint.
        classes: how many, or a file of their names; None: as the checkpoint has them, else as published.

    Raises:
        BenchError: there is no such file, or the checkpoint, the names and the number of classes do not fit.
    """
    names = read_class_names(classes) if isinstance(classes, Path) else ()
    count = len(names) if names else classes if isinstance(classes, int) else None
    spec = partial(ModelSpec, architecture.name, preprocess=architecture.preprocess)
    if weights == "auto" and count in (None, architecture.classes):
        cached = architecture.cached()
        if cached is not None:
            network, source = cached
            kept = names or architecture.names
            return spec(network=network, weights=source, classes=kept, note=architecture.note)
    if weights in ("auto", "random"):
        wanted = count or architecture.classes
        return spec(
            network=seeded(architecture.build, wanted),
            weights=f"random, seed {INIT_SEED}",
            warning=_warning(architecture, weights, wanted),
            classes=names or _imagenet(wanted),
            note=architecture.note,
        )
    checkpoint = read_checkpoint(expanded(weights))
    network = seeded(architecture.build, count or architecture.classes)
    fit = fit_checkpoint(checkpoint, network)
    if fit.classes and not isinstance(classes, int):
        count = _checked(fit.classes[0], names, weights, classes)
        network = seeded(architecture.build, count)
        fit = fit_checkpoint(checkpoint, network)
    note = install(network, checkpoint, architecture.name, fit)
    kept = names or _imagenet(count or architecture.classes)
    notes = ". ".join(filter(None, [architecture.note, note]))
    return spec(network=network, weights=checkpoint.source, classes=kept, note=notes)


def _checked(count: int, names: tuple[str, ...], weights: str, file: int | Path | None) -> int:
    """The number of classes, if the names are as many; a single logit stands for two."""
    if not 1 <= count <= MOST_CLASSES:
        message = f"{weights} has a head of {count:,} classes"
        raise BenchError(message, where="weights", hint=f"Give weights of 1 to {MOST_CLASSES:,} classes")
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


def _imagenet(count: int) -> tuple[str, ...]:
    return imagenet_classes() if count == IMAGENET else ()
