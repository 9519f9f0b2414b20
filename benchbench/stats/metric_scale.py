"""What run.json says of a metric under a protocol: its direction, its range, its family."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pandas as pd

from .kept_rows import kept

RESOLUTION = 1e-6
MARGIN = 0.01  # of a metric's range: the equivalence margin
LOGIT = "logit"  # the unit of scores that are logits, or differences of them
LOGITS = 10.0  # a common size of a classifier's logits: float32 computes them to about a millionth of it


@dataclass(frozen=True)
class Scale:
    """What run.json says of a metric under one protocol.

    Attributes:
        higher: whether higher is better.
        low, high: its range; infinite where it has no bound.
        family: ``faithfulness`` and so on.
        unit: what its values count.
    """

    higher: bool
    low: float = -math.inf
    high: float = math.inf
    family: str = "other"
    unit: str = ""

    @property
    def width(self) -> float:
        """Of the range; infinite where a bound is missing."""
        return self.high - self.low

    @property
    def margin(self) -> float:
        """The equivalence margin: 1 % of the range; NaN for a metric without bounds, which has none by itself."""
        return MARGIN * self.width if math.isfinite(self.width) else math.nan

    @property
    def floor(self) -> float:
        """The resolution of the metric's own computation: a millionth of its range; without one, of a logit's size
        where it counts logits (their difference is as uncertain as they are, however small it is), else 0.
        """
        if math.isfinite(self.width):
            return RESOLUTION * self.width
        return RESOLUTION * LOGITS if self.unit == LOGIT else 0.0


Scales: TypeAlias = Mapping[tuple[str, str], Scale]


def scales(info: Mapping[str, Any]) -> dict[tuple[str, str], Scale]:
    """By (metric, protocol), what run.json says of each."""
    return {(m["name"], m["protocol"]): _scale(m) for m in info.get("metrics", ())}


def _scale(metric: Mapping[str, Any]) -> Scale:
    low, high = metric.get("range", (None, None))
    bounds = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
    family, unit = str(metric.get("family", "other")), str(metric.get("unit", ""))
    return Scale(bool(metric["higher_is_better"]), *bounds, family, unit)


def trusted(scales: Scales, results: pd.DataFrame) -> dict[tuple[str, str], Scale]:
    """The scales without the bounds that values of the results leave: intervals and margins cannot rest on them."""
    trusted_scales = dict(scales)
    ok = kept(results, (results["status"] == "ok") & results["sample"].notna(), ["metric", "protocol", "value"])
    seen = ok.groupby(["metric", "protocol"], sort=False)["value"].agg(["min", "max"])
    for key, least, most in seen.itertuples(name=None):
        scale = trusted_scales.get(key)
        if scale is not None:
            low = scale.low if least >= scale.low - scale.floor else -math.inf
            high = scale.high if most <= scale.high + scale.floor else math.inf
            trusted_scales[key] = replace(scale, low=low, high=high)
    return trusted_scales
