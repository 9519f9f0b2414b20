"""Spread over orders of ties: against plain numpy that sorts and scores one picture at a time, and a closed form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchbench.evaluation.probe_scores import forwards, score_probes
from benchbench.network.scorer import Scorer
from benchbench.perturbation.apply_probe import rank_parts
from benchbench.perturbation.parts import parts_in
from benchbench.seeds import sample_seeds
from benchbench.study.spec import read_metric
from benchbench.testing.metric_contract import MetricCase
from benchbench.types import Pixels
from benchbench.types.probes import Keep, Remove

from . import plain

HEIGHT, WIDTH, STEPS = 12, 16, 28
Array = np.ndarray


class Telling(nn.Module):
    """Answers that depend on every pixel by a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.randn(3, 3 * HEIGHT * WIDTH, generator=torch.Generator().manual_seed(4))
        self.fc = nn.Linear(3 * HEIGHT * WIDTH, 3)
        self.fc.weight.data = weight / 8

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.flatten(1))
        return logits


class UpperHalf(nn.Module):
    """p of class 0 is the mean of the picture's upper half, which lies in [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        p = images[:, :, : HEIGHT // 2].mean((1, 2, 3)).clamp(1e-7, 1 - 1e-7)
        return torch.stack([p.log(), (1 - p).log()], 1)


@pytest.fixture(scope="module")
def trial() -> MetricCase:
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(3, 3, HEIGHT, WIDTH, generator=generator)
    maps = torch.randint(0, 4, (3, HEIGHT, WIDTH), generator=generator).float()
    return MetricCase(read_metric("tie_spread"), Telling().eval(), images, maps, None)


def answers(trial: MetricCase, name: str = "tie_spread", **keys: Any) -> list[Mapping[str, Any]]:
    case = MetricCase(read_metric(name), trial.network, trial.images, trial.maps, None)
    return case.entries(**keys)


def orders(image: int, draws: int) -> list[list[tuple[int, int]]]:
    """Every pixel, in the order in which equal ones go: rows, rows from the end, and the random ones of the seed."""
    rows = [(i, j) for i in range(HEIGHT) for j in range(WIDTH)]
    (seed,) = sample_seeds(0, "probes", [f"image {image}"])
    sequences = [rows, rows[::-1]]
    for k in range(1, draws + 1):
        digest = hashlib.sha256(f"{seed}/parts/ties/{k}".encode()).digest()
        drawn = np.random.default_rng(int.from_bytes(digest[:8], "big")).permutation(len(rows))
        sequences.append([rows[p] for p in drawn])
    return sequences


def areas(trial: MetricCase, image: int, saliency: Array, draws: int, insert: bool = False) -> list[float]:
    """The area for each order of ties: sorted by Python, pixel by pixel, the network asked picture by picture."""
    picture = trial.images[image].double().numpy()
    blank = plain.blurred(picture) if insert else np.zeros_like(picture)
    start, end = (blank, picture) if insert else (picture, blank)

    def probability(shown: Array) -> float:
        with torch.no_grad():
            return float(trial.network(torch.tensor(shown)[None].float()).softmax(1)[0, image % 5])

    values = []
    for order in orders(image, draws):
        cells = sorted(order, key=lambda cell: -saliency[cell])  # stable: equal ones stay in this order
        scores = []
        for step in range(STEPS + 1):
            shown = start.copy()
            for i, j in cells[: round(step * len(cells) / STEPS)]:
                shown[:, i, j] = end[:, i, j]
            scores.append(probability(shown))
        values.append(plain.area(scores))
    return values


MAPS: dict[str, Callable[[MetricCase], Tensor]] = {
    "constant": lambda trial: torch.full_like(trial.maps, 0.7),
    "four levels": lambda trial: trial.maps,
    "half tied": lambda trial: torch.where(trial.maps > 1, trial.maps, trial.images.sum(1).abs() / 100),
}


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize(("of", "draws"), [("deletion", 4), ("insertion", 4), ("deletion", 16)])
def test_against_plain_numpy(trial: MetricCase, kind: str, of: str, draws: int) -> None:
    maps = MAPS[kind](trial)
    for i, entry in enumerate(answers(trial, f"tie_spread@{of}-28-random{draws}", maps=maps)):
        expected = areas(trial, i, plain.scaled(maps[i].double().numpy()), draws, insert=of == "insertion")
        assert entry["value"] == pytest.approx(max(expected) - min(expected), abs=1e-6)
        assert entry["value"] > 1e-3, "the orders matter here"
        assert entry["parts"]["lowest"] == pytest.approx(min(expected), abs=1e-6)
        assert entry["parts"]["highest"] == pytest.approx(max(expected), abs=1e-6)


def test_the_area_of_the_protocol_is_among_them(trial: MetricCase) -> None:
    for of in ("deletion", "insertion"):
        spread, plain_entries = answers(trial, f"tie_spread@{of}-28-random4"), answers(trial, of)
        for entry, area in zip(spread, plain_entries, strict=True):
            assert entry["parts"]["lowest"] - 1e-7 <= area["value"] <= entry["parts"]["highest"] + 1e-7


@pytest.mark.parametrize("batch", [2, 5, 64])
def test_a_map_without_ties_has_none_exactly_and_costs_nothing_more(trial: MetricCase, batch: int) -> None:
    generator = torch.Generator().manual_seed(3)
    maps = torch.stack([torch.randperm(HEIGHT * WIDTH, generator=generator).float() for _ in range(3)])
    maps = maps.view(3, HEIGHT, WIDTH)
    assert [entry["value"] for entry in answers(trial, maps=maps, batch=batch)] == [0.0] * 3
    scorer = Scorer(trial.network, batch)
    metric = read_metric("tie_spread")
    probes = list(metric.plugin.probes(**metric.params))  # type: ignore[misc]
    assert forwards(probes) == (6 * 27, 1)
    pixels = Pixels(trial.images, (1, 2, 3), torch.zeros(3), torch.ones(3))
    score_probes(scorer, pixels, torch.zeros(3, dtype=torch.long), [maps], probes)
    assert scorer.passes.forwards == scorer.passes.probes_scored == 3 * (27 + 2)


def test_a_constant_map_has_the_full_spread_of_a_network_that_sees_the_upper_half() -> None:
    """Rows first: p falls as 1 - 2 f to 0, area 1/4. Rows from the end first: it stays 1 until f = 1/2, area 3/4."""
    images = torch.ones(1, 3, HEIGHT, WIDTH)
    metric = read_metric({"name": "tie_spread", "draws": 0, "steps": 24})
    trial = MetricCase(metric, UpperHalf(), images, torch.ones(1, 3, 4), None)
    (entry,) = trial.entries()
    assert entry["value"] == pytest.approx(0.5, abs=1e-6)
    assert (entry["parts"]["lowest"], entry["parts"]["highest"]) == pytest.approx((0.25, 0.75), abs=1e-6)


def test_only_steps_that_cut_a_tie_are_scored_again(trial: MetricCase) -> None:
    """Two levels of half the pixels each: of 4 steps, the one at the half cuts no tie; the other two do, once each."""
    maps = torch.zeros(3, HEIGHT, WIDTH)
    maps[:, ::2] = 1
    metric = read_metric({"name": "tie_spread", "steps": 4, "draws": 3})
    scorer = Scorer(trial.network, 7)
    pixels = Pixels(trial.images, (1, 2, 3), torch.zeros(3), torch.ones(3))
    probes = list(metric.plugin.probes(**metric.params))  # type: ignore[misc]
    score_probes(scorer, pixels, torch.zeros(3, dtype=torch.long), [maps], probes)
    assert scorer.passes.forwards == 3 * (2 + 3 + 2 * 4)


def test_a_curve_that_cuts_by_value_has_no_ties(trial: MetricCase) -> None:
    metric = read_metric({"name": "tie_spread", "source": "interpretdl", "steps": 20, "fill": "grey"})
    case = MetricCase(metric, trial.network, trial.images, trial.maps, None)
    assert [entry["value"] for entry in case.entries()] == [0.0] * 3


def test_regions_of_one_mean_go_in_the_order_that_is_asked() -> None:
    pixels = Pixels(torch.zeros(2, 3, 4, 4), (7, 8), torch.zeros(3), torch.ones(3))
    parts = parts_in("grid-2", pixels)
    maps = torch.ones(2, 4, 4)
    maps[1, :2, :2] = 2  # the first cell of the second image is above the others
    corners = (..., slice(None, None, 2), slice(None, None, 2))
    assert rank_parts(maps, "most", parts)[corners].flatten(1).tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert rank_parts(maps, "most", parts, "reversed")[corners].flatten(1).tolist() == [[3, 2, 1, 0], [0, 3, 2, 1]]
    assert rank_parts(maps, "least", parts, "reversed")[corners].flatten(1).tolist() == [[3, 2, 1, 0], [3, 2, 1, 0]]
    drawn = rank_parts(maps, "most", parts, 1)[corners].flatten(1)
    assert drawn.sort(1).values.tolist() == [[0, 1, 2, 3]] * 2
    assert drawn[1, 0] == 0
    assert not torch.equal(drawn, rank_parts(maps, "most", parts, 2)[corners].flatten(1))


@pytest.mark.parametrize("kind", [Remove, Keep])
def test_other_orders_are_answered_beside_each_other(trial: MetricCase, kind: type[Remove] | type[Keep]) -> None:
    """Two maps of three images in batches of five: each answer is that of its own picture."""
    pixels = Pixels(trial.images, (1, 2, 3), torch.zeros(3), torch.ones(3))
    maps = [trial.maps, trial.maps.flip(2) * (torch.arange(3) > 0)[:, None, None]]
    probes = [kind(0.3, ties="reversed"), kind(0.3), kind(0.6, "blur", ties=2)]
    targets = torch.tensor([0, 1, 2])
    together = score_probes(Scorer(trial.network, 5), pixels, targets, maps, probes)
    for probe in probes:
        for m in range(2):
            for i in range(3):
                alone = score_probes(
                    Scorer(trial.network), pixels.row(i), targets[i : i + 1], [maps[m][i : i + 1]], [probe]
                )
                assert float(together[probe].logit[m, i]) == pytest.approx(float(alone[probe].logit[0, 0]), abs=1e-5)
