"""What agrees with other libraries, what differs on purpose, and by how much: docs/conformance.md.

Run as ``python -m tests.methods.conformance docs/conformance.md``; the page is tested to hold these rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, relu

from benchbench.perturb import saliency

from ..helpers import map_of
from .peers import Peer, captum_layer_gradcam, captum_pixels, grad_cam, torch_cam
from .test_oracles import classes_of, network_of, not_in_place

SIDE = 96
LAYERS = {
    "resnet18": ("layer2", "layer4"),
    "vgg11_bn": ("features.13", "features.27"),
    "mobilenet_v3_small": ("features.3", "features.12"),
    "densenet121": ("features.denseblock2", "features.denseblock4"),
}
Places = tuple[tuple[str, str], ...]
PLACES: Places = tuple((network, layer) for network, layers in LAYERS.items() for layer in layers)
FEW: Places = (("resnet18", "layer1"), ("vgg11_bn", "features.3"), ("mobilenet_v3_small", "features.3"))
LEAST = 1e-3  # what differs on purpose differs by more


def inputs(*networks: str) -> Places:
    return tuple((network, "input") for network in networks)


@dataclass(frozen=True)
class Row:
    """A method and a peer, at several places.

    Attributes:
        bound: the largest difference of the maps, upsampled and min-max normalised, that is agreement.
        differs: why it differs on purpose; empty where the two agree.
        note: what is to be known where they agree.
        either_sign: the peer leaves the sign open, and keeps the positive part of whichever came.
    """

    method: str
    peer: str
    compute: Peer
    places: Places = PLACES
    params: Mapping[str, Any] = field(default_factory=dict)
    bound: float = 1e-4
    differs: str = ""
    note: str = ""
    either_sign: bool = False

    @property
    def label(self) -> str:
        said = ", ".join(f"{name}={str(value).lower()}" for name, value in self.params.items())
        return f"{self.method}({said})" if said else self.method

    def cells(self, network: str, layer: str) -> tuple[str, ...]:
        """Method, peer, network, layer, verdict, reason."""
        verdict = "differs" if self.differs else "agrees"
        return self.label, self.peer, network, layer, verdict, self.differs or self.note


SIGN = "up to the sign, which the peer leaves to its decomposition"
