"""A detector as a classifier: the logit of a class is that of its best detection's score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from ..errors import BenchError
from ..types.changed_forward import with_forward
from ..types.detections import Detections
from .pixel_sets import checked_region

FLOOR = 1e-4  # the probability of a class of which nothing is detected
_LEAST_GAP = 1e-6  # of a score to 1, where its logit is taken
_EVERY = 1_000_000  # detections of an image: a limit over all classes would hide the best of a class


@dataclass(frozen=True)
class DetectionTarget:
    """Which detection's score is that of its class: the best one, or the one that overlaps a box best.

    Attributes:
        classes: C, with the background.
        box: x0, y0, x1, y1 in fractions of the image; None for the best detection anywhere.
        overlap: the least intersection over union with the box.
    """

    classes: int
    box: tuple[float, ...] | None = None
    overlap: float = 0.5

    def detections(self, result: Mapping[str, Tensor], size: tuple[int, int]) -> Detections:
        """What torchvision returned for an image of ``size`` (H, W), with the detections that are explained."""
        boxes, labels, scores = result["boxes"], result["labels"], result["scores"]
        rank = scores.detach()
        if self.box is not None:
            height, width = size
            box = boxes.new_tensor([self.box]) * boxes.new_tensor([width, height, width, height])
            overlaps = box_iou(boxes.detach(), box)[:, 0]
            rank = torch.where(overlaps >= self.overlap, overlaps, -1.0)
        best = rank.new_full((self.classes,), 0.0).scatter_reduce(0, labels, rank, "amax")
        return Detections(boxes, labels, scores, (rank > 0) & (rank == best[labels]))

    def logits(self, detections: Detections) -> Tensor:
        """(C,): log(p / (1 - p)) of each class's explained score p; of FLOOR for a class without one.

        1 - p is at least 1e-6, so that the logit is finite. The logit's derivative is that of the score: which
        detections there are, and which one is explained, has none.
        """
        scores = torch.where(detections.explained, detections.scores, 0.0)
        floor = scores.new_full((self.classes,), FLOOR)
        best = floor.scatter_reduce(0, detections.labels, scores, "amax")
        return best.log() - (1 - best).clamp_min(_LEAST_GAP).log()


def detector(
    network: nn.Module,
    classes: int,
    *,
    size: int | None = None,
    box: Sequence[float] | None = None,
    overlap: float = 0.5,
    min_score: float = 0.001,
) -> nn.Module:
    """A detector of torchvision's as a classifier: logits (B, C), of each class's best detection.

    Layers keep their names, and the weights are shared. The probability of a class is the detection's score: its
    activation is the sigmoid, whatever a study's ``probability`` says. A class of which nothing is detected has the
    probability 0.0001. The choice of detections has no derivative, their scores have.

    The detector is changed in place: it shows every detection above ``min_score``, resizes images to ``size``, and
    leaves out its heads for masks and keypoints, of which no score comes.

    Args:
        network: a FasterRCNN, MaskRCNN, KeypointRCNN, RetinaNet, FCOS or SSD. Images are square, in 0 .. 1: the
            detector normalises them itself.
        classes: C, with the background.
        size: the side in pixels to which it resizes images; its own if None.
        box: (x0, y0, x1, y1) in fractions of the image. The score of a class is then that of the detection that
            overlaps the box best, and not of the best one anywhere.
        overlap: the least intersection over union with the box, in 0 .. 1.
        min_score: the least score of a detection, 0.0001 or more.

    Returns:
        A network that maps images (B, 3, H, W) to class logits (B, C), for every method and target.

    Raises:
        BenchError: it is no detector of torchvision's, ``size`` is no multiple of what it pads to, or the box is no
            box. The first call, where images are not square or have another label than 0 to C - 1.

    Example:
        >>> from torchvision.models.detection import RetinaNet, anchor_utils
        >>> backbone = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 8, 8), torch.nn.ReLU())
        >>> backbone.out_channels = 8
        >>> anchors = anchor_utils.AnchorGenerator(((16,),), ((1.0,),))
        >>> mine = bb.detector(RetinaNet(backbone, 3, anchor_generator=anchors).eval(), 3, size=32)
        >>> bb.explain(mine, images, target=2, layer="backbone.1").shape
        torch.Size([2, 1, 32, 32])
    """
    _check(network, overlap, min_score)
    _resize_to(network.transform, size)
    _show_all(network, min_score)
    target = DetectionTarget(classes, None if box is None else checked_region(box, "box", (4,)), overlap)
    kind = type(network)

    def detections_of(forward: Callable[[Any], Any], images: Tensor) -> list[Detections]:
        return _detections_of(forward, target, images)

    def call(forward: Callable[[Any], Any], images: Tensor) -> Tensor:
        return torch.stack([target.logits(each) for each in detections_of(forward, images)])

    def detect(self: nn.Module, images: Tensor) -> list[Detections]:
        return detections_of(lambda pictures: kind.forward(self, pictures), images)

    changed = with_forward(
        network,
        "Detector",
        call,
        detect=detect,
        benchbench_activation="sigmoid",
        benchbench_trunk=_trunk(network.backbone),
    )
    changed.benchbench_score = f"detections {target}"  # type: ignore[assignment]
    return changed


def _check(network: nn.Module, overlap: float, min_score: float) -> None:
    known = hasattr(network, "roi_heads") or hasattr(network, "nms_thresh")
    if not known or not hasattr(getattr(network, "transform", None), "size_divisible"):
        message = f"the network is {type(network).__name__}, which is no detector of torchvision's"
        raise BenchError(message, where="detector", hint="Or use bb.scored(network, lambda output: ...)")
    if min_score < FLOOR:
        raise BenchError(f"min_score is {min_score}", where="detector", hint=f"Give {FLOOR} or more")
    if not 0 < overlap <= 1:
        raise BenchError(f"overlap is {overlap}", where="detector", hint="Give a number above 0 and up to 1")


def _detections_of(forward: Callable[[Any], Any], target: DetectionTarget, images: Tensor) -> list[Detections]:
    """The detections in each image of (B, 3, H, W)."""
    height, width = images.shape[2], images.shape[3]
    if height != width:
        hint = "Cut a square out of each image"
        raise BenchError(f"a detector takes square images, and these are {height} x {width}", hint=hint)
    results = forward(list(images.unbind()))
    most = max((int(each["labels"].max()) for each in results if len(each["labels"])), default=0)
    if most >= target.classes:
        message = f"the detector found class {most}, and classes is {target.classes}"
        raise BenchError(message, where="detector", hint="Give all classes, with the background")
    return [target.detections(each, (height, width)) for each in results]


def side_of(network: nn.Module) -> int:
    """The side in pixels to which a detector of torchvision's resizes a square image."""
    transform: Any = network.transform
    return int(transform.fixed_size[0] if transform.fixed_size else min(transform.min_size[-1], transform.max_size))


def _resize_to(transform: Any, size: int | None) -> None:
    side = size or (transform.fixed_size[0] if transform.fixed_size else transform.min_size[-1])
    if side % transform.size_divisible:
        hint = f"Give a multiple of {transform.size_divisible}, to which the detector pads"
        raise BenchError(f"size is {side}", where="detector", hint=hint)
    if transform.fixed_size:
        transform.fixed_size = (side, side)
    else:
        transform.min_size, transform.max_size = (side,), max(side, transform.max_size)


def _show_all(network: Any, min_score: float) -> None:
    """Every detection above a score, of boxes alone."""
    heads = getattr(network, "roi_heads", None)
    shown = network if heads is None else heads
    shown.score_thresh, shown.detections_per_img = min_score, _EVERY
    if heads is not None:
        for kind in ("mask", "keypoint"):
            for part in ("roi_pool", "head", "predictor"):
                if getattr(heads, f"{kind}_{part}", None) is not None:
                    setattr(heads, f"{kind}_{part}", None)


def _trunk(backbone: Any) -> str:
    """The part of a backbone that all of its maps come of: blocks in a row."""
    if isinstance(getattr(backbone, "body", None), nn.Module):  # in front of a feature pyramid
        return "backbone.body"
    if isinstance(getattr(backbone, "features", None), nn.Sequential) and hasattr(backbone, "extra"):  # of an SSD
        alone = type(backbone).__name__ == "SSDLiteFeatureExtractorMobileNet"  # whose features run one by one
        return "backbone.features.0" if alone else "backbone.features"
    return "backbone"
