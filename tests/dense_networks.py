"""torchvision's segmentation networks and detectors on narrow backbones, for images of 64 pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.ssd import SSD
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.segmentation import FCN, LRASPP, DeepLabV3
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead
from torchvision.ops import MultiScaleRoIAlign

from .narrow import NarrowResNet

CLASSES = 4  # with the background
SIDE = 64


def _dilated() -> nn.Module:
    network = NarrowResNet(Bottleneck, 7, replace_stride_with_dilation=[False, True, True])
    backbone: nn.Module = IntermediateLayerGetter(network, {"layer4": "out"})
    return backbone


def fcn() -> nn.Module:
    return FCN(_dilated(), FCNHead(256, CLASSES))  # type: ignore[no-any-return]


def deeplabv3() -> nn.Module:
    return DeepLabV3(_dilated(), DeepLabHead(256, CLASSES, atrous_rates=(1, 2, 3)))  # type: ignore[no-any-return]


def lraspp() -> nn.Module:
    backbone = IntermediateLayerGetter(NarrowResNet(BasicBlock, 7), {"layer2": "low", "layer4": "high"})
    return LRASPP(backbone, 16, 64, CLASSES, 8)  # type: ignore[no-any-return]


def _pyramid(channels: int = 8) -> nn.Module:
    layers = {"layer2": "0", "layer3": "1", "layer4": "2"}
    return BackboneWithFPN(NarrowResNet(BasicBlock, 7), layers, [16, 32, 64], channels)  # type: ignore[no-any-return]


def _anchors(levels: int) -> AnchorGenerator:
    return AnchorGenerator(tuple((8 * 2**level,) for level in range(levels)), ((0.5, 1.0, 2.0),) * levels)


def _rcnn(kind: Callable[..., nn.Module], **more: nn.Module) -> nn.Module:
    pool = MultiScaleRoIAlign(["0", "1", "2"], output_size=3, sampling_ratio=2)
    return kind(
        _pyramid(),
        rpn_anchor_generator=_anchors(4),
        box_roi_pool=pool,
        box_head=TwoMLPHead(8 * 9, 16),
        box_predictor=FastRCNNPredictor(16, CLASSES),
        rpn_pre_nms_top_n_test=60,
        rpn_post_nms_top_n_test=20,
        min_size=SIDE,
        max_size=SIDE,
        **more,
    )


def faster_rcnn() -> nn.Module:
    return _rcnn(FasterRCNN)


def mask_rcnn() -> nn.Module:
    heads = {"mask_head": MaskRCNNHeads(8, (8,), 1), "mask_predictor": MaskRCNNPredictor(8, 8, CLASSES)}
    return _rcnn(MaskRCNN, **heads)


def retinanet() -> nn.Module:
    return RetinaNet(  # type: ignore[no-any-return]
        _pyramid(), CLASSES, anchor_generator=_anchors(4), min_size=SIDE, max_size=SIDE, topk_candidates=30
    )


def fcos() -> nn.Module:
    generator = AnchorGenerator(((8,), (16,), (32,), (64,)), ((1.0,),) * 4)
    return FCOS(  # type: ignore[no-any-return]
        _pyramid(64), CLASSES, anchor_generator=generator, min_size=SIDE, max_size=SIDE, topk_candidates=30
    )


class TinyExtractor(nn.Module):
    """As SSD's on VGG: a sequence of features, and further maps that follow one another."""

    out_channels = (8, 12)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 5, 4, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.extra = nn.ModuleList([nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.features(images)
        return {"0": maps, "1": self.extra[0](maps)}


def ssd() -> nn.Module:
    generator = DefaultBoxGenerator([[2], [2]], scales=[0.3, 0.6, 0.9])
    return SSD(TinyExtractor(), generator, (SIDE, SIDE), CLASSES, topk_candidates=30)  # type: ignore[no-any-return]


SEGMENTATION: dict[str, Callable[[], nn.Module]] = {"fcn": fcn, "deeplabv3": deeplabv3, "lraspp": lraspp}
DETECTION: dict[str, Callable[[], nn.Module]] = {
    "faster_rcnn": faster_rcnn,
    "mask_rcnn": mask_rcnn,
    "retinanet": retinanet,
    "fcos": fcos,
    "ssd": ssd,
}


def tiny(name: str, *, seed: int = 0) -> nn.Module:
    """The network with the weights of a seed, in eval mode; batch norms saw a batch, and scores of classes differ."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = {**SEGMENTATION, **DETECTION}[name]()
        backbone: Any = network.backbone
        backbone.train()(torch.randn(4, 3, SIDE, SIDE))
        for part, module in network.named_modules():
            if part.endswith("cls_logits"):  # a detector's begin at a hundredth for every class
                nn.init.normal_(module.weight, std=0.3)
                nn.init.zeros_(module.bias)
            if part.endswith("bbox_reg") and isinstance(network, FCOS):  # the sides of its boxes begin at zero
                nn.init.ones_(module.bias)
        return network.eval()
