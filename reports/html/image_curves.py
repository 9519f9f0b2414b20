"""The curves of single images, small enough to live in the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

MOST_STEPS = 128  # of a curve

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ImageCurves:
    """The curves of one metric at one layer: of every image and method, on the steps that they have in common.

    Attributes:
        metric: its place among the metrics of the page.
        x: (steps,), ascending. y: (images, methods, steps), NaN where there is none.
    """

    metric: int
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]

    @property
    def json(self) -> Json:
        """What images.js reads: to four digits of the greatest number; for looking, not for computing."""
        largest = float(np.nanmax(np.abs(self.y)))
        digits = 4 - (math.ceil(math.log10(largest)) if largest > 0 else 0)
        images = (np.round(self.y, digits) + 0.0).tolist()  # no -0.0
        y = [[[None if height != height else height for height in line] for line in image] for image in images]
        return {"x": np.round(self.x, 6).tolist(), "y": y}

    @property
    def weight(self) -> int:
        """Bytes in the page, compressed, at most."""
        return self.y.size * 3 + self.x.size * 10 + 80


def image_curves(
    curves: pd.DataFrame, metrics: Sequence[tuple[str, str]], samples: Sequence[str], methods: Sequence[str]
) -> list[ImageCurves]:
    """Of each metric that has curves; without those that have none here, or more steps than a page can show.

    Args:
        curves: rows of one network, data set and layer, by the columns of schema.py.
        metrics: names and protocols, in the page's order.
        samples, methods: in the order of ``y``.
    """
    at_sample, at_method = ({name: at for at, name in enumerate(names)} for names in (samples, methods))
    kept = curves[curves["sample"].isin(at_sample) & curves["method"].isin(at_method)]
    drawn = []
    places = {key: at for at, key in enumerate(metrics)}
    for key, rows in kept.groupby(["metric", "protocol"], sort=False):
        x, step = np.unique(rows["x"].to_numpy(dtype=np.float64), return_inverse=True)
        place = places.get((str(key[0]), str(key[1])))
        if place is None or len(x) > MOST_STEPS:
            continue
        y = np.full((len(samples), len(methods), len(x)), np.nan)
        y[rows["sample"].map(at_sample).to_numpy(int), rows["method"].map(at_method).to_numpy(int), step] = rows["y"]
        if not np.isnan(y).all():
            drawn.append(ImageCurves(place, x, y))
    return sorted(drawn, key=lambda each: each.metric)
