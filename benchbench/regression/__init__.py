"""What a run said, kept, and what a later one says otherwise: baselines and the gate."""

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
