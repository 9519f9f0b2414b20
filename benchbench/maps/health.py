"""Whether maps say anything at all: how many different values they have, and how many cells share theirs."""

from __future__ import annotations

from torch import Tensor


def health(maps: Tensor) -> list[dict[str, int | float]]:
    """Per map of (B, h, w), finite: its ``cells``, its ``distinct`` values, and ``ties``: the share of cells that
    have a value which another cell has too. A map of one value is dead: it ranks nothing.
    """
    entries = []
    for row in maps.flatten(1).cpu():
        _, counts = row.unique(return_counts=True)
        tied = int(counts[counts > 1].sum())
        entries.append({"cells": row.numel(), "distinct": len(counts), "ties": tied / row.numel()})
    return entries
