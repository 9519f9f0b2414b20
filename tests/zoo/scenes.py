"""Scenes of ``shapes`` as tensors, all at once, for training and for the accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchbench.datasets.builtin.shapes_paint import paint
from benchbench.datasets.builtin.shapes_plan import Recipe, label_of, plan
from benchbench.models.zoo_networks import MEAN, SIDE, STD

USUAL = Recipe(distractors=3, occlusion=0.3, clutter=1.0)  # the defaults of ``shapes``, as a test demands


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pixels, uint8 (N, 3, 64, 64), and labels (N,)."""

    pixels: Tensor
    labels: Tensor


def scenes(stream: str, count: int) -> Scenes:
    """The first ``count`` scenes of a stream, such as ``train/0``."""
    pixels = np.stack([paint(plan(stream, index, USUAL), SIDE).pixels for index in range(count)])
    labels = torch.tensor([label_of(stream, index) for index in range(count)])
    return Scenes(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels)


def as_input(pixels: Tensor) -> Tensor:
    """What the zoo's Preprocess makes of pixels (N, 3, 64, 64): uint8 to float32."""
    return (pixels.float() / 255 - MEAN) / STD
