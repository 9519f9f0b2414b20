"""FORGrad, a low-pass filter on any map: Muzellec, Fel, Boutin, Andeol, VanRullen and Serre 2024, arXiv:2307.09591."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ..registry.method_parameter import AnyMethod, Method


@method(
    "lowpass",
    title="{of} low-passed",
    needs="activation",
    paper="arXiv:2307.09591",
    fails="A sharp cut in frequency rings: a small high spot gets rings around it. What is finer than the cut is lost, "
    "noise or not, and on a map of few cells nothing is cut.",
)
def lowpass(
    layer: Layer,
    *,
    of: AnyMethod = Method("saliency"),  # noqa: B008 - frozen
    sigma: Annotated[float, Field(gt=0)] = 15,
) -> Tensor:
    """A method's map without its frequencies above ``sigma`` cycles per shorter side, all directions alike.

    FORGrad's equation: the Fourier transform times a disc of radius ``sigma``, and back, at the map's resolution. The
    authors choose ``sigma`` for each network; 15 is their value for photographs of 224 pixels. Xplique takes absolute
    values before and after.
    """
    maps = of(layer)
    least = maps.amin((1, 2), keepdim=True)  # taken off: a constant map stays exactly constant
    spectrum = torch.fft.fft2(maps - least) * _disc((maps.shape[1], maps.shape[2]), sigma).to(maps.device)
    filtered: Tensor = torch.fft.ifft2(spectrum).real + least
    return filtered


def _disc(size: tuple[int, int], sigma: float) -> Tensor:
    """(h, w) bool: the frequencies of up to ``sigma`` cycles per shorter side, in the order of torch.fft."""
    cycles = [(torch.arange(side) + side // 2) % side - side // 2 for side in size]
    rows, columns = (n.double() * min(size) / side for n, side in zip(cycles, size, strict=True))
    return rows[:, None].square() + columns.square() <= sigma**2
