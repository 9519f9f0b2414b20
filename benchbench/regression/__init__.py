"""Baselines, and the gate that compares a run with one."""

from .baseline import Baseline
from .changes import Change, Checked, Compared, Location, Tolerances
from .comparison import check
from .map_sketch import Difference, Sketch, difference

__all__ = [
    "Baseline",
    "Change",
    "Checked",
    "Compared",
    "Difference",
    "Location",
    "Sketch",
    "Tolerances",
    "check",
    "difference",
]
