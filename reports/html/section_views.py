"""What a section of the page shows: tables with their pictures and charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..figures import agreement, depth, pareto, plotly_parts
from ..figures.style import Picture
from ..leaderboard.board import Block


@dataclass(frozen=True)
class StudyView:
    """A block with its pictures and charts, and the methods that are worth their cost.

    ``curve_families``: the places in the selector of the families whose curves it has, as ``0 2``.
    """

    block: Block
    curves: Picture | None
    curve_chart: plotly_parts.Chart | None
    curve_families: str
    scatter: Picture | None
    cost_chart: plotly_parts.Chart | None
    fronts: tuple[pareto.Front, ...]
    ranks: Sequence[Picture]


@dataclass(frozen=True)
class DepthSection:
    """A network's layers on one data set, with their picture and chart."""

    depth: depth.Depth
    picture: Picture
    chart: plotly_parts.Chart


@dataclass(frozen=True)
class AgreementSection:
    """How alike a block's metrics order the methods, with a picture where it can be read."""

    agreement: agreement.Agreement
    picture: Picture | None
