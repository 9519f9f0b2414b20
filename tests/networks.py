"""Small networks with known answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from benchbench.testing.method_contract import small_transformer

N = TypeVar("N", bound=nn.Module)
Vit = small_transformer  # stands beside the classes


def seeded(build: Callable[[], N], *, seed: int = 0) -> N:
    """The network with the weights of a seed, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().eval()


def calibrated(network: N, *, side: int = 64) -> N:
    """With the statistics of noise in its batch norms, whatever their momentum: else random weights fade to nothing."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain average
    network.train()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for _ in range(3):
            network(torch.randn(4, 3, side, side))
    return network.eval()


class Pooled(nn.Module):
    """Two stages, in-place ReLUs, batch norm with real statistics, global average pooling and one linear layer."""

    def __init__(self, classes: int = 7) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.conv = nn.Conv2d(6, 10, 3, 2, 1)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(10, classes)
        norm = nn.BatchNorm2d(6)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2)
        self.stage1[1] = norm

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(self.relu(self.conv(self.stage1(images)))).flatten(1))
        return logits


class Flat(nn.Module):
    """A head that is not pooled: a linear layer on all cells."""

    def __init__(self, classes: int = 5, side: int = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(8 * side * side, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(images).flatten(1))
        return logits


class Identity(nn.Module):
    """The features are the image's channels; the head is a function given."""

    def __init__(self, head: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))
