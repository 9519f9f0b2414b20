"""Methods with planted faults, and a network to audit them on."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from benchbench.audit.audit_networks import AuditNetwork
from benchbench.audit.audit_place import AuditPlace
from benchbench.audit.audited_library import AuditedMethod
from benchbench.audit.counterparts import Counterpart
from benchbench.testing import Small, example_images, seeded
from benchbench.types.token_grid import Layout

Maps = Callable[[nn.Module, AuditPlace, Tensor, Tensor], Tensor]


@cache
def network() -> AuditNetwork:
    """Two convolutions, three images."""
    small, images = seeded(Small), example_images(3)
    for module in small.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    layout = Layout("first", 16, 16)
    with torch.no_grad():
        classes = small(images).argmax(1)
    return AuditNetwork("small", small, images, classes, (AuditPlace("small", "relu", layout, ("relu",)),))


def method(maps: Maps, ours: str = "gradcam", **more: object) -> AuditedMethod:
    return AuditedMethod("planted", maps, Counterpart(ours, **more))  # type: ignore[arg-type]


def gradcam(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """Grad-CAM, written apart from ours; it leaves nothing behind."""
    kept: list[Tensor] = []
    handle = network.get_submodule(place.layer).register_forward_hook(lambda _m, _i, output: kept.append(output))
    try:
        scores = network(images).gather(1, classes[:, None]).sum()
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(scores, kept[0])
    return torch.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1)).detach()


def squared(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    return gradcam(network, place, images, classes) ** 2


def normalised_by_batch(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """A soft threshold at the batch's largest value."""
    maps = gradcam(network, place, images, classes)
    return torch.relu(maps - 0.3 * maps.max())


def by_position(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """The map's power is the image's place in the batch."""
    powers = torch.arange(1, len(images) + 1).view(-1, 1, 1)
    return gradcam(network, place, images, classes) ** powers


def noisy(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    maps = gradcam(network, place, images, classes)
    return maps * (1 + 0.5 * torch.rand_like(maps))


def mostly_noise(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """One cell at a random place: two calls differ by 1."""
    maps = torch.zeros_like(gradcam(network, place, images, classes))
    for each in maps.flatten(1):
        each[torch.randint(len(each), (1,))] = 1
    return maps


def noisy_by_python(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    maps = gradcam(network, place, images, classes)
    return maps ** (1 + random.random())


def flipped(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    return -gradcam(network, place, images, classes)


def failing(_network: nn.Module, _place: AuditPlace, _images: Tensor, _classes: Tensor) -> Tensor:
    raise ValueError("no hook")


def leaving(what: Callable[[nn.Module, Tensor], object]) -> Maps:
    """Grad-CAM that leaves something behind."""

    def maps(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
        result = gradcam(network, place, images, classes)
        what(network, images)
        return result

    return maps
