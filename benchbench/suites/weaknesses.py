"""The known weaknesses of Grad-CAM, planted where every method's answer is known by hand.

No training and no weights: the features are the image itself, behind them stands a head whose answer is known, and
the target is its first logit y of [y, 0]. Every score is read off the min-max normalised map, as metrics see it.

Whether shallow layers are explained as well as deep ones is a known weakness too; it needs data with masks, and is no
closed form: it is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..attribution.method_maps import method_maps
from ..errors import BenchError, NotApplicable, nearest
from ..maps.normalise import saliency
from ..registry import METHODS
from ..seeds import sample_seeds

Head: TypeAlias = Callable[[Tensor], Tensor]  # features (B, K, h, w) -> y (B,)
Explain: TypeAlias = Callable[[Head, Tensor], Tensor]  # a head and an image (1, K, h, w) -> its map (h, w) in [0, 1]
Box: TypeAlias = tuple[slice, slice]

FOOTPRINTS: tuple[Box, ...] = ((slice(0, 3), slice(0, 5)), (slice(5, 7), slice(0, 2)), (slice(5, 7), slice(8, 9)))
DECOY, TRUE = (slice(1, 3), slice(1, 3)), (slice(5, 7), slice(5, 7))
BLIND = slice(4, 7)  # rows, of 7
DRAWS, CHANNELS = 50, 8
LEVELS = (0.25, 0.5, 0.75, 1.25, 1.5, 1.75)  # of the slope times the mean activation; at 1 the score saturates


@dataclass(frozen=True)
class Weakness:
    """A planted case, and how well a method's map answers it.

    Attributes:
        plants: what is planted, and what the score is: a number from 0 (or -1, of a correlation) to 1, the best.
        source: who described it.
        threshold: a method passes above this score.
        measure: the score of whatever makes maps.
    """

    name: str
    plants: str
    source: str
    threshold: float
    measure: Callable[[Explain], float]

    def score(self, method: str, **params: Any) -> float:
        """Of a registered method, run through the engine.

        Raises:
            NotApplicable: it needs what the planted network does not have: a pooled head, attention, a whole dataset.
            BenchError: no such method or parameter, or one that fails.
        """
        plugin = METHODS[method]
        bound = plugin.bind(params)
        if "dataset" in plugin.needs_of(bound):
            raise NotApplicable(f"{method} needs the maps of a whole dataset, and there is no dataset here")
        return self.measure(lambda head, image: _map(method, bound, head, image))

    def passes(self, method: str, **params: Any) -> bool:
        """Whether the score is above the threshold; raises what ``score`` raises."""
        return self.score(method, **params) > self.threshold


class Planted(nn.Module):
    """The image is the layer ``features``; the logits are [y, 0], with y what the head says of it."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        y = self.head(self.features(images))
        return torch.stack([y, torch.zeros_like(y)], 1)


def instances() -> Tensor:
    """(1, 3, 8, 10): three channels with footprints of 15, 4 and 2 of 80 cells."""
    image = torch.zeros(1, 3, 8, 10)
    for channel, place in enumerate(FOOTPRINTS):
        image[0, channel][place] = 1
    return image


def total(features: Tensor) -> Tensor:
    """sum relu(A)."""
    return torch.relu(features).sum((1, 2, 3))


def pooled(features: Tensor) -> Tensor:
    """Global average pooling, and one linear layer of weights 20."""
    return 20 * features.mean((2, 3)).sum(1)


def decoy(features: Tensor) -> Tensor:
    """5 relu(A_0 - 1) + A_1, each summed over its own 2 x 2 cells; a millionth keeps the decoy's slope at A_0 = 1."""
    return 5 * torch.relu(features[:, 0, *DECOY] - 1 + 1e-6).sum((1, 2)) + features[:, 1, *TRUE].sum((1, 2))


def either(features: Tensor) -> Tensor:
    """min(1, a + b), with a and b the values of two cells."""
    return 1 - torch.relu(1 - features[:, 0, 0, 0] - features[:, 1, 3, 3])


def saturated(slope: float) -> Head:
    """1 - relu(1 - slope <A_0>)."""
    return lambda features: 1 - torch.relu(1 - slope * features[:, 0].mean((1, 2)))


def by_place(draw: int) -> tuple[Tensor, Tensor]:
    """Features (1, 8, 7, 7), rectified normal, and a linear head's weights (8, 7, 7), normal and 0 in rows 4 to 6."""
    generator = torch.Generator().manual_seed(draw)
    image = torch.relu(torch.randn(1, CHANNELS, 7, 7, generator=generator))
    weight = torch.randn(CHANNELS, 7, 7, generator=generator)
    weight[:, BLIND] = 0
    return image, weight


def _smallest_peak(head: Head) -> Callable[[Explain], float]:
    def measure(explain: Explain) -> float:
        saliency_map = explain(head, instances())
        elsewhere = float(saliency_map[instances()[0].sum(0) == 0].max())
        peaks = [max(float(saliency_map[place].max()) - elsewhere, 0.0) for place in FOOTPRINTS]
        return min(peaks) / max(peaks) if max(peaks) else 0.0

    return measure


def _correlation(explain: Explain) -> float:
    def of_draw(draw: int) -> float:
        image, weight = by_place(draw)
        saliency_map = explain(lambda features: (weight * features).sum((1, 2, 3)), image)
        contribution = torch.relu((weight * image[0]).sum(0))
        both = torch.stack([saliency_map.flatten(), contribution.flatten()]).double()
        return float(torch.corrcoef(both)[0, 1]) if bool(saliency_map.max() > saliency_map.min()) else 0.0

    return sum(of_draw(draw) for draw in range(DRAWS)) / DRAWS


def _seeing(explain: Explain) -> float:
    def of_draw(draw: int) -> float:
        image, weight = by_place(draw)
        saliency_map = explain(lambda features: (weight * features).sum((1, 2, 3)), image)
        return 1 - _share(saliency_map, saliency_map[BLIND]) if bool(saliency_map.max() > saliency_map.min()) else 0.0

    return sum(of_draw(draw) for draw in range(DRAWS)) / DRAWS


def _survival(explain: Explain) -> float:
    image = instances()
    image[0, 1:] = 0
    inside = image[0, 0] > 0
    mean = float(image[0, 0].mean())

    def survives(level: float) -> bool:
        seen = explain(saturated(level / mean), image) > 0.5
        return float((seen & inside).sum()) > 0.5 * float((seen | inside).sum())

    return sum(map(survives, LEVELS)) / len(LEVELS)


def _contribution(explain: Explain) -> float:
    image = torch.zeros(1, 3, 8, 8)
    image[0, 0][DECOY] = image[0, 1][TRUE] = 1
    saliency_map = explain(decoy, image)
    return _share(saliency_map, saliency_map[TRUE])


def _weaker_half(explain: Explain) -> float:
    image = torch.zeros(1, 3, 4, 4)
    image[0, 0, 0, 0] = image[0, 1, 3, 3] = 1.5
    saliency_map = explain(either, image)
    return 2 * _share(saliency_map, saliency_map[0, 0].minimum(saliency_map[3, 3]))


def _share(whole: Tensor, part: Tensor) -> float:
    """Of the map's mass; 0 of a map without any."""
    mass = float(whole.sum())
    return float(part.sum()) / mass if mass else 0.0


def _map(method: str, params: Mapping[str, Any], head: Head, image: Tensor) -> Tensor:
    """(h, w) in [0, 1], all 0 where the map is the same everywhere."""
    plugin, network = METHODS[method], Planted(head).eval()
    maps = method_maps(plugin, params, network, image, "features", _first, sample_seeds(0, method, ["planted"]))
    return saliency(maps, (image.shape[2], image.shape[3]))[0]


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
# mean activation gives the true channel of two, so it takes a little more to tell them apart.
_ALL = (
    Weakness(
        "several instances",
        "Three channels see objects of 15, 4 and 2 cells, and y is the sum: the lowest peak over the highest, both "
        "above the rest",
        "Grad-CAM++, arXiv:1710.11063",
        0.5,
        _smallest_peak(total),
    ),
    Weakness(
        "several instances, pooled",
        "Objects of 15, 4 and 2 cells before global average pooling and a linear layer, where all channels count "
        "alike: the lowest peak over the highest",
        "Grad-CAM++, arXiv:1710.11063",
        0.5,
        _smallest_peak(pooled),
    ),
    Weakness(
        "uniform weight",
        "A linear head that weighs every cell by itself: the correlation of map and contribution, a mean of 50 draws",
        "HiResCAM, arXiv:2011.08891",
        0.5,
        _correlation,
    ),
    Weakness(
        "blind rows",
        "The same head is blind to 3 of 7 rows: the share of the map's mass elsewhere, 4/7 of one that knows nothing",
        "HiResCAM, arXiv:2011.08891",
        0.9,
        _seeing,
    ),
    Weakness(
        "saturation",
        "y = 1 - relu(1 - s <A>): the share of slopes, half of them saturated, where the map's upper half is the "
        "object, by an IoU above 1/2",
        "Score-CAM, arXiv:1910.01279",
        0.75,
        _survival,
    ),
    Weakness(
        "weight is not contribution",
        "A decoy of slope 5 that y would not miss beside a channel of slope 1 that it would: the mass on the latter",
        "Score-CAM, arXiv:1910.01279",
        0.55,
        _contribution,
    ),
    Weakness(
        "no forward effect",
        "y = min(1, a + b), and either is enough: twice the mass on the one that has less of it",
        "DeepLIFT, arXiv:1704.02685",
        0.5,
        _weaker_half,
    ),
)
WEAKNESSES: Mapping[str, Weakness] = {case.name: case for case in _ALL}
