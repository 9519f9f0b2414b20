"""The files of the tables that say what was found: findings, method against method, images needed, sick maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from ...stats import OrderCase, stability_table
from ..leaderboard.board import Metric
from ..leaderboard.findings import across_settings, findings_of
from ..leaderboard.marks import Marked
from ..leaderboard.missing import sick_maps
from ..leaderboard.orders import Omission
from .images_needed import ImagesNeeded
from .significance import PairCounts, PairMap

Table = tuple[str, list[str], pd.DataFrame, str]  # id in the page, words of the file's name, rows, caption


def finding_tables(marked: Marked) -> Iterator[Table]:
    """A table for each setting, and one over all settings where there are several."""
    for number, block in enumerate(marked.board.blocks, start=1):
        rows = [
            {
                **_metric(finding.metric),
                "best": ", ".join(finding.best),
                "mean": finding.value,
                "significantly better than": finding.better_than,
                "not significantly different from": finding.level_with,
                "controls that beat every method": finding.beaten_by,
            }
            for finding in findings_of(marked, block)
        ]
        if rows:
            yield f"findings-{number}", ["findings", block.title], pd.DataFrame(rows), f"Findings, {block.title}."
    across = [
        {
            **_metric(row.metric),
            "best in": row.best,
            "all others significantly worse in": row.clear,
            "a control beats every method in": row.beaten,
            "settings": row.settings,
        }
        for row in across_settings(marked)
    ]
    if across:
        yield "findings", ["findings"], pd.DataFrame(across), "Findings over all settings (network, data and layer)."


def pair_table(pair_map: PairMap) -> Table:
    """A row per ordered pair of methods."""
    rows = [
        {"method": method, "other": other, **_counts(cell)}
        for method, cells in zip(pair_map.methods, pair_map.cells, strict=True)
        for other, cell in zip(pair_map.methods, cells, strict=True)
        if cell is not None
    ]
    caption = "Method against method: comparisons over all settings and metrics by verdict."
    return "pair-map", ["method-against-method"], pd.DataFrame(rows), caption


def without_table(without: Sequence[Omission]) -> Table:
    """A row per thing that is left out."""
    caption = "The best method and the mean ranks when one family, metric, network or data set is left out."
    rows = [
        {
            "kind": row.kind,
            "name": row.name,
            "winner": " = ".join(row.first),
            "differs": row.changes,
            **{f"rank of {method}": rank for method, rank in row.ranks.items()},
        }
        for row in without
    ]
    return "without", ["without"], pd.DataFrame(rows), caption


def order_stability_table(cases: Sequence[OrderCase]) -> Table:
    """A row per method that is left out, and per control that is added."""
    caption = "The order of the other methods when one method is left out or one control is added."
    return "stability", ["stability-of-the-order"], stability_table(cases), caption


def needed_table(needed: Sequence[ImagesNeeded]) -> Table:
    """A row per metric."""
    rows = [
        {
            **_metric(row.metric),
            "significant": row.significant,
            "equivalent": row.equivalent,
            "inconclusive": row.undecided,
            "images": row.images[1],
            "would be decided": row.decides,
            "by images in total": row.more,
        }
        for row in needed
    ]
    caption = "Images in total that would decide inconclusive pairs, were the measured differences the true ones."
    return "needed", ["images-needed"], pd.DataFrame(rows), caption


def sick_table(health: pd.DataFrame) -> Table:
    """A row per method with failed or dead maps."""
    rows = pd.DataFrame([vars(row) for row in sick_maps(health)])
    return "sick-maps", ["sick-maps"], rows, "Methods with maps that failed, or that are constant."


def _metric(metric: Metric) -> dict[str, str]:
    return {"metric": metric.title, "protocol": metric.protocol, "direction": metric.direction}


def _counts(cell: PairCounts) -> dict[str, int]:
    return {"better": cell.better, "worse": cell.worse, "equivalent": cell.equivalent, "inconclusive": cell.undecided}
