"""Expected gradients: closed forms on linear and quadratic networks, a loop, and what the images are compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import benchbench as bb
from benchbench.attribution.method_call import run_method
from benchbench.errors import BenchError, NotApplicable
from benchbench.registry import METHODS
from benchbench.types import INPUT, ReferencePool, References

from ..helpers import layer_of
from ..networks import seeded
from .loops import array, close
from .test_paths import linear
from .test_pixels import Swish

NAME = "expectedgradients"


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(4, 3, 8, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def others() -> Tensor:
    return torch.randn(5, 3, 8, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def weight() -> Tensor:
    return torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(2)) / 10


def maps_with(network: nn.Module, pictures: Tensor, references: References | None, **params: Any) -> Tensor:
    targets = torch.zeros(len(pictures), dtype=torch.long)
    layer = replace(layer_of(network, pictures, INPUT, targets), data_references=references)
    return run_method(METHODS[NAME], layer, METHODS[NAME].bind({"sign": "signed", **params}))


PLACES = ((0, 1, 2, 3, 4), (1, 2, 3, 4), (3,), (0, 4))


@pytest.mark.parametrize("draws", [1, 3])
def test_exact_on_a_linear_network(draws: int, pictures: Tensor, others: Tensor, weight: Tensor) -> None:
    """Weight times (image - mean of its references), whatever the points on the ways, and however many references."""
    maps = maps_with(linear(weight, 1), pictures, References(others, PLACES), draws=draws)
    means = torch.stack([others[list(places)].mean(0) for places in PLACES])
    close(maps, array((weight * (pictures - means)).sum(1)), rtol=1e-4)
    both = {
        sign: maps_with(linear(weight, 1), pictures, References(others, PLACES), sign=sign)
        for sign in ("positive", "absolute")
    }
    close(both["positive"], array(maps.clamp_min(0)), rtol=1e-4)
    close(both["absolute"], array(maps.abs()), rtol=1e-4)


def test_adds_up_in_expectation(pictures: Tensor, others: Tensor, weight: Tensor) -> None:
    """y = (w.x)^2: the sum of the map is the mean change of y, nearer with more points."""
    network, references = linear(weight, 2), References(others, PLACES)

    def gap(draws: int) -> float:
        sums = maps_with(network, pictures, references, draws=draws).sum((1, 2))
        return float((sums - change).abs().max() / change.abs().max())

    def score(images: Tensor) -> Tensor:
        return (weight * images).sum((1, 2, 3)) ** 2

    change = score(pictures) - torch.stack([score(others[list(places)]).mean() for places in PLACES])
    assert gap(100) < 0.15
    assert gap(100) < gap(2) / 2


def test_the_same_alone_and_in_a_batch(pictures: Tensor, others: Tensor) -> None:
    """Also where another image of the batch has more references."""
    network, references = seeded(Swish), References(others, PLACES)
    together = maps_with(network, pictures, references, draws=2)
    targets = torch.zeros(1, dtype=torch.long)
    for i in range(4):
        layer = layer_of(network, pictures[i : i + 1], INPUT, targets, ids=[str(i)])
        layer = replace(layer, data_references=references.row(i))
        alone = run_method(METHODS[NAME], layer, METHODS[NAME].bind({"sign": "signed", "draws": 2}))
        close(alone, array(together[i : i + 1]), rtol=1e-4)


def test_a_loop_by_autograd(pictures: Tensor, others: Tensor) -> None:
    network, references = seeded(Swish), References(others, ((0, 1, 2, 3, 4),) * 4)
    layer = layer_of(network, pictures, INPUT, torch.zeros(4, dtype=torch.long))
    expected = torch.zeros_like(pictures)
    for k, other in enumerate(others):
        for place in layer.uniform(3, stream=f"reference {k}").unbind(1):
            point = (other + place[:, None, None, None] * (pictures - other)).requires_grad_()
            (slope,) = torch.autograd.grad(network(point)[:, 0].sum(), point)
            expected += (pictures - other) * slope / 15
    close(maps_with(network, pictures, references, draws=3), array(expected.sum(1)), rtol=1e-4)


def test_the_pool_leaves_out_the_image_and_other_sizes(others: Tensor) -> None:
    small = torch.zeros(3, 4, 4)
    pool = ReferencePool((others[0], small, *others[1:]), {"b": frozenset({2}), "c": frozenset({0, 4})}, 3)
    drawn = pool.of(["a", "b", "c"], torch.zeros(3, 3, 8, 12))
    assert drawn.places == ((0, 1, 2), (0, 2, 3), (1, 2, 4))
    assert torch.equal(drawn.images, others)
    assert drawn.counts.tolist() == [3, 3, 3]
    assert pool.of(["a"], torch.zeros(1, 3, 4, 4)).places == ((0,),)
    assert pool.of(["a"], torch.zeros(1, 3, 5, 5)).places == ((),)


def test_explain_compares_with_what_is_given_or_the_other_images(
    pictures: Tensor, others: Tensor, weight: Tensor
) -> None:
    network = linear(weight, 1)
    named: dict[str, Any] = {"method": NAME, "target": 0}

    def by_hand(means: Tensor) -> Tensor:
        flat = (weight * (pictures - means)).sum(1).clamp_min(0).flatten(1)
        low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
        return ((flat - low) / (high - low)).view(4, 1, 8, 12)

    rest = torch.stack([pictures[[j for j in range(4) if j != i]].mean(0) for i in range(4)])
    torch.testing.assert_close(bb.explain(network, pictures, **named), by_hand(rest), atol=1e-4, rtol=0)
    compared = bb.explain(network, pictures, references=others, **named)
    torch.testing.assert_close(compared, by_hand(others.mean(0)), atol=1e-4, rtol=0)
    loader: DataLoader[Any] = DataLoader([(each, 0) for each in pictures], batch_size=3)  # type: ignore[arg-type]
    torch.testing.assert_close(bb.explain(network, loader, references=others, **named), compared, atol=1e-5, rtol=0)
    itself = bb.explain(network, pictures[:1], references=torch.cat([pictures[:1], others]), **named)
    torch.testing.assert_close(itself, compared[:1], atol=1e-5, rtol=0)
    several = bb.explain(network, pictures, method=NAME, target=[[0, 1]] * 4, references=others)
    torch.testing.assert_close(several[:, :1], compared, atol=1e-5, rtol=0)
    with pytest.raises(NotApplicable, match="batches are explained one by one"):
        bb.explain(network, loader, **named)


@pytest.mark.parametrize(
    ("count", "more", "error", "message"),
    [
        (1, {}, NotApplicable, "there is none: give references="),
        (4, {"references": torch.zeros(2, 3, 4, 4)}, BenchError, "images' size|each, and the images"),
        (4, {"method": "saliency", "references": torch.zeros(2, 3, 8, 12)}, BenchError, "takes no references"),
    ],
)
def test_explain_says_what_is_missing(
    count: int, more: dict[str, Any], error: type[Exception], message: str, pictures: Tensor, weight: Tensor
) -> None:
    with pytest.raises(error, match=message):
        bb.explain(linear(weight, 1), pictures[:count], **{"method": NAME, "target": 0, **more})


def test_a_method_around_it_hands_the_references_on(pictures: Tensor, others: Tensor, weight: Tensor) -> None:
    """The mean over noisy images; without noise it is the method itself."""
    targets = torch.zeros(4, dtype=torch.long)
    layer = replace(layer_of(linear(weight, 1), pictures, INPUT, targets), data_references=References(others, PLACES))
    plugin = METHODS["smoothed"]
    maps = run_method(plugin, layer, plugin.bind({"of": NAME, "samples": 2, "sigma": 0.0}))
    close(maps, array(maps_with(linear(weight, 1), pictures, References(others, PLACES), sign="positive")), rtol=1e-4)


def test_without_references_it_says_so(pictures: Tensor, others: Tensor, weight: Tensor) -> None:
    for nothing in (None, References(others, ((0,), (), (1,), (2,)))):
        with pytest.raises(NotApplicable, match="no other image of this size"):
            maps_with(linear(weight, 1), pictures, nothing)
