"""The six architectures of the zoo: small, for pictures of 64 x 64, with a last map of 8 x 8, of torchvision's blocks.

The widths are such that each network learns the data set ``shapes`` in minutes on a processor.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn
from torchvision.models import DenseNet, VisionTransformer
from torchvision.models.convnext import LayerNorm2d
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock
from torchvision.models.vgg import make_layers
from torchvision.models.vision_transformer import ConvStemConfig
from torchvision.ops import Conv2dNormActivation

from .shape_classes import SHAPE_CLASSES

SIDE = 64  # of the pictures, in pixels
MEAN, STD = 0.5, 0.25  # of each colour, as pixels in [0, 1] are normalised
COUNT = len(SHAPE_CLASSES)


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution of 7 x 7, and a linear layer to four times the channels and back, around a GELU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 4 * channels, 1),
            nn.GELU(),
            nn.Conv2d(4 * channels, channels, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        changed: Tensor = images + self.block(images)
        return changed


def residual() -> nn.Module:
    """A stem and three stages of one basic block, global average pooling, one linear layer (He et al. 2016)."""
    return _named(
        stem=Conv2dNormActivation(3, 16, 3, stride=2),
        layer1=BasicBlock(16, 16),
        layer2=_downsampling(16, 40),
        layer3=_downsampling(40, 80),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(1),
        fc=nn.Linear(80, COUNT),
    )


def plain() -> nn.Module:
    """Five convolutions with batch norm, three poolings, and two linear layers on the flattened map (as VGG)."""
    classifier = nn.Sequential(nn.Linear(48 * 8 * 8, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, COUNT))
    features = make_layers([16, "M", 24, 24, "M", 48, 48, "M"], batch_norm=True)
    return _named(features=features, flatten=nn.Flatten(1), classifier=classifier)


def dense() -> nn.Module:
    """Two dense blocks of four and six layers (Huang et al. 2017)."""
    network: nn.Module = DenseNet(12, (4, 6), 24, bn_size=3, num_classes=COUNT)
    return network


def mobile() -> nn.Module:
    """Six inverted residual blocks of depthwise convolutions (Sandler et al. 2018)."""
    blocks = [(16, 16, 1, 1), (16, 24, 2, 4), (24, 24, 1, 4), (24, 48, 2, 4), (48, 48, 1, 4), (48, 48, 1, 4)]
    return _named(
        features=nn.Sequential(
            Conv2dNormActivation(3, 16, 3, stride=2, activation_layer=nn.ReLU6),
            *(InvertedResidual(before, after, stride, expand) for before, after, stride, expand in blocks),
            Conv2dNormActivation(48, 96, 1, activation_layer=nn.ReLU6),
        ),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(1),
        classifier=nn.Linear(96, COUNT),
    )


def convnext() -> nn.Module:
    """Two stages of two ConvNeXt blocks (Liu et al. 2022), with batch norm and overlapping convolutions between stages.

    With layer norms and a stem of patches, as published, a network of this size learnt much more slowly.
    """
    return _named(
        features=nn.Sequential(
            Conv2dNormActivation(3, 16, 3, stride=2),
            Conv2dNormActivation(16, 32, 3, stride=2),
            *(ConvNeXtBlock(32), ConvNeXtBlock(32)),
            Conv2dNormActivation(32, 64, 3, stride=2, activation_layer=None),
            *(ConvNeXtBlock(64), ConvNeXtBlock(64)),
        ),
        avgpool=nn.AdaptiveAvgPool2d(1),
        classifier=nn.Sequential(LayerNorm2d(64, eps=1e-6), nn.Flatten(1), nn.Linear(64, COUNT)),
    )


def vit() -> nn.Module:
    """Four blocks of four heads on 8 x 8 patches behind a convolutional stem (Xiao et al. 2021, arXiv:2106.14881)."""
    widths = ((16, 2), (32, 2), (32, 1), (64, 2))
    stem = [ConvStemConfig(width, 3, stride) for width, stride in widths]
    network: nn.Module = VisionTransformer(SIDE, 8, 4, 4, 64, 128, num_classes=COUNT, conv_stem_configs=stem)
    return network


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "residual": residual,
    "plain": plain,
    "dense": dense,
    "mobile": mobile,
    "convnext": convnext,
    "vit": vit,
}


def _named(**modules: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict(modules))


def _downsampling(before: int, after: int) -> nn.Module:
    """A basic block that halves the resolution."""
    shortcut = Conv2dNormActivation(before, after, 1, stride=2, activation_layer=None)
    block: nn.Module = BasicBlock(before, after, 2, shortcut)
    return block
