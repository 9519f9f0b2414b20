"""Small networks for the methods that the embedded one has no answer to: rules for ReLU, and attention.

Their weights come from integers, so that they are the same to the bit on every machine; what the networks say means
nothing, and their maps are maps all the same.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.segmentation import FCN
from torchvision.models.segmentation.fcn import FCNHead
from torchvision.models.vision_transformer import VisionTransformer

from benchbench import ModelSpec, detector, scored, segmenter
from benchbench.types import Preprocess

SIDE, CLASSES = 64, 10
_STEPS = 4096


def rectified() -> ModelSpec:
    """Convolutions with biases and ReLU, some in place: FullGrad's terms add up, and captum's rules hold.

    The logits come from a mapping by ``scored``, so that the study guards scored classifiers too.
    """
    stages = ((3, 12), (12, 24), (24, 32))
    blocks = [
        nn.Sequential(
            nn.Conv2d(before, after, 3, 2, 1), nn.ReLU(), nn.Conv2d(after, after, 3, 1, 1), nn.ReLU(inplace=True)
        )
        for before, after in stages
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, CLASSES)]
    spec = _spec("rectified", Keyed(*blocks, *head))
    return replace(spec, network=scored(spec.network, lambda out: out["logits"]))


class Keyed(nn.Sequential):
    """Its logits are in a mapping, and ``scored`` takes them out: the scored network is a classifier."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        logits: torch.Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return {"logits": logits}


def attentive() -> ModelSpec:
    """A vision transformer of 8 x 8 patches and three blocks."""
    return _spec("attentive", VisionTransformer(SIDE, 8, 3, 4, 48, 96, num_classes=CLASSES))


def strided() -> ModelSpec:
    """A convolution that is coarser on one side, as for text lines and spectrograms: as many channels as rows."""
    layers = [nn.Conv2d(3, 64, 3, (1, 4), 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(64, CLASSES)]
    return _spec("strided", nn.Sequential(*layers))


class Normed(nn.Module):
    """As ConvNeXt: a normalisation over the channels of each cell behind the first stage."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 12, 4, 4), nn.Softplus())
        self.norm = nn.LayerNorm(12)
        self.stage2 = nn.Sequential(nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(24, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.norm(self.stage1(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        logits: torch.Tensor = self.fc(self.stage2(features).mean((2, 3)))
        return logits


def normed() -> ModelSpec:
    """HiResCAM is constant at its first stage, but for rounding."""
    return _spec("normed", Normed())


def preactivated() -> ModelSpec:
    """Batch norms before convolutions: folded into the convolution in front, they change what that one returns."""
    stages = [
        nn.Conv2d(3, 12, 3, 2, 1),
        nn.Sequential(nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1)),
        nn.Sequential(nn.BatchNorm2d(24), nn.ReLU()),
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(24, CLASSES)]
    return _spec("preactivated", nn.Sequential(*stages, *head))


class Ungraded(nn.Sequential):
    """Its forward keeps no graph."""

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return logits


def ungraded() -> ModelSpec:
    """Methods that need no gradient apply to it, the others do not."""
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(12, CLASSES)]
    return _spec("ungraded", Ungraded(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), *head))


def detecting() -> ModelSpec:
    """torchvision's RetinaNet on two convolutions, whose best detection of a class is its score."""
    backbone = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, 4, 1), nn.ReLU())
    backbone.out_channels = 16  # type: ignore[assignment]
    anchors = AnchorGenerator(((16, 24),), ((1.0,),))
    spec = _spec("detecting", RetinaNet(backbone, CLASSES, anchor_generator=anchors, topk_candidates=20))
    network = detector(spec.network, CLASSES, size=SIDE)
    return replace(spec, network=network, preprocess=Preprocess(SIDE, SIDE, (0.0,) * 3, (1.0,) * 3))


def segmenting() -> ModelSpec:
    """torchvision's FCN on two convolutions, each class averaged over the pixels that it wins."""
    backbone = nn.Sequential(
        OrderedDict(stem=nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU()), out=nn.Conv2d(12, 16, 3, 2, 1))
    )
    spec = _spec("segmenting", FCN(IntermediateLayerGetter(backbone, {"out": "out"}), FCNHead(16, CLASSES)))
    return replace(spec, network=segmenter(spec.network))


def _spec(name: str, network: nn.Module) -> ModelSpec:
    draws = np.random.default_rng(0)
    with torch.no_grad():
        for key, values in network.named_parameters():
            whole = torch.from_numpy(draws.integers(-_STEPS, _STEPS, values.shape, endpoint=True)).to(values)
            spread = 2.0 ** -round(np.log2(max(1, values[0].numel() if values.ndim > 1 else 16)) / 2)
            values.copy_(whole / _STEPS * 2 * spread + (1 if _scales(key, values) else 0))
    note = f"integers of a fixed seed: what {name!r} says means nothing"
    return ModelSpec(name, network.eval(), Preprocess(resize=SIDE, crop=SIDE), weights=note, warning=note)


def _scales(key: str, values: torch.Tensor) -> bool:
    """The weight of a normalisation, which is 1 and not 0 where it does nothing."""
    return values.ndim == 1 and key.endswith("weight")
