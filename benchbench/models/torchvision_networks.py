"""torchvision's classifiers: how they are built, and the names of their first and last weights."""

from __future__ import annotations

import re

import torchvision
from torch import nn

# by a pattern of the name: the weights of the first convolution and of the classifier
_ENDS = (
    (r"alexnet|vgg\d+(_bn)?", "features.0.weight", "classifier.6.weight"),
    (r"convnext_\w+", "features.0.0.weight", "classifier.2.weight"),
    (r"densenet\d+", "features.conv0.weight", "classifier.weight"),
    (r"(efficientnet|mobilenet_v2)\w*", "features.0.0.weight", "classifier.1.weight"),
    (r"googlenet", "conv1.conv.weight", "fc.weight"),
    (r"inception_v3", "Conv2d_1a_3x3.conv.weight", "fc.weight"),
    (r"maxvit_\w+", "stem.0.0.weight", "classifier.5.weight"),
    (r"mnasnet\w+", "layers.0.weight", "classifier.1.weight"),
    (r"mobilenet_v3_\w+", "features.0.0.weight", "classifier.3.weight"),
    (r"regnet_\w+", "stem.0.weight", "fc.weight"),
    (r"(wide_)?resnex?t\d+\w*", "conv1.weight", "fc.weight"),
    (r"shufflenet_\w+", "conv1.0.weight", "fc.weight"),
    (r"squeezenet\w+", "features.0.weight", "classifier.1.weight"),
    (r"swin_\w+", "features.0.0.weight", "head.weight"),
    (r"vit_\w+", "conv_proj.weight", "heads.head.weight"),
)


def classifiers() -> list[str]:
    """The names of all of torchvision's classifiers."""
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return names


def build_torchvision(name: str, classes: int) -> nn.Module:
    """The classifier of so many classes, with random weights."""
    options = {"init_weights": True, "aux_logits": True} if name in ("googlenet", "inception_v3") else {}
    network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes, **options)
    return network


def ends_of(name: str) -> tuple[str, str]:
    """The names of the first convolution's weights and of the classifier's; empty for a network of tomorrow."""
    return next(((first, last) for pattern, first, last in _ENDS if re.fullmatch(pattern, name)), ("", ""))
