"""How the papers write the names of timm's networks."""

from __future__ import annotations

import re

_SIZES = {
    "nano": "N", "atto": "A", "femto": "F", "pico": "P", "micro": "Mi", "mini": "M", "tiny": "Ti", "small": "S",
    "base": "B", "large": "L", "huge": "H", "giant": "g", "gigantic": "G",
}  # fmt: skip
_WORDS = (
    # a pattern of timm's name, and what stands for what it matches
    (r"^vit_", "ViT-"),
    (r"^deit3_", "DeiT-III-"),
    (r"^deit_", "DeiT-"),
    (r"^beit(v2)?_", lambda m: f"BEiT{m[1] or ''}-"),
    (r"^cait_", "CaiT-"),
    (r"^swinv2_", "SwinV2-"),
    (r"^swin_", "Swin-"),
    (r"^maxvit_", "MaxViT-"),
    (r"^coatnet_", "CoAtNet-"),
    (r"^convnextv2_", "ConvNeXtV2-"),
    (r"^convnext_", "ConvNeXt-"),
    (r"^mixer_", "Mixer-"),
    (r"^resmlp_", "ResMLP-"),
    (r"^(tf_)?efficientnetv2_", lambda m: f"EfficientNetV2-{'TF-' if m[1] else ''}"),
    (r"^(tf_)?efficientnet_lite", lambda m: f"EfficientNet-Lite{'-TF-' if m[1] else ''}"),
    (r"^(tf_)?efficientnet_b", lambda m: f"EfficientNet-{'TF-' if m[1] else ''}B"),
    (r"^mobilenetv(\d)_", lambda m: f"MobileNetV{m[1]}-"),
    (r"^mobilevit(v2)?_", lambda m: f"MobileViT{m[1] or ''}-"),
    (r"^regnet([xyz])_", lambda m: f"RegNet{m[1].upper()}-"),
    (r"^resnetv2_", "ResNetV2-"),
    (r"^(wide_)?resnet", lambda m: f"{'Wide ' if m[1] else ''}ResNet-"),
    (r"^resnext", "ResNeXt-"),
    (r"^seresnet", "SE-ResNet-"),
    (r"^resnest", "ResNeSt-"),
    (r"^res2net", "Res2Net-"),
    (r"^densenet", "DenseNet-"),
    (r"^vgg(\d+)", r"VGG-\1"),
    (r"^inception_v", "Inception-v"),
    (r"^xception", "Xception"),
    (r"^hrnet_", "HRNet-"),
    (r"^eva02_", "EVA-02-"),
    (r"^efficientformer", "EfficientFormer"),
    (r"^poolformer", "PoolFormer"),
    (r"^dpn", "DPN-"),
    (r"^dla", "DLA-"),
)


def timm_title(name: str) -> str:
    """The display name, such as ``ViT-S/16 224`` or ``ConvNeXt-Ti (fb_in1k)``'s words without the underscores.

    The rest of timm's name and its tag stay, with spaces and hyphens in place of underscores.
    """
    bare, _, tag = name.partition(".")
    for pattern, title in _WORDS:
        bare, changed = re.subn(pattern, title, bare)  # type: ignore[call-overload]
        if changed:
            break
    bare = re.sub(r"_?patch(\d+)", r"/\1", bare)
    if "ViT-" in bare or "DeiT" in bare or "BEiT" in bare:
        bare = re.sub("|".join(rf"(?<=-){size}(?=[/_]|$)" for size in _SIZES), lambda m: _SIZES[m[0]], bare)
    else:
        bare = re.sub(rf"(?<=-)({'|'.join(_SIZES)})(?=_|$)", lambda m: m[1].capitalize(), bare)
    return " ".join([bare, f"({tag})" if tag else ""]).replace("_", " ").strip()
