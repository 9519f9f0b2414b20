"""How similar the detections in changed images are to the explained one: D-RISE's weights of masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import NotApplicable
from ..failure_policy import try_batch
from ..types import Pictures
from ..types.detections import Detections
from .capture import eval_frozen
from .scorer import Scorer


def check_detector(network: nn.Module) -> None:
    """Raises NotApplicable where the network is no detector, or where its score is not that of a detection."""
    if not hasattr(network, "detect"):
        raise NotApplicable("the network is no detector: it finds no boxes")


def similarity(target: Detections, detected: Detections, classes: int) -> Tensor:
    """The similarity, a number in 0 .. 1, of the best of the detections ``detected`` to the one of ``target``.

    The largest product of the intersection over union of the boxes and the cosine of the class probabilities: Petsiuk
    et al. 2021, arXiv:2006.03204. torchvision's detectors give no objectness apart from the class
    scores, and its factor is left out. 0 where either finds nothing.
    """
    if not len(target.labels) or not len(detected.labels):
        return detected.scores.new_zeros(())
    cosine = torch.cosine_similarity(target.probabilities(classes), detected.probabilities(classes), dim=1)
    return (_overlap(target.boxes, detected.boxes) * cosine).max()


def _overlap(box: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union (n,) of a box (1, 4) with boxes (n, 4)."""
    low, high = torch.maximum(box[:, :2], boxes[:, :2]), torch.minimum(box[:, 2:], boxes[:, 2:])
    shared = (high - low).clamp_min(0).prod(1)
    areas = (box[:, 2:] - box[:, :2]).prod(1) + (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return shared / (areas - shared).clamp_min(1e-12)


def similarities(
    network: Any, scorer: Scorer, images: Tensor, targets: Tensor, classes: int, make: Pictures, count: int
) -> Tensor:
    """(B, count): the similarity of ``count`` pictures of each image (B, 3, H, W), made a batch at a time.

    What is explained is, in each unchanged image, the detection whose score is that of the image's target (B,).

    Raises:
        NotApplicable: the network is no detector.
    """
    check_detector(network)
    explained: list[Detections] = []
    values: list[Tensor] = []
    pairs = torch.arange(len(images) * count, device=images.device)

    def look(pictures: Tensor) -> Sequence[Detections]:
        scorer.passes.forwards += len(pictures)
        scorer.advance(len(pictures))
        detected: Sequence[Detections] = network.detect(pictures)
        return detected

    def some(rows: Tensor) -> list[Tensor]:
        owner = rows // count
        detected = look(make(owner, rows % count))
        return [similarity(explained[i], each, classes) for i, each in zip(owner.tolist(), detected, strict=True)]

    with torch.no_grad(), eval_frozen(network):
        for part, wanted in zip(torch.split(images, scorer.batch), torch.split(targets, scorer.batch), strict=True):
            explained += [detections.of(int(label)) for detections, label in zip(look(part), wanted, strict=True)]
        while len(pairs):
            rows = pairs[: scorer.batch]
            scored = try_batch(partial(some, rows), len(rows))
            if scored is None:
                scorer.halve(len(rows))
            else:
                values += scored
                pairs = pairs[len(rows) :]
    return torch.stack(values).view(len(images), count)
