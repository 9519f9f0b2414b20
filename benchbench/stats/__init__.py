"""Means, intervals, tests, ranks and power."""

from .cost_ratio import cost_ratios
from .curve_differences import curve_differences
from .intervals import fewest_equivalent, limits
from .leaderboards import CELL, CONTEST, COST, QUALITY, curve_bands, is_part, leaderboard, measured, standard_errors
from .map_health import health
from .metric_agreement import agreement
from .metric_reliability import consistency, decay, overview
from .metric_scale import LOGIT, MARGIN, Scale, Scales, scales, trusted
from .overall_ranking import overall
from .paired_tests import holm
from .pairwise import ALPHA, pairs, seen_from, significant
from .rank_groups import Ranked, letters, ranked
from .resampling import CONFIDENCE, RESAMPLES, mean
from .run_comparison import versus
from .sample_size import fewest_images, images_needed, power, smallest_visible_effect
from .split_halves import split_half
from .subgroups import Bands, by_group
from .winners import Contest, contests

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
    "curve_differences",
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
