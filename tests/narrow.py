"""torchvision's networks with an eighth of their channels and few blocks.

The classes and the kinds of modules are torchvision's, and so are the names of the stages; where a constructor fixes
its widths, a subclass lays the same modules, and leaves the forward as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torchvision.models import (
    VGG,
    AlexNet,
    ConvNeXt,
    DenseNet,
    EfficientNet,
    GoogLeNet,
    Inception3,
    MaxVit,
    MNASNet,
    RegNet,
    ResNet,
    ShuffleNetV2,
    SqueezeNet,
    SwinTransformer,
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
)
from torchvision.models import inception as of_inception
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.googlenet import BasicConv2d, Inception, InceptionAux
from torchvision.models.regnet import BlockParams
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.squeezenet import Fire
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2
from torchvision.models.vgg import make_layers

VGG11 = [8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"]


def narrow(name: str, classes: int, *, seed: int = 0) -> nn.Module:
    """The network of torchvision's ``name`` made narrow, with the weights of a seed, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NARROW[name](classes).eval()


class NarrowResNet(ResNet):  # type: ignore[misc]
    """One block a stage; the first one keeps its skip connection without a convolution."""

    def __init__(self, block: Any, classes: int, **widths: Any) -> None:
        super().__init__(block, [1, 1, 1, 1], **widths)
        self.fc = nn.Linear(64 * block.expansion, classes)

    def _make_layer(self, block: Any, planes: int, *others: Any, **named: Any) -> nn.Sequential:
        if planes == 64:  # the first stage: the stem before it was laid just now
            self.inplanes = 8 * block.expansion
            self.conv1 = nn.Conv2d(3, self.inplanes, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(self.inplanes)
        stage: nn.Sequential = super()._make_layer(block, planes // 8, *others, **named)
        return stage


class NarrowVGG(VGG):  # type: ignore[misc]
    def __init__(self, classes: int, *, batch_norm: bool) -> None:
        nn.Module.__init__(self)
        self.features = make_layers(VGG11, batch_norm=batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            *(nn.Linear(64 * 7 * 7, 64), nn.ReLU(True), nn.Dropout()),
            *(nn.Linear(64, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, classes)),
        )
        for convolution in (module for module in self.features if isinstance(module, nn.Conv2d)):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")


class NarrowAlexNet(AlexNet):  # type: ignore[misc]
    def __init__(self, classes: int) -> None:
        nn.Module.__init__(self)
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(8, 24, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(48, 32, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(32 * 6 * 6, 64), nn.ReLU(inplace=True)),
            *(nn.Dropout(), nn.Linear(64, 64), nn.ReLU(inplace=True), nn.Linear(64, classes)),
        )


class NarrowSqueezeNet(SqueezeNet):  # type: ignore[misc]
    """Of version 1.1."""

    def __init__(self, classes: int) -> None:
        nn.Module.__init__(self)
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(Fire(8, 2, 8, 8), Fire(16, 2, 8, 8), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(Fire(16, 4, 16, 16), Fire(32, 4, 16, 16), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(Fire(32, 6, 24, 24), Fire(48, 6, 24, 24), Fire(48, 8, 32, 32), Fire(64, 8, 32, 32)),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(64, classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        )
        for convolution in (module for module in self.features.modules() if isinstance(module, nn.Conv2d)):
            nn.init.kaiming_uniform_(convolution.weight)
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)


def eighth(convolution: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The convolution with an eighth of the channels, but for an image's."""

    def build(before: int, after: int, **named: Any) -> nn.Module:
        return convolution(before if before == 3 else before // 8, after // 8, **named)

    return build


def googlenet(classes: int) -> nn.Module:
    convolution = eighth(BasicConv2d)
    blocks = [convolution, partial(Inception, conv_block=convolution), InceptionAux]
    network: nn.Module = GoogLeNet(aux_logits=False, init_weights=False, blocks=blocks)
    network.fc = nn.Linear(128, classes)
    return network


def inception_v3(classes: int) -> nn.Module:
    convolution = eighth(of_inception.BasicConv2d)
    kinds = [getattr(of_inception, f"Inception{letter}") for letter in "ABCDE"]
    blocks = [convolution, *(partial(kind, conv_block=convolution) for kind in kinds), of_inception.InceptionAux]
    network: nn.Module = Inception3(aux_logits=False, init_weights=False, inception_blocks=blocks)
    network.fc = nn.Linear(256, classes)
    return network


def convnext(classes: int) -> nn.Module:
    blocks = [CNBlockConfig(a, b, 1) for a, b in pairwise([10, 20, 28, 36, None])]
    network: nn.Module = ConvNeXt(blocks, num_classes=classes)
    return network


def efficientnet_b0(classes: int) -> nn.Module:
    block = partial(MBConvConfig, width_mult=0.25, depth_mult=0.5)
    blocks = [block(1, 3, 1, 32, 16, 1), block(6, 3, 2, 16, 24, 2), block(6, 5, 2, 24, 40, 2)]
    blocks += [block(6, 3, 2, 40, 80, 3), block(6, 5, 1, 80, 112, 3), block(6, 5, 2, 112, 192, 4)]
    network: nn.Module = EfficientNet([*blocks, block(6, 3, 1, 192, 320, 1)], 0.2, num_classes=classes)
    return network


def efficientnet_v2_s(classes: int) -> nn.Module:
    fused, block = FusedMBConvConfig, MBConvConfig
    blocks = [fused(1, 3, 1, 8, 8, 1), fused(4, 3, 2, 8, 8, 2), fused(4, 3, 2, 8, 16, 1)]
    blocks += [block(4, 3, 2, 16, 16, 2), block(6, 3, 1, 16, 24, 2), block(6, 3, 2, 24, 32, 1)]
    network: nn.Module = EfficientNet(blocks, 0.2, num_classes=classes, last_channel=64)
    return network


def regnet(classes: int) -> nn.Module:
    blocks = BlockParams([1, 1, 2, 1], [8, 16, 24, 40], [8] * 4, [1.0] * 4, [2] * 4, se_ratio=0.25)
    network: nn.Module = RegNet(blocks, classes, stem_width=8)
    return network


def swin(classes: int, window: int, **version: Any) -> nn.Module:
    network: nn.Module = SwinTransformer(
        [4, 4], 20, [2, 2, 2], [2, 4, 8], [window, window], num_classes=classes, **version
    )
    return network


def maxvit(classes: int) -> nn.Module:
    """For images of 96 pixels: 24 and 12 cells a side, in windows of 3."""
    network: nn.Module = MaxVit(
        (96, 96), 10, 3, block_channels=[16, 20], block_layers=[1, 1], head_dim=4, stochastic_depth_prob=0.2,
        num_classes=classes,
    )  # fmt: skip
    return network


NARROW: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": partial(NarrowResNet, BasicBlock),
    "resnet50": partial(NarrowResNet, Bottleneck),
    "resnext50_32x4d": partial(NarrowResNet, Bottleneck, groups=4, width_per_group=32),
    "vgg11": partial(NarrowVGG, batch_norm=False),
    "vgg11_bn": partial(NarrowVGG, batch_norm=True),
    "alexnet": NarrowAlexNet,
    "squeezenet1_1": NarrowSqueezeNet,
    "densenet121": partial(DenseNet, 8, (2, 3, 2, 2), 16, 2, 0.0),
    "googlenet": googlenet,
    "inception_v3": inception_v3,
    "mobilenet_v2": lambda classes: mobilenet_v2(num_classes=classes, width_mult=0.25),
    "mobilenet_v3_small": lambda classes: mobilenet_v3_small(num_classes=classes, width_mult=0.25),
    "mobilenet_v3_large": lambda classes: mobilenet_v3_large(num_classes=classes, width_mult=0.25),
    "mnasnet0_5": partial(MNASNet, 0.25),
    "shufflenet_v2_x0_5": partial(ShuffleNetV2, [1, 2, 1], [12, 20, 24, 36, 48]),
    "regnet_y_400mf": regnet,
    "convnext_tiny": convnext,
    "efficientnet_b0": efficientnet_b0,
    "efficientnet_v2_s": efficientnet_v2_s,
    "swin_t": partial(swin, window=7),
    "swin_v2_t": partial(swin, window=8, block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2),
    "maxvit_t": maxvit,
}
