"""Maps and masks for metrics of maps, and what a metric says of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchbench.maps.normalise import saliency
from benchbench.registry import METRICS
from benchbench.study.spec import read_metric
from benchbench.types import Scored, Seen

Array = np.ndarray


def seen(raw: Tensor, mask: Tensor | None, size: tuple[int, int] | None = None) -> Seen:
    """As the engine gives it; the image has the map's size unless ``size`` says another."""
    blank = torch.zeros(len(raw), 1)
    height = saliency(raw, size or (raw.shape[1], raw.shape[2]))
    return Seen(blank, blank, blank > 0, blank[:, 0], blank[:, 0], height, mask, raw)


def scored(name: str, inputs: Seen) -> Scored:
    """``name`` may say a protocol, after an @."""
    choice = read_metric(name)
    result: Scored = METRICS[choice.name].function(inputs, **choice.params)
    return result


def values(name: str, raw: Tensor, mask: Tensor | None, size: tuple[int, int] | None = None) -> list[float]:
    result = scored(name, seen(raw, mask, size))
    assert not any(result.inapplicable), result.inapplicable
    return [float(value) for value in torch.as_tensor(result.value)]


def why(name: str, raw: Tensor, mask: Tensor | None) -> list[str]:
    reasons = scored(name, seen(raw, mask)).inapplicable
    return list(reasons) or [""] * len(raw)


def random_maps(count: int = 6, height: int = 20, width: int = 28, seed: int = 0) -> Tensor:
    """(count, height, width): every other one with many equal values, as after a ReLU and rounding."""
    maps = torch.randn(count, height, width, generator=torch.Generator().manual_seed(seed))
    maps[::2] = (maps[::2].relu() * 3).round()
    return maps


def random_masks(count: int = 6, height: int = 20, width: int = 28, seed: int = 0) -> Tensor:
    """(count, height, width) bool: a rectangle and some loose pixels each."""
    generator = np.random.default_rng(seed)
    masks = torch.zeros(count, height, width, dtype=torch.bool)
    for mask in masks:
        y, x = generator.integers(0, height - 8), generator.integers(0, width - 9)
        mask[y : y + generator.integers(2, 8), x : x + generator.integers(2, 9)] = True
        mask[tuple(generator.integers(0, n) for n in mask.shape)] = True
    return masks


def arrays(raw: Tensor, size: tuple[int, int] | None = None) -> list[Array]:
    """The maps as metrics see them, in float64."""
    return list(seen(raw, None, size).map.double().numpy())
