"""By what the gallery sorts photos: names for the reader, and a number for each image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from .images import ImageSet

Keys: TypeAlias = list[float | None]  # of the images; None comes last
STUDY, NAME, DISAGREEMENT, PROBABILITY, FAILURES, SHARE = range(6)
MEAN, DIFFERENCE = "mean", "difference"  # of the shown methods' numbers under a metric: images.js computes them


@dataclass(frozen=True)
class PhotoOrder:
    """An order of the photos.

    Attributes:
        key: the place of its numbers in ``order_keys``; ``mean`` or ``difference`` of the methods that are shown.
        sign: 1 if the least number comes first, -1 if the greatest does.
        say: what the number is, in words; empty where the page does not show it.
        digits: of the number, after the point.
        metric: the place of the metric that ``mean`` and ``difference`` are of.
    """

    name: str
    key: int | str
    sign: int = 1
    say: str = ""
    digits: int = 3
    metric: int | None = None


def photo_orders(metrics: Sequence[tuple[str, bool]], with_shares: bool) -> list[PhotoOrder]:
    """What the gallery offers, the order of the study first.

    Args:
        metrics: title, and whether more is better, of each metric of quality.
        with_shares: whether the data says how much of an image its object covers.
    """
    plain = [
        PhotoOrder("as in the study", STUDY),
        PhotoOrder("by name", NAME),
        PhotoOrder("maps of all methods disagree most first", DISAGREEMENT, -1, "disagreement of all methods"),
        PhotoOrder("least probable class first", PROBABILITY),
        PhotoOrder("most failures first", FAILURES, -1, "failed values:", 0),
    ]
    if with_shares:
        share = "share of the image that the object covers"
        plain += [
            PhotoOrder("smallest object first", SHARE, 1, share),
            PhotoOrder("largest object first", SHARE, -1, share),
        ]
    return [*plain, *_by_metric(metrics)]


def _by_metric(metrics: Sequence[tuple[str, bool]]) -> Iterator[PhotoOrder]:
    for number, (title, higher) in enumerate(metrics):
        worst, words = 1 if higher else -1, f"mean {title} of the shown methods"
        yield PhotoOrder(f"worst {title} first", MEAN, worst, words, metric=number)
        yield PhotoOrder(f"best {title} first", MEAN, -worst, words, metric=number)
        between = "best minus worst of the shown methods"
        yield PhotoOrder(f"shown methods differ most in {title} first", DIFFERENCE, -1, between, metric=number)


def order_keys(images: ImageSet, count: int) -> list[list[Keys]]:
    """The numbers of the first ``count`` images, by key.

    For each key, either one list, or one for each layer and at last one over all layers (their mean; of failures, the
    sum).
    """
    names, share = [_natural(sample) for sample in images.samples[:count]], images.share
    failed = np.array([images.failed(layer)[:count] for layer in images.layers], dtype=float)
    return [
        [_keys(np.arange(count))],
        [_keys(np.array([sorted(names).index(name) for name in names]))],
        _each_and_mean(np.array([images.disagreements(layer, count) for layer in images.layers], dtype=float)),
        [_keys(images.photos["probability"].to_numpy(float)[:count])],
        [*map(_keys, failed), _keys(failed.sum(axis=0))],
        [_keys(np.array(share[:count], dtype=float)) if share else [None] * count],
    ]


def _each_and_mean(layers: npt.NDArray[np.float64]) -> list[Keys]:
    """Those of each layer, and their mean over the layers that have one; ``layers`` is (layers, images)."""
    return [*map(_keys, layers), _keys(pd.DataFrame(layers).mean(axis=0))]


def _keys(numbers: npt.ArrayLike) -> Keys:
    return [None if number != number else round(float(number), 6) for number in np.asarray(numbers, dtype=float)]


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name) if part]
