"""Localisation for groups of images: by the size of the object, and by its class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from ...stats import by_group
from .. import number_format
from ..leaderboard.board import BLOCK, Board, Metric

MOST_CLASSES = 20


@dataclass(frozen=True)
class SubgroupLine:
    """One metric on one group: per method of the table its mean and its interval as text, and what n it has."""

    metric: Metric
    group: str
    bounds: str
    n: int
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class SubgroupTable:
    """One model, dataset and layer, by "size" or by "class"; ``left_out`` classes have fewer images."""

    by: str
    model: str
    dataset: str
    layer: str
    methods: tuple[str, ...]
    lines: tuple[SubgroupLine, ...]
    left_out: int = 0
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)  # as ``by_group`` gave them

    @property
    def title(self) -> str:
        return f"{self.model} · {self.dataset} · {self.layer}"

    @property
    def shown(self) -> int:
        return len({line.group for line in self.lines})


def tables(board: Board) -> tuple[SubgroupTable, ...]:
    """By size and by class, for every block; none without metrics of localisation that have values."""
    names = [(m["name"], m["protocol"]) for m in board.record.info["metrics"] if m.get("family") == "localisation"]
    results = board.shown.results
    localisation = pd.MultiIndex.from_frame(results[["metric", "protocol"]]).isin(names)
    rows = results[localisation & results["sample"].notna()]
    if not (rows["status"] == "ok").any():
        return ()
    record = replace(board.shown, results=rows)
    kinds = ["size"] if (record.photos["object_share"] > 0).any() else []
    kinds += ["class"] if rows["label"].notna().any() else []
    by_kind = {by: by_group(record, by) for by in kinds}
    return tuple(
        _table(by, key, part, board)
        for key, _ in rows.groupby(BLOCK, sort=False)
        for by, groups in by_kind.items()
        for here, part in groups[groups["n"] > 0].groupby(BLOCK, sort=False)
        if here == key
    )


def _table(by: str, key: Any, rows: pd.DataFrame, board: Board) -> SubgroupTable:
    listed = [m["name"] for m in board.record.info["methods"] if m["name"] in set(rows["method"])]
    methods = sorted(listed, key=lambda name: name in board.controls)
    sizes = rows.groupby("group", sort=False)["n"].max()
    shown = sizes if by == "size" else sizes.sort_values(ascending=False, kind="stable").head(MOST_CLASSES)
    rows = rows[rows["group"].isin(list(shown.index))]
    model, dataset, layer = map(str, key)
    lines = tuple(_lines(rows, methods, board))
    return SubgroupTable(by, model, dataset, layer, tuple(methods), lines, len(sizes) - len(shown), rows)


def _lines(rows: pd.DataFrame, methods: Sequence[str], board: Board) -> Iterator[SubgroupLine]:
    for metric in board.metrics:
        metric_rows = rows[(rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol)]
        digits = number_format.decimals_for_intervals(metric_rows["high"] - metric_rows["low"])
        for group, part in metric_rows.groupby("group", sort=False):
            most = int(part["n"].max())
            by_method = {row["method"]: row for row in part.to_dict("records")}
            cells = tuple(_cell(by_method.get(name), digits, most) for name in methods)
            yield SubgroupLine(metric, str(group), _bounds(part.iloc[0]), most, cells)


def _cell(row: dict[Any, Any] | None, digits: int, most: int) -> tuple[str, str, str]:
    if row is None:
        return "–", "", ""
    few = "" if row["n"] == most else f"n = {row['n']}"
    return number_format.fixed(row["mean"], digits), number_format.interval(row["low"], row["high"], digits), few


def _bounds(row: pd.Series[Any]) -> str:
    """The shares that a band of sizes lies between; empty for a class, and for images without an object."""
    if pd.isna(row.get("below")):
        return ""
    return f"{100 * row['at_least']:.3g} to {100 * row['below']:.3g} %"
