"""The metrics that the field has added: against plain numpy, by hand, and where the best and worst maps are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.errors import BenchError
from benchbench.maps.normalise import saliency
from benchbench.metrics.magnitude_alignment import density, response
from benchbench.registry import METRICS
from benchbench.study.spec import read_metric
from benchbench.types import Scored, Seen
from benchbench.types.probes import Band, Filled, Keep, Remove, Whole, canonical

from . import field
from .faithful import Judge
from .test_against_plain import SIZE, maps, network, pictures, scores

__all__ = ["maps", "network", "pictures"]

NAMES = [
    *("mas_deletion", "mas_insertion", "mas_insertion_deletion", "comprehensiveness", "sufficiency"),
    *("comprehensiveness@eraser-5", "sufficiency@eraser-5", "saco"),
]
SHARES = {"rise-4": (1 / 28, 3 / 28, 6 / 28, 14 / 28), "eraser-5": (0.01, 0.05, 0.1, 0.2, 0.5)}
Values = Mapping[str, list[list[float]]]


@pytest.fixture(scope="module")
def engine(network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> Values:
    return scores(NAMES, network, pictures, maps, batch=16)


@pytest.fixture(scope="module")
def judges(network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> list[Judge]:
    """Of three maps, one of them with ties."""
    with torch.no_grad():
        targets = network(pictures).argsort(1)[:, -2].tolist()

    def judge_of(m: int, i: int) -> Judge:
        def answer(picture: np.ndarray) -> tuple[float, float]:
            with torch.no_grad():
                logits = network(torch.from_numpy(picture)[None].float())[0].double()
            return float(logits.softmax(0)[targets[i]]), float(logits[targets[i]])

        height = saliency(maps[m][i : i + 1], SIZE)[0].double().numpy()
        return Judge(pictures[i].double().numpy(), height, answer, np.zeros(1), np.zeros(1))

    return [judge_of(*place) for place in PLACES]


PLACES = [(0, 0), (0, 3), (1, 1)]


def expected(name: str, judge: Judge) -> float:
    metric, _, protocol = name.partition("@")
    match metric:
        case "mas_deletion" | "mas_insertion":
            return field.mas_of(judge, metric.endswith("insertion"))[0]
        case "mas_insertion_deletion":
            return field.mas_of(judge, True)[0] - field.mas_of(judge, False)[0]
        case "comprehensiveness" | "sufficiency":
            return field.erased(judge, SHARES[protocol or "rise-4"])[metric == "sufficiency"]
    return field.saco_of(judge)


@pytest.mark.parametrize("name", NAMES)
def test_equals_plain_numpy(name: str, engine: Values, judges: list[Judge]) -> None:
    wanted = [expected(name, judge) for judge in judges]
    assert np.ptp(wanted) > 0.01, "values that are all alike test nothing"
    np.testing.assert_allclose([engine[name][m][i] for m, i in PLACES], wanted, atol=1e-4)


def test_a_constant_map_says_nothing(engine: Values) -> None:
    assert engine["saco"][1][2] == 0
    assert 0 <= engine["mas_deletion"][1][2] <= 1


def of(name: str, y: Sequence[float], height: Tensor, **params: Any) -> Scored:
    """The metric of one map with these answers p, and p of the whole image 0.9."""
    answers = torch.tensor([y], dtype=torch.float64)
    whole = torch.tensor([0.9], dtype=torch.float64)
    plugin = METRICS[name]
    result: Scored = plugin.function(Seen(answers, answers, answers, whole, whole, height), **plugin.bind(params))
    return result


def test_mas_by_hand() -> None:
    """Two pixels, of mass 3/4 and 1/4; p 0.9, 0.5, 0.1 is 1, 1/2, 0: the step in the middle is 1/4 off."""
    height = torch.tensor([[[0.75, 0.25]]])
    lost = of("mas_deletion", [0.9, 0.5, 0.1], height, steps=2)
    assert float(lost.value) == pytest.approx((1 / 2 + 3 / 4 + 0 / 2) / 2)  # 1/2 + 1/4 in the middle
    assert float(lost.parts["response"]) == pytest.approx(1 / 2)
    assert float(lost.parts["penalty"]) == pytest.approx(1 / 8)
    won = of("mas_insertion", [0.1, 0.5, 0.9], height, steps=2)
    assert float(won.value) == pytest.approx((0 / 2 + 1 / 4 + 1 / 2) / 2)
    both = of("mas_insertion_deletion", [0.1, 0.5, 0.9, 0.9, 0.5, 0.1], height, steps=2)
    assert float(both.value) == pytest.approx(3 / 8 - 5 / 8)
    assert not lost.inapplicable[0]
    assert "one probability" in of("mas_deletion", [0.9, 0.5, 0.9], height, steps=2).inapplicable[0]


falling = st.lists(st.floats(0.02, 1), min_size=4, max_size=12, unique=True).map(lambda y: sorted(y, reverse=True))


@settings(max_examples=40, deadline=None)
@given(falling)
def test_mas_without_its_penalty_is_deletion(y: list[float]) -> None:
    """Where p falls at every step, its response is deletion's area between p of the fill and p of the image."""
    steps = len(y) - 1
    height = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(steps))
    area = float(of("deletion", y, height, steps=steps).value)
    lost = of("mas_deletion", y, height, steps=steps)
    assert float(lost.parts["response"]) * (y[0] - y[-1]) + y[-1] == pytest.approx(area, abs=1e-9)
    won = of("mas_insertion", y[::-1], height, steps=steps)
    assert float(won.parts["response"]) == pytest.approx(float(lost.parts["response"]), abs=1e-9)
    assert float(won.value) <= float(won.parts["response"]) + 1e-12
    assert float(lost.value) >= float(lost.parts["response"]) - 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 20), st.booleans())
def test_mas_equals_the_authors_loop(seed: int, steps: int, insert: bool) -> None:
    """Any answers, also such as rise and fall, and steps that take no pixel."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.rand(steps + 1, generator=generator, dtype=torch.float64).tolist()
    height = torch.rand(1, 3, 4, generator=generator)
    edges = [round(k / steps * 12) for k in range(steps + 1)]
    ordered = sorted(height.flatten().double().tolist(), reverse=True)
    masses = [sum(ordered[a:b]) for a, b in pairwise(edges)]
    value = of("mas_insertion" if insert else "mas_deletion", y, height, steps=steps)
    aligned, plain = field.mas(y, masses, insert)
    assert float(value.value) == pytest.approx(aligned, abs=1e-9)
    assert float(value.parts["response"]) == pytest.approx(plain, abs=1e-9)


def test_the_mass_of_maps() -> None:
    even = density(torch.zeros(1, 2, 2), 4)
    assert even[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert density(torch.tensor([[[0.0, 1.0], [3.0, 0.0]]]), 2)[0].tolist() == [0, 1, 1]
    y = torch.tensor([[0.2, 0.9, 0.5, 0.6]], dtype=torch.float64)
    np.testing.assert_allclose(response(y, insert=True), [[0, 1, 1, 1]])
    np.testing.assert_allclose(response(y.flip(1), insert=False), [[1, 0.75, 0.75, 0]])


class Adds(nn.Module):
    """p is the sum of a picture's pixels times fixed weights, exactly; the data's mean colour adds nothing."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, images: Tensor) -> Tensor:
        p = (images.double().mean(1) * self.weight).sum((1, 2)).clamp(1e-9, 1 - 1e-9)
        return torch.stack([p.log(), (1 - p).log()], 1)


def test_the_true_map_is_best_and_its_inverse_worst() -> None:
    """On a network that adds up pixels. The pictures are of one colour, so that blur and mean are of no use."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.rand(*SIZE, generator=generator) ** 2
    weight = (weight - weight.min()) / (weight - weight.min()).sum()  # its lowest is 0, as a normalised map's is
    images = 0.9 * torch.ones(5, 3, *SIZE)
    random = torch.rand(5, *SIZE, generator=generator)
    true = weight.expand(5, -1, -1)
    names = ["mas_deletion", "comprehensiveness", {"name": "sufficiency", "fill": "zero"}]
    names += [{"name": "mas_insertion", "fill": "zero"}, {"name": "saco", "fill": "zero"}]
    values = scores_of(names, Adds(weight), images, [true, -true, random])
    for name, (best, worst, chance) in values.items():
        sign = 1 if METRICS[name].higher_is_better else -1
        assert sign * best > sign * chance + 0.05 > sign * worst + 0.1, (name, best, chance, worst)
    assert values["saco"][0] == pytest.approx(1, abs=1e-6)
    assert values["saco"][1] == pytest.approx(-1, abs=1e-6)


def scores_of(labels: list[Any], network: nn.Module, images: Tensor, maps: list[Tensor]) -> dict[str, list[float]]:
    """By metric, the mean over images of the most likely class, for each set of maps."""
    from benchbench.evaluation.evaluate import evaluate
    from benchbench.maps.map_batch import MapBatch
    from benchbench.network.reference_batch import ReferenceBatch, pixels_of
    from benchbench.network.scorer import Scorer
    from benchbench.study.plan import MapCell, MetricCell
    from benchbench.study.spec import read_method
    from benchbench.types import Preprocess
    from benchbench.types.batch import ImageBatch

    ids = tuple("abcde")
    chunk = ImageBatch(ids, images, (None,) * 5, None, ("",) * 5)
    batches, cells = {}, []
    for m, each in enumerate(maps):
        holder = MapCell(f"map{m}", "layer", read_method("gradcam"), "")
        batches[holder.name] = MapBatch(each, ("",) * 5, ("ok",) * 5)
        cells += [MetricCell(f"{read_metric(label).name}/{m}", holder, read_metric(label)) for label in labels]
    target = torch.zeros(5, dtype=torch.long)
    pixels = pixels_of(chunk, 0, Preprocess())
    pages = evaluate(cells, batches, ReferenceBatch(network, Scorer(network, 64), ids, pixels, None, target, target, 0))
    names = [read_metric(label).name for label in labels]
    means = {name: [pages[f"{name}/{m}"]["samples"] for m in range(len(maps))] for name in names}
    return {name: [float(np.mean([row[i]["value"] for i in ids])) for row in rows] for name, rows in means.items()}


def test_comprehensiveness_of_every_step_is_pixel_flipping() -> None:
    y = torch.linspace(0.8, 0.1, 28).tolist()
    every = {"points": tuple(range(1, 29)), "of": 28}
    mean = float(of("comprehensiveness", y, torch.zeros(1, 2, 2), **every).value)
    flipped = float(of("pixel_flipping", y, torch.zeros(1, 2, 2)).value)
    assert mean == pytest.approx(flipped * 29 / 28)
    with pytest.raises(BenchError, match="more than all pixels"):
        METRICS["sufficiency"].probes(points=(3,), of=2, fill="zero")  # type: ignore[misc]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.2, 0.4, 0.7]), min_size=4, max_size=4), st.integers(0, 99))
def test_saco_equals_the_authors_loop(y: list[float], seed: int) -> None:
    """With equal costs among them."""
    height = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(seed))
    ordered = sorted(height.flatten().double().tolist(), reverse=True)
    sums = [sum(ordered[4 * k : 4 * k + 4]) for k in range(4)]
    wanted = field.saco(sums, [0.9 - p for p in y])
    assert float(of("saco", y, height, groups=4).value) == pytest.approx(wanted, abs=1e-9)


def test_saco_by_hand_and_where_nothing_answers() -> None:
    """Groups of 6, 3 and 1: the first two as they should be (3), the last against both (5 and 2)."""
    height = torch.tensor([[[6.0, 3.0, 1.0]]])
    assert float(of("saco", [0.6, 0.7, 0.5], height, groups=3).value) == pytest.approx((3 - 5 - 2) / 10)
    assert of("saco", [0.9, 0.9, 0.9], height, groups=3).inapplicable[0]


def test_what_is_shared_costs_nothing() -> None:
    """MAS has deletion's and insertion's probes; so have comprehensiveness and sufficiency, but for ERASER's shares."""

    def probes(*names: str) -> set[Any]:
        return {
            canonical(probe)
            for name in names
            for probe in METRICS[name].probes(**METRICS[name].bind({}))  # type: ignore[misc]
        }

    old = probes("deletion", "insertion")
    new = ("mas_deletion", "mas_insertion", "mas_insertion_deletion", "comprehensiveness", "sufficiency")
    assert probes(*new) == old
    assert len(probes("saco") - old) == 10


@pytest.mark.parametrize(
    ("band", "same"),
    [
        (Band(0.0, 0.3), Remove(0.3)),
        (Band(0.3, 1.0), Keep(0.3)),
        (Band(0.0, 1.0), Filled("zero")),
        (Band(0, 0), Whole()),
    ],
)
def test_a_band_at_an_end_has_a_simpler_name(band: Band, same: Any) -> None:
    assert canonical(band) == same
