"""torchvision's networks: how they are built, and the names of the weights in their first layers and heads."""

from __future__ import annotations

import re
from typing import Any

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

# by a pattern of the name: the weights of the head, and the rows that each class has in them, one for each anchor
_DENSE_HEADS = (
    (r"(fcn|deeplabv3)_\w+", "classifier.4.weight", 1),
    (r"lraspp_\w+", "classifier.low_classifier.weight", 1),
    (r"(faster|mask|keypoint)rcnn_\w+", "roi_heads.box_predictor.cls_score.weight", 1),
    (r"retinanet_\w+", "head.classification_head.cls_logits.weight", 9),
    (r"fcos_\w+", "head.classification_head.cls_logits.weight", 1),
    (r"ssd300_\w+", "head.classification_head.module_list.0.weight", 4),
    (r"ssdlite320_\w+", "head.classification_head.module_list.0.1.weight", 6),
)


def classifiers() -> list[str]:
    """The names of all of torchvision's classifiers."""
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return names


def build_torchvision(name: str, classes: int, side: int | None = None) -> nn.Module:
    """The classifier of so many classes, with random weights; of images of ``side`` pixels, if it is a ViT."""
    options: dict[str, Any] = {"image_size": side} if side is not None else {}
    if name in ("googlenet", "inception_v3"):
        options |= {"init_weights": True, "aux_logits": True}
    network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes, **options)
    return network


def ends_of(name: str) -> tuple[str, str]:
    """The names of the first convolution's weights and of the classifier's; empty for a network of tomorrow."""
    return next(((first, last) for pattern, first, last in _ENDS if re.fullmatch(pattern, name)), ("", ""))


def dense_networks() -> list[str]:
    """The names of torchvision's segmentation networks and detectors."""
    rooms = (torchvision.models.segmentation, torchvision.models.detection)
    return [name for room in rooms for name in torchvision.models.list_models(module=room)]


def build_dense(name: str, classes: int, **options: Any) -> nn.Module:
    """The segmentation network or detector of so many classes, with random weights also in its backbone."""
    network: nn.Module = torchvision.models.get_model(
        name, weights=None, weights_backbone=None, num_classes=classes, **options
    )
    return network


def dense_head(name: str) -> tuple[str, int]:
    """The name of the weights that tell classes apart, and how many rows each class has in them; "" if not known."""
    return next(((head, rows) for pattern, head, rows in _DENSE_HEADS if re.fullmatch(pattern, name)), ("", 1))
