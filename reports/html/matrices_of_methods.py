"""How alike the maps of every two methods are, as the page shows it: a matrix per measure and setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ...stats import TOP
from ..leaderboard.board import Board
from ..number_format import fixed, interval

TITLES = {
    "spearman": "Rank correlation",
    "top": f"Overlap of the top {TOP:.0%}".replace("%", " %"),
    "sign": "Sign agreement",
}


@dataclass(frozen=True)
class MatrixCell:
    """Two methods under one measure.

    Attributes:
        text: the mean over images, to two decimals; a dash where there is none.
        detail: the 95 % interval and the number of images; empty without a mean.
        lead: the magnitude of the mean in per cent, for the colour.
        kind: ``ahead`` for a mean of 0 or more, ``behind`` below it, empty without one.
    """

    text: str
    detail: str
    lead: int
    kind: str


@dataclass(frozen=True)
class MethodMatrices:
    """The methods of one setting against each other.

    Attributes:
        methods: controls last, without those that are made of another method's map.
        matrices: by the title of a measure, a row per method; None on the diagonal.
        images: the independent images behind the largest cell.
        rows: as ``Run.method_agreement`` gives them.
    """

    model: str
    dataset: str
    layer: str
    methods: tuple[str, ...]
    matrices: tuple[tuple[str, tuple[tuple[MatrixCell | None, ...], ...]], ...]
    images: int
    rows: pd.DataFrame = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        return f"{self.model} · {self.dataset} · {self.layer}"


def method_matrices(board: Board) -> tuple[MethodMatrices, ...]:
    """Of each setting with two methods that have maps, in the order of the blocks."""
    parts = dict(iter(board.method_agreement.groupby(["model", "dataset", "layer"], sort=False)))
    places = ((block.model, block.dataset, block.layer) for block in board.blocks)
    settings = (_matrices(*place, parts[place], board) for place in places if place in parts)
    return tuple(each for each in settings if each.matrices and len(each.methods) > 1)


def _matrices(model: str, dataset: str, layer: str, rows: pd.DataFrame, board: Board) -> MethodMatrices:
    controls = [entry for entry in board.record.info["methods"] if entry["control"]]
    twins = {entry["name"] for entry in controls if "of" in entry["parameters"]}
    named = [name for name in dict.fromkeys([*rows["method"].map(str), *rows["other"].map(str)]) if name not in twins]
    methods = tuple(sorted(named, key=lambda name: name in board.controls))
    matrices = (
        (title, tuple(_rows(rows, measure, methods)))
        for measure, title in TITLES.items()
        if rows[measure].notna().any()
    )
    return MethodMatrices(model, dataset, layer, methods, tuple(matrices), int(rows["n"].max()), rows)


def _rows(rows: pd.DataFrame, measure: str, methods: Sequence[str]) -> Iterator[tuple[MatrixCell | None, ...]]:
    columns = rows[["method", "other", measure, f"{measure}_low", f"{measure}_high", "n"]]
    cells: dict[tuple[str, str], MatrixCell] = {}
    for first, second, mean, low, high, n in columns.itertuples(index=False, name=None):
        cells[first, second] = cells[second, first] = _cell(mean, low, high, int(n))
    for name in methods:
        yield tuple(cells.get((name, other)) for other in methods)


def _cell(mean: float, low: float, high: float, n: int) -> MatrixCell:
    if mean != mean:
        return MatrixCell("–", "", 0, "")
    span = f"95 % interval {interval(low, high, 2)}, " if low == low else ""
    return MatrixCell(fixed(mean, 2), f"{span}n = {n}", round(100 * abs(mean)), "behind" if mean < 0 else "ahead")
