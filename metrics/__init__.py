"""Metrics: one small file per metric or family. Importing this package registers them."""

if __name__ != "benchbench.metrics":
    raise ImportError("import this package as benchbench.metrics: its folder must not become an import name of its own")

from . import (
    adcc,
    boxes,
    calibration,
    complexity,
    confidence,
    cost,
    curves,
    foreign,
    foreign_captum,
    localisation,
    randomisation,
    regions,
    road,
    robustness,
    subsets,
    ties,
)

__all__ = [
    "adcc",
    "boxes",
    "calibration",
    "complexity",
    "confidence",
    "cost",
    "curves",
    "foreign",
    "foreign_captum",
    "localisation",
    "randomisation",
    "regions",
    "road",
    "robustness",
    "subsets",
    "ties",
]
