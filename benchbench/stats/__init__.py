"""What a run's table says: means, intervals, tests, ranks and agreement."""

from .best import Contest, contests
from .maps import health
from .means import CELL, CONTEST, COST, QUALITY, curve_bands, leaderboard, measured
from .orders import agreement
from .power import images_needed, smallest_visible_effect
from .resampling import CONFIDENCE, RESAMPLES, bootstrap, mean

__all__ = [
    "CELL",
    "CONFIDENCE",
    "CONTEST",
    "COST",
    "QUALITY",
    "RESAMPLES",
    "Contest",
    "agreement",
    "bootstrap",
    "contests",
    "curve_bands",
    "health",
    "images_needed",
    "leaderboard",
    "mean",
    "measured",
    "smallest_visible_effect",
]
