"""The heat map of methods by metrics, as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...formatting import plural
from ..leaderboard.board import Metric
from ..leaderboard.heat_matrix import HeatMatrix
from ..number_format import fixed
from .rank_dots import MOST_METHODS, part_of


@dataclass(frozen=True)
class HeatCell:
    """One method under one metric.

    Attributes:
        score: 0 for the worst method to 100 for the best, mean over the settings.
        mark: "•" where the method is the best in more than half of the settings, "†" where it is significantly worse
            than the best in more than half; empty otherwise.
        kind: "failing" where a control beats every method in every setting, else "scored".
        text: the same in words; empty where there is no number.
    """

    score: int
    mark: str
    kind: str
    text: str


@dataclass(frozen=True)
class HeatView:
    """The first methods of a matrix, each with its cells.

    Attributes:
        span: the settings that it averages over; empty where it is of a single one.
        part: which methods these are, see ``part_of``.
    """

    metrics: tuple[Metric, ...]
    rows: Sequence[tuple[str, list[HeatCell]]]
    span: str
    part: str

    @classmethod
    def of_all(cls, heat: HeatMatrix, settings: int) -> HeatView:
        """Of the whole run, or of several of its settings.

        Args:
            settings: how many there are, of the run or of a choice of them.
        """
        trusted = "the settings of networks without a warning" if heat.hidden else "the settings"
        return cls(heat.metrics, heat_rows(heat), trusted if settings > 1 else "", part_of(heat.methods))

    @classmethod
    def of_one(cls, heat: HeatMatrix) -> HeatView:
        """Of a single setting of several: its cells have short texts, as there are many of them."""
        return cls(heat.metrics, heat_rows(heat, short=True), "", part_of(heat.methods))


def heat_rows(heat: HeatMatrix, short: bool = False) -> list[tuple[str, list[HeatCell]]]:
    """By method, a cell per metric; the first twelve methods.

    Args:
        short: of a single setting: a cell's text does not repeat the names of its row and column.
    """
    columns = range(len(heat.metrics))
    cell = _short_cell if short else _cell
    return [
        (name, [cell(heat, row, column) for column in columns]) for row, name in enumerate(heat.methods[:MOST_METHODS])
    ]


def _cell(heat: HeatMatrix, row: int, column: int) -> HeatCell:
    settings = int(heat.settings[row, column])
    if not settings:
        return HeatCell(0, "", "", "")
    score, best, worse = float(heat.score[row, column]), int(heat.best[row, column]), int(heat.worse[row, column])
    failing, compared = int(heat.failing[column]), int(heat.compared[column])
    mark = "•" if 2 * best > settings else "†" if 2 * worse > settings else ""
    place = f"{fixed(score, 2)} on a scale from 0 (worst method) to 1 (best)"
    parts = [f"{heat.methods[row]}, {heat.metrics[column].title}: {place}"]
    parts += [f"best in {best} of {plural(settings, 'setting')}"] if best else []
    parts += [f"significantly worse than the best in {worse}"] if worse else []
    if failing:
        apart = "" if failing == compared else ", which is left out here"
        parts.append(f"a control beats every method in {failing} of {plural(compared, 'setting')}{apart}")
    return HeatCell(round(100 * score), mark, "failing" if failing == compared else "scored", "; ".join(parts))


def _short_cell(heat: HeatMatrix, row: int, column: int) -> HeatCell:
    if not heat.settings[row, column]:
        return HeatCell(0, "", "", "")
    score, failing = float(heat.score[row, column]), bool(heat.failing[column])
    best, worse = bool(heat.best[row, column]), bool(heat.worse[row, column])
    parts = [f"{fixed(score, 2)} of 1", "best" if best else "", "significantly worse than the best" if worse else ""]
    parts.append("a control beats every method" if failing else "")
    mark = "•" if best else "†" if worse else ""
    return HeatCell(round(100 * score), mark, "failing" if failing else "scored", ", ".join(filter(None, parts)))
