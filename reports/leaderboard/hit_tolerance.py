"""A warning where a metric calls a point a hit that lies far from the object, for the size of the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...formatting import join_words, plural
from ..number_format import share

MOST = 0.1  # of the image's shorter side: more is not what the tolerance was made for


def wide_tolerances(info: Mapping[str, Any]) -> list[str]:
    """A sentence or two for each metric whose tolerance is wide on the images of some network.

    The parameter ``tolerance`` counts pixels of what the network sees. The 15 pixels of the pointing game are those of
    TorchRay, which measures on photographs at their own size.

    Args:
        info: run.json, with the names to show.
    """
    return [text for metric in info["metrics"] for text in _of_metric(metric, info["models"])]


def _of_metric(metric: Mapping[str, Any], models: list[Mapping[str, Any]]) -> Iterator[str]:
    tolerance = metric["parameters"].get("tolerance")
    if not isinstance(tolerance, int | float) or tolerance <= 1:
        return
    wide: dict[int, list[str]] = {}
    for model in models:
        side = (model.get("preprocess") or {}).get("crop")
        if side and tolerance > MOST * side:
            wide.setdefault(int(side), []).append(model["name"])
    for side, names in wide.items():
        title = metric.get("title") or metric["name"]
        wide_share = share(tolerance / side)
        yield (
            f"{title[:1].upper()}{title[1:]} ({metric['protocol']}) counts a point as a hit if it is less than "
            f"{plural(round(tolerance), 'pixel')} from the object. That is {wide_share} of the side of the images "
            f"({side} pixels) of {join_words(names)}, so many maps hit by chance. The tolerance is made for large "
            "photographs: use a smaller one, or the protocol without one."
        )
