"""How the papers write the names of torchvision's networks."""

from __future__ import annotations

import re
from collections.abc import Callable

# a pattern of torchvision's name, and the display name; the first that fits counts
_TITLES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"alexnet", "AlexNet"),
    (r"convnext_(\w)(\w+)", lambda m: f"ConvNeXt-{m[1].upper()}{m[2]}"),
    (r"densenet(\d+)", r"DenseNet-\1"),
    (r"efficientnet_b(\d)", r"EfficientNet-B\1"),
    (r"efficientnet_v2_(\w)", lambda m: f"EfficientNetV2-{m[1].upper()}"),
    (r"googlenet", "GoogLeNet"),
    (r"inception_v3", "Inception-v3"),
    (r"maxvit_(\w)", lambda m: f"MaxViT-{m[1].upper()}"),
    (r"mnasnet(\d)_(\d+)", r"MNASNet \1.\2"),
    (r"mobilenet_v2", "MobileNetV2"),
    (r"mobilenet_v3_(\w)(\w+)", lambda m: f"MobileNetV3-{m[1].upper()}{m[2]}"),
    (r"regnet_([xy])_(?:(\d+)_)?(\d+)([gm]f)", lambda m: f"RegNet{m[1].upper()}-{_number(m[2], m[3])}{m[4].upper()}"),
    (r"resnet(\d+)", r"ResNet-\1"),
    (r"resnext(\d+)_(\w+)", r"ResNeXt-\1 \2"),
    (r"shufflenet_v2_x(\d)_(\d)", r"ShuffleNetV2 x\1.\2"),
    (r"squeezenet(\d)_(\d)", r"SqueezeNet \1.\2"),
    (r"swin_(\w)", lambda m: f"Swin-{m[1].upper()}"),
    (r"swin_v2_(\w)", lambda m: f"SwinV2-{m[1].upper()}"),
    (r"vgg(\d+)", r"VGG-\1"),
    (r"vgg(\d+)_bn", r"VGG-\1-BN"),
    (r"vit_(\w)_(\d+)", lambda m: f"ViT-{m[1].upper()}/{m[2]}"),
    (r"wide_resnet(\d+)_(\d)", r"Wide ResNet-\1-\2"),
)
# the families of segmentation networks and detectors, whose names go on with that of a backbone
_DENSE = {
    "fcn": "FCN",
    "deeplabv3": "DeepLabV3",
    "lraspp": "LR-ASPP",
    "fasterrcnn": "Faster R-CNN",
    "maskrcnn": "Mask R-CNN",
    "keypointrcnn": "Keypoint R-CNN",
    "retinanet": "RetinaNet",
    "fcos": "FCOS",
    "ssd300": "SSD300",
    "ssdlite320": "SSDlite320",
}
_ON_BACKBONE = re.compile(rf"({'|'.join(_DENSE)})_(\w+?)(_320)?(_fpn)?(_v2)?")


def torchvision_title(name: str) -> str:
    """The display name, such as ``ResNet-18``; the name itself for a network that came after this list."""
    for pattern, title in _TITLES:
        fitting = re.fullmatch(pattern, name)
        if fitting:
            return title(fitting) if callable(title) else fitting.expand(title)
    dense = _ON_BACKBONE.fullmatch(name)
    if dense:
        more = "".join(part.upper().replace("_", "-") for part in dense.group(3, 4) if part)
        return f"{_DENSE[dense[1]]} {torchvision_title(dense[2])}{more}{' v2' if dense[5] else ''}"
    return name


def _number(whole: str | None, last: str) -> str:
    return f"{whole}.{last}" if whole else last
