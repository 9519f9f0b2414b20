"""Means, intervals, tests, ranks and power."""

from .ceiling_share import ScaleEnds, ceiling_shares
from .cost_ratio import cost_ratios
from .intervals import fewest_equivalent, limits
from .leaderboards import CELL, CONTEST, COST, QUALITY, curve_bands, is_part, leaderboard, measured, standard_errors
from .map_agreement import TOP, alike, reduced
from .map_health import health
from .methods_alike import method_agreement
from .metric_agreement import agreement
from .metric_reliability import consistency, decay, overview
from .metric_scale import LOGIT, MARGIN, Scale, Scales, scales, trusted
from .order_stability import OrderCase, order_cases, stability_table, swaps_in_words
from .order_verdict import Rival, against_best
from .order_without import leaders, leave_one_out
from .overall_ranking import DECIMALS, overall, overall_of
from .own_controls import twin_gaps, twins_of
from .paired_curves import curve_differences
from .paired_tests import holm
from .pairwise import ALPHA, pairs, pairs_of, seen_from, significant
from .rank_groups import Ranked, letters, ranked, ranked_of
from .resampling import CONFIDENCE, RESAMPLES, mean
from .run_comparison import versus
from .sample_size import (
    fewest_for_pairs,
    fewest_images,
    images_needed,
    power,
    power_of,
    smallest_visible_effect,
)
from .score_dependence import score_agreement, score_places, score_variants
from .score_matrix import Scores, scores, tied
from .split_halves import split_half, split_half_of
from .subgroups import Bands, by_group
from .win_shares import WinShares, in_order
from .winners import Contest, contests

__all__ = [
    "ALPHA",
    "CELL",
    "CONFIDENCE",
    "CONTEST",
    "COST",
    "DECIMALS",
    "LOGIT",
    "MARGIN",
    "QUALITY",
    "RESAMPLES",
    "TOP",
    "Bands",
    "Contest",
    "OrderCase",
    "Ranked",
    "Rival",
    "Scale",
    "ScaleEnds",
    "Scales",
    "Scores",
    "WinShares",
    "against_best",
    "agreement",
    "alike",
    "by_group",
    "ceiling_shares",
    "consistency",
    "contests",
    "cost_ratios",
    "curve_bands",
    "curve_differences",
    "decay",
    "fewest_equivalent",
    "fewest_for_pairs",
    "fewest_images",
    "health",
    "holm",
    "images_needed",
    "in_order",
    "is_part",
    "leaderboard",
    "leaders",
    "leave_one_out",
    "letters",
    "limits",
    "mean",
    "measured",
    "method_agreement",
    "order_cases",
    "overall",
    "overall_of",
    "overview",
    "pairs",
    "pairs_of",
    "power",
    "power_of",
    "ranked",
    "ranked_of",
    "reduced",
    "scales",
    "score_agreement",
    "score_places",
    "score_variants",
    "scores",
    "seen_from",
    "significant",
    "smallest_visible_effect",
    "split_half",
    "split_half_of",
    "stability_table",
    "standard_errors",
    "swaps_in_words",
    "tied",
    "trusted",
    "twin_gaps",
    "twins_of",
    "versus",
]
