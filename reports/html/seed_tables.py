"""Seeds of weakly supervised segmentation: mean IoU of each method, and each class's, for a network, data and layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..leaderboard.board import BLOCK, Board
from ..number_format import fixed

MOST_CLASSES = 30
DIGITS = 3


@dataclass(frozen=True)
class SeedLine:
    """The mean IoU of one method's seeds under one scaling of the maps."""

    method: str
    scaling: str
    images: int
    value: str
    interval: str
    background: str
    best: str
    best_background: str
    reason: str


@dataclass(frozen=True)
class ClassLine:
    """One class: how many images show it, and per method its IoU and interval."""

    name: str
    images: int
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SeedTable:
    """One network, data set and layer; ``classes`` under the first scaling, ``left_out`` of them not shown."""

    model: str
    dataset: str
    layer: str
    lines: tuple[SeedLine, ...]
    methods: tuple[str, ...]
    classes: tuple[ClassLine, ...]
    left_out: int

    @property
    def title(self) -> str:
        return f"{self.model} · {self.dataset} · {self.layer}"


def seed_tables(board: Board) -> tuple[SeedTable, ...]:
    """For every block that has seeds."""
    rows = board.record.seeds
    return tuple(_table(tuple(map(str, key)), part, board) for key, part in rows.groupby(BLOCK, sort=False))


def _table(key: tuple[str, ...], rows: pd.DataFrame, board: Board) -> SeedTable:
    methods = tuple(sorted(dict.fromkeys(rows["method"]), key=lambda name: name in board.controls))
    means = rows[rows["class"] == "mean"].to_dict("records")
    lines = tuple(_line(row) for method in methods for row in means if row["method"] == method)
    first = rows[(rows["scaling"] == rows["scaling"].iloc[0]) & (rows["class"] != "mean")]
    classes = tuple(_classes(first, methods))
    model, dataset, layer = key
    left_out = max(0, len(classes) - MOST_CLASSES)
    return SeedTable(model, dataset, layer, lines, methods, classes[:MOST_CLASSES], left_out)


def _line(row: dict[Any, Any]) -> SeedLine:
    reason = f"{row['left_out']} left out: {row['reason']}" if row["left_out"] else row["reason"]
    best = f"{row['best_background']:.2f}" if math.isfinite(row["best_background"]) else ""
    words = (_number(row["value"]), _interval(row), row["background"], _number(row["best"]), best, reason)
    return SeedLine(row["method"], row["scaling"], int(row["n"]), *words)


def _classes(rows: pd.DataFrame, methods: tuple[str, ...]) -> Iterator[ClassLine]:
    """The background first, then the classes with the most images."""
    groups = [(str(name), part) for name, part in rows.groupby("class", sort=False)]
    for name, part in sorted(groups, key=lambda item: -int(item[1]["n"].max())):
        known = {row["method"]: row for row in part.to_dict("records")}
        cells = tuple((_number(known[m]["value"]), _interval(known[m])) if m in known else ("–", "") for m in methods)
        yield ClassLine(name, int(part["n"].max()), cells)


def _number(value: float) -> str:
    return fixed(value, DIGITS) if math.isfinite(value) else "–"


def _interval(row: dict[Any, Any]) -> str:
    return f"[{fixed(row['low'], DIGITS)}, {fixed(row['high'], DIGITS)}]" if math.isfinite(row["low"]) else ""
