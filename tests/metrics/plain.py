"""The metrics again, in plain numpy, one image at a time: the independent implementation that the engine is held to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d

Array = np.ndarray
Probability = Callable[[Array], float]


def upsample(saliency: Array, size: tuple[int, int]) -> Array:
    """Bilinear with half-pixel centres and clamped borders (align_corners=False)."""

    def matrix(small: int, large: int) -> Array:
        weights = np.zeros((large, small))
        for i in range(large):
            at = max((i + 0.5) * small / large - 0.5, 0)
            low = min(int(at), small - 1)
            high = min(low + 1, small - 1)
            weights[i, low] += 1.0 - (at - low)
            weights[i, high] += at - low
        return weights

    large: Array = matrix(saliency.shape[0], size[0]) @ saliency @ matrix(saliency.shape[1], size[1]).T
    return large


def scaled(saliency: Array) -> Array:
    spread = saliency.max() - saliency.min()
    return (saliency - saliency.min()) / spread if spread else np.zeros_like(saliency)


def blurred(image: Array) -> Array:
    """RISE's blur: a delta through scipy's reflecting Gaussian in an 11 x 11 box, convolved with zeros outside."""
    delta = np.zeros((11, 11))
    delta[5, 5] = 1
    kernel = gaussian_filter(delta, 5)
    return np.stack([convolve2d(channel, kernel, mode="same") for channel in image])


def by_saliency(saliency: Array) -> list[tuple[int, int]]:
    """Pixels, the most salient first, equal ones row by row."""
    height, width = saliency.shape
    cells = [(i, j) for i in range(height) for j in range(width)]
    return sorted(cells, key=lambda cell: -saliency[cell])


def curve(start: Array, end: Array, saliency: Array, steps: int, probability: Probability) -> list[float]:
    """The probability as pixels of ``start`` are replaced by those of ``end``, the most salient first."""
    order = by_saliency(saliency)
    scores = []
    for step in range(steps + 1):
        picture = start.copy()
        for i, j in order[: round(step * len(order) / steps)]:
            picture[:, i, j] = end[:, i, j]
        scores.append(probability(picture))
    return scores


def area(scores: list[float]) -> float:
    """Trapezoid over [0, 1], as RISE writes it."""
    return (sum(scores) - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1)


def deletion(image: Array, saliency: Array, steps: int, probability: Probability) -> float:
    return area(curve(image, np.zeros_like(image), saliency, steps, probability))


def insertion(image: Array, saliency: Array, steps: int, probability: Probability) -> float:
    return area(curve(blurred(image), image, saliency, steps, probability))


def confidence(image: Array, saliency: Array, probability: Probability) -> dict[str, float]:
    p, q = probability(image), probability(image * saliency)
    return {
        "average_drop": max(0.0, p - q) / p,
        "increase": float(q > p),
        "average_gain": max(0.0, q - p) / (1 - p),
    }
