"""What is unlikely to be meant in data: images of another range, labels beyond the classes, no label that is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from scipy.special import bdtrc
from torch import Tensor

LARGEST = 25.0  # normalised images stay below 3; 0 .. 255 does not
CHANCE = 0.05
FEWEST, ENOUGH = 5, 10  # labels; of fewer than 5, a network that is right on half may well be right on none


@dataclass(frozen=True)
class Classified:
    """A sample's label and the network's most likely class."""

    label: int | None
    predicted: int


def of_images(dataset: str, images: Tensor) -> list[str]:
    """Of images (B, C, H, W) that came as tensors: whether they look like 0 .. 255.

    Returns:
        Sentences to be said loudly.
    """
    low, high = float(images.min()), float(images.max())
    if high > LARGEST and low >= 0:
        return [
            f"the images of {dataset} have values up to {high:.3g}. Most networks expect normalised images, between -3 "
            "and 3: divide by 255, subtract the mean, divide by the standard deviation"
        ]
    return []


def of_labels(model: str, dataset: str, answers: Sequence[Classified], classes: int) -> list[str]:
    """Whether the labels can be those of the network's classes, by its answers.

    Args:
        classes: how many the network has.

    Returns:
        Sentences to be said loudly, the first cause alone.
    """
    known = [a for a in answers if a.label is not None]
    labels = [a.label for a in known if a.label is not None]
    if not labels:
        return []
    where = f"of {len(labels):,} labels of {dataset}"
    beyond = [label for label in labels if not 0 <= label < classes]
    if beyond:
        shifted = 0 not in labels and max(labels) == classes
        hint = "If they count from 1, subtract 1" if shifted else "Are they labels of other classes?"
        return [f"{len(beyond):,} {where} are none of the {classes:,} classes of {model} (0 to {classes - 1}). {hint}"]
    right = sum(a.label == a.predicted for a in known)
    if not _enough(len(labels), classes):
        return []
    if not right:
        return [f"{model} predicts none {where}. Do labels, weights and preprocessing belong together?"]
    if not _above_chance(right, len(labels), classes):
        share = f"{right:,} ({right / len(labels):.0%})"
        return [f"{model} predicts {share} {where}: not significantly better than chance among {classes:,} classes"]
    return []


def _above_chance(right: int, labels: int, classes: int) -> bool:
    """Whether so many right answers are significantly more than those of guesses among the classes."""
    return right > 0 and float(bdtrc(right - 1, labels, 1 / classes)) <= CHANCE


def _enough(labels: int, classes: int) -> bool:
    """Whether labels are many, or tell a network from chance that is halfway between chance and always right."""
    halfway = ceil(labels * (1 + 1 / classes) / 2)
    return labels >= ENOUGH or (labels >= FEWEST and _above_chance(halfway, labels, classes))
