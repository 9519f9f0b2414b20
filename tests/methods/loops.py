"""What loops over images and channels need, written apart from the project: a network cut in two, and its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..narrow import narrow
from ..networks import Flat, Pooled, seeded

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """A network, the layer's path in it, and the network before and behind that layer, called as they are here."""

    network: nn.Module
    layer: str
    before: Callable[[Tensor], Tensor]
    behind: Callable[[Tensor], Tensor]
    size: tuple[int, int] = (64, 64)
    count: int = 2

    def of(self, images: Tensor) -> Tensor:
        """Its images: fewer, and of its size."""
        return images[: self.count, :, : self.size[0], : self.size[1]]

    def target(self, image: Tensor) -> int:
        with torch.no_grad():
            return int(self.network(image[None])[0].argmax())

    def seen(self, image: Tensor, target: int) -> tuple[Array, Array]:
        """Activation and gradient (K, h, w) of one image."""
        with torch.no_grad():
            activation = self.before(image[None]).clone()
        activation.requires_grad_()
        (gradient,) = torch.autograd.grad(self.behind(activation)[0, target], activation)
        return array(activation[0]), array(gradient[0])

    def score(self, picture: Array | Tensor, target: int, of: str = "probability") -> float:
        """Of one picture (3, H, W)."""
        with torch.no_grad():
            logits = self.network(torch.as_tensor(picture, dtype=torch.float32)[None])[0].double()
        return float(logits.softmax(0)[target] if of == "probability" else logits[target])


@cache
def case_of(name: str) -> Case:
    """A network and a layer of it, by name.

    pooled: not square, with a dead channel and a constant one; flat; deep, early: the last and the first of three
    stages, behind the first of which slopes change with the image; resnet18: its first stage.
    """
    if name == "flat":
        flat = seeded(Flat)
        return Case(flat, "features", flat.features, lambda a: flat.fc(a.flatten(1)))
    if name in ("deep", "early"):
        cells, last = seeded(three_stages), 5 if name == "deep" else 1
        return Case(cells, str(last), cells[: last + 1], cells[last + 1 :])
    if name == "resnet18":
        deep = narrow("resnet18", 9)
        deep.get_parameter("fc.weight").data *= 10
        parts = list(deep.children())
        before, behind = nn.Sequential(*parts[:5]), nn.Sequential(*parts[5:9], nn.Flatten(), parts[9])
        return Case(deep, "layer1", before, behind, count=1)
    pooled = seeded(Pooled, seed=8)
    pooled.conv.weight.data[0] = 0
    assert pooled.conv.bias is not None
    pooled.conv.bias.data[:2] = torch.tensor([0.25, -100])
    pooled.fc.weight.data *= 5
    before = nn.Sequential(pooled.stage1, pooled.conv, pooled.relu)
    return Case(pooled, "relu", before, nn.Sequential(pooled.pool, nn.Flatten(), pooled.fc), (48, 64))


def three_stages() -> nn.Sequential:
    """Of 32, 16 and 8 cells a side, and seven classes."""
    stages = [[nn.Conv2d(a, b, 3, 2, 1), nn.ReLU()] for a, b in ((3, 5), (5, 6), (6, 8))]
    return nn.Sequential(*(part for stage in stages for part in stage), nn.Flatten(), nn.Linear(512, 7))


def array(tensor: Tensor) -> Array:
    return tensor.detach().numpy().astype(np.float64)


def bilinear(cells: int, size: int) -> Array:
    """(size, cells): what each of ``size`` places takes of each cell; cells and places have their middles at a half."""
    weights = np.zeros((size, cells))
    for i in range(size):
        place = max((i + 0.5) * cells / size - 0.5, 0.0)
        low = int(place)
        weights[i, low] += 1 - (place - low)
        weights[i, min(low + 1, cells - 1)] += place - low
    return weights


def grown(cells: Array, size: tuple[int, int]) -> Array:
    """A map (h, w) at another size."""
    return bilinear(cells.shape[0], size[0]) @ cells @ bilinear(cells.shape[1], size[1]).T


def unit(values: Array) -> Array:
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def gaussian(values: Array, sigma: float, reach: tuple[int, int]) -> Array:
    """A map (h, w) under a Gaussian cut off at ``reach`` cells, and mirrored at the border about its last cell."""
    for axis in (0, 1):
        weights = np.exp(-0.5 * (np.arange(-reach[axis], reach[axis] + 1) / sigma) ** 2)
        padded = np.pad(values, [(r, r) if a == axis else (0, 0) for a, r in enumerate(reach)], mode="reflect")
        shifted = [w * padded.take(range(n, n + values.shape[axis]), axis) for n, w in enumerate(weights)]
        values = np.sum(shifted, axis=0) / weights.sum()
    return values


def close(actual: Tensor, expected: Array, rtol: float = 1e-4) -> None:
    """Equal numbers, and not all zero: such a map tests nothing."""
    assert np.ptp(expected) > 0, "a constant map tests nothing"
    np.testing.assert_allclose(actual.numpy(), expected, rtol=rtol, atol=1e-5 * float(np.abs(expected).max()))
