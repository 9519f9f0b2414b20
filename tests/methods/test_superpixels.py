"""LIME, KernelSHAP and the ceiling over superpixels: closed forms, all coalitions, and captum beside them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import KernelShap, LimeBase
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.errors import BenchError
from benchbench.methods._superpixels import Superpixels
from benchbench.methods.kernelshap import listed, shapley
from benchbench.perturbation.fills import FILLS
from benchbench.registry import METHODS, method
from benchbench.types import INPUT

from ..helpers import layer_of, map_of, pixels
from ..networks import Pooled, seeded

TILES = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.8, 0.35]])  # the colours of an image of six plain tiles


def tiled(count: int = 2) -> Tensor:
    """(count, 3, 32, 48): tiles of 16 pixels, which SLIC finds as they are."""
    scale = torch.tensor([1.0, 0.7, 0.4])[:, None, None]
    image = TILES.repeat_interleave(16, 0).repeat_interleave(16, 1) * scale
    return torch.stack([image + 0.05 * k for k in range(count)])


class OfTiles(nn.Module):
    """A logit that is a function of six numbers, each tile's mean; the other logit is 0."""

    def __init__(self, pairs: float = 0.0) -> None:
        super().__init__()
        self.pairs = pairs
        self.weight = torch.tensor([3.0, -2.0, 1.0, 0.5, 4.0, -1.0])

    def forward(self, images: Tensor) -> Tensor:
        means = nn.functional.avg_pool2d(images, 16).mean(1).flatten(1)
        together = means[:, 0] * means[:, 1] + means[:, 2] * means[:, 4] * means[:, 5]
        z = (means * self.weight).sum(1) + self.pairs * together
        return torch.stack([z, torch.zeros_like(z)], 1)


def per_tile(maps: Tensor) -> Tensor:
    """(B, 6): the map's value of each tile, the same at all of its pixels."""
    cells = maps.unfold(1, 16, 16).unfold(2, 16, 16).flatten(3).flatten(1, 2)
    assert torch.equal(cells.amin(2), cells.amax(2))
    return cells[:, :, 0]


def tiles_of(name: str, network: nn.Module, images: Tensor, **params: Any) -> Tensor:
    targets = torch.zeros(len(images), dtype=torch.long)
    extra = {} if name == "ceiling" else {"sign": "signed"}
    return per_tile(map_of(name, network, images, "", targets, segments=6, **extra, **params))


def contributions(images: Tensor, fill: str) -> Tensor:
    """What each tile adds to the logit of ``OfTiles()`` where the image stands in place of the fill."""
    means = nn.functional.avg_pool2d(images - FILLS[fill](pixels(images)), 16).mean(1).flatten(1)  # type: ignore[index]
    return means * OfTiles().weight


@pytest.mark.parametrize("fill", ["zero", "mean", "blur", "gaussian-15", "box", "noise"])
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("lime", {"samples": 40, "ridge": 0.0, "score": "logit"}),
        ("kernelshap", {"samples": 62}),
        ("kernelshap", {"samples": 25}),
    ],
)
def test_a_sum_over_superpixels_has_its_terms(name: str, params: dict[str, Any], fill: str) -> None:
    """Whatever coalitions are drawn, as soon as they determine the terms: exact, and no approximation."""
    images = tiled()
    seeds = layer_of(OfTiles(), images, INPUT, torch.zeros(2, dtype=torch.long)).seeds
    hidden = FILLS[fill](pixels_of(images, seeds))  # type: ignore[index]
    expected = nn.functional.avg_pool2d(images - hidden, 16).mean(1).flatten(1) * OfTiles().weight
    actual = tiles_of(name, OfTiles(), images, fill=fill, **params)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def pixels_of(images: Tensor, seeds: tuple[int, ...]) -> Any:
    plain = pixels(images)
    return type(plain)(images, seeds, plain.mean, plain.std)


def test_the_fill_of_lime_s_authors_is_each_superpixel_s_mean_colour() -> None:
    layer = layer_of(seeded(Pooled), torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0)), INPUT)
    parts = Superpixels.of(layer, 6, "superpixel")
    for b, count in enumerate(parts.counts):
        for k in range(count):
            here = parts.labels[b] == k
            colour = layer.images[b][:, here].mean(1)
            torch.testing.assert_close(parts.hidden[b][:, here], colour[:, None].expand(-1, int(here.sum())))
    none = torch.zeros(2, parts.most, dtype=torch.bool)
    assert torch.equal(parts.picture(torch.arange(2), none), parts.hidden)
    assert torch.equal(parts.picture(torch.arange(2), ~none), layer.images)


def test_superpixels_are_of_the_image_alone() -> None:
    """Neither the network, the seed, the batch nor a change of brightness and contrast moves them."""
    images = torch.rand(3, 3, 48, 32, generator=torch.Generator().manual_seed(1))
    parts = Superpixels.of(layer_of(seeded(Pooled), images, INPUT), 12, "zero")
    other = Superpixels.of(layer_of(seeded(Pooled, seed=3), 4 * images[1:2] - 1, INPUT, ids=["else"]), 12, "mean")
    assert torch.equal(parts.labels[1], other.labels[0])
    assert parts.counts[1] == other.counts[0] == int(parts.labels[1].max()) + 1


def exact(value: Any, count: int) -> list[float]:
    """Shapley values by their definition, over all subsets without each player."""
    players, values = range(count), []
    for i in players:
        rest, total = [p for p in players if p != i], 0.0
        for size in range(count):
            share = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            total += sum(share * (value({*s, i}) - value(set(s))) for s in combinations(rest, size))
        values.append(total)
    return values


def logit_of(network: nn.Module, image: Tensor, fill: str, shown: set[int]) -> float:
    kept = torch.tensor([float(k in shown) for k in range(6)]).view(2, 3)
    mask = kept.repeat_interleave(16, 0).repeat_interleave(16, 1)
    hidden = FILLS[fill](pixels(image[None]))[0]  # type: ignore[index]
    with torch.no_grad():
        return float(network((mask * image + (1 - mask) * hidden)[None])[0, 0])


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_with_all_coalitions_kernelshap_is_exact(fill: str) -> None:
    network, images = OfTiles(pairs=40.0), tiled()
    actual = tiles_of("kernelshap", network, images, fill=fill, samples=70)
    for b, image in enumerate(images):
        expected = exact(lambda shown, image=image: logit_of(network, image, fill, shown), 6)
        np.testing.assert_allclose(actual[b].numpy(), expected, rtol=1e-4, atol=1e-5)
        assert not np.allclose(expected, contributions(images, fill)[b], rtol=0.1), "the pairs have no part in it"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_regression_of_any_game_gives_its_shapley_values(count: int, seed: int) -> None:
    game = np.random.default_rng(seed).normal(size=2**count)
    numbered = {frozenset(k for k in range(count) if c >> k & 1): game[c] for c in range(2**count)}
    rows, weights = listed(count)
    scores = np.array([numbered[frozenset(row.nonzero()[:, 0].tolist())] for row in rows])
    whole, empty = numbered[frozenset(range(count))], numbered[frozenset()]
    values = shapley(rows.double().numpy(), scores, weights, whole, empty)
    np.testing.assert_allclose(values, exact(lambda s: numbered[frozenset(s)], count), atol=1e-9)
    assert values.sum() == pytest.approx(whole - empty)


def test_with_drawn_coalitions_kernelshap_comes_near_and_adds_up() -> None:
    network, images = OfTiles(pairs=40.0), tiled(1)
    full = tiles_of("kernelshap", network, images, samples=62)[0]
    drawn = tiles_of("kernelshap", network, images, samples=61)[0]
    assert not torch.allclose(drawn, full, rtol=1e-4), "61 of 62 coalitions cannot be all of them"
    torch.testing.assert_close(drawn.sum(), full.sum(), rtol=1e-4, atol=1e-4)
    assert float((drawn - full).abs().max()) < 0.2 * float(full.abs().max())


def test_kernelshap_against_captum() -> None:
    """captum draws from torch's own generator and holds the sum by a large weight: near, with many samples."""
    network, images = OfTiles(pairs=10.0), tiled(1)
    tile = torch.arange(6).view(2, 3).repeat_interleave(16, 0).repeat_interleave(16, 1)
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        peer = KernelShap(network).attribute(
            images, target=0, feature_mask=tile.expand(1, 3, -1, -1), n_samples=1500, perturbations_per_eval=500
        )
    expected = per_tile(peer[:, 0])[0]
    actual = tiles_of("kernelshap", network, images)[0]
    torch.testing.assert_close(actual, expected.float(), rtol=0.03, atol=0.03)


@pytest.mark.parametrize(("width", "ridge"), [(0.25, 1.0), (0.6, 0.1)])
def test_lime_against_captum_on_the_same_samples(width: float, ridge: float) -> None:
    """captum's LimeBase with scikit-learn's ridge, given the samples that were drawn here and the authors' kernel."""
    network, images, count = OfTiles(pairs=40.0), tiled(1), 60
    params = {"samples": count, "width": width, "ridge": ridge, "fill": "zero", "score": "logit"}
    actual = tiles_of("lime", network, images, **params)[0]
    layer = layer_of(network, images, INPUT, torch.zeros(1, dtype=torch.long))
    drawn = torch.stack([layer.uniform(count, stream=f"superpixel {k}")[0] for k in range(6)], 1) < 0.5
    drawn[0] = True

    def rows(*_: Any, **__: Any) -> Iterator[Tensor]:
        yield from drawn.long()[:, None]

    def similarity(_: Tensor, __: Tensor, row: Tensor, **___: Any) -> float:
        cosine = float(nn.functional.cosine_similarity(row.double(), torch.ones(1, 6).double())[0])
        return math.sqrt(math.exp(-((1 - cosine) ** 2) / width**2))

    def pictured(row: Tensor, image: Tensor, **_: Any) -> Tensor:
        return image * row.view(2, 3).repeat_interleave(16, 0).repeat_interleave(16, 1)

    peer = LimeBase(network, SkLearnRidge(alpha=ridge), similarity, rows, True, pictured, None)
    with torch.random.fork_rng():
        expected = peer.attribute(images, target=0, n_samples=count)
    torch.testing.assert_close(actual, expected[0].float(), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(actual, contributions(images, "zero")[0], rtol=0.1)


def test_more_ridge_draws_lime_s_coefficients_together() -> None:
    plain, held = (tiles_of("lime", OfTiles(), tiled(), samples=40, ridge=r, fill="zero") for r in (0.0, 10.0))
    assert float(held.norm()) < 0.9 * float(plain.norm())


@pytest.mark.parametrize("name", ["lime", "kernelshap", "ceiling"])
def test_an_image_s_map_does_not_depend_on_images_with_other_counts(name: str) -> None:
    """A batch with an image of more superpixels gives the same draws, coalitions and order."""
    busy = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(4))
    params: dict[str, Any] = {"segments": 6, **({} if name == "ceiling" else {"samples": 20})}
    network = seeded(Pooled)
    layer = layer_of(network, torch.cat([tiled(1), busy]), INPUT, ids=["tiles", "busy"])
    counts = Superpixels.of(layer, 6, "zero").counts
    assert len(set(counts)) == 2, counts
    together = METHODS[name].function(layer, **params)
    for i, (key, image) in enumerate([("tiles", tiled(1)), ("busy", busy)]):
        alone = METHODS[name].function(layer_of(network, image, INPUT, ids=[key]), **params)
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-6)


def by_hand(network: nn.Module, image: Tensor, fill: str) -> list[int]:
    """Tiles, all of one size, in the order in which each raises the target's probability most."""
    order: list[int] = []
    while len(order) < 6:
        gains = {
            k: 1 / (1 + math.exp(-logit_of(network, image, fill, {*order, k}))) for k in range(6) if k not in order
        }
        order.append(max(gains, key=lambda k: gains[k]))
    return order


@pytest.mark.parametrize("fill", ["blur", "zero"])
def test_the_ceiling_adds_what_raises_the_score_most(fill: str) -> None:
    network, images = OfTiles(pairs=9.0), tiled()
    values = tiles_of("ceiling", network, images, fill=fill)
    for b, image in enumerate(images):
        order = by_hand(network, image, fill)
        assert values[b].argsort(descending=True).tolist() == order
        assert order != contributions(images, fill)[b].argsort(descending=True).tolist(), "pairs would not be needed"
    assert sorted(values[0].tolist()) == pytest.approx([k / 6 for k in range(1, 7)])


def test_of_a_sum_the_ceiling_is_the_best_order_of_superpixels_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """All 120 orders of five strips: the area under the logit over the share of pixels that are put back."""
    widths, gains = [3, 8, 2, 6, 5], torch.tensor([2.0, 3.0, -1.0, 4.0, -4.0])
    strip = torch.repeat_interleave(torch.arange(5), torch.tensor(widths))

    class OfStrips(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            shown = torch.stack([images[:, 0, :, strip == k].mean((1, 2)) for k in range(5)], 1)
            z = (shown * gains).sum(1)
            return torch.stack([z, torch.zeros_like(z)], 1)

    images = torch.ones(1, 3, 4, 24)
    parts = Superpixels(strip.expand(1, 4, -1), (5,), images, torch.zeros_like(images))
    monkeypatch.setattr(Superpixels, "of", lambda *_: parts)
    maps = map_of("ceiling", OfStrips(), images, "", torch.zeros(1, dtype=torch.long), answer="logit")
    order = [int(strip[i]) for i in maps[0, 0].argsort(descending=True, stable=True).tolist()]

    def area(sequence: Sequence[int]) -> float:
        y, total = 0.0, 0.0
        for k in sequence:
            total += widths[k] * (y + float(gains[k]) / 2)
            y += float(gains[k])
        return total

    areas = [area(sequence) for sequence in permutations(range(5))]
    assert area(list(dict.fromkeys(order))) == pytest.approx(max(areas))
    assert area(gains.argsort(descending=True).tolist()) < max(areas), "sizes would not matter"


def test_equal_scores_go_by_number() -> None:
    """On a network that answers the same whatever it sees, but for rounding."""

    class Nothing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            z = 2 + 1e-7 * images.mean((1, 2, 3))
            return torch.stack([z, torch.zeros_like(z)], 1)

    assert tiles_of("ceiling", Nothing(), tiled(1))[0].argsort(descending=True).tolist() == list(range(6))


def test_what_optimises_a_metric_is_a_control() -> None:
    assert METHODS["ceiling"].optimises == {"insertion"}
    assert METHODS["ceiling"].control
    with pytest.raises(BenchError, match=r"optimises= is of controls alone\. Use control=True"):
        method("cheat", needs="input", optimises="insertion")(lambda layer: layer.images.mean(1))
    assert "cheat" not in METHODS
