"""Perturbed pictures of a batch: what they are made of, made once, and what tells one from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ..maps.normalise import saliency
from ..types import Pixels
from ..types.probes import MAP, Filled, FillName, Order, Probe, Thinned, Ties, fill_of, order_of, parts_of
from .apply_probe import apply, hidden, rank_parts
from .equality import marks, of_hidden, sums
from .fills import FILLS, whole
from .parts import Parts, map_cells, parts_in

Sequenced: TypeAlias = tuple[tuple[Order, Ties], str]  # an order, and of which parts


@dataclass(frozen=True)
class ProbePlan:
    """Probes that depend on the map, and what is known of them before any map is.

    Attributes:
        orders: in which their parts are ranked.
    """

    probes: tuple[Probe, ...]
    orders: tuple[Sequenced, ...]

    @classmethod
    def of(cls, probes: Sequence[Probe]) -> ProbePlan:
        orders = dict.fromkeys((order, parts_of(probe)) for probe in probes if (order := order_of(probe)))
        return cls(tuple(probes), tuple(orders))


@dataclass(frozen=True, eq=False)
class PerturbationCache:
    """What the pictures of one batch of images are made of, each thing made once: fills and parts, by name."""

    pixels: Pixels
    fills: dict[FillName, Tensor]
    parts: dict[str, Parts]

    @classmethod
    def of(cls, pixels: Pixels, probes: Sequence[Probe]) -> PerturbationCache:
        fills = {name: FILLS[name](pixels) for name in dict.fromkeys(map(fill_of, probes)) if name}
        names = [name for name in dict.fromkeys(map(parts_of, probes)) if name != MAP]
        return cls(pixels, fills, {name: parts_in(name, pixels) for name in names})

    def plain(self, probe: Probe) -> Tensor:
        """(B, C, H, W): the pictures of a probe that depends on the images alone."""
        if isinstance(probe, Filled):
            return whole(probe.fill, self.pixels)
        name = fill_of(probe)
        fill = self.fills[name] if name else self.pixels.images
        return apply(probe, self.pixels.images, fill, self.parts[parts_of(probe)])


@dataclass(frozen=True, eq=False)
class RankedMaps:
    """A few (map, image) pairs, U, and what their pictures are made of.

    Attributes:
        images: (U, C, H, W).
        height: (U, H, W), the maps at the image's size, min-max normalised.
        fills, parts: by name, of the U images.
        ranks: by order and parts, (U, H, W).
        plan: the probes.
    """

    images: Tensor
    height: Tensor
    fills: Mapping[FillName, Tensor]
    parts: Mapping[str, Parts]
    ranks: Mapping[Sequenced, Tensor]
    plan: ProbePlan

    @classmethod
    def of(cls, palette: PerturbationCache, maps: Sequence[Tensor], pairs: Tensor, plan: ProbePlan) -> RankedMaps:
        """Of the pairs (U, 2), sorted by map, of which map and which image."""
        pixels, owner = palette.pixels, pairs[:, 1]
        numbers, counts = torch.unique_consecutive(pairs[:, 0], return_counts=True)
        owners = torch.split(owner, counts.tolist())
        selection = [maps[m][rows] for m, rows in zip(numbers.tolist(), owners, strict=True)]
        height = torch.cat([saliency(each, pixels.size) for each in selection])
        parts = {name: kind[owner] for name, kind in palette.parts.items()}
        values: dict[str, Tensor] = {}
        if MAP in map(parts_of, plan.probes):
            seeds = tuple(pixels.seeds[i] for i in owner.tolist())
            parts[MAP], values[MAP] = map_cells(selection, seeds, pixels.size)
        ranks: dict[Sequenced, Tensor] = {
            (order, name): rank_parts(height, order[0], parts[name], order[1], values.get(name))
            for order, name in plan.orders
        }
        fills = {name: fill[owner] for name, fill in palette.fills.items()}
        return cls(pixels.images[owner], height, fills, parts, ranks, plan)

    def picture(self, probe: Probe, rows: Tensor) -> Tensor:
        """(R, C, H, W): the probe's pictures of these rows (R,), rising."""
        name, parts, rank = fill_of(probe), self.parts[parts_of(probe)], self._rank(probe)
        fill = self.fills[name] if name else self.images
        if len(rows) == len(self.images):
            return apply(probe, self.images, fill, parts, rank, self.height)
        rank = None if rank is None else rank[rows]
        return apply(probe, self.images[rows], fill[rows], parts[rows], rank, self.height[rows])

    def marks(self, key: Tensor) -> Tensor:
        """(P, U) int64: by probe and pair, what tells its picture from others of the same name: see equality.py."""
        first = {which: sums(rank, key) for which, rank in self.ranks.items()}
        rows = []
        for probe in self.plan.probes:
            order, parts = order_of(probe), parts_of(probe)
            if isinstance(probe, Thinned):
                rows.append(of_hidden(hidden(probe, self.parts[parts], self._rank(probe)), key))
                continue
            rows.append(marks(probe, self.height, self.parts[parts], first[order, parts] if order else None, key))
        return torch.stack(rows)

    def _rank(self, probe: Probe) -> Tensor | None:
        order = order_of(probe)
        return self.ranks[order, parts_of(probe)] if order else None
