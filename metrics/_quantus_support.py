"""Which of Quantus' metrics run here, and why the others do not: each was tried on a CAM of an RGB image (0.6.0)."""

from __future__ import annotations

RUNS: dict[str, str] = {
    "AUC": "equals attribution_auc",
    "AttributionLocalisation": "the mass in the mask; equals energy_pointing_game on a map of 0 to 1",
    "PointingGame": "any of the equal highest pixels counts, no tolerance; an empty mask, a hit there, does not apply",
    "RelevanceMassAccuracy": "equals energy_pointing_game on a map of 0 to 1",
    "RelevanceRankAccuracy": "equals relevance_rank_accuracy but for ties",
    "TopKIntersection": "equals topk_intersection but for ties",
    "Complexity": "equals entropy",
    "EffectiveComplexity": "a count of pixels, where effective_complexity is a share",
    "Sparseness": "equals sparseness to 1e-6: it adds 1e-7 to the map",
    "FaithfulnessCorrelation": "removes elements of single channels at random, black being the image's least value",
    "FaithfulnessEstimate": "removes elements in order, and correlates what is lost with the map's sums",
    "Infidelity": "4 x 4 patches go black one after the other; the map has no unit, so that its size is arbitrary",
    "Monotonicity": "1 where the answer never falls as elements come back: hardly ever on photographs",
    "MonotonicityCorrelation": "rank correlation of the map with the uncertainty that single elements explain",
    "AvgSensitivity": "as avg_sensitivity, with noise of 0.2 in the network's normalised space",
    "Continuity": "correlation of what moves in the map and in the answer as the image is shifted",
    "LocalLipschitzEstimate": "as local_lipschitz, with normal noise of 0.1 in normalised space",
    "MaxSensitivity": "as max_sensitivity, with noise of 0.2 in the network's normalised space",
    "RelativeInputStability": "change of the map over change of the image, both relative",
    "RelativeOutputStability": "change of the map over change of the logits, both relative",
    "RelativeRepresentationStability": "change of the map over change of the inner layers, both relative",
    "EfficientMPRT": "as efficient_mprt, in its own bins",
    "RandomLogit": "SSIM of the maps laid out in one row, to the map of one other class",
}
REFUSED: dict[str, str] = {
    "Focus": "it needs mosaics of its own making; use the dataset mosaics with energy_pointing_game",
    "IROF": "it takes the segments of a normalised image, often one alone, and fails on RGB; use irof",
    "ROAD": "it fails on RGB images with one map for three channels, and reports the first batch alone; use road",
    "PixelFlipping": "it gives a curve and no number, removes single channels, and its area needs np.trapz, which "
    "numpy 2.4 has no more; use pixel_flipping or deletion",
    "RegionPerturbation": "it gives a curve, and says that lower is better where a larger fall is; use region_flipping",
    "Selectivity": "it gives a curve and no number; use region_flipping",
    "SensitivityN": "it correlates over the images of the first batch, so that no image has a value; use sensitivity_n",
    "Sufficiency": "it compares the images of a batch with each other: a value would depend on the batch",
    "BatchSufficiency": "it compares the images of a batch with each other: a value would depend on the batch",
    "Consistency": "it compares the images of a batch with each other: a value would depend on the batch",
    "MPRT": "its average counts the untouched network as a randomised layer; use mprt",
    "ModelParameterRandomisation": "its average counts the untouched network as a randomised layer; use mprt",
    "SmoothMPRT": "its average counts the untouched network as a randomised layer; use smooth_mprt",
    "Completeness": "it gets a map of 0 to 1 here, which cannot add up to a difference of logits; use completeness, "
    "with signed: true",
    "NonSensitivity": "it fails on one map for three channels",
    "InputInvariance": "it edits the first module's weights and fails where that is no convolution",
}
_FAMILIES = {
    "localisation": ("AUC", "AttributionLocalisation", "PointingGame", "Relevance", "TopK"),
    "complexity": ("Complexity", "EffectiveComplexity", "Sparseness"),
    "faithfulness": ("Faithfulness", "Infidelity", "Monotonicity"),
    "robustness": ("AvgSensitivity", "Continuity", "LocalLipschitz", "MaxSensitivity", "Relative"),
    "randomisation": ("EfficientMPRT", "RandomLogit"),
}


def _family(name: str) -> str:
    starts = {start: family for family, names in _FAMILIES.items() for start in names if name.startswith(start)}
    return starts[max(starts, key=len)]


FAMILY: dict[str, str] = {name: _family(name) for name in RUNS}
