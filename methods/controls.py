"""Controls: maps that know nothing of the network's reasons. A method that does not beat them explains nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer


@method("random", needs="activation", control=True)
def random(layer: Layer) -> Tensor:
    """Uniform noise at the layer's resolution, from each sample's own seed."""
    return layer.uniform(*layer.activation.shape[2:])


@method("center", needs="activation", control=True)
def center(layer: Layer, *, sigma: float = 0.25) -> Tensor:
    """A Gaussian at the centre of the image; sigma as a share of each side."""
    height, width = layer.activation.shape[2:]
    y = (torch.arange(height, device=layer.activation.device) + 0.5) / height - 0.5
    x = (torch.arange(width, device=layer.activation.device) + 0.5) / width - 0.5
    distance = (y[:, None].square() + x.square()) / (2 * sigma**2)
    return torch.exp(-distance).expand(len(layer.images), -1, -1).to(layer.activation.dtype)
