"""The known weaknesses of Grad-CAM, planted where every method's answer is known by hand.

No training and no weights: see ``planted_cases``. Every score is read off the min-max normalised map, as metrics see
it: see ``planted_scores``. The suite ``weaknesses`` asks trained networks the same questions.

Whether shallow layers are explained as well as deep ones is a known weakness too; it needs data with masks, and is no
closed form: the suite has it as ``depth``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...attribution.method_maps import method_maps
from ...errors import BenchError, NotApplicable, nearest
from ...maps.normalise import saliency
from ...registry import METHODS, MethodPlugin
from ...seeds import sample_seeds
from ..finite_maps import finite
from . import planted_cases as cases
from . import planted_scores as scores
from .planted_cases import Planted, PlantedCase

Explain: TypeAlias = Callable[[PlantedCase], Tensor]  # the map (h, w) of a case, in [0, 1]


@dataclass(frozen=True)
class Weakness:
    """A planted weakness, and how well a method's map answers it.

    Attributes:
        plants: what is planted, and what the score is: a number from 0 (or -1, of a correlation) to 1, the best.
        source: who described it, or what it is made of.
        threshold: a method passes above this score.
        planted: the constructions; the score is a mean over them.
        of_map: the score of a map of one of them.
        drawn: whether the constructions are random draws, so that the mean has an interval.
        range: what scores lie in.
    """

    name: str
    plants: str
    source: str
    threshold: float
    planted: Callable[[], tuple[PlantedCase, ...]]
    of_map: Callable[[Tensor, PlantedCase], float]
    drawn: bool = False
    range: tuple[float, float] = (0.0, 1.0)

    def values(self, explain: Explain) -> list[float]:
        """The score of each construction, of whatever makes maps.

        Args:
            explain: from a construction to its map (h, w) in [0, 1].
        """
        return [self.of_map(explain(case), case) for case in self.planted()]

    def measure(self, explain: Explain) -> float:
        """The mean of ``values``."""
        values = self.values(explain)
        return sum(values) / len(values)

    def score(self, method: str, **params: Any) -> float:
        """Of a registered method, run through the engine.

        Raises:
            NotApplicable: it needs what the planted network does not have: a pooled head, attention, a whole dataset.
            BenchError: no such method or parameter, or one that fails.
        """
        plugin = METHODS[method]
        return self.measure(explainer(plugin, plugin.bind(params)))

    def passes(self, method: str, **params: Any) -> bool:
        """Whether the score is above the threshold; raises what ``score`` raises."""
        return self.score(method, **params) > self.threshold


def explainer(plugin: MethodPlugin, params: Mapping[str, Any]) -> Explain:
    """A method's maps of planted constructions, each made once. A method that needs masks is given the truth.

    Args:
        plugin: the method.
        params: bound.

    Raises:
        NotApplicable: the method needs a whole dataset.
    """
    if "dataset" in plugin.needs_of(params):
        raise NotApplicable(f"{plugin.name} needs the maps of a whole dataset, and there is no dataset here")
    known: dict[PlantedCase, Tensor] = {}

    def explain(case: PlantedCase) -> Tensor:
        if case not in known:
            known[case] = _map(plugin, params, case)
        return known[case]

    return explain


def _map(plugin: MethodPlugin, params: Mapping[str, Any], case: PlantedCase) -> Tensor:
    """(h, w) in [0, 1], all 0 where the map is the same everywhere."""
    network, image = Planted(case.head).eval(), case.image
    seeds = sample_seeds(0, plugin.name, ["planted"])
    masks = (case.truth > 0)[None]
    maps = method_maps(plugin, params, network, image, "features", _first, seeds, masks=masks)
    return saliency(finite(maps), (image.shape[2], image.shape[3]))[0]


def _first(logits: Tensor) -> Tensor:
    return torch.zeros(len(logits), dtype=torch.long)


def weakness(name: str) -> Weakness:
    """The planted case of a name.

    Raises:
        BenchError: there is none.
    """
    if name not in WEAKNESSES:
        raise BenchError(f"unknown weakness {name!r}", hint=nearest(name, WEAKNESSES))
    return WEAKNESSES[name]


# Half is where a map is cut to find objects: what lies below half of the maximum is lost. Half of the mass is what the
# mean activation gives the true channel of two, so it takes a little more to tell them apart; of two parts and a
# distractor it gives two thirds, so it takes more than that. A map that shows evidence for and against alike has the
# margin 0, and a signed one 1/2.
_ALL = (
    Weakness(
        "several instances",
        "y is the sum of three channels, which see objects of 15, 4 and 2 cells. The score is the lowest peak of the "
        "three objects over the highest, each above the rest of the map",
        "Grad-CAM++, arXiv:1710.11063",
        0.5,
        cases.of_total,
        scores.smallest_peak,
    ),
    Weakness(
        "several instances, pooled",
        "Objects of 15, 4 and 2 cells before global average pooling and a linear layer that weighs all channels alike. "
        "The score is the lowest peak of the three objects over the highest, each above the rest of the map",
        "Grad-CAM++, arXiv:1710.11063",
        0.5,
        cases.of_pooled,
        scores.smallest_peak,
    ),
    Weakness(
        "uniform weight",
        "A linear head has a random weight for every cell. The score is the correlation of the map with what each cell "
        "contributes to y, a mean of 50 draws",
        "HiResCAM, arXiv:2011.08891",
        0.5,
        cases.of_places,
        scores.correlation,
        drawn=True,
        range=(-1.0, 1.0),
    ),
    Weakness(
        "blind rows",
        "The linear head of the case uniform weight is blind to 3 of 7 rows. The score is the share of the map's mass "
        "in the other rows, a mean of 50 draws; a map that knows nothing has 4/7",
        "HiResCAM, arXiv:2011.08891",
        0.9,
        cases.of_places,
        scores.seen_rows,
        drawn=True,
    ),
    Weakness(
        "saturation",
        "y = 1 - relu(1 - s <A>) for six slopes s, of which three saturate y. The score is the share of slopes at "
        "which the map's upper half is the object (IoU above 1/2)",
        "Score-CAM, arXiv:1910.01279",
        0.75,
        cases.of_slopes,
        scores.shows_the_object,
    ),
    Weakness(
        "weight is not contribution",
        "A decoy has slope 5 but y does not fall without it; the object has slope 1 and y falls without it. The score "
        "is the share of the map's mass on the object",
        "Score-CAM, arXiv:1910.01279",
        0.55,
        cases.of_decoy,
        scores.on_the_truth,
    ),
    Weakness(
        "no forward effect",
        "y = min(1, a + b), and a or b alone is enough, so that y does not fall if one is removed. The score is twice "
        "the share of the map's mass on the weaker of the two",
        "DeepLIFT, arXiv:1704.02685",
        0.5,
        cases.of_either,
        scores.weaker_cell,
    ),
    Weakness(
        "interaction",
        "y = relu(a + b - 1), so that only both parts together count, beside a distractor that y does not see. The "
        "score is twice the share of the map's mass on the weaker of the two parts",
        "Integrated Hessians, arXiv:2002.04138",
        0.75,
        cases.of_both,
        scores.weaker_part,
    ),
    Weakness(
        "cancellation",
        "One channel speaks for y at one place and as strongly against it at another. The score is how far the lowest "
        "cell of the first place is above all other cells",
        "HiResCAM, arXiv:2011.08891",
        0.25,
        cases.of_opposed,
        scores.margin,
    ),
    Weakness(
        "discontinuity",
        "y jumps from 0 to 1 where the mean of a channel passes a threshold, beside a channel that y does not see. The "
        "score is the share of the map's mass on the first channel's object, a mean of three thresholds",
        "DeepLIFT, arXiv:1704.02685",
        0.55,
        cases.of_steps,
        scores.on_the_truth,
    ),
)
WEAKNESSES: Mapping[str, Weakness] = {case.name: case for case in _ALL}
