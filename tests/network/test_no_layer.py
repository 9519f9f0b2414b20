"""Why a network has no layer with a map: the true reason, each by a network that it is true of."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchbench.errors import BenchError
from benchbench.network.capture import eval_frozen
from benchbench.network.layers import resolve


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.tower(images) + self.tower(images.flip(3))
        return logits


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Conv3d(1, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.deep(images[:, None]).mean((2, 3, 4))
        return logits


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 16 * 16, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.linear(images.flatten(1))
        return logits


def compiled() -> nn.Module:
    network: nn.Module = torch.compile(Siamese().tower, backend="eager")  # type: ignore[assignment]
    with eval_frozen(network), torch.no_grad():
        network(torch.rand(1, 3, 16, 16))  # before anybody watches a layer
    return network


def traced() -> nn.Module:
    network: nn.Module = torch.jit.trace(Flat(), torch.rand(1, 3, 16, 16))  # type: ignore[no-untyped-call]
    return network


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Siamese, r"every layer with a spatial map runs more than once in a forward: tower\.1 runs 2 times"),
        (Volumes, r"the layers return volumes, not maps: the output of deep is \(1, 4, 1, 14, 14\)"),
        (Flat, "no layer of the network returns a spatial map"),
        (compiled, "the network is compiled, .* Give the network itself"),
        (traced, "the network is traced or scripted"),
    ],
)
def test_the_reason_is_true(make: type[nn.Module], reason: str) -> None:
    network = make()
    with pytest.raises(BenchError, match=reason):
        resolve(network, torch.rand(1, 3, 16, 16), "last")
    assert not any(module._forward_hooks for module in network.modules())
