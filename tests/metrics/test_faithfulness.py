"""Every faithfulness metric, through the engine's packed scoring, against plain numpy; and what must hold of each."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn

from benchbench.evaluation.probe_scores import forwards
from benchbench.maps.normalise import saliency
from benchbench.metrics._correlation import midranks, pearson_or_zero, spearman_or_zero
from benchbench.network.reference_batch import pixels_of
from benchbench.perturbation.apply_probe import hidden
from benchbench.perturbation.fills import FILLS
from benchbench.perturbation.parts import parts_in
from benchbench.registry import METRICS
from benchbench.types import Pixels, Preprocess, Seen
from benchbench.types.batch import ImageBatch
from benchbench.types.probes import Random

from ..helpers import pixels
from . import faithful, plain
from .test_against_plain import SIZE, maps, network, pictures, scores

__all__ = ["maps", "network", "pictures"]

NAMES = [
    *("road", "road_morf", "road_lerf", "lerf_morf", "road_morf@zero-9", "road_morf@blur-9", "road_lerf@noise-9"),
    *("pixel_flipping", "pixel_flipping@noise-28", "region_flipping", "region_flipping@grid14-7-noise", "irof"),
    *("deletion_correlation", "insertion_correlation", "insertion_deletion", "drop_in_deletion"),
    *("sensitivity_n", "faithfulness_correlation", "infidelity", "single_deletion", "single_deletion@grid7"),
    *("average_drop@top50", "average_drop@masked-image-mean", "deletion@rise-28-mean", "insertion@rise-28-zero"),
]
FILLED = [
    *("deletion_correlation@mean-28", "deletion_correlation@noisy-linear-28", "insertion_correlation@zero-28"),
    *("insertion_deletion@rise-28-mean", "pixel_flipping@blur-28", "region_flipping@grid14-7-blur"),
    *("irof@slic60-10-blur", "sensitivity_n@grid14-5x20-mean", "faithfulness_correlation@grid14-50-blur"),
    *("infidelity@grid7", "infidelity@grid4-mean", "single_deletion@grid4-noise"),
]
NAMES += FILLED
EXACT = {name for name in NAMES if "noisy" not in name and (not name.startswith(("road", "lerf")) or "@" in name)}


@pytest.fixture(scope="module")
def inputs(pictures: Tensor) -> Pixels:
    return pixels_of(ImageBatch(tuple("abcde"), pictures, (None,) * 5, None, ("",) * 5), 0, Preprocess())


@pytest.fixture(scope="module")
def judges(network: nn.Module, pictures: Tensor, inputs: Pixels, maps: list[Tensor]) -> list[list[faithful.Judge]]:
    """Per set of maps, per image."""
    noise, road = FILLS["noise"](inputs).double().numpy(), FILLS["noisy-linear"](inputs).double().numpy()
    with torch.no_grad():
        targets = network(pictures).argsort(1)[:, -2].tolist()

    def judge_of(i: int, tensor: Tensor) -> faithful.Judge:
        def answer(picture: np.ndarray) -> tuple[float, float]:
            with torch.no_grad():
                logits = network(torch.from_numpy(picture)[None].float())[0].double()
            return float(logits.softmax(0)[targets[i]]), float(logits[targets[i]])

        height = saliency(tensor[i : i + 1], SIZE)[0].double().numpy()
        return faithful.Judge(pictures[i].double().numpy(), height, answer, noise[i], road[i])

    return [[judge_of(i, tensor) for i in range(5)] for tensor in maps]


@pytest.fixture(scope="module")
def engine(network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> dict[str, list[list[float]]]:
    return scores(NAMES, network, pictures, maps, batch=16)


def subsets(inputs: Pixels, i: int, shares: tuple[float, ...], draws: int) -> list[np.ndarray]:
    """The random sets of one image: which sets they are is data, and the same for every map."""
    return [subset[i] for share in shares for subset in sets_of_all(inputs, share, draws)]


@cache
def sets_of_all(inputs: Pixels, share: float, draws: int) -> list[np.ndarray]:
    probes = [Random(d, share, "zero", "grid-14") for d in range(draws)]
    return [hidden(probe, parts_in(probe.parts, inputs), None).numpy() for probe in probes]


def expected(name: str, judge: faithful.Judge, inputs: Pixels, i: int) -> float:
    shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    if name in FILLED:
        return filled(name, judge, inputs, i)
    match name:
        case "road":
            return (faithful.road_lerf(judge) - faithful.road_morf(judge)) / 2
        case "lerf_morf":
            return faithful.road_lerf(judge) - faithful.road_morf(judge)
        case "road_morf" | "road_lerf" | "pixel_flipping" | "region_flipping":
            return float(getattr(faithful, name)(judge))
        case "road_morf@zero-9" | "road_morf@blur-9":
            return faithful.road_morf(judge, name.split("@")[1][:-2])
        case "road_lerf@noise-9":
            return faithful.road_lerf(judge, "noise")
        case "pixel_flipping@noise-28":
            return faithful.pixel_flipping(judge, "noise")
        case "region_flipping@grid14-7-noise":
            return faithful.region_flipping(judge, "noise")
        case "irof":
            parts = parts_in("slic-60", inputs)
            labels = parts.each()[i].numpy()
            return faithful.irof(judge, [labels == n for n in range(int(parts.count[i]))])
        case "deletion_correlation" | "insertion_correlation":
            insert = name.startswith("insertion")
            return faithful.curve_correlation(judge, insert, "blur" if insert else "zero")
        case "drop_in_deletion":
            q = judge.answer(judge.image * (1 - judge.saliency))[0]
            return max(0, judge.p - q) / judge.p
        case "average_drop@top50":
            return max(0, judge.p - judge.without(~judge.top(0.5))) / judge.p
        case "average_drop@masked-image-mean":
            mean = judge.image.mean((1, 2))[:, None, None]
            q = judge.answer(judge.image * judge.saliency + mean * (1 - judge.saliency))[0]
            return max(0, judge.p - q) / judge.p
        case "sensitivity_n":
            pairs = [faithful.subset_pairs(judge, subsets(inputs, i, (share,), 20), logit=True) for share in shares]
            return float(np.mean([stats.pearsonr(*pair).statistic for pair in pairs]))
        case "faithfulness_correlation":
            pair = faithful.subset_pairs(judge, subsets(inputs, i, (0.3,), 50), logit=False)
            return float(stats.pearsonr(*pair).statistic)
        case "infidelity":
            return faithful.infidelity(*faithful.subset_pairs(judge, judge.cells(4), logit=True))
        case "single_deletion" | "single_deletion@grid7":
            return faithful.single_deletion(judge, 7 if "7" in name else 4)
    inserted = [judge.without(~judge.top(k / 28), "blur" if "@" not in name else "zero") for k in range(29)]
    deleted = [judge.without(judge.top(k / 28), "zero" if "@" not in name else "mean") for k in range(29)]
    if name == "insertion_deletion":
        return plain.area(inserted) - plain.area(deleted)
    return plain.area(inserted if name.startswith("insertion") else deleted)


def filled(name: str, judge: faithful.Judge, inputs: Pixels, i: int) -> float:
    """The same with another fill than the metric's own."""
    metric, protocol = name.split("@")
    fill = next((f for f in ("noisy-linear", "zero", "mean", "blur", "noise") if f in protocol), "zero")
    pairs = partial(faithful.subset_pairs, judge, fill=fill)
    match metric:
        case "deletion_correlation" | "insertion_correlation":
            return faithful.curve_correlation(judge, metric.startswith("insertion"), fill)
        case "insertion_deletion":
            inserted = [judge.without(~judge.top(k / 28), fill) for k in range(29)]
            return plain.area(inserted) - plain.area([judge.without(judge.top(k / 28), fill) for k in range(29)])
        case "pixel_flipping" | "region_flipping":
            return float(getattr(faithful, metric)(judge, fill))
        case "irof":
            parts = parts_in("slic-60", inputs)
            labels = parts.each()[i].numpy()
            return faithful.irof(judge, [labels == n for n in range(int(parts.count[i]))], fill)
        case "sensitivity_n":
            each = [pairs(subsets(inputs, i, (s,), 20), logit=True) for s in (0.1, 0.3, 0.5, 0.7, 0.9)]
            return float(np.mean([stats.pearsonr(*pair).statistic for pair in each]))
        case "faithfulness_correlation":
            return float(stats.pearsonr(*pairs(subsets(inputs, i, (0.3,), 50), logit=False)).statistic)
        case "infidelity":
            return faithful.infidelity(*pairs(judge.cells(7 if "7" in protocol else 4), logit=True))
    return float(stats.spearmanr(*pairs(judge.cells(4), logit=False)).statistic)


@pytest.mark.parametrize("name", NAMES)
def test_equals_plain_numpy(
    name: str, engine: dict[str, list[list[float]]], judges: list[list[faithful.Judge]], inputs: Pixels
) -> None:
    flat = {(1, 2)}  # the constant map has its own test
    places = [(m, i) for m in range(2) for i in range(5) if (m, i) not in flat]
    wanted = [expected(name, judges[m][i], inputs, i) for m, i in places]
    assert np.ptp(wanted) > 0.01, "values that are all alike test nothing"
    values = [engine[name][m][i] for m, i in places]
    np.testing.assert_allclose(values, wanted, atol=1e-4 if name in EXACT else 1e-3)


CONSTANT = {
    **dict.fromkeys(["road", "lerf_morf"], 0),
    **dict.fromkeys(["deletion_correlation", "insertion_correlation", "sensitivity_n"], 0),
    **dict.fromkeys(["faithfulness_correlation", "single_deletion"], 0),
    "infidelity": 1,
}


@pytest.mark.parametrize("name", CONSTANT)
def test_a_constant_map_says_nothing(name: str, engine: dict[str, list[list[float]]]) -> None:
    assert engine[name][1][2] == pytest.approx(CONSTANT[name], abs=1e-9)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_batch_size_changes_nothing(
    batch: int, engine: dict[str, list[list[float]]], network: nn.Module, pictures: Tensor, maps: list[Tensor]
) -> None:
    few = slice(2, 3) if batch == 1 else slice(1, 3)  # "c" has the constant map
    values = scores(NAMES, network, pictures[few], [tensor[few] for tensor in maps], batch, "abcde"[few])
    for name in NAMES:
        np.testing.assert_allclose(values[name], [row[few] for row in engine[name]], atol=2e-5, err_msg=name)


RANKS_ONLY = [name for name in NAMES if METRICS[name.split("@")[0]].ranks_only]


def test_what_reads_only_ranks_does_not_see_an_increasing_change(network: nn.Module, pictures: Tensor) -> None:
    """At the image's own size, where upsampling changes nothing."""
    generator = torch.Generator().manual_seed(3)
    levels = torch.randint(0, 30, (5, *SIZE), generator=generator).float() / 30
    values = scores(RANKS_ONLY, network, pictures, [levels, levels.square(), 5 * levels.square() - 3], 64)
    assert len(RANKS_ONLY) > 10
    for name in RANKS_ONLY:
        np.testing.assert_allclose(values[name][1], values[name][0], atol=1e-5, err_msg=name)
        np.testing.assert_allclose(values[name][2], values[name][0], atol=1e-5, err_msg=name)


def test_regions_and_ranks() -> None:
    """A region's mean is no rank: flipping regions does not promise what flipping pixels does."""
    assert not METRICS["region_flipping"].ranks_only
    assert not METRICS["irof"].ranks_only


class Sum(nn.Module):
    """Two logits: the sum of the image over a mask, which is the target, and one that is always above it."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, images: Tensor) -> Tensor:
        total = (images.mean(1) * self.weight).sum((1, 2))
        return torch.stack([total, torch.full_like(total, 6.5)], 1)


def test_perfect_inverted_and_random_maps() -> None:
    """On a network that adds up pixels, the map of what each pixel adds wins every metric, and its inverse loses."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.rand(*SIZE, generator=generator) ** 3
    network = Sum(weight / weight.sum() * 6)
    pictures = torch.ones(5, 3, *SIZE)
    random = torch.rand(5, *SIZE, generator=generator)
    map_sets = [weight.expand(5, -1, -1), -weight.expand(5, -1, -1), random]
    names = [n for n in NAMES if not n.startswith(("irof", "insertion", "average", "drop", "deletion@", "road_morf@b"))]
    with_zero = [*(f"{n}@zero-9" for n in ("road_morf", "road_lerf", "lerf_morf")), "deletion", "drop_in_deletion"]
    names = [n for n in names if "noise" not in n and not n.startswith(("road", "lerf"))] + with_zero
    # left out: the mean colour changes nothing on one colour; a random map's early steps cost most of a sigmoid too
    names = [n for n in names if not n.startswith(("region", "deletion_correlation")) and n not in FILLED]
    values = scores(names, network, pictures, map_sets, 64)
    for name in names:
        sign = 1 if METRICS[name.split("@")[0]].higher_is_better else -1
        best, worst, chance = (sign * np.mean(values[name][m]) for m in range(3))
        assert best > chance + 0.01, name
        assert chance > worst + 0.01 or (name == "infidelity" and best > worst), name
    for name in ("sensitivity_n", "single_deletion"):
        np.testing.assert_allclose(values[name][0], 1, atol=1e-3, err_msg=name)
        assert np.max(values[name][1]) < -0.5, "not -1: cells of 28 x 40 pixels are not all of one size"
    np.testing.assert_allclose(values["infidelity"][0], 0, atol=1e-4)


def test_where_the_network_s_answer_never_changes(pictures: Tensor, maps: list[Tensor]) -> None:
    names = ["sensitivity_n", "faithfulness_correlation", "single_deletion", "deletion_correlation", "infidelity"]
    values = scores(names, Sum(torch.zeros(SIZE)), pictures, maps, 64)
    assert all(value is None for name in names for row in values[name] for value in row), "not applicable"


def test_probes_are_shared() -> None:
    def probe_count(*names: str) -> int:
        return len({probe for name in names for probe in METRICS[name].probes(**METRICS[name].bind({}))})  # type: ignore[misc]

    assert probe_count("road", "road_morf", "road_lerf", "lerf_morf") == 18
    assert probe_count("deletion", "insertion", "insertion_deletion", "pixel_flipping", "deletion_correlation") == 58
    assert probe_count("sensitivity_n", "faithfulness_correlation") == 100 + 30
    assert probe_count("single_deletion", "infidelity") == 16


def test_what_the_family_costs_together() -> None:
    """The figures that docs/definitions.md quotes."""
    family = {
        name: list(plugin.probes(**plugin.bind({})))
        for name, plugin in METRICS.load().items()
        if plugin.family == "faithfulness" and plugin.probes is not None
    }
    together = forwards([probe for probes in family.values() for probe in probes])
    alone = [forwards(probes)[0] for probes in family.values()]
    core = forwards([probe for name in ("deletion", "insertion", "road") for probe in family[name]])
    page = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text(encoding="utf-8")
    text = " ".join(page.split())
    more = ["region_flipping", "irof", "average_drop", "drop_in_deletion", "saco", "sic"]
    flipping, irof, *products, groups, curves = [forwards(family[name])[0] for name in more]
    fidelity = sum(forwards(family[f"f_fidelity_{name}"])[0] for name in ("plus", "minus"))
    assert f"need {together[0]} forward passes per map under their defaults (separately {sum(alone)})" in text
    assert f"{core[0]} for deletion, insertion and ROAD, and {together[0] - core[0]} for region flipping" in text
    assert f"region flipping ({flipping}), IROF ({irof}), the two products with the map ({sum(products)})" in text
    assert f"SaCo ({groups}), SIC and AIC ({curves}) and F-Fidelity ({fidelity})" in text
    assert f"To these come {together[1] - core[1]} per image" in text


rows = st.lists(st.lists(st.integers(-4, 4).map(float), min_size=6, max_size=6), min_size=2, max_size=2)


@settings(max_examples=60)
@given(rows)
def test_correlations_equal_scipy(pair: list[list[float]]) -> None:
    first, second = (torch.tensor([row]) for row in pair)
    np.testing.assert_allclose(midranks(first)[0], stats.rankdata(pair[0]))
    if len(set(pair[0])) > 1 and len(set(pair[1])) > 1:
        assert float(pearson_or_zero(first, second)) == pytest.approx(stats.pearsonr(*pair).statistic, abs=1e-9)
        assert float(spearman_or_zero(first, second)) == pytest.approx(stats.spearmanr(*pair).statistic, abs=1e-9)
    else:
        assert float(pearson_or_zero(first, second)) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_values_stay_in_their_range(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = pixels(torch.rand(2, 3, 16, 16, generator=generator))
    for name, plugin in METRICS.load().items():
        if plugin.family != "faithfulness" or plugin.probes is None or plugin.views:
            continue
        params = plugin.bind({})
        count = len(plugin.probes(**params))
        logit = 3 * torch.randn(2, count, generator=generator)
        seen = Seen(
            logit.sigmoid(), logit, (logit > 0).float(), torch.rand(2, generator=generator), torch.randn(2),
            torch.rand(2, 16, 16, generator=generator), None, torch.rand(2, 4, 4, generator=generator), inputs,
            rival_probability=torch.rand(2, count, 4, generator=generator) * (1 - logit.sigmoid())[..., None] / 4,
        )  # fmt: skip
        value = torch.as_tensor(plugin.function(seen, **params).value)
        low, high = plugin.range
        assert (value >= low - 1e-6).all(), name
        assert (value <= high + 1e-6).all(), name
