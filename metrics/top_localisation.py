"""Top-1 and top-5 localisation: the network must name the class, and the class's map must find the object.

ILSVRC's localisation task (Russakovsky et al. 2015, arXiv:1409.0575), with the box cut from the map as by Choe et al.
2020, arXiv:2001.07437: both a right class and a right box. MaxBoxAcc is the same with the class given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from .object_boxes import Truth, best_elsewhere, largest_box_hits

PROTOCOLS: Mapping[str, Mapping[str, str]] = {
    "wsol-v1": {"truth": "whole"},
    "wsol-v1-components": {"truth": "components"},
}
NO_LABEL = "the image has no label that is one of the network's classes"
OTHER_CLASS = "the map explains another class than the image's label: set target: label"


@metric(
    "top1_localisation",
    title="top-1 localisation",
    higher_is_better=True,
    needs={"map", "mask", "boxes", "label"},
    protocols=PROTOCOLS,
    unit="share of images",
    paper="arXiv:1409.0575",
    family="localisation",
    range=(0, 1),
    equation="[label is the most likely class] [IoU(box of the largest contour of {S > t}, box of M) >= 0.5], "
    "t best on the other half of the images",
    held_out=best_elsewhere,
    truth="box-else-mask",
)
def top1_localisation(seen: Seen, *, truth: Truth = "whole") -> Scored:
    """1 where the label is the most likely class and the box of the label's map is right, else 0.

    The box and the truth are those of max_box_acc: any of the object's boxes counts, by an IoU of 0.5 or more. The map
    is to explain the label, so the study sets ``target: label``. Where it explains another class, an image whose label
    is not the most likely class is a miss all the same. An image without a label is not applicable.
    """
    return _localised(seen, 1, truth)


@metric(
    "top5_localisation",
    title="top-5 localisation",
    higher_is_better=True,
    needs={"map", "mask", "boxes", "label"},
    protocols=PROTOCOLS,
    unit="share of images",
    paper="arXiv:1409.0575",
    family="localisation",
    range=(0, 1),
    equation="[label among the 5 most likely classes] [IoU(box of the largest contour of {S > t}, box of M) >= 0.5], "
    "t best on the other half of the images",
    held_out=best_elsewhere,
    truth="box-else-mask",
)
def top5_localisation(seen: Seen, *, truth: Truth = "whole") -> Scored:
    """1 where the label is among the five most likely classes and the box of the label's map is right, else 0.

    As top1_localisation. Where the map explains another class than the label, an image whose label is among the five is
    not applicable.
    """
    return _localised(seen, 5, truth)


def _localised(seen: Seen, k: int, truth: Truth) -> Scored:
    assert seen.label_place is not None, "the engine gives the label's place"
    assert seen.label_explained is not None, "the engine says what is explained"
    boxes = largest_box_hits(seen, truth)
    assert boxes.levels is not None, "MaxBoxAcc has a value for each threshold"
    named = (seen.label_place > 0) & (seen.label_place <= k)
    why = [
        no_object or (NO_LABEL if not place else OTHER_CLASS if among and not explained else "")
        for no_object, place, among, explained in zip(
            boxes.inapplicable,
            seen.label_place.tolist(),
            named.tolist(),
            seen.label_explained.tolist(),
            strict=True,
        )
    ]
    thresholds, hits = boxes.levels
    value = torch.as_tensor(boxes.value) * named
    return replace(boxes, value=value, levels=(thresholds, hits * named[:, None]), inapplicable=tuple(why))
