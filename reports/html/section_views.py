"""What a section of the page shows: tables with their charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..figures import depth, pareto, plotly_parts
from ..leaderboard.board import Block
from .rank_diagrams import RankDiagram


@dataclass(frozen=True)
class StudyView:
    """A block with its charts and diagrams, and the methods that are worth their cost.

    ``curve_families``: the places in the selector of the families whose curves it has, as ``0 2``.
    """

    block: Block
    curve_chart: plotly_parts.Chart | None
    curve_families: str
    cost_chart: plotly_parts.Chart | None
    fronts: tuple[pareto.Front, ...]
    ranks: Sequence[RankDiagram]


@dataclass(frozen=True)
class DepthSection:
    """A network's layers on one data set, with their chart."""

    depth: depth.Depth
    chart: plotly_parts.Chart
