"""Whose deletion and insertion: the points, the pixels and the area of each source, by its name.

Facts read in the sources' own repositories. Numbers of pixels are those at 224 x 224; images of another size have the
same shares.

- rise: ``steps`` + 1 points, both ends; trapezoid over [0, 1] (Petsiuk et al. 2018).
- torchcam: steps of ceil(N / ``steps``) pixels, both ends, the last one shorter; trapezoid at the true shares.
- latec: 50 pixels a step, so 1003 points; neither the whole image nor the end; trapezoid with steps of 1 / points.
- xplique: floor(N k / ``steps``) pixels, both ends; the mean of the averages of neighbours.
- interpretdl: pixels strictly above each of 20 percentiles of the map, and the whole image; the mean of all.
- pnpxai: 0, 0.1 .. 0.8 of the pixels (rounded down to a multiple of N // 10), and all; the mean of all.
- mindspore: 224 points of 112 pixels up to half of the image; (1 + (1 - A)) / 2 with A the area of what is lost, whose
  first and last value do not count. Its documentation says that higher is better, and its formula that lower is.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from benchbench.errors import BenchError

from ..types.probes import PIXELS as PARTS
from ..types.probes import Above, FillName, Keep, Probe, Remove, Whole

Source: TypeAlias = Literal["rise", "torchcam", "latec", "xplique", "interpretdl", "pnpxai", "mindspore"]
Answer: TypeAlias = Literal["probability", "logit"]
PIXELS = 224 * 224
EVERY_FILL: tuple[FillName, ...] = ("zero", "mean", "blur", "noise", "noisy-linear")


def in_other_fills(name: str, default: FillName) -> dict[str, dict[str, object]]:
    """The protocol ``name``, whose fill is ``default``, with each of the other fills: ``name-mean`` and so on."""
    return {f"{name}-{fill}": {"fill": fill} for fill in EVERY_FILL if fill != default}


LEAST: dict[Source, int] = {"pnpxai": 3, "mindspore": 3}  # the others need two steps
LOGIT: dict[str, Any] = {"unit": "logit", "range": (-math.inf, math.inf)}


def read(source: Source, answer: Answer, *, insert: bool = False) -> dict[str, Any]:
    """What an area's numbers are where they are no probability: a logit has no bounds, and mindspore adds a constant.

    Its deletion is 1 - A / 2, with A the mean change of p turned round, which lies in -1 .. 1.
    """
    if source == "mindspore":
        equation = "(1 + A) / 2, A the mean of what is won" if insert else "1 - A / 2, A the mean of what is lost"
        bounds = (0.0, 1.0) if insert else (0.5, 1.5)
        unit = f"(1 + {answer}) / 2" if insert else f"1 - {answer} / 2"
        return {"unit": unit, "range": LOGIT["range"] if answer == "logit" else bounds, "equation": equation}
    if answer == "logit":
        kind = "put back" if insert else "removed"
        return LOGIT | {"equation": f"area under z(share of pixels {kind}, the most salient first)"}
    return {}


def shares(source: Source, steps: int) -> list[float]:
    """The share of pixels at each point, in order.

    Raises:
        BenchError: of so few steps every map has the same value.
    """
    if steps < LEAST.get(source, 2):
        hint = f"Give {LEAST.get(source, 2)} or more"
        raise BenchError(f"by {source}'s rule {steps} steps give every map the same value", where="steps", hint=hint)
    match source:
        case "rise":
            return [k / steps for k in range(steps + 1)]
        case "torchcam":
            each = -(-PIXELS // steps)
            return [min(k * each, PIXELS) / PIXELS for k in range(-(-PIXELS // each) + 1)]
        case "latec":
            return [50 * k / PIXELS for k in range(1, steps + 1)]
        case "xplique":
            return [PIXELS * k // steps / PIXELS for k in range(steps + 1)]
        case "interpretdl":
            return [k / steps for k in range(steps + 1)]
        case "pnpxai":
            return [*(k * (PIXELS // steps) / PIXELS for k in range(steps - 1)), 1.0]
        case "mindspore":
            return [0.0, *(k * (PIXELS // 2 // steps) / PIXELS for k in range(1, steps + 1))]


def removed(source: Source, steps: int, fill: FillName, parts: str = PARTS) -> list[Probe]:
    """The pictures of deletion, from the whole image on; ``parts``: of what the shares are, but interpretdl's."""
    if source == "interpretdl":
        return [Whole(), *(Above(100 - 100 * k / steps, fill) for k in range(1, steps + 1))]
    return [Remove(share, fill, "most", parts) for share in shares(source, steps)]


def inserted(source: Source, steps: int, fill: FillName, parts: str = PARTS) -> list[Probe]:
    """The pictures of insertion, up to the whole image."""
    if source == "interpretdl":
        return [*(Above(100 - 100 * k / steps, fill, keep=True) for k in range(1, steps + 1)), Whole()]
    return [Keep(share, fill, "most", parts) for share in shares(source, steps)]


def area(source: Source, x: Tensor, y: Tensor, *, insert: bool = False) -> Tensor:
    """(B,): the area under y (B, P) at the shares x (P,), by the source's rule; mindspore's depends on ``insert``."""
    match source:
        case "rise" | "torchcam":
            return torch.trapezoid(y, x, dim=1)
        case "latec":
            return torch.trapezoid(y, dx=1 / y.shape[1], dim=1)
        case "xplique":
            return ((y[:, 1:] + y[:, :-1]) / 2).mean(1)
        case "interpretdl" | "pnpxai":
            return y.mean(1)
        case "mindspore":
            won = _mindspore(y[:, 1:] - y[:, :1])
            return (1 + won) / 2 if insert else (1 + (1 + won)) / 2


def _mindspore(change: Tensor) -> Tensor:
    """(B,): its area of a change (B, P): the first and the last value do not count, but their number does."""
    return (change.sum(1) - change[:, 0] - change[:, -1]) / change.shape[1]
