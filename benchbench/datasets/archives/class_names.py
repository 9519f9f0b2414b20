"""The names of classes: which are alike, and which class of ImageNet a class of VOC or COCO is, by a cautious table."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files as resources

TABLE = "imagenet_counterparts.csv"
_APART = re.compile(r"[\s_\-]+")


def plain_name(name: str) -> str:
    """Without case, underscores, hyphens and spaces.

    Example:
        >>> from benchbench.datasets.archives.class_names import plain_name
        >>> plain_name("Dining_Table")
        'diningtable'
    """
    return _APART.sub("", name).casefold()


def spelled_alike(first: str, second: str) -> bool:
    """Whether two names are one, case, underscores, hyphens and spaces apart."""
    return plain_name(first) == plain_name(second)


@cache
def imagenet_counterparts() -> Mapping[str, int]:
    """By plain name of a class of VOC or COCO, the class index of ImageNet that means the same, where exactly one does.

    The table is in imagenet_counterparts.csv. It has no class that ImageNet splits (dog, cat, car), and none whose
    likeness is a matter of opinion.

    Example:
        >>> from benchbench.datasets.archives.class_names import imagenet_counterparts
        >>> imagenet_counterparts()["zebra"], "dog" in imagenet_counterparts()
        (340, False)
    """
    text = (resources(__package__) / TABLE).read_text("utf-8")
    return {plain_name(row["name"]): int(row["imagenet"]) for row in csv.DictReader(text.splitlines())}
