"""What a paper's table is made of: its columns, its lines, and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..leaderboard.board import Block, Metric

Spread: TypeAlias = Literal["interval", "se", "pm", "none"]
Key: TypeAlias = tuple[str, str]  # a metric's name and protocol


def key_of(metric: Metric) -> Key:
    return metric.name, metric.protocol


@dataclass(frozen=True)
class CellPlace:
    """What a column or a line stands for; together they name a cell. Empty where the other says it."""

    model: str = ""
    dataset: str = ""
    layer: str = ""
    method: str = ""
    metric: Key | None = None


@dataclass(frozen=True)
class Column:
    """What a column stands for.

    Attributes:
        title: its heading, where it is no metric.
        heads: headings above, shared with its neighbours.
        part: columns of one part stay together where they fit.
        rank: it is the mean rank over the other columns.
        share_of: the column before it, whose numbers it has as shares of a ceiling's; None for other columns.
    """

    place: CellPlace
    title: str = ""
    heads: tuple[str, ...] = ()
    part: str = ""
    rank: bool = False
    share_of: Column | None = None

    def with_share(self) -> tuple[Column, Column]:
        """The column, and behind it that of its numbers' shares."""
        return self, Column(CellPlace(), heads=self.heads, part=self.part, share_of=self)


@dataclass(frozen=True)
class Line:
    """What a line stands for; a heading stands above the lines that follow it, up to the next heading."""

    text: str
    place: CellPlace
    heading: bool = False
    control: bool = False
    rule: bool = False  # above it


@dataclass(frozen=True)
class Scope:
    """What a table is about: its caption, its marks and its label say no more than that."""

    blocks: Sequence[Block]
    metrics: Sequence[Metric]
    label: str = "benchbench"

    @property
    def keys(self) -> set[Key]:
        return {key_of(metric) for metric in self.metrics}

    @property
    def ceilings(self) -> dict[str, list[str]]:
        """By the name of a control that is made to win a metric of the table, the titles of these metrics."""
        named: dict[str, list[str]] = {}
        for metric in (metric for block in self.blocks for metric in block.metrics if key_of(metric) in self.keys):
            if metric.ceiling and metric.title not in named.setdefault(metric.ceiling, []):
                named[metric.ceiling].append(metric.title)
        return named


@dataclass(frozen=True)
class Citations:
    """The keys that ``\\cite`` takes, by method and by metric; empty where the table cites nothing."""

    methods: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[Key, str] = field(default_factory=dict)
