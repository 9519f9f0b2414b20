"""A picture is scored once, whichever maps it comes from; and no number depends on what else is in the study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.engine.runner import run
from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import saliency
from benchbench.network.scorer import Scorer, TargetScores
from benchbench.perturbation.apply_probe import above, hidden, rank_parts
from benchbench.perturbation.equality import keys, marks, name_of, of_hidden, same_shown, sums
from benchbench.perturbation.parts import Parts, parts_in
from benchbench.perturbation.pictures import PerturbationCache, ProbePlan, RankedMaps
from benchbench.registry import METHODS, method
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Layer
from benchbench.types.probes import Above, Band, Keep, Multiply, Order, Ordered, Probe, Remove, Thinned

from ..helpers import map_of, pixels
from ..networks import Flat, Pooled, seeded

SIZE = (12, 16)
ORDERS: tuple[Order, Order] = ("most", "least")


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


class RowByRow(nn.Module):
    """Answers to each picture by itself, so that no batch changes a bit of them."""

    def forward(self, images: Tensor) -> Tensor:
        weight = torch.linspace(-1, 1, images[0].numel(), dtype=torch.float64).view(images.shape[1:])
        logits = [
            torch.stack([(image * weight).sum(), (image * weight.cos()).sum(), image.double().square().sum()])
            for image in images
        ]
        return torch.stack(logits).float() / 4


def saturated(seed: int) -> Tensor:
    """(1, h, w): half of the cells are near the top."""
    return torch.tanh(8 * noise(seed, 1, 6, 8))


CLOSE: dict[str, Callable[[Tensor, int], Tensor]] = {
    "another unit": lambda base, seed: 3 * base + 1,
    "rounding": lambda base, seed: base * (1 + 1e-7 * noise(seed + 1, *base.shape)),
    "tiny noise": lambda base, seed: base + 1e-6 * noise(seed + 1, *base.shape),
    "tied": lambda base, seed: (8 * base).round() / 8,
    "one cell": lambda base, seed: base + torch.nn.functional.one_hot(torch.tensor(seed % 48), 48).view(1, 6, 8) * 1e-7,
    "equal": lambda base, seed: base.clone(),
    "constant": lambda base, seed: torch.zeros(1, 3, 3),
}
PROBES: list[Probe] = [
    *(Remove(k / 28) for k in range(29)),
    *(Keep(k / 7, "blur") for k in range(8)),
    *(Remove(k / 9, "mean", "least", "grid-5") for k in range(1, 9)),
    *(Remove(k / 48, "zero", "most", "map") for k in range(1, 48, 5)),
    Remove(0.3, ties="reversed"),
    Keep(0.6, ties=2),
    Multiply(),
    Multiply("mean", inverted=True),
    Band(0.2, 0.5),
    Band(0.5, 0.9, "zero", "least", "grid-5"),
    Thinned(0, 0.5, 0.4),
    Thinned(1, 0.5, 0.4, "mean", "least"),
    Above(40, "zero"),
    Above(20, "zero", "least", strict=False),
]


def answered(maps: list[Tensor], batch: int = 5) -> tuple[dict[Probe, TargetScores], Scorer]:
    scorer = Scorer(RowByRow(), batch)
    images = noise(99, 1, 3, *SIZE) - 0.5
    return score_probes(scorer, pixels(images), torch.tensor([0]), maps, PROBES), scorer


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.permutations(sorted(CLOSE)), st.integers(1, 9))
def test_a_map_has_the_numbers_that_it_has_alone(seed: int, order: list[str], batch: int) -> None:
    """To the last bit, whatever stands before it: saturated, tied and rounded maps as near to it as can be."""
    base = saturated(seed)
    maps = [base, *(CLOSE[name](base, seed) for name in order)]
    together, scorer = answered(maps, batch)
    for m, single in enumerate(maps):
        alone, alone_scorer = answered([single], 3)
        assert alone_scorer.passes.maps_scored == alone_scorer.passes.maps_asked == 1
        for probe, scores in together.items():
            assert torch.equal(scores.logit[m], alone[probe].logit[0]), (m, order, probe)
            assert torch.equal(scores.probability[m], alone[probe].probability[0])
    assert scorer.passes.probes_scored == scorer.passes.forwards
    assert scorer.passes.maps_asked == len(maps)
    assert scorer.passes.maps_scored < len(maps), "two are the same"


def test_maps_that_differ_by_rounding_are_two_where_rounding_orders_their_cells() -> None:
    """A plateau with a step of 1e-7, and the same with the step elsewhere: deletion takes other pixels first."""
    plateau = torch.zeros(1, *SIZE)
    plateau[0, 4:8, 4:12] = 1
    other = plateau.clone()
    plateau[0, 4:6] *= 1 - 2e-7
    other[0, 6:8] *= 1 - 2e-7
    scores, scorer = answered([plateau, other])
    probe = Remove(2 / 28)
    assert not torch.equal(scores[probe].logit[0], scores[probe].logit[1])
    assert scorer.passes.maps_scored == 2
    whole = Remove(6 / 28)
    assert torch.equal(scores[whole].logit[0], scores[whole].logit[1]), "the plateau and no pixel more is one picture"


def hidden_by(probe: Probe, height: Tensor, parts: Parts) -> Tensor:
    """(N, H, W) bool, by the rules themselves."""
    if isinstance(probe, Above):
        return above(probe, height)
    assert isinstance(probe, Ordered)
    return hidden(probe, parts, rank_parts(height, probe.order, parts, probe.ties))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from(["pixels", "grid-3", "grid-5"]))
def test_marks_are_equal_where_pictures_are_and_nowhere_else(seed: int, levels: int, name: str) -> None:
    heights = (noise(seed, 6, *SIZE) * levels).round() / levels
    heights[3], heights[4] = heights[0], 1 - heights[1]
    key = keys(SIZE, heights.device)
    batch = pixels(torch.zeros(6, 3, *SIZE))
    parts = parts_in(name, batch)
    probes: list[Probe] = [
        *(
            Remove(k / 7, "zero", order, name, ties)
            for k in range(8)
            for order in ORDERS
            for ties in ("row-major", "reversed", 1)
        ),
        *(Keep(k / 7, "zero", "most", name) for k in range(8)),
        *(Band(k / 7, (k + 2) / 7, "zero", order, name) for k in range(6) for order in ORDERS),
        *(Thinned(0, k / 7, chance, "zero", "most", name) for k in (3, 7) for chance in (0.3, 1.0)),
        *(Above(percent, "zero", strict=strict) for percent in (10, 50) for strict in (False, True)),
    ]
    marked, shown = [], []
    for probe in probes:
        first = None
        if isinstance(probe, Ordered):
            first = sums(rank_parts(heights, probe.order, parts, probe.ties), key)
        if isinstance(probe, Thinned):
            marked += of_hidden(hidden_by(probe, heights, parts), key).tolist()
        else:
            marked += marks(probe, heights, parts, first, key).tolist()
        shown += [tuple(mask.flatten().tolist()) for mask in hidden_by(probe, heights, parts)]
    assert len({name_of(probe) for probe in probes}) == 1
    pairs = set(zip(marked, shown, strict=True))
    assert len(pairs) == len(set(marked)) == len(set(shown))


@given(st.integers(0, 1000), st.integers(0, 191))
def test_weights_that_differ_in_a_bit_are_other_weights(seed: int, cell: int) -> None:
    height = saliency(noise(seed, 1, 5, 5), SIZE)
    other = height.clone()
    other.view(-1)[cell] = torch.nextafter(other.view(-1)[cell], torch.tensor(2.0))
    key, parts = keys(SIZE, height.device), parts_in("pixels", pixels(torch.zeros(1, 3, *SIZE)))
    mark, again, changed = (marks(Multiply(), h, parts, None, key).item() for h in (height, height.clone(), other))
    assert mark == again != changed
    assert (
        len({name_of(p) for p in (Multiply(), Multiply("mean"), Multiply(inverted=True), Remove(0.5), Keep(0.5))}) == 4
    )


def test_keys_are_of_the_size_alone_and_far_apart() -> None:
    key = keys(SIZE, torch.device("cpu"))
    assert torch.equal(key, keys(SIZE, torch.device("cpu")))
    assert len(set(key.flatten().tolist())) == key.numel()
    assert (key.double().abs() > 2**40).double().mean() > 0.99


def test_a_picture_belongs_to_its_image_and_its_fill() -> None:
    """Two images under one map, and one map under two fills: four pictures."""
    images = torch.stack([noise(0, 3, *SIZE), noise(1, 3, *SIZE)])
    scorer = Scorer(RowByRow(), 4)
    maps = noise(2, 1, 6, 8).expand(2, 6, 8)
    scores = score_probes(
        scorer, pixels(images), torch.zeros(2).long(), [maps, maps], [Remove(0.5), Remove(0.5, "mean")]
    )
    assert scorer.passes.forwards == 4
    assert len({x for probe in scores.values() for x in probe.logit.flatten().tolist()}) == 4
    assert (scorer.passes.maps_asked, scorer.passes.maps_scored) == (4, 2)


def test_constant_maps_of_two_layers_are_one_but_for_cells_of_their_own() -> None:
    maps = [torch.zeros(1, 4, 4), torch.full((1, 7, 7), 3.0)]
    scorer = Scorer(RowByRow(), 4)
    images = pixels(noise(0, 1, 3, 28, 28))
    score_probes(scorer, images, torch.tensor([0]), maps, [Remove(0.5), Multiply()])
    assert scorer.passes.forwards == 2
    scores = score_probes(scorer, images, torch.tensor([0]), maps, [Remove(0.5, parts="map")])
    assert not torch.equal(*scores[Remove(0.5, parts="map")].logit)


def test_most_pictures_of_methods_that_agree_are_scored_once(images: Tensor) -> None:
    """Grad-CAM, HiRes-CAM and CAM behind a pooled head: rounding decides about a pixel here and there."""
    network = seeded(Pooled)
    maps = [map_of(name, network, images, "relu").relu() for name in ("cam", "gradcam", "hirescam")]
    scorer, single = Scorer(network, 8), Scorer(network, 8)
    probes: list[Probe] = [Remove(k / 28) for k in range(29)]
    together = score_probes(scorer, pixels(images), torch.zeros(6).long(), maps, probes)
    for m, method_maps in enumerate(maps):
        alone = score_probes(single, pixels(images), torch.zeros(6).long(), [method_maps], probes)
        for probe, scores in together.items():
            torch.testing.assert_close(scores.logit[m], alone[probe].logit[0], rtol=1e-5, atol=1e-6)
    assert scorer.passes.forwards < 0.5 * single.passes.forwards


@pytest.mark.parametrize("network", [Pooled, Flat])
def test_three_methods_are_three_maps(network: type, images: Tensor) -> None:
    built = seeded(network)
    layer = {"Pooled": "relu", "Flat": "features"}[network.__name__]
    maps = [map_of(name, built, images, layer) for name in ("gradcam", "layercam", "gradcam++")]
    assert same_shown(maps, (64, 64)) == [[0], [1], [2]]


def test_maps_are_shown_once_where_they_are_the_same_to_the_last_bit() -> None:
    base = noise(0, 2, 6, 8)
    near = base * (1 + 1e-6 * noise(1, 2, 6, 8))
    half = torch.stack([base[0], near[1]])
    groups = same_shown([base, near, 2 * base, half, torch.zeros(2, 3, 3), torch.ones(2, 9, 9)], SIZE)
    assert groups == [[0, 2], [1], [3], [4, 5]]


def test_the_engine_s_pictures_are_those_of_the_marks(images: Tensor) -> None:
    """Pairs of one mark have pictures that are one to the last bit."""
    batch = pixels(images[:2])
    maps = [noise(0, 2, 6, 8), (4 * noise(0, 2, 6, 8)).round(), torch.zeros(2, 3, 3)]
    palette, plan = (
        PerturbationCache.of(batch, PROBES),
        ProbePlan.of([p for p in PROBES if p not in (Remove(0.0), Remove(1.0))]),
    )
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(2))
    piece = RankedMaps.of(palette, maps, pairs, plan)
    rows = piece.marks(keys(batch.size, images.device))
    seen: dict[Any, Tensor] = {}
    for i, probe in enumerate(plan.probes):
        pictures = piece.picture(probe, torch.arange(len(pairs)))
        for u, mark in enumerate(rows[i].tolist()):
            first = seen.setdefault((name_of(probe), u % 2, mark), pictures[u])
            assert torch.equal(first, pictures[u])


@pytest.fixture
def near() -> Any:
    @method("nearly", needs="activation")
    def nearly(layer: Layer) -> Tensor:
        """The mean activation, but for rounding."""
        mean = layer.activation.mean(1)
        return mean * (1 + 2e-7 * torch.cos(torch.arange(mean[0].numel()).view_as(mean[0]) * 7.0))

    yield
    METHODS.remove("nearly")


class Saturated(nn.Module):
    """A layer whose cells are nearly all at its top, before answers of each picture by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.answer = nn.Sequential(nn.AvgPool2d(8), nn.Sigmoid()), RowByRow()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.answer(images) + self.features(10 + 40 * images).mean((2, 3))
        return logits


@pytest.mark.usefixtures("near")
def test_a_study_gives_a_method_what_it_has_in_a_study_of_its_own(images: Tensor, tmp_path: Path) -> None:
    """Deletion, image x map, and coherency, which shows the network the map again."""

    def done(*methods: str) -> Any:
        study = StudySpec(
            models={"net": Saturated()},
            datasets={"data": images[:3]},
            layers=["features"],
            methods=list(methods),
            metrics=["deletion", "average_drop", "coherency", "irof", "road"],
        )
        folder = tmp_path / "-".join(methods)
        run(study, folder)
        rows = Record.load(folder).results
        rows = rows[rows["method"] == "nearly"]
        return rows.set_index(["metric", "sample"])["value"].sort_index()

    alone, beside = done("nearly"), done("mean-activation", "nearly")
    assert alone.notna().all()
    assert (alone == beside).all(), (alone - beside).abs().max()
