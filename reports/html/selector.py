"""The choices of the page's selector: networks, data, layers, and families of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from ...stats import QUALITY
from ..leaderboard.board import Block, Board, Metric
from ..leaderboard.verdicts import ALL, Setting, within

FAMILY = "family"
FEW_SETTINGS = 2  # networks x data x layers that a page shows below each other


@dataclass(frozen=True)
class Filter:
    """What the selector offers: the blocks' networks, data and layers, the columns' families.

    Attributes:
        first: the place of the name that the page opens with; -1 for all of them.
        within: of each layer, the pairs of a network's and a data set's place with which it can be chosen, such as
            ``0,1``; -1 for all of them.
    """

    key: str
    legend: str
    names: tuple[str, ...]
    first: int
    within: tuple[str, ...] = ()


def filters(board: Board) -> tuple[Filter, ...]:
    """Those with something to choose from. A page of few settings opens with all of them."""
    blocks = board.blocks
    first, last = (0, -1) if len(blocks) > FEW_SETTINGS else (-1, -1)
    models, datasets = _once(block.model for block in blocks), _once(block.dataset for block in blocks)
    layers = _once(block.layer for block in blocks)
    if len(blocks) > FEW_SETTINGS:
        here = [b.layer for b in blocks if (b.model, b.dataset) == (blocks[0].model, blocks[0].dataset)]
        last = layers.index(here[-1])
    choices = (
        Filter("network", "Network", models, first),
        Filter("data", "Data", datasets, first),
        Filter("layer", "Layer", layers, last, tuple(_within(blocks, layer, models, datasets) for layer in layers)),
        Filter(FAMILY, "Metrics", _once(map(family_of, board.of(QUALITY))), -1),
    )
    return tuple(each for each in choices if len(each.names) > 1)


def partial_choices(board: Board) -> Iterator[tuple[tuple[int, ...], Setting]]:
    """What can be chosen that is neither a single setting nor all: places in the filters of settings, and names."""
    offered = [each for each in filters(board) if each.key != FAMILY]
    known = {"network": 0, "data": 1, "layer": 2}
    for places in product(*(range(-1, len(each.names)) for each in offered)):
        setting = [ALL, ALL, ALL]
        for each, place in zip(offered, places, strict=True):
            setting[known[each.key]] = each.names[place] if place >= 0 else ALL
        named = (setting[0], setting[1], setting[2])
        here = any(within((b.model, b.dataset, b.layer), named) for b in board.blocks)
        if here and min(places, default=0) < 0 <= max(places, default=-1):
            yield places, named


def families_offered(board: Board) -> tuple[str, ...]:
    """The families of metrics that the selector offers, in its order; empty where there is nothing to choose from."""
    return next((each.names for each in filters(board) if each.key == FAMILY), ())


def family_of(metric: Metric) -> str:
    """The family that the selector shows a metric under."""
    return metric.family or "not stated"


def _within(blocks: Iterable[Block], layer: str, models: tuple[str, ...], datasets: tuple[str, ...]) -> str:
    """The networks and the data that have a layer, as ``Filter.within`` has them."""
    here = [(models.index(b.model), datasets.index(b.dataset)) for b in blocks if b.layer == layer]
    pairs = {pair for model, data in here for pair in product((-1, model), (-1, data))}
    return " ".join(f"{model},{data}" for model, data in sorted(pairs))


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
