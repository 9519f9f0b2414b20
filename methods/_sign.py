"""How attributions with a sign become a map: what speaks for the class, as CAM's ReLU has it, or otherwise by name."""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import Tensor, relu

Sign: TypeAlias = Literal["positive", "absolute", "signed"]


def evidence(attribution: Tensor, sign: Sign) -> Tensor:
    """(B, H, W): the sum over channels of an attribution (B, 3, H, W), or what of it ``sign`` says.

    "signed" keeps what speaks against the class: min-max normalisation then puts what says nothing in the middle of
    0 .. 1, which metrics that multiply the image by the map reward.
    """
    total = attribution.sum(1)
    return relu(total) if sign == "positive" else total.abs() if sign == "absolute" else total
