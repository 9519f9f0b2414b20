"""The cells of the heat map of methods by metrics, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from ...formatting import plural
from ..figures.family_ranks import MOST_METHODS
from ..leaderboard.heat_matrix import HeatMatrix
from ..number_format import fixed


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


def heat_rows(heat: HeatMatrix) -> list[tuple[str, list[HeatCell]]]:
    """By method, a cell per metric; the first twelve methods."""
    columns = range(len(heat.metrics))
    return [
        (name, [_cell(heat, row, column) for column in columns]) for row, name in enumerate(heat.methods[:MOST_METHODS])
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
