"""Of the maps themselves: how many there are, how many are dead."""

from __future__ import annotations

import pandas as pd

from .kept_rows import kept


def health(maps: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """One row per model, dataset, layer and method that was asked for maps, in the order of the results.

    Returns:
        ``maps``: how many there are; ``failed``: images of which every quality row failed, so that there is none;
        ``dead``: maps that are the same everywhere; ``distinct`` and ``ties``: the medians over the maps (NaN without).
    """
    place = ["model", "dataset", "layer", "method"]
    quality = kept(results, results["sample"].notna(), [*place, "sample", "status"])
    failing = (quality["status"] == "failed").groupby([quality[key] for key in [*place, "sample"]], sort=False).all()
    board = failing.groupby(level=place, sort=False).sum().rename("failed").astype(int).reset_index()
    groups = maps.assign(dead=(maps["distinct"] == 1).astype(int)).groupby(place, sort=False)
    counts = groups.agg(
        maps=("file", "size"), dead=("dead", "sum"), distinct=("distinct", "median"), ties=("ties", "median")
    )
    board = board.merge(counts.reset_index(), how="left", on=place)
    for name in ("maps", "dead"):
        board[name] = board[name].fillna(0).astype(int)
    for name in ("distinct", "ties"):
        board[name] = board[name].astype("float64")
    return board[[*place, "maps", "failed", "dead", "distinct", "ties"]]
