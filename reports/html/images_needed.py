"""How many images the open comparisons of a metric would take: a sentence and a small curve for each metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...formatting import plural
from ..leaderboard.board import Metric
from ..leaderboard.marks import Marked
from ..leaderboard.verdicts import counted

WIDTH, HEIGHT = 180, 44  # of a curve, in pixels
MOST_IMAGES = 100_000  # the curve's right end


@dataclass(frozen=True)
class ImagesNeeded:
    """One metric over all settings.

    Attributes:
        significant, equivalent, undecided: pairs of methods by verdict.
        images: independent images, the fewest and the most of a pair.
        decides: how many of the undecided pairs ``more`` images would decide: half of them, or all whose number can be
            estimated where these are fewer.
        more: images, were the measured differences the true ones; None where no pair's number can be estimated. There
            is none for equal scores, and none for McNemar's test.
        shares: by number of images (``grid``), the share of all pairs that these would decide; empty where no pair's
            number can be estimated.
    """

    metric: Metric
    significant: int
    equivalent: int
    undecided: int
    images: tuple[int, int]
    decides: int
    more: int | None
    shares: tuple[float, ...]

    @property
    def pairs(self) -> int:
        return self.significant + self.equivalent + self.undecided

    @property
    def sentence(self) -> str:
        """``14 images decide 40 of 60 pairs. 78 images in total would decide half of the 20 others.``"""
        fewest, most = self.images
        span = plural(most, "image") if fewest == most else f"{fewest:,} to {plural(most, 'image')}"
        decided = self.significant + self.equivalent
        text = f"{span} decide {decided:,} of {plural(self.pairs, 'pair')}"
        text += f", {self.equivalent:,} of them as equivalent." if self.equivalent else "."
        others = f"the {self.undecided:,} others"
        if self.undecided == 1:
            others = "the other one" if decided else "it"
        if self.more is None:
            return text + f" For {others} no number can be estimated." * bool(self.undecided)
        half = self.decides == -(-self.undecided // 2)
        part = "half of " if half else f"{self.decides:,} of "
        text += f" {plural(self.more, 'image')} in total would decide {part * (self.undecided > 1)}{others}."
        return text if half else f"{text} For the rest no number can be estimated."

    @property
    def curve(self) -> Markup:
        """The shares over the number of images (log scale), as SVG; the line marks the images of this run."""
        if not self.shares:
            return Markup("")
        points = " ".join(
            f"{_x(images):.1f},{_y(share):.1f}" for images, share in zip(grid(), self.shares, strict=True)
        )
        now = f"{_x(max(self.images[1], grid()[0])):.1f}"
        label = "; ".join(f"{n:,} images: {share:.0%}" for n, share in zip(grid()[::8], self.shares[::8], strict=True))
        return Markup(
            '<svg class="needed" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-label="{label}">'
            '<line x1="{now}" x2="{now}" y1="0" y2="{h}"/><polyline points="{points}"/></svg>'
        ).format(w=WIDTH, h=HEIGHT, label=f"Share of pairs decided. {label}", now=now, points=Markup(points))


def grid() -> tuple[int, ...]:
    """The numbers of images of a curve, 10 to 100,000."""
    return tuple(round(images) for images in np.geomspace(10, MOST_IMAGES, 33))


def images_needed(marked: Marked) -> tuple[ImagesNeeded, ...]:
    """A record for each quality metric that was tested, in the study's order."""
    power = dict(iter(marked.verdicts.power.groupby(["metric", "protocol"], sort=False)))
    pairs = dict(iter(marked.tested_pairs.groupby(["metric", "protocol"], sort=False)))
    keys = [(metric, (metric.name, metric.protocol)) for metric in marked.board.of()]
    return tuple(_needed(metric, pairs[key], power[key]) for metric, key in keys if key in pairs and key in power)


def _needed(metric: Metric, pairs: pd.DataFrame, power: pd.DataFrame) -> ImagesNeeded:
    significant, equivalent, undecided = counted(pairs)
    keys = ["model", "dataset", "layer", "method", "other"]
    rows = pairs.merge(power[[*keys, "needed"]], on=keys, how="left")
    needed = rows["needed"].astype("Float64").fillna(np.inf).to_numpy(dtype=float)
    needed[rows["test"].to_numpy() != "wilcoxon"] = np.inf  # the formula is that of Wilcoxon's test
    is_open = ~rows["verdict"].isin(["better", "worse", "equivalent"]).to_numpy()
    waiting = np.sort(needed[is_open & np.isfinite(needed)])
    decides = min(len(waiting), -(-undecided // 2))
    more = int(waiting[decides - 1]) if decides else None
    shares = tuple(float((needed <= images).mean()) for images in grid()) if np.isfinite(needed).any() else ()
    images = (int(pairs["n"].min()), int(pairs["n"].max()))
    return ImagesNeeded(metric, significant, equivalent, undecided, images, decides, more, shares)


def _x(images: float) -> float:
    low, high = np.log(grid()[0]), np.log(MOST_IMAGES)
    return float((np.log(images) - low) / (high - low) * WIDTH)


def _y(share: float) -> float:
    return HEIGHT - 2 - share * (HEIGHT - 4)
