"""How well a map of a trained network answers: scores in [0, 1], 1 at best.

A map is at the image's size, min-max normalised. Where chance is 0, what is below it counts as 0 too, so that the mean
of a map that knows nothing is a little above 0.
"""

from __future__ import annotations

from torch import Tensor

from ..mask_precision import average_precision
from .scenes import ShownScene


def balance(saliency_map: Tensor, scene: ShownScene) -> float | None:
    """The least shown instance over the best shown, each by its mean less the mean outside of all of them.

    Returns:
        None where the scene has fewer than two instances of its class, or nobody knows.
    """
    if scene.deciding is None or len(scene.deciding) < 2:
        return None
    elsewhere = saliency_map[~scene.deciding.any(0)].mean()
    heights = [max(float(saliency_map[mask].mean() - elsewhere), 0.0) for mask in scene.deciding]
    return min(heights) / max(heights) if max(heights) else 0.0


def selection(saliency_map: Tensor, scene: ShownScene) -> float | None:
    """The map's mean on the class's figures over the sum of that and of its mean on all others.

    1/2 is chance, whatever the figures' sizes; 1 is a map of the class's figures alone. A constant map has 0.

    Returns:
        None where the scene has no figure of another class, or nobody knows.
    """
    if scene.deciding is None or scene.distracting is None or not bool(scene.distracting.any()):
        return None
    height = float(saliency_map[scene.deciding.any(0)].mean())
    other = float(saliency_map[scene.distracting].mean())
    return height / (height + other) if height + other else 0.0


def localisation(saliency_map: Tensor, scene: ShownScene) -> float | None:
    """(PxAP - a) / (1 - a): the average precision of the object's pixels against a random order's, a their share.

    Returns:
        None where the scene has no mask.
    """
    if scene.mask is None:
        return None
    area = float(scene.mask.double().mean())
    return max((average_precision(saliency_map, scene.mask) - area) / (1 - area), 0.0)
