"""Parts of the image removed whatever the map says, and whether the map knew what that would cost.

Which parts are removed depends on the image alone, so all methods share these forwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Len
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..perturbation.apply_probe import members
from ..perturbation.parts import parts_in
from ..types.probes import FillName, PartsName, Random, Region
from ._correlation import FLAT, pearson_or_zero, responds, spearman_or_zero
from ._removal_protocols import Answer, in_other_fills
from .deletion_insertion import answers

Draws = Annotated[int, Field(ge=2, le=10_000)]
Share = Annotated[float, Field(gt=0, lt=1)]
ONE_SET = "every set has the same parts of this image, whatever the map"
Shares = Annotated[tuple[Share, ...], Len(1)]


def _drawn(shares: Shares, draws: int, parts: str, fill: FillName) -> list[Random]:
    return [Random(index, share, fill, parts) for share in shares for index in range(draws)]


def _falls(seen: Seen, answer: Answer) -> Tensor:
    """(B, P): what the network's answer loses on each probe."""
    whole = seen.whole_logit if answer == "logit" else seen.whole_probability
    return whole.double()[:, None] - answers(seen, answer)


def _map_sums(seen: Seen, probes: list[Random] | list[Region]) -> Tensor:
    """(B, P): the sum of the map over what each probe removes."""
    assert seen.pixels is not None, "the engine gives the images"
    parts = parts_in(probes[0].parts, seen.pixels)
    sums = parts.sums(seen.map.double())
    return torch.stack([(sums * members(probe, parts)).sum(1) for probe in probes], 1)


def _draws_differ(seen: Seen, probes: list[Random] | list[Region]) -> Tensor:
    """(B,): whether the probes do not all remove the same parts, as they do of an image of one."""
    assert seen.pixels is not None, "the engine gives the images"
    parts = parts_in(probes[0].parts, seen.pixels)
    first = members(probes[0], parts)
    return torch.stack([(members(probe, parts) != first).any(1) for probe in probes[1:]]).any(0)


def _inapplicable(seen: Seen, answer: Answer, sets: Sequence[list[Random] | list[Region]]) -> tuple[str, ...]:
    """Per image why no map can be right or wrong about the sets, of one size each, or ""."""
    parts = torch.split(answers(seen, answer), [len(each) for each in sets], 1)
    distinct = torch.stack([_draws_differ(seen, each) for each in sets])
    responsive = torch.stack([responds(part) for part in parts])
    return reasons((~distinct.any(0), ONE_SET), (~(distinct & responsive).any(0), FLAT))


@metric(
    "sensitivity_n",
    title="sensitivity-n",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=lambda shares, draws, parts, fill, answer: _drawn(shares, draws, parts, fill),
    protocols={"grid14-5x20": {}, "pixels-5x20": {"parts": "pixels"}, **in_other_fills("grid14-5x20", "zero")},
    unit="correlation",
    paper="arXiv:1711.06104",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over n of Pearson over random sets S of n parts of (sum of the map in S; z(x) - z(x without S))",
)
def sensitivity_n(
    seen: Seen,
    *,
    shares: Shares = (0.1, 0.3, 0.5, 0.7, 0.9),
    draws: Draws = 20,
    parts: PartsName = "grid-14",
    fill: FillName = "zero",
    answer: Answer = "logit",
) -> Scored:
    """Whether the map's sum over a random set of parts tells what removing the set costs, for sets of each size.

    Ancona et al. 2018. A constant map correlates with nothing: 0.
    """
    sets = [_drawn((share,), draws, parts, fill) for share in shares]
    sums = torch.stack([_map_sums(seen, each) for each in sets], 1)
    falls = _falls(seen, answer).view(-1, len(shares), draws)
    each = torch.stack([pearson_or_zero(sums[:, n], falls[:, n]) for n in range(len(shares))])
    return Scored(each.mean(0), inapplicable=_inapplicable(seen, answer, sets))


@metric(
    "faithfulness_correlation",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=lambda share, draws, parts, fill, answer: _drawn((share,), draws, parts, fill),
    protocols={"grid14-50": {}, "pixels-100": {"draws": 100, "parts": "pixels"}, **in_other_fills("grid14-50", "zero")},
    unit="correlation",
    paper="arXiv:2005.00631",
    family="faithfulness",
    range=(-1, 1),
    equation="Pearson over random sets S of one size of (sum of the map in S; p(x) - p(x without S))",
)
def faithfulness_correlation(
    seen: Seen,
    *,
    share: Share = 0.3,
    draws: Draws = 50,
    parts: PartsName = "grid-14",
    fill: FillName = "zero",
    answer: Answer = "probability",
) -> Scored:
    """Whether the map's sum over a random set of parts tells what removing the set costs, for sets of one size.

    Bhatt et al. 2020, equation 1. A constant map correlates with nothing: 0. Its sets are those of sensitivity-n of the
    same size, and more.
    """
    falls = _falls(seen, answer)
    sets = _drawn((share,), draws, parts, fill)
    return Scored(pearson_or_zero(_map_sums(seen, sets), falls), inapplicable=_inapplicable(seen, answer, [sets]))


def _regions(cells: int, fill: FillName) -> list[Region]:
    return [Region(index, fill, f"grid-{cells}") for index in range(cells * cells)]


@metric(
    "single_deletion",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=lambda cells, fill, answer: _regions(cells, fill),
    protocols={"grid4": {}, "grid7": {"cells": 7}, **in_other_fills("grid4", "zero")},
    unit="rank correlation",
    paper="arXiv:2407.11910",
    family="faithfulness",
    range=(-1, 1),
    equation="Spearman over the cells of a grid of (sum of the map in the cell; p(x) - p(x without the cell))",
)
def single_deletion(
    seen: Seen,
    *,
    cells: Annotated[int, Field(ge=2, le=32)] = 4,
    fill: FillName = "zero",
    answer: Answer = "probability",
) -> Scored:
    """Whether the map orders the cells of a grid as the network does when each is removed alone.

    The single deletion score of Hesse et al. 2024, whose in-domain protocol fine-tunes the network on such images
    first; here the network is the user's own. A constant map orders nothing: 0.
    """
    falls, squares = _falls(seen, answer), _regions(cells, fill)
    inapplicable = _inapplicable(seen, answer, [squares])
    return Scored(spearman_or_zero(_map_sums(seen, squares), falls), inapplicable=inapplicable)


@metric(
    "infidelity",
    higher_is_better=False,
    needs={"probes", "map"},
    probes=lambda cells, fill, answer: _regions(cells, fill),
    protocols={"grid4": {}, "grid7": {"cells": 7}, **in_other_fills("grid4", "zero")},
    unit="share of the falls",
    paper="arXiv:1901.09392",
    family="faithfulness",
    range=(0, 1),
    equation="min_b sum over cells S of (b sum of the map in S - (z(x) - z(x without S)))^2 / the same for b = 0",
)
def infidelity(
    seen: Seen,
    *,
    cells: Annotated[int, Field(ge=2, le=32)] = 4,
    fill: FillName = "zero",
    answer: Answer = "logit",
) -> Scored:
    """Squared error of the map's sum over a square as a forecast of what removing the square costs.

    Yeh et al. 2019, definition 2.1, for the removal of squares: I is 1 on the square. A CAM has no unit, so it is given
    the factor that suits it best, and the error is a share of that of a map of zeros, which a constant map becomes: 1.
    Squares of one size: over sets of many sizes every map forecasts well, as larger sets cost more. By default they are
    those of ``single_deletion``; of 7 x 7 squares each costs little, and maps are hardly distinguished.
    """
    falls, squares = _falls(seen, answer), _regions(cells, fill)
    sums = _map_sums(seen, squares)
    fall_power, map_power = falls.square().sum(1), sums.square().sum(1)
    factor = torch.where(map_power > 0, (sums * falls).sum(1) / torch.where(map_power > 0, map_power, 1), 0)
    error = (factor[:, None] * sums - falls).square().sum(1)
    whole = (seen.whole_logit if answer == "logit" else seen.whole_probability).double()
    responsive = responds(torch.cat([whole[:, None], whole[:, None] - falls], 1))  # one fall for all squares is a fall
    inapplicable = reasons((~_draws_differ(seen, squares), ONE_SET), (~responsive, FLAT))
    return Scored(error / torch.where(fall_power > 0, fall_power, 1), inapplicable=inapplicable)
