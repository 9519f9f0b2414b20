"""Faults in metrics, shown by the scores of the same maps."""

from __future__ import annotations

from .fault import Fault


def _metric(
    says: str,
    file: str,
    old: str,
    new: str,
    *metrics: str,
    methods: tuple[str, ...] = ("gradcam", "random"),
    study: str = "metrics",
) -> Fault:
    return Fault(says, f"metrics/{file}.py", old, new, study, methods, metrics)


METRICS = (
    _metric(
        "deletion: the mean of its points in place of the trapezoid", "_removal_protocols",
        "return torch.trapezoid(y, x, dim=1)", "return y.mean(1)", "deletion",
    ),
    _metric(
        "deletion: a step too few", "_removal_protocols",
        "return [k / steps for k in range(steps + 1)]\n        case \"torchcam\"",
        "return [k / (steps + 1) for k in range(steps + 1)]\n        case \"torchcam\"", "deletion",
    ),
    _metric(
        "average drop, not divided by p", "average_drop",
        "(p - q).clamp_min(0) / p, 0)", "(p - q).clamp_min(0), 0)", "average_drop",
    ),
    _metric(
        "average drop that counts rises as negative drops", "average_drop",
        "(p - q).clamp_min(0) / p, 0)", "(p - q) / p, 0)", "average_drop",
    ),
    _metric(
        "increase where the drop is", "average_drop",
        "Scored((q > p).double()", "Scored((q < p).double()", "increase",
    ),
    _metric(
        "average gain, divided by p in place of 1 - p", "average_drop",
        "(q - p).clamp_min(0) / (1 - p)", "(q - p).clamp_min(0) / p", "average_gain",
    ),
    _metric(
        "ADCC with complexity in place of 1 - complexity", "adcc",
        '1 - parts["complexity"]', 'parts["complexity"]', "adcc",
    ),
    _metric(
        "LeRF and MoRF the wrong way round", "road",
        "return y[:, half:].mean(1) - y[:, :half].mean(1)", "return y[:, :half].mean(1) - y[:, half:].mean(1)",
        "lerf_morf",
    ),
    _metric(
        "pointing game: the lowest pixel points", "localisation",
        "height.argmax(1, keepdim=True)", "height.argmin(1, keepdim=True)", "pointing_game",
    ),
    _metric(
        "energy pointing game: over the mask's size in place of the map's mass", "localisation",
        "total = height.sum((1, 2))", "total = regions.sum((1, 2)).double()", "energy_pointing_game",
    ),
    _metric(
        "attribution AUC of the map upside down", "localisation",
        "rank = midranks(height)", "rank = midranks(-height)", "attribution_auc",
    ),
    _metric(
        "sensitivity-n: a set's most salient part in place of its sum", "random_subsets",
        "return torch.stack([(sums * members(probe, parts)).sum(1) for probe in probes], 1)",
        "return torch.stack([(sums * members(probe, parts)).amax(1) for probe in probes], 1)", "sensitivity_n",
    ),
    _metric(
        "infidelity without the factor that suits the map best", "random_subsets",
        "error = (factor[:, None] * sums - falls)", "error = (sums - falls)", "infidelity",
    ),
    _metric(
        "correlations without the means taken off", "_correlation",
        "(x.double() - x.double().mean(1, keepdim=True) for x in (first, second))",
        "(x.double() for x in (first, second))", "faithfulness_correlation",
    ),
    _metric(
        "total variation along one axis", "complexity",
        " + height.diff(dim=2).abs().sum((1, 2))", "", "total_variation",
    ),
    _metric(
        "an area under logits that is read as one under probabilities", "_removal_protocols",
        "    if answer == \"logit\":\n        kind", "    if answer != answer:\n        kind", "deletion@torchcam-20",
    ),
    _metric(
        "entropy of the map without making it a distribution", "complexity",
        "torch.special.entr(cells / cells.sum(1, keepdim=True))", "torch.special.entr(cells)", "entropy",
    ),
    _metric(
        "class contrast: masses not made one", "randomisation",
        "(target_map / mass - other_map / other_mass)", "(target_map - other_map)", "class_contrast",
    ),
    _metric(
        "stability under shifts: maps not shifted back", "robustness",
        "other[:, rows[1], columns[1]]", "other[:, rows[0], columns[0]]", "shift_stability",
    ),
    _metric(
        "MAS deletion: the mass that is gone in place of the mass that is left", "magnitude_alignment",
        "(gone if insert else 1 - gone)", "gone", "mas_deletion",
    ),
    _metric(
        "MAS insertion: an answer that falls again", "magnitude_alignment",
        "return (part.cummax(1) if insert else part.cummin(1)).values", "return part", "mas_insertion",
    ),
    _metric(
        "MAS insertion - deletion: deletion takes insertion's blur", "magnitude_alignment",
        '+ removed("rise", steps, fill or "zero")', '+ removed("rise", steps, fill or "blur")',
        "mas_insertion_deletion",
    ),
    _metric(
        "SaCo: every pair of groups counts the same", "saco",
        "weight = sums[:, first] - sums[:, second]", "weight = torch.ones_like(sums[:, first])", "saco",
    ),
    _metric(
        "SIC: a picture's bytes as a share of the image's, with what the empty picture takes", "information_curves",
        "((sizes - least[:, None]) / torch.where(span > 0, span, 1))", "(sizes / most[:, None])", "sic",
    ),
    _metric(
        "AIC of the probability, not of the most likely class", "information_curves",
        "y = seen.correct", "y = seen.probability", "aic",
    ),
    _metric(
        "comprehensiveness: the least salient pixels removed", "comprehensiveness",
        'Remove(share, fill, "most")', 'Remove(share, fill, "least")', "comprehensiveness",
    ),
    _metric(
        "sufficiency: the most salient pixels removed, not kept", "comprehensiveness",
        'Keep(share, fill, "most")', 'Remove(share, fill, "most")', "sufficiency",
    ),
    _metric(
        "F-Fidelity+ without its cap: R-Fidelity", "random_removal",
        "return min(chance, cap / share)", "return chance", "f_fidelity_plus",
    ),
    _metric(
        "F-Fidelity-: the most salient pixels thinned", "random_removal",
        'probes=_thinned("least")', 'probes=_thinned("most")', "f_fidelity_minus",
    ),
    _metric(
        "Fast-GEF: a fall of the answer counts as less than a rise", "explanation_alignment",
        ".to(answers.device)).abs()", ".to(answers.device))", "fast_gef",
    ),
    _metric(
        "completeness: the baseline's score is not taken off", "axioms",
        "change = before - after", "change = before", "completeness", methods=("integratedgradients",), study="signed",
    ),
    _metric(
        "symmetry: the map mirrored top to bottom", "axioms",
        "_relative(shown, shown.flip(-1))", "_relative(shown, shown.flip(-2))", "symmetry",
        methods=("integratedgradients",), study="signed",
    ),
)  # fmt: skip
