"""The faithfulness metrics in plain numpy, one image and one picture at a time: written apart from the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import stats

from ..perturbation.test_imputation import solved
from . import plain

Array = np.ndarray
Answer = Callable[[Array], tuple[float, float]]  # a picture's probability and logit of the target


class Judge:
    """One image, its map at the image's size, and the network's answers; noise is what the engine drew."""

    def __init__(self, image: Array, saliency: Array, answer: Answer, noise: Array, road: Array) -> None:
        self.image, self.saliency, self.answer = image, saliency, answer
        self.noise, self.road = noise, road
        self.p, self.z = answer(image)
        self.answers: dict[tuple[bytes, str], tuple[float, float]] = {}  # metrics share many of their pictures

    def filled(self, hidden: Array, fill: str) -> Array:
        """The image with the hidden pixels (H, W) replaced."""
        picture, mean = self.image.copy(), self.image.mean((1, 2))
        if fill == "noisy-linear":
            left = np.broadcast_to(mean[:, None, None], picture.shape) if hidden.all() else solved(self.image, hidden)
            return np.where(hidden, left + self.road, picture)
        return np.where(hidden, self.colours(fill), picture)

    def colours(self, fill: str) -> Array:
        match fill:
            case "zero":
                return np.zeros_like(self.image)
            case "mean":
                return np.broadcast_to(self.image.mean((1, 2))[:, None, None], self.image.shape)
            case "blur":
                return self.blurred
        assert fill == "noise"
        return self.noise

    @cached_property
    def blurred(self) -> Array:
        return plain.blurred(self.image)

    def answer_without(self, hidden: Array, fill: str) -> tuple[float, float]:
        """Probability and logit without the hidden pixels; of each picture once."""
        picture = hidden.tobytes(), fill
        if picture not in self.answers:
            self.answers[picture] = self.answer(self.filled(hidden, fill))
        return self.answers[picture]

    def without(self, hidden: Array, fill: str = "zero") -> float:
        return self.answer_without(hidden, fill)[0]

    def logit_without(self, hidden: Array, fill: str = "zero") -> float:
        return self.answer_without(hidden, fill)[1]

    def top(self, share: float, least: bool = False) -> Array:
        """(H, W): the most (or least) salient share of the pixels."""
        order = self.least_first if least else self.most_first
        hidden = np.zeros(self.saliency.shape, bool)
        for cell in order[: round(share * len(order))]:
            hidden[cell] = True
        return hidden

    @cached_property
    def most_first(self) -> list[tuple[int, int]]:
        return plain.by_saliency(self.saliency)

    @cached_property
    def least_first(self) -> list[tuple[int, int]]:
        return plain.by_saliency(-self.saliency)

    def cells(self, side: int) -> list[Array]:
        """The cells of a side x side grid, row by row, as masks."""
        rows, columns = (np.arange(n) * side // n for n in self.saliency.shape)
        return [np.outer(rows == i, columns == j) for i in range(side) for j in range(side)]

    def by_mean(self, parts: Sequence[Array]) -> list[Array]:
        means = [self.saliency[part].mean() for part in parts]
        return [parts[i] for i in sorted(range(len(parts)), key=lambda i: (-means[i], i))]


def road_morf(judge: Judge, fill: str = "noisy-linear") -> float:
    return float(np.mean([judge.without(judge.top(k / 10), fill) for k in range(1, 10)]))


def road_lerf(judge: Judge, fill: str = "noisy-linear") -> float:
    return float(np.mean([judge.without(judge.top(k / 10, least=True), fill) for k in range(1, 10)]))


def aopc(judge: Judge, masks: Sequence[Array], fill: str) -> float:
    falls = [0.0] + [judge.p - judge.without(mask, fill) for mask in masks]
    return float(np.mean(falls))


def pixel_flipping(judge: Judge, fill: str = "zero") -> float:
    return aopc(judge, [judge.top(k / 28) for k in range(1, 29)], fill)


def flipped(judge: Judge, parts: Sequence[Array], steps: int) -> list[Array]:
    """The union of the most salient parts, after each step."""
    order = judge.by_mean(parts)
    masks = []
    for k in range(1, steps + 1):
        chosen = order[: round(k / steps * len(order))]
        masks.append(np.any(chosen, axis=0) if chosen else np.zeros(judge.saliency.shape, bool))
    return masks


def region_flipping(judge: Judge, fill: str = "mean") -> float:
    return aopc(judge, flipped(judge, judge.cells(14), 7), fill)


def irof(judge: Judge, parts: Sequence[Array], fill: str = "mean") -> float:
    curve = [judge.p] + [judge.without(mask, fill) for mask in flipped(judge, parts, 10)]
    return 1 - plain.area(curve) / judge.p


def curve_correlation(judge: Judge, insert: bool, fill: str) -> float:
    order = judge.most_first
    masks = [judge.top(k / 28) for k in range(29)]
    scores = [judge.without(~mask if insert else mask, fill) for mask in masks]
    edges = [round(k / 28 * len(order)) for k in range(29)]
    pieces = [np.mean([judge.saliency[cell] for cell in order[a:b]]) for a, b in pairwise(edges)]
    changes = np.diff(scores) * (1 if insert else -1)
    return float(stats.pearsonr(pieces, changes).statistic)


def subset_pairs(
    judge: Judge, subsets: Sequence[Array], logit: bool, fill: str = "zero"
) -> tuple[list[float], list[float]]:
    """For each set its mass, and what removing it costs."""
    mass = [float(judge.saliency[subset].sum()) for subset in subsets]
    if logit:
        return mass, [judge.z - judge.logit_without(subset, fill) for subset in subsets]
    return mass, [judge.p - judge.without(subset, fill) for subset in subsets]


def infidelity(mass: Sequence[float], falls: Sequence[float]) -> float:
    (factor,), *_ = np.linalg.lstsq(np.array(mass)[:, None], np.array(falls), rcond=None)
    return float(np.sum((factor * np.array(mass) - falls) ** 2) / np.sum(np.square(falls)))


def single_deletion(judge: Judge, side: int = 4) -> float:
    mass, falls = subset_pairs(judge, judge.cells(side), logit=False)
    return float(stats.spearmanr(mass, falls).statistic)
