"""How the papers write the names of timm's networks."""

from __future__ import annotations

import re
from collections.abc import Callable

_SIZES = {"tiny": "Ti", "small": "S", "base": "B", "large": "L", "huge": "H"}  # of vision transformers, as ViT-S/16

# a pattern of the beginning of timm's name, and what is written for it; the first that fits counts
_BEGINNINGS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"vit_", "ViT-"),
    (r"deit3_", "DeiT-III-"),
    (r"deit_", "DeiT-"),
    (r"beit_", "BEiT-"),
    (r"beitv2_", "BEiTv2-"),
    (r"cait_", "CaiT-"),
    (r"swin_", "Swin-"),
    (r"swinv2_", "SwinV2-"),
    (r"maxvit_", "MaxViT-"),
    (r"coatnet_", "CoAtNet-"),
    (r"convnext_", "ConvNeXt-"),
    (r"convnextv2_", "ConvNeXtV2-"),
    (r"mixer_", "Mixer-"),
    (r"resmlp_", "ResMLP-"),
    (r"efficientnetv2_", "EfficientNetV2-"),
    (r"tf_efficientnetv2_", "EfficientNetV2-TF-"),
    (r"efficientnet_lite", "EfficientNet-Lite"),
    (r"tf_efficientnet_lite", "EfficientNet-Lite-TF-"),
    (r"efficientnet_b(?=\d)", "EfficientNet-B"),
    (r"tf_efficientnet_b(?=\d)", "EfficientNet-TF-B"),
    (r"mobilenetv(\d)_", r"MobileNetV\1-"),
    (r"mobilevit_", "MobileViT-"),
    (r"mobilevitv2_", "MobileViTv2-"),
    (r"regnet([xyz])_", lambda match: f"RegNet{match[1].upper()}-"),
    (r"resnetv2_", "ResNetV2-"),
    (r"resnet(?=\d)", "ResNet-"),
    (r"wide_resnet(?=\d)", "Wide ResNet-"),
    (r"resnext(?=\d)", "ResNeXt-"),
    (r"seresnet(?=\d)", "SE-ResNet-"),
    (r"resnest(?=\d)", "ResNeSt-"),
    (r"res2net(?=\d)", "Res2Net-"),
    (r"densenet(?=\d)", "DenseNet-"),
    (r"vgg(?=\d)", "VGG-"),
    (r"inception_v", "Inception-v"),
    (r"hrnet_", "HRNet-"),
    (r"eva02_", "EVA-02-"),
)


def timm_title(name: str) -> str:
    """The display name: ``ViT-S/16 224``, ``ConvNeXt-Tiny``, ``ConvNeXtV2-Nano (fcmae ft in1k)``.

    The family is written as its paper writes it. The rest of timm's name and its tag stay, with spaces in place of
    underscores.
    """
    bare, _, tag = name.partition(".")
    for beginning, written in _BEGINNINGS:
        rest, changed = re.subn(rf"^{beginning}", written, bare)
        if changed:
            bare = _rest(rest)
            break
    title = f"{bare} ({tag})" if tag else bare
    return title.replace("_", " ")


def _rest(title: str) -> str:
    """The sizes behind the family, in the family's own style."""
    title = re.sub(r"_patch(?=\d)", "/", title)
    if title.startswith(("ViT-", "DeiT-", "BEiT")):
        return re.sub(rf"(?<=-)({'|'.join(_SIZES)})(?=/)", lambda match: _SIZES[match[1]], title)
    return re.sub(r"(?<=-)[a-z]{4,}(?=[_/]|$)", lambda match: match[0].capitalize(), title)
