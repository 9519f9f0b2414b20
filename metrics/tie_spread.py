"""How much of deletion's or insertion's value is the rule for ties: both with equal pixels in other orders."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias

import torch
from pydantic import Field

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..types.probes import FillName, Keep, Probe, Remove, Ties
from ._removal_protocols import Answer, Source, area, inserted, removed, shares
from .deletion_insertion import Steps, answers

Of: TypeAlias = Literal["deletion", "insertion"]
Draws = Annotated[int, Field(ge=0, le=1000)]


def _orders(draws: int) -> list[Ties]:
    return ["row-major", "reversed", *range(1, draws + 1)]


def _tied(of: Of, steps: int, fill: FillName | None, answer: Answer, source: Source, draws: int) -> list[Probe]:
    """The curve's pictures, once for each order of ties."""
    curve = removed(source, steps, fill or "zero") if of == "deletion" else inserted(source, steps, fill or "blur")
    return [_with(probe, ties) for ties in _orders(draws) for probe in curve]


def _with(probe: Probe, ties: Ties) -> Probe:
    return replace(probe, ties=ties) if isinstance(probe, (Remove, Keep)) else probe


def _read(of: Of, steps: int, fill: FillName | None, answer: Answer, source: Source, draws: int) -> dict[str, Any]:
    """The spread of logits has no largest value."""
    return {"unit": "logit", "range": (0.0, math.inf)} if answer == "logit" else {}


@metric(
    "tie_spread",
    title="spread over orders of ties",
    higher_is_better=False,
    needs="probes",
    probes=_tied,
    protocols={
        "deletion-28-random4": {},
        "insertion-28-random4": {"of": "insertion"},
        "deletion-28-random16": {"draws": 16},
    },
    unit="probability",
    family="health",
    range=(0, 1),
    equation="max - min of the AUC over orders of equal pixels: row-major, reversed, and `draws` random ones",
    reading=_read,
    ranks_only=True,
)
def tie_spread(
    seen: Seen,
    *,
    of: Of = "deletion",
    steps: Steps = 28,
    fill: FillName | None = None,
    answer: Answer = "probability",
    source: Source = "rise",
    draws: Draws = 4,
) -> Scored:
    """How far deletion's (or insertion's) area moves when pixels of equal saliency go in another order.

    A difference between two methods that is smaller than this is the tie rule's, and not theirs. The area is that of
    ``deletion`` or ``insertion`` with the same parameters; ``fill`` by default the curve's own (zero, blur). Random
    orders come from the image's seed: the same for every method. Parts ``lowest`` and ``highest``: the areas. It is 0
    where no two pixels are equal; a constant map has what the orders of the whole picture give. Maps of a coarse layer
    tie where upsampling clamps, at the image's corners. InterpretDL's curve cuts by value and has no ties.

    Forwards are counted as if every step differed. A step is scored again only on maps where it would take other
    pixels: its limit has to lie among equal ones.
    """
    y = answers(seen, answer)
    x = torch.tensor(shares(source, steps), dtype=torch.float64, device=y.device)
    curves = y.view(len(y), draws + 2, -1)
    areas = torch.stack([area(source, x, curve, insert=of == "insertion") for curve in curves.unbind(1)], 1)
    lowest, highest = areas.amin(1), areas.amax(1)
    return Scored(highest - lowest, parts={"lowest": lowest, "highest": highest})
