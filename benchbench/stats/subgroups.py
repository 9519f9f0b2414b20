"""Every metric for a part of the images at a time: by the size of the labelled object, or by its class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pandas as pd

from ..errors import BenchError, nearest
from ..results.record import Record
from .kept_rows import OF_CELLS, kept
from .leaderboards import CELL, is_part, tally
from .metric_scale import scales

Bands: TypeAlias = str | Sequence[float]
IMAGE = ["model", "dataset", "sample"]
COCO = ((32 / 224) ** 2, (96 / 224) ** 2)  # its 32 x 32 and 96 x 96 pixels, in a frame of 224 x 224
SIZES = ("small", "medium", "large")
EMPTY, NO_MASK, NOT_READ, NO_LABEL = "empty mask", "no mask", "not read", "no label"


def by_group(record: Record, by: str, bands: Bands = "thirds") -> pd.DataFrame:
    """Mean and interval of every method under every metric, for each group of images by itself.

    Args:
        by: "size", of what the mask covers of the picture that the network sees; or "class", the image's label.
        bands: where sizes are cut. "thirds": at the 1/3 and 2/3 quantiles of the shares of each network's and dataset's
            images with a mask, so that the bands have about as many images each. "coco": at the shares that 32 x 32
            and 96 x 96 pixels are of 224 x 224 (1/49 and 9/49), the limits in pixels of COCO's detection evaluation in
            the usual frame of a classifier. Or rising shares in (0, 1), one or more.

    Returns:
        The leaderboard's key and ``group``, one row each; costs, which have no images, are left out.

        - ``group``: small, medium or large (of bounds that are given other than two: "0.1 to 0.3"), then "empty mask"
          where the object lies outside the picture, "no mask", and "not read" where the image could not be; or the
          class with its index, in the order of the indices, then "no label";
        - ``at_least``, ``below``: the bounds of the share, by size alone (NaN where there are none);
        - ``n``, ``scored``, ``mean``, ``low``, ``high``, ``median``, ``images``, ``failed``, ``not_applicable`` and
          ``reason``: as in ``leaderboard``; no interval where n < 2. A group is tested against no other: with many of
          them, some interval lies apart by chance.

    Raises:
        BenchError: no image has a mask, or a label; there is no such grouping, or bands.
    """
    groupings: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "size": lambda images: _sizes(images, _read(bands)),
        "class": _classes,
    }
    if by not in groupings:
        raise BenchError(f"there is no grouping {by!r}", where="by_group", hint=nearest(by, groupings))
    results = record.results
    rows = kept(results, results["sample"].notna() & ~is_part(results["metric"]), [*OF_CELLS, "label"])
    images = (
        rows[[*IMAGE, "label"]]
        .drop_duplicates(IMAGE)
        .merge(record.photos[[*IMAGE, "label_name", "object_share"]], how="left", on=IMAGE, indicator="read")
    )
    groups = groupings[by](images)
    extra = [str(name) for name in groups if name not in (*IMAGE, "place")]
    table = rows.merge(groups, on=IMAGE).assign(order=np.arange(len(rows)))
    table = table.sort_values(["place", "order"], kind="stable")
    board = tally(table, [*CELL, *extra], int(record.info["seed"]), scales(record.info))
    first = rows[CELL].drop_duplicates().reset_index(drop=True).reset_index(names="first")
    return board.merge(first, on=CELL).sort_values("first", kind="stable", ignore_index=True).drop(columns="first")


def _read(bands: Bands) -> tuple[float, ...] | None:
    """The bounds of the bands; None for those that the data's own images give."""
    if isinstance(bands, str):
        known = {"thirds": None, "coco": COCO}
        if bands not in known:
            raise BenchError(f"there are no bands {bands!r}", where="by_group: bands", hint=nearest(bands, known))
        return known[bands]
    bounds = tuple(float(bound) for bound in bands)
    if not bounds or not all(0 < bound < 1 for bound in bounds) or any(a >= b for a, b in pairwise(bounds)):
        hint = "Give rising shares of the image between 0 and 1, as (0.1, 0.3)"
        raise BenchError(f"bands are {list(bounds)}", where="by_group: bands", hint=hint)
    return bounds


def _sizes(images: pd.DataFrame, bounds: tuple[float, ...] | None) -> pd.DataFrame:
    if not (images["object_share"] > 0).any():
        message = "needs object masks that are not empty, and this run has none"
        hint = "Pass (images, labels, masks), or use by_group('class')"
        raise BenchError(message, where="by_group: size", hint=hint)
    groups = []
    for _, part in images.groupby(["model", "dataset"], sort=False):
        shares = part["object_share"].to_numpy(dtype=np.float64)
        seen = shares[shares > 0]
        cuts = bounds or (tuple(float(c) for c in np.quantile(seen, [1 / 3, 2 / 3])) if len(seen) else ())
        groups += [_size(share, state == "both", cuts) for share, state in zip(shares, part["read"], strict=True)]
    sizes = pd.DataFrame(groups, columns=["group", "at_least", "below", "place"])
    order = np.concatenate([rows.index for _, rows in images.groupby(["model", "dataset"], sort=False)])
    return pd.concat([images.loc[order, IMAGE].reset_index(drop=True), sizes], axis=1)


def _size(share: float, read: bool, cuts: Sequence[float]) -> tuple[str, float, float, int]:
    """A group, its bounds, and its place among the groups."""
    if not read or math.isnan(share) or share == 0:
        name = NOT_READ if not read else NO_MASK if math.isnan(share) else EMPTY
        return name, math.nan, math.nan, len(cuts) + 1 + (EMPTY, NO_MASK, NOT_READ).index(name)
    place = int(np.searchsorted(cuts, share, side="right"))
    edges = (0.0, *cuts, 1.0)
    low, high = edges[place], edges[place + 1]
    return SIZES[place] if len(cuts) == 2 else f"{low:g} to {high:g}", low, high, place


def _classes(images: pd.DataFrame) -> pd.DataFrame:
    if not images["label"].notna().any():
        raise BenchError("no image of the run has a label", where="by_group: class", hint="Give labels with the images")
    named = images["label_name"].groupby([images["model"], images["label"]]).transform("first")
    groups = images[IMAGE].copy()
    groups["group"] = [
        _class(label, name) for label, name in zip(images["label"].tolist(), named.tolist(), strict=True)
    ]
    groups["place"] = images["label"].astype("Float64").fillna(math.inf).astype("float64")
    return groups


def _class(label: object, name: object) -> str:
    """A class by its name and index, as two of ImageNet's have one name."""
    if pd.isna(label):  # type: ignore[call-overload]
        return NO_LABEL
    return f"class {label}" if pd.isna(name) or name in ("", f"class {label}") else f"{name} ({label})"  # type: ignore[call-overload]
