"""The known weaknesses of Grad-CAM, planted where every method's answer is known by hand: no training, no network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ..helpers import map_of
from ..networks import Identity

FOOTPRINTS = [(slice(0, 3), slice(0, 5)), (slice(5, 7), slice(0, 2)), (slice(5, 7), slice(8, 9))]


def instances() -> Tensor:
    """Three channels with footprints of 15, 4 and 2 of 80 cells."""
    image = torch.zeros(1, 3, 8, 10)
    for channel, place in enumerate(FOOTPRINTS):
        image[0, channel][place] = 1
    return image


def total(features: Tensor) -> Tensor:
    found = torch.relu(features).sum((1, 2, 3))
    return torch.stack([found, -found], 1)


def pooled(features: Tensor) -> Tensor:
    found = 20 * features.mean((2, 3)).sum(1)
    return torch.stack([found, -found], 1)


# relu's derivative is 1 on the footprint alone, so <g> is its share of the cells, and ++ sums 1 / (2 + n) over n cells
INSTANCES = [
    ("gradcam", total, 2 / 15),
    ("gradcam++", total, (2 / 4) / (15 / 17)),
    ("xgradcam", total, 1.0),
    ("hirescam", total, 1.0),
    ("gradcam-elementwise", total, 1.0),
    ("layercam", total, 1.0),
    ("ablationcam", total, 2 / 15),
    ("gradcam", pooled, 1.0),
    ("gradcam++", pooled, 0.435),
]


@pytest.mark.parametrize(("method", "head", "expected"), INSTANCES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_several_instances(method: str, head: object, expected: float) -> None:
    """The smallest instance's peak over the largest's."""
    found = map_of(method, Identity(head), instances(), "features", torch.tensor([0]))[0]  # type: ignore[arg-type]
    peaks = [float(found[place].max()) for place in FOOTPRINTS]
    assert min(peaks) / max(peaks) == pytest.approx(expected, abs=1e-3)


def test_several_instances_by_cells() -> None:
    """Each cell alone raises the probability alike, whatever instance it is of; a cell outside does not."""
    found = map_of("reciprocam", Identity(total), instances(), "features", torch.tensor([0]))[0]
    peaks = [float(found[place].max()) for place in FOOTPRINTS]
    assert min(peaks) == pytest.approx(max(peaks), abs=1e-6)
    assert peaks[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert float(found[4, 4]) == pytest.approx(0.5, abs=1e-6)


def saturated(slope: float) -> object:
    def head(features: Tensor) -> Tensor:
        y = 1 - torch.relu(1 - slope * features[:, 0].mean((1, 2)))
        return torch.stack([y, 0 * y], 1)

    return head


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "ablationcam"])
def test_saturation_takes_the_gradient_away_and_not_the_ablation(method: str) -> None:
    image = torch.zeros(1, 3, 8, 10)
    image[0, 0][FOOTPRINTS[0]] = 1
    target = torch.tensor([0])
    for slope, saturates in ((4.0, False), (8.0, True)):  # the mean is 15 / 80
        found = map_of(method, Identity(saturated(slope)), image, "features", target)  # type: ignore[arg-type]
        assert (float(found.max()) > 0) == (not saturates or method == "ablationcam")


def test_a_decoy_has_a_slope_and_no_effect() -> None:
    """Channel 0: y rises by 5 a cell there, but would not fall without it. Channel 1: slope 1, and it counts."""
    image = torch.zeros(1, 3, 4, 4)
    image[0, 0, 0, 0] = image[0, 1, 3, 3] = 1

    def head(features: Tensor) -> Tensor:
        decoy = 5 * torch.relu(features[:, 0, 0, 0] - 1 + 1e-6) + features[:, 1, 3, 3]
        return torch.stack([decoy, 0 * decoy], 1)

    def share(method: str) -> float:
        found = map_of(method, Identity(head), image, "features", torch.tensor([0]))[0]
        return float(found[3, 3] / found.sum())

    for method in ("gradcam", "xgradcam", "hirescam", "layercam"):
        assert share(method) == pytest.approx(1 / 6, abs=1e-3)
    assert share("ablationcam") == pytest.approx(1.0, abs=1e-3)


def test_cause_by_place_is_not_a_channel_mean() -> None:
    """A linear head blind to rows 4 to 6: only what is weighted cell by cell is the true contribution."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 7, 7, generator=generator)
    weight = torch.randn(3, 7, 7, generator=generator)
    weight[:, 4:] = 0

    def head(features: Tensor) -> Tensor:
        y = (weight * features).sum((1, 2, 3))
        return torch.stack([y, 0 * y], 1)

    def map_by(method: str) -> Tensor:
        return map_of(method, Identity(head), image, "features", torch.tensor([0]))[0]

    contribution = torch.relu((weight * image[0]).sum(0))
    torch.testing.assert_close(map_by("hirescam"), contribution)
    for method in ("hirescam", "layercam", "gradcam-elementwise"):
        assert float(map_by(method)[4:].abs().max()) == 0, method
    for method in ("gradcam", "xgradcam", "ablationcam"):
        found = map_by(method)
        assert float(found[4:].sum() / found.sum()) > 0.2, method


def either(features: Tensor) -> Tensor:
    """min(1, a + b), with a and b the values of two regions: saturated while both are there."""
    y = 1 - torch.relu(1 - features[:, 0, 0, 0] - features[:, 1, 3, 3])
    return torch.stack([y, 0 * y], 1)


def test_either_of_two_is_enough() -> None:
    """Neither region has a gradient or is missed when it goes alone; each alone is enough to be seen by cells."""
    image = torch.zeros(1, 3, 4, 4)
    image[0, 0, 0, 0] = image[0, 1, 3, 3] = 1.5
    maps = {
        method: map_of(method, Identity(either), image, "features", torch.tensor([0]))[0]
        for method in ("gradcam", "xgradcam", "hirescam", "gradcam-elementwise", "ablationcam", "reciprocam")
    }
    by_cells = maps.pop("reciprocam")
    for method, found in maps.items():
        assert torch.equal(found, torch.zeros(4, 4)), method
    seen = by_cells - by_cells.min()
    assert float(2 * seen[0, 0].minimum(seen[3, 3]) / seen.sum()) == pytest.approx(1, abs=1e-6)


def test_the_positive_part_is_taken_before_or_after_the_sum() -> None:
    """+2 and -1 in one cell: HiResCAM's sum is 1, the element-wise one is 2."""
    image = torch.ones(1, 3, 2, 2)

    def head(features: Tensor) -> Tensor:
        y = (torch.tensor([2.0, -1.0, 0.0])[:, None, None] * features).sum((1, 2, 3))
        return torch.stack([y, 0 * y], 1)

    for method, expected in (("hirescam", 1.0), ("gradcam-elementwise", 2.0)):
        found = map_of(method, Identity(head), image, "features", torch.tensor([0]))[0]
        torch.testing.assert_close(found, torch.full((2, 2), expected))
