"""What a map of a planted construction scores: from maps (h, w) in [0, 1], as metrics see them, to numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from .planted_cases import BLIND, FOOTPRINTS, TRUE, PlantedCase


def smallest_peak(saliency_map: Tensor, case: PlantedCase) -> float:
    """The lowest peak of the three instances over the highest, both above the highest cell elsewhere."""
    elsewhere = float(saliency_map[case.truth == 0].max())
    peaks = [max(float(saliency_map[place].max()) - elsewhere, 0.0) for place in FOOTPRINTS]
    return min(peaks) / max(peaks) if max(peaks) else 0.0


def correlation(saliency_map: Tensor, case: PlantedCase) -> float:
    """Pearson's, with what each cell contributes; 0 of a constant map."""
    if not bool(saliency_map.max() > saliency_map.min()):
        return 0.0
    return float(torch.corrcoef(torch.stack([saliency_map.flatten(), case.truth.flatten()]).double())[0, 1])


def seen_rows(saliency_map: Tensor, case: PlantedCase) -> float:
    """The share of the map's mass in rows to which the head is not blind; 0 of a constant map."""
    del case
    return 1 - share(saliency_map, saliency_map[BLIND]) if bool(saliency_map.max() > saliency_map.min()) else 0.0


def shows_the_object(saliency_map: Tensor, case: PlantedCase) -> float:
    """1 where the map's upper half is the object by an IoU above 1/2, else 0."""
    seen, inside = saliency_map > 0.5, case.truth > 0
    return float(float((seen & inside).sum()) > 0.5 * float((seen | inside).sum()))


def on_the_truth(saliency_map: Tensor, case: PlantedCase) -> float:
    """The share of the map's mass on what contributes."""
    return share(saliency_map, saliency_map[case.truth > 0])


def weaker_cell(saliency_map: Tensor, case: PlantedCase) -> float:
    """Twice the share of the map's mass on the one of two cells that has less of it."""
    del case
    return 2 * share(saliency_map, saliency_map[0, 0].minimum(saliency_map[3, 3]))


def weaker_part(saliency_map: Tensor, case: PlantedCase) -> float:
    """Twice the share of the map's mass on the one of two parts that has less of it."""
    first = saliency_map[case.image[0, 0] > 0].sum()
    return 2 * share(saliency_map, first.minimum(saliency_map[case.image[0, 1] > 0].sum()))


def margin(saliency_map: Tensor, case: PlantedCase) -> float:
    """How far the lowest cell of the positive evidence stands above the highest cell elsewhere; 0 where it does not."""
    return max(float(saliency_map[TRUE].min() - saliency_map[case.truth == 0].max()), 0.0)


def share(whole: Tensor, part: Tensor) -> float:
    """Of the map's mass; 0 of a map without any."""
    mass = float(whole.sum())
    return float(part.sum()) / mass if mass else 0.0
