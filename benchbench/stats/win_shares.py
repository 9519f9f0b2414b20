"""How often each method beats each other one, by comparison, and what each comparison weighs in an order.

The rules:

- On an image, under one metric at one layer, a method beats another if its value is better; ties count half, a failure
  loses, and where the metric does not apply to one of the two the image says nothing of this pair.
- Within a network and dataset each family of metrics weighs the same; within a family, each metric; within a metric,
  each protocol; within a protocol, each layer. Five deletion metrics weigh as much as one localisation metric.
- Each network with a dataset weighs the same, however many images it has.
- Weights are of a pair of methods: what does not apply to the pair has no weight, and what is left shares it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .resampling import Array
from .score_matrix import Flags, Scores, differences
from .units import by_unit

Key: TypeAlias = tuple[str, ...]
_PAIRS_AT_ONCE = 1_000_000  # values of images and pairs


def fair(comparison: Scores) -> tuple[str, ...]:
    """The methods that the metric applies to somewhere, without controls."""
    here = ~np.isnan(comparison.gain).all(0) & ~comparison.controls
    return tuple(name for name, applies in zip(comparison.methods, here, strict=True) if applies)


def _compared(comparisons: Sequence[Scores]) -> tuple[str, ...]:
    """The methods that some comparison compares with another method on some image, in the order of the results."""
    names = list(dict.fromkeys(name for comparison in comparisons for name in fair(comparison)))
    met = set()
    for comparison in comparisons:
        applies = ~np.isnan(comparison.gain) & ~comparison.controls
        together = applies & (applies.sum(1, keepdims=True) > 1)
        met |= {comparison.methods[place] for place in np.flatnonzero(together.any(0))}
    return tuple(name for name in names if name in met)


def pair_wins(comparison: Scores, methods: Sequence[str]) -> tuple[Array, Array]:
    """(n, p) twice, by image and pair of methods: 1, 1/2 or 0 where the first one beats, ties, loses; and whether the
    image says anything of the pair, 1 or 0.

    Args:
        methods: m names; p = m (m - 1) / 2 pairs, in the order of ``np.triu_indices(m, 1)``.
    """
    gain = _gain(comparison, methods)
    first, second = np.triu_indices(len(methods), 1)
    won, known = np.empty((len(gain), len(first))), np.empty((len(gain), len(first)))
    step = max(1, _PAIRS_AT_ONCE // max(1, len(first)))
    for rows in (slice(start, start + step) for start in range(0, len(gain), step)):
        comparable = ~np.isnan(gain[rows, first]) & ~np.isnan(gain[rows, second])
        sides = [np.where(comparable, gain[rows, side], 0.0) for side in (first, second)]
        gap = differences(sides[0], sides[1], comparison.scale.floor)
        won[rows] = np.where(comparable, np.where(gap == 0, 0.5, (gap > 0).astype(np.float64)), 0.0)
        known[rows] = comparable
    return won, known


def pairs_known(comparison: Scores, methods: Sequence[str]) -> Flags:
    """(n, p): whether the image says anything of the pair, as in ``pair_wins``."""
    there = ~np.isnan(_gain(comparison, methods))
    first, second = np.triu_indices(len(methods), 1)
    return np.asarray(there[:, first] & there[:, second])


def _gain(comparison: Scores, methods: Sequence[str]) -> Array:
    """(n, m): ``Scores.gain`` of the methods; NaN where the comparison lacks one."""
    every = comparison.gain
    gain = np.full((len(every), len(methods)), np.nan)
    for place, name in enumerate(comparison.methods):
        if name in methods:
            gain[:, methods.index(name)] = every[:, place]
    return gain


def tree_weights(paths: Sequence[tuple[str, ...]], known: Flags) -> Array:
    """(c, p): the weight of each of c comparisons for each of p pairs; the weights of a pair sum to 1, or to 0.

    Siblings of a tree share the weight of their parent equally, as far as they say anything of the pair.

    Args:
        paths: by comparison, the names from the root of the tree to its leaf: family, metric, protocol, layer.
        known: (c, p): which comparisons say anything of which pairs.
    """
    weights = known.astype(np.float64)
    for depth in range(len(paths[0]) if paths else 0):
        children: dict[tuple[str, ...], dict[str, list[int]]] = {}
        for place, path in enumerate(paths):
            children.setdefault(path[:depth], {}).setdefault(path[depth], []).append(place)
        for siblings in children.values():
            count = sum(known[places].any(0).astype(np.float64) for places in siblings.values())
            rows = [place for places in siblings.values() for place in places]
            weights[rows] /= np.maximum(count, 1)
    return weights


@dataclass(frozen=True, eq=False)
class WinShares:
    """Of c comparisons and m methods.

    Attributes:
        methods: names, in the order of the results; controls are not among them.
        keys: of each comparison: model, dataset, layer, metric, protocol.
        families: of each comparison's metric.
        share: (c, p): the share of independent images on which the first method of a pair beats the second; NaN where
            the comparison says nothing of the pair. Pairs are in the order of ``np.triu_indices(m, 1)``.
        counted: (c, p): independent images behind each share.
    """

    methods: tuple[str, ...]
    keys: tuple[Key, ...]
    families: tuple[str, ...]
    share: Array
    counted: Array

    @classmethod
    def of(cls, comparisons: Sequence[Scores]) -> WinShares:
        """Of comparisons that say something of two methods or more each, see ``in_order``."""
        methods = _compared(comparisons)
        pairs = len(methods) * (len(methods) - 1) // 2
        share, counted = np.full((len(comparisons), pairs), np.nan), np.zeros((len(comparisons), pairs))
        for place, comparison in enumerate(comparisons):
            wins, known = (by_unit(each, comparison.units) for each in pair_wins(comparison, methods))
            total = known.sum(0)
            np.divide(wins.sum(0), total, out=share[place], where=total > 0)
            counted[place] = (known > 0).sum(0)
        keys = tuple(comparison.key for comparison in comparisons)
        return cls(methods, keys, tuple(comparison.scale.family for comparison in comparisons), share, counted)

    @property
    def units(self) -> dict[Key, list[int]]:
        """By network and dataset, the places of its comparisons."""
        places: dict[Key, list[int]] = {}
        for place, key in enumerate(self.keys):
            places.setdefault(key[:2], []).append(place)
        return places

    def weights(self, keep: Flags | None = None) -> Array:
        """(c, p): the weight of each comparison for each pair; those of a pair sum to 1, or to 0 where none is kept.

        Args:
            keep: (c,): the comparisons that count; all of them by default.
        """
        known = ~np.isnan(self.share)
        if keep is not None:
            known &= keep[:, None]
        weights = np.zeros(known.shape)
        count = np.zeros(known.shape[1])
        for places in self.units.values():
            weights[places] = tree_weights([self.path(place) for place in places], known[places])
            count += known[places].any(0)
        return weights / np.maximum(count, 1)

    def known(self, keep: Flags | None = None) -> Flags:
        """(p,): the pairs of which a comparison says anything."""
        known = ~np.isnan(self.share)
        return np.asarray((known if keep is None else known & keep[:, None]).any(0))

    def mean(self, keep: Flags | None = None) -> Array:
        """(p,): the weighted share of wins of the first method of each pair; a half where nothing is known of it."""
        total = (self.weights(keep) * np.nan_to_num(self.share)).sum(0)
        return np.where(self.known(keep), total, 0.5)

    def path(self, place: int) -> Key:
        """Of a comparison, from the root of the tree of weights to its leaf: family, metric, protocol, layer."""
        _, _, layer, metric, protocol = self.keys[place]
        return self.families[place], metric, protocol, layer

    def places(self, kind: str, name: str) -> frozenset[int]:
        """The comparisons of a family, metric, network or dataset.

        Args:
            kind: ``family``, ``metric``, ``network`` or ``dataset``.
        """
        return frozenset(place for place in range(len(self.keys)) if self.name(kind, place) == name)

    def name(self, kind: str, place: int) -> str:
        """Of a comparison, the name of its family, metric, network or dataset."""
        if kind == "family":
            return self.families[place]
        return self.keys[place][{"network": 0, "dataset": 1, "metric": 3}[kind]]

    def ranks(self, keep: Flags | None = None, among: Flags | None = None) -> Array:
        """(m,): 1 + the sum over rivals of the share of the weight with which each beats the method.

        Args:
            keep: (c,): the comparisons that count; a method that is in none of them has NaN, and is no rival.
            among: (m,): the methods that are ranked; the others have NaN, and are no rivals. All of them by default.
        """
        share = self.mean(keep)
        known = self.known(keep)
        present = np.zeros(len(self.methods), dtype=np.bool_)
        sides = np.triu_indices(len(self.methods), 1)
        if among is not None:
            known = known & among[sides[0]] & among[sides[1]]
        for side in sides:
            present[side[known]] = True
        ranks = np.full(len(self.methods), np.nan)
        lost = 1 - square(share[None], len(self.methods))[0][np.ix_(present, present)]
        ranks[present] = 1 + lost.sum(1) - np.diagonal(lost)
        return ranks


def square(shares: Array, methods: int) -> Array:
    """(b, m, m): shares of pairs (b, p) as matrices, in which row a and column b say how often a beats b; 1/2 on the
    diagonal.
    """
    matrix = np.full((len(shares), methods, methods), 0.5)
    first, second = np.triu_indices(methods, 1)
    matrix[:, first, second], matrix[:, second, first] = shares, 1 - shares
    return matrix


def in_order(
    comparisons: Collection[Scores], leave_out: Collection[Key] = (), families: Collection[str] | None = None
) -> list[Scores]:
    """The comparisons that count in an order: two methods meet on some image, and not all values of all methods failed.

    Args:
        leave_out: keys (model, dataset, layer, metric, protocol) of comparisons that do not count.
        families: of the metrics that count; None for all.
    """
    dropped = set(leave_out)
    kept = [each for each in comparisons if each.key not in dropped and not np.isnan(each.values).all()]
    return [each for each in kept if (families is None or each.scale.family in families) and _compared([each])]
