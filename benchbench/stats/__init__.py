"""What a run's table says: means, intervals, tests, ranks, agreement and power."""

from .best import Contest, contests
from .cost_ratio import cost_ratios
from .groups import Ranked, ranked
from .halves import split_half
from .maps import health
from .means import CELL, CONTEST, COST, QUALITY, curve_bands, is_part, leaderboard, measured, standard_errors
from .orders import agreement
from .overall import overall
from .pairs import ALPHA, pairs, seen_from
from .power import fewest_images, images_needed, power, smallest_visible_effect
from .reliability import consistency, decay, overview
from .resampling import CONFIDENCE, RESAMPLES, bootstrap, mean
from .scores import Scale, Scales, scales
from .signed_rank import holm
from .strata import Bands, by_group
from .versus import versus

__all__ = [
    "ALPHA",
    "CELL",
    "CONFIDENCE",
    "CONTEST",
    "COST",
    "QUALITY",
    "RESAMPLES",
    "Bands",
    "Contest",
    "Ranked",
    "Scale",
    "Scales",
    "agreement",
    "bootstrap",
    "by_group",
    "consistency",
    "contests",
    "cost_ratios",
    "curve_bands",
    "decay",
    "fewest_images",
    "health",
    "holm",
    "images_needed",
    "is_part",
    "leaderboard",
    "mean",
    "measured",
    "overall",
    "overview",
    "pairs",
    "power",
    "ranked",
    "scales",
    "seen_from",
    "smallest_visible_effect",
    "split_half",
    "standard_errors",
    "versus",
]
