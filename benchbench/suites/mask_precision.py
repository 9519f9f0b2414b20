"""The metric ``pxap@exact`` on one map, for the suites that judge maps anew."""

from __future__ import annotations

import torch
from torch import Tensor

from ..metrics.localisation import pxap
from ..types import Seen


def average_precision(height: Tensor, mask: Tensor) -> float:
    """Of one map (H, W), min-max normalised, as a classifier of a mask's pixels (H, W): every value is a threshold.

    Choe et al. 2020, arXiv:2001.07437. A constant map scores the mask's share of the image.
    """
    none = torch.zeros(1, 0)
    seen = Seen(none, none, none.bool(), torch.zeros(1), torch.zeros(1), map=height[None], mask=mask[None])
    return float(torch.as_tensor(pxap(seen, levels=0).value)[0])
