"""Perturbed pictures of a batch: what they are made of, made once, and which of them are one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from .fills import FILLS, FillName, whole
from .perturb import (
    Filled,
    Keep,
    Order,
    Probe,
    Remove,
    Ties,
    amounts,
    apply,
    by_rows,
    fill_of,
    hidden,
    order_of,
    parts_of,
    rank_parts,
    saliency,
)
from .regions import MAP, Parts, map_cells, parts_in
from .types import Pixels

Sequenced: TypeAlias = tuple[tuple[Order, Ties], str]  # an order, and of which parts


@dataclass(frozen=True)
class Asked:
    """Probes that depend on the map, and what is known of them before any map is.

    Attributes:
        orders: in which their parts are ranked.
        families: the places of probes with equal parts in row-major order, by all but the fraction, with the fractions.
    """

    probes: tuple[Probe, ...]
    orders: tuple[Sequenced, ...]
    families: tuple[tuple[str, tuple[int, ...], tuple[float, ...]], ...]

    @classmethod
    def of(cls, probes: Sequence[Probe]) -> Asked:
        orders = dict.fromkeys((order, parts_of(probe)) for probe in probes if (order := order_of(probe)))
        alike: dict[Remove | Keep, list[tuple[int, float]]] = {}
        for i, probe in enumerate(probes):
            if isinstance(probe, (Remove, Keep)) and by_rows(probe) == probe:
                alike.setdefault(replace(probe, fraction=0.0), []).append((i, probe.fraction))
        families = tuple(
            (probe.parts, tuple(place for place, _ in found), tuple(fraction for _, fraction in found))
            for probe, found in alike.items()
        )
        return cls(tuple(probes), tuple(orders), families)


@dataclass(frozen=True, eq=False)
class Palette:
    """What the pictures of one batch of images are made of, each thing made once: fills and parts, by name."""

    pixels: Pixels
    fills: dict[FillName, Tensor]
    parts: dict[str, Parts]

    @classmethod
    def of(cls, pixels: Pixels, probes: Sequence[Probe]) -> Palette:
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
class Piece:
    """A few (map, image) pairs, U, and what their pictures are made of.

    Attributes:
        images: (U, C, H, W).
        height: (U, H, W), the maps at the image's size, min-max normalised.
        fills, parts: by name, of the U images.
        ranks: by order and parts, (U, H, W).
        asked: the probes.
    """

    images: Tensor
    height: Tensor
    fills: Mapping[FillName, Tensor]
    parts: Mapping[str, Parts]
    ranks: Mapping[Sequenced, Tensor]
    asked: Asked

    @classmethod
    def of(cls, palette: Palette, maps: Sequence[Tensor], pairs: Tensor, asked: Asked) -> Piece:
        """Of the pairs (U, 2), sorted by map, of which map and which image."""
        pixels, owner = palette.pixels, pairs[:, 1]
        numbers, counts = torch.unique_consecutive(pairs[:, 0], return_counts=True)
        owners = torch.split(owner, counts.tolist())
        own = [maps[m][rows] for m, rows in zip(numbers.tolist(), owners, strict=True)]
        height = torch.cat([saliency(each, pixels.size) for each in own])
        parts = {name: kind[owner] for name, kind in palette.parts.items()}
        values: dict[str, Tensor] = {}
        if MAP in map(parts_of, asked.probes):
            seeds = tuple(pixels.seeds[i] for i in owner.tolist())
            parts[MAP], values[MAP] = map_cells(own, seeds, pixels.size)
        ranks: dict[Sequenced, Tensor] = {
            (order, name): rank_parts(height, order[0], parts[name], order[1], values.get(name))
            for order, name in asked.orders
        }
        fills = {name: fill[owner] for name, fill in palette.fills.items()}
        return cls(pixels.images[owner], height, fills, parts, ranks, asked)

    def picture(self, probe: Probe, rows: Tensor) -> Tensor:
        """(R, C, H, W): the probe's pictures of these rows (R,), rising."""
        name, parts, rank = fill_of(probe), self.parts[parts_of(probe)], self._rank(probe)
        fill = self.fills[name] if name else self.images
        if len(rows) == len(self.images):
            return apply(probe, self.images, fill, parts, rank, self.height)
        rank = None if rank is None else rank[rows]
        return apply(probe, self.images[rows], fill[rows], parts[rows], rank, self.height[rows])

    def lenders(self) -> Tensor:
        """(P, U): by probe and pair, the first of the probes that has the same picture: itself, where it has its own.

        Probes are one picture where they take the same number of the same parts in the same order, and where other
        orders of equal parts take the same ones.
        """
        probes = self.asked.probes
        found = torch.arange(len(probes), device=self.height.device)[:, None].repeat(1, len(self.height))
        for parts_name, places, fractions in self.asked.families:
            members = torch.tensor(places, device=found.device)
            found[members] = members[_first_equal(amounts(fractions, self.parts[parts_name]))]
        for i, probe in enumerate(probes):
            if isinstance(probe, (Remove, Keep)) and by_rows(probe) != probe:
                plain, parts = by_rows(probe), self.parts[probe.parts]
                own, by_row = hidden(probe, parts, self._rank(probe)), hidden(probe, parts, self._rank(plain))
                found[i] = torch.where((own != by_row).flatten(1).any(1), i, probes.index(plain))
        return found

    def _rank(self, probe: Probe) -> Tensor | None:
        order = order_of(probe)
        return self.ranks[order, parts_of(probe)] if order else None


def _first_equal(counts: Tensor) -> Tensor:
    """(F, U): by column, the first row that has the same number as each."""
    order = counts.argsort(dim=0, stable=True)
    ordered = counts.gather(0, order)
    fresh = torch.ones_like(ordered, dtype=torch.bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    rows = torch.arange(len(counts), device=counts.device)[:, None].expand_as(counts)
    start = torch.where(fresh, rows, 0).cummax(0).values
    return torch.empty_like(order).scatter_(0, order, order.gather(0, start))
