"""ROAD and its kin: the least against the most relevant pixels removed, at a few shares, with a fill that says little.

Rong et al. 2022, arXiv:2202.00449. The shares, fill and probes are one and the same for all metrics here.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from annotated_types import Len
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..perturbation.apply_probe import above
from ..types.probes import Above, FillName, Order, Probe, Remove
from ._removal_protocols import EVERY_FILL

Percent = Annotated[int, Field(ge=1, le=99)]
Percents = Annotated[tuple[Percent, ...], Len(1)]
By: TypeAlias = Literal["share", "percentile"]
TENS = (10, 20, 30, 40, 50, 60, 70, 80, 90)
FILLS: dict[str, dict[str, object]] = {
    "road-9": {},
    "road-7": {"percents": (10, 20, 30, 40, 50, 70, 90)},
    **{f"{fill}-9": {"fill": fill} for fill in EVERY_FILL if fill != "noisy-linear"},
}


def _removed(percents: Percents, fill: FillName, order: Order) -> list[Probe]:
    return [Remove(percent / 100, fill, order) for percent in percents]


def _most(percents: Percents, fill: FillName) -> list[Probe]:
    return _removed(percents, fill, "most")


def _least(percents: Percents, fill: FillName) -> list[Probe]:
    return _removed(percents, fill, "least")


def _both(percents: Percents, fill: FillName) -> list[Probe]:
    return _most(percents, fill) + _least(percents, fill)


def _mean(seen: Seen) -> Scored:
    return Scored(seen.probability.double().mean(1), parts={"accuracy": seen.correct.double().mean(1)})


@metric(
    "road_morf",
    title="ROAD MoRF",
    higher_is_better=False,
    needs="probes",
    probes=_most,
    protocols=FILLS,
    unit="probability",
    paper="arXiv:2202.00449",
    family="faithfulness",
    range=(0, 1),
    equation="mean over 10 .. 90 % of p(x without the most salient)",
    ranks_only=True,
)
def road_morf(seen: Seen, *, percents: Percents = TENS, fill: FillName = "noisy-linear") -> Scored:
    """Mean probability of the target with the most relevant 10 .. 90 % of the pixels removed; part: the accuracy."""
    return _mean(seen)


@metric(
    "road_lerf",
    title="ROAD LeRF",
    higher_is_better=True,
    needs="probes",
    probes=_least,
    protocols=FILLS,
    unit="probability",
    paper="arXiv:2202.00449",
    family="faithfulness",
    range=(0, 1),
    equation="mean over 10 .. 90 % of p(x without the least salient)",
    ranks_only=True,
)
def road_lerf(seen: Seen, *, percents: Percents = TENS, fill: FillName = "noisy-linear") -> Scored:
    """Mean probability of the target with the least relevant 10 .. 90 % of the pixels removed; part: the accuracy."""
    return _mean(seen)


def _combined(percents: Percents, fill: FillName, by: By) -> list[Probe]:
    if by == "share":
        return _both(percents, fill)
    orders: tuple[Order, Order] = ("most", "least")
    return [Above(percent, fill, order, strict=False) for order in orders for percent in percents]


@metric(
    "road",
    title="ROAD",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_combined,
    protocols={
        "combined-9": {},
        "pgc": {"percents": (20, 40, 60, 80), "fill": "noisy-linear-normalised", "by": "percentile"},
        "pgc-9": {"fill": "noisy-linear-normalised", "by": "percentile"},
    },
    unit="probability",
    paper="arXiv:2202.00449",
    family="faithfulness",
    range=(-0.5, 0.5),
    equation="(ROAD LeRF - ROAD MoRF) / 2",
    ranks_only=True,
)
def road(seen: Seen, *, percents: Percents = TENS, fill: FillName = "noisy-linear", by: By = "share") -> Scored:
    """Half of what ROAD's LeRF leaves more than its MoRF, as pytorch-grad-cam combines the two.

    ``by="percentile"`` is its rule: every pixel at or above a percentile of the map goes, so that ties go together; its
    noise is on normalised pixels. ``pgc`` has the percentiles of its documentation, ``pgc-9`` those of its class. Where
    the lowest percentile (20 in ``pgc``) is the map's lowest value, as on a map with 20 % zeros, the rule takes the
    whole image and nothing is left to interpolate from (its linear system is singular): not applicable, and so it is
    where so many pixels share the highest value. ``combined-9`` takes exact shares and applies to every map.
    """
    return Scored(_gap(seen) / 2, inapplicable=_emptied(seen, min(percents)) if by == "percentile" else ())


def _emptied(seen: Seen, percent: int) -> tuple[str, ...]:
    """Per map why pytorch-grad-cam's rule takes every pixel at its lowest percentile, or ""."""
    orders: tuple[tuple[Order, str], ...] = (("most", "lowest"), ("least", "highest"))
    conditions = []
    for order, which in orders:
        gone = above(Above(percent, order=order, strict=False), seen.map).flatten(1).all(1)
        cause = f"{percent} % or more of the map's pixels share its {which} value"
        conditions.append((gone, f"{cause}: the percentile rule takes the whole image. Use road@combined-9"))
    return reasons(*conditions)


@metric(
    "lerf_morf",
    title="LeRF - MoRF",
    higher_is_better=True,
    needs="probes",
    probes=_both,
    protocols=FILLS,
    unit="probability",
    paper="arXiv:1509.06321",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over 10 .. 90 % of p(x without the least salient) - p(x without the most salient)",
    ranks_only=True,
)
def lerf_morf(seen: Seen, *, percents: Percents = TENS, fill: FillName = "noisy-linear") -> Scored:
    """How much more probability is left when the least relevant pixels are removed first than the most relevant.

    A constant map has one order for both: 0. With the default fill its probes are ROAD's.
    """
    return Scored(_gap(seen))


def _gap(seen: Seen) -> Tensor:
    y = seen.probability.double()
    half = y.shape[1] // 2
    return y[:, half:].mean(1) - y[:, :half].mean(1)
