"""Baselines, and the gate that compares a run with one."""

from .baseline import Baseline
from .changes import Change, Compared, Location, Tolerances
from .check_result import Checked
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
