"""Deletion and insertion correlation by their authors' rule, cell by cell of the map, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import saliency
from benchbench.network.scorer import Scorer
from benchbench.perturbation.apply_probe import amounts
from benchbench.perturbation.equality import keys
from benchbench.perturbation.fills import FILLS
from benchbench.perturbation.pictures import PerturbationCache, ProbePlan, RankedMaps
from benchbench.registry import METRICS
from benchbench.types import Seen
from benchbench.types.probes import Keep, Probe, Remove, canonical

from ..helpers import pixels
from .test_against_plain import SIZE, maps, network, pictures, scores

__all__ = ["maps", "network", "pictures"]

NAMES = ("deletion_correlation@gomez-196", "insertion_correlation@gomez-196")
Array = np.ndarray


def boxed(image: Array) -> Array:
    """The mean over 9 x 9 pixels, zeros outside."""
    return np.stack([uniform_filter(channel, 9, mode="constant") for channel in image])


def by_hand(image: Array, cells: Array, network: nn.Module, target: int, insert: bool) -> float:
    """Cell by cell, the highest first, its pixels by nearest-neighbour upsampling; numpy's corrcoef over the steps."""
    start, end = (boxed(image), image) if insert else (image, np.zeros_like(image))
    height, width = cells.shape
    steps = min(196, height * width)
    order = sorted(range(height * width), key=lambda c: -cells.flat[c])

    def answer(picture: Array) -> float:
        with torch.no_grad():
            return float(network(torch.from_numpy(picture)[None].float())[0].double().softmax(0)[target])

    scores, step_means, now = [answer(start)], [], 0
    picture = start.copy()
    for step in range(1, steps + 1):
        until = round(round(step * 196 / steps) / 196 * len(order))
        for cell in order[now:until]:
            for y in range(SIZE[0]):
                for x in range(SIZE[1]):
                    if y * height // SIZE[0] == cell // width and x * width // SIZE[1] == cell % width:
                        picture[:, y, x] = end[:, y, x]
        step_means.append(np.mean([cells.flat[cell] for cell in order[now:until]]))
        scores.append(answer(picture))
        now = until
    assert now == len(order)
    changes = np.diff(scores) * (1 if insert else -1)
    return float(np.corrcoef(changes, step_means)[0, 1])


@pytest.mark.parametrize("name", NAMES)
def test_against_plain_numpy(name: str, network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> None:
    """Maps of 7 x 10 cells and of 4 x 5 with ties: a step is a cell; of 14 x 20: 196 steps for 280 cells."""
    fine = torch.rand(5, 14, 20, generator=torch.Generator().manual_seed(1))
    map_sets = [*maps, fine]
    values = scores([name], network, pictures, map_sets, batch=16)[name]
    with torch.no_grad():
        targets = network(pictures).argsort(1)[:, -2].tolist()
    for m, i in ((0, 0), (0, 1), (1, 0), (1, 3), (2, 4)):
        image, cells = pictures[i].double().numpy(), map_sets[m][i].double().numpy()
        wanted = by_hand(image, cells, network, targets[i], name.startswith("insertion"))
        assert values[m][i] == pytest.approx(wanted, abs=1e-4)
    assert values[1][2] == 0, "a constant map"


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_size_changes_nothing(name: str, network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> None:
    for batch in (1, 7):
        batched, together = (scores([name], network, pictures, maps, size)[name] for size in (batch, 64))
        np.testing.assert_allclose(batched, together, atol=2e-5)


def test_a_network_that_adds_cells_up_is_told_exactly() -> None:
    """p is linear in what is left of each cell, so that the map of the cells' parts correlates by 1, its inverse by -1.

    With the picture and a fill of zero, what a step takes is the cell's own part.
    """
    cells = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3)) / 40
    picture = torch.nn.functional.interpolate(cells[:, None], SIZE).expand(-1, 3, -1, -1) / 56

    class Adds(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            p = images.double().mean(1).sum((1, 2)).clamp(1e-6, 1 - 1e-6)
            return torch.stack([(1 - p).log(), p.log()], 1)

    correlations = _correlations("deletion_correlation", Adds(), picture, [cells, -cells])
    np.testing.assert_allclose(correlations[0], 1, atol=1e-6)
    np.testing.assert_allclose(correlations[1], -1, atol=1e-6)


def _correlations(name: str, network: nn.Module, shown: Tensor, maps: list[Tensor]) -> list[list[float]]:
    plugin = METRICS[name]
    params = plugin.bind(plugin.protocols["gomez-196"])
    inputs = pixels(shown)
    probes = list(plugin.probes(**params))  # type: ignore[misc]
    answers = score_probes(Scorer(network, 16), inputs, torch.ones(len(shown), dtype=torch.long), maps, probes)
    values = []
    for m, cells in enumerate(maps):
        p = torch.stack([answers[canonical(probe)][m].probability for probe in probes], 1)
        seen = Seen(p, p, p, p[:, 0], p[:, 0], saliency(cells, SIZE), None, cells, inputs)
        values.append(plugin.function(seen, **params).value.tolist())
    return values


def test_a_small_map_costs_its_cells_and_not_the_steps(
    network: nn.Module, pictures: Tensor, maps: list[Tensor]
) -> None:
    """70 cells and a whole and an empty picture more than once a map: 72 pictures, not 195."""
    scorer = Scorer(network, 16)
    probes = [Remove(k / 196, "zero", "most", "map") for k in range(197)]
    score_probes(scorer, pixels(pictures), torch.zeros(5, dtype=torch.long), maps[:1], probes)
    assert scorer.passes.probes_scored == 5 * (2 + 71)  # 0 .. 70 cells, the last of them by its own share


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=12), st.integers(1, 6), st.integers(1, 6), st.data())
def test_probes_that_take_the_same_parts_are_one_picture(
    fractions: list[float], height: int, width: int, data: st.DataObject
) -> None:
    kinds = data.draw(st.lists(st.sampled_from([Remove, Keep]), min_size=len(fractions), max_size=len(fractions)))
    choices = [(Remove if k is Remove else Keep, f) for k, f in zip(kinds, fractions, strict=True)]
    probes: list[Probe] = list(dict.fromkeys(kind(f, "zero", "most", "map") for kind, f in choices))
    inputs = pixels(torch.rand(3, 3, 12, 18, generator=torch.Generator().manual_seed(0)))
    cells = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    pairs = torch.stack([torch.zeros(3, dtype=torch.long), torch.arange(3)], 1)
    piece = RankedMaps.of(PerturbationCache.of(inputs, probes), [cells], pairs, ProbePlan.of(probes))
    marks = piece.marks(keys(inputs.size, inputs.images.device))
    every = torch.arange(3)
    shown = [piece.picture(probe, every) for probe in probes]
    for i in range(len(probes)):
        for j in range(i):
            for row in range(3):
                alike = torch.equal(shown[j][row], shown[i][row])
                assert alike == bool(marks[j, row] == marks[i, row]), "an equal picture is scored once, and no other"


def test_amounts_round_half_to_even_as_python_does() -> None:
    inputs = pixels(torch.zeros(1, 3, 10, 10))
    piece = PerturbationCache.of(inputs, [Remove(0.5)]).parts["pixels"]
    assert amounts([k / 200 for k in range(200)], piece)[:, 0].tolist() == [round(k / 200 * 100) for k in range(200)]


@pytest.mark.parametrize("height", [28, 47, 224])
def test_the_box_is_scipy_s(height: int) -> None:
    """A fifth of the height, at least 9 pixels, odd, zeros outside."""
    image = torch.randn(1, 3, height, 60, generator=torch.Generator().manual_seed(5))
    side = {28: 9, 47: 9, 224: 45}[height]
    wanted = np.stack([uniform_filter(c, side, mode="constant") for c in image[0].double().numpy()])
    np.testing.assert_allclose(FILLS["box"](pixels(image))[0], wanted, atol=1e-5)
