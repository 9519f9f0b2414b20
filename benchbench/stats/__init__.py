"""What a run's table says: means, intervals, tests, ranks, agreement and power."""

from .best import Contest, contests
from .cost_ratio import cost_ratios
from .groups import Ranked, letters, ranked
from .halves import split_half
from .intervals import fewest_equivalent, limits
from .maps import health
from .means import CELL, CONTEST, COST, QUALITY, curve_bands, is_part, leaderboard, measured, standard_errors
from .orders import agreement
from .overall import overall
from .pairs import ALPHA, pairs, seen_from, significant
from .power import fewest_images, images_needed, power, smallest_visible_effect
from .reliability import consistency, decay, overview
from .resampling import CONFIDENCE, RESAMPLES, mean
from .scale import LOGIT, MARGIN, Scale, Scales, scales, trusted
from .signed_rank import holm
from .strata import Bands, by_group
from .versus import versus

__all__ = [
    "ALPHA",
    "CELL",
    "CONFIDENCE",
    "CONTEST",
    "COST",
    "LOGIT",
    "MARGIN",
    "QUALITY",
    "RESAMPLES",
    "Bands",
    "Contest",
    "Ranked",
    "Scale",
    "Scales",
    "agreement",
    "by_group",
    "consistency",
    "contests",
    "cost_ratios",
    "curve_bands",
    "decay",
    "fewest_equivalent",
    "fewest_images",
    "health",
    "holm",
    "images_needed",
    "is_part",
    "leaderboard",
    "letters",
    "limits",
    "mean",
    "measured",
    "overall",
    "overview",
    "pairs",
    "power",
    "ranked",
    "scales",
    "seen_from",
    "significant",
    "smallest_visible_effect",
    "split_half",
    "standard_errors",
    "trusted",
    "versus",
]
