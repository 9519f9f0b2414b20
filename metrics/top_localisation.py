"""Top-1 and top-5 localisation: the network must name the class, and the class's map must find the object.

ILSVRC's localisation task (Russakovsky et al. 2015, arXiv:1409.0575), with the box cut from the map as Choe et al. 2020,
arXiv:2001.07437, cut it: both a right class and a right box. MaxBoxAcc is the same with the class given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from .object_boxes import Truth, best_elsewhere, largest_box_hits

Places = Annotated[int, Field(ge=1, le=1000)]
NO_LABEL = "the image has no label that is one of the network's classes"
OTHER_CLASS = "the map explains another class than the image's label: set target: label"


@metric(
    "top_localisation",
    title="top-k localisation",
    higher_is_better=True,
    needs={"map", "mask", "boxes", "label"},
    protocols={"top-1": {"k": 1}, "top-5": {"k": 5}, "top-1-components": {"k": 1, "truth": "components"}},
    unit="share of images",
    paper="arXiv:1409.0575",
    family="localisation",
    range=(0, 1),
    equation="[label among the k most likely classes] [IoU(box of the largest contour of {S > t}, box of M) >= 0.5], "
    "t best on the other half of the images",
    held_out=best_elsewhere,
    truth="box-else-mask",
)
def top_localisation(seen: Seen, *, k: Places = 1, truth: Truth = "whole") -> Scored:
    """1 where the label is among the k most likely classes and the box of the label's map is right, else 0.

    The box and the truth are those of max_box_acc: any of the object's boxes counts, by an IoU of 0.5 or more. The map
    is to explain the label, so the study sets ``target: label``. Where it explains another class, an image whose label
    is not among the k is a miss all the same, and any other image is not applicable. So is an image without a label.
    """
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
