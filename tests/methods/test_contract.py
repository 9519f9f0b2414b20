"""What every registered method keeps: it runs over the registry, so registering a method gets it tested."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchbench.registry import METHODS
from benchbench.services import run_method
from benchbench.types import Layer

from ..helpers import layer_of, map_of, place_of
from ..networks import Pooled, Vit, seeded

NAMES = METHODS.names()
# Methods whose defaults ask for thousands of passes are tried with fewer; each still has every step of its own.
FEW: dict[str, dict[str, Any]] = {"rise": {"masks": 40}, "sscam": {"samples": 3}}
TRANSFORMERS = {name for name in NAMES if "attention" in METHODS[name].needs}
CONSTANT = {"uniform"}


def network_of(name: str) -> nn.Module:
    return seeded(Vit) if name in TRANSFORMERS else seeded(Pooled)


def maps(name: str, layer: Layer) -> Tensor:
    plugin = METHODS[name]
    return run_method(plugin.function, layer, plugin.bind(FEW.get(name, {})))


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_finite(name: str, images: Tensor) -> None:
    found = maps(name, layer_of(network_of(name), images, place_of(name, "relu")))
    assert len(found) == len(images)
    assert found.shape[1] == found.shape[2]
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    if name not in CONSTANT:
        assert (found.amax((1, 2)) > found.amin((1, 2))).all(), "a dead map"


@pytest.mark.parametrize("name", NAMES)
def test_does_not_depend_on_the_batch(name: str, images: Tensor) -> None:
    """Alone, in another order, or scored in other chunks: the same map."""
    network, place = network_of(name), place_of(name, "relu")
    together = maps(name, layer_of(network, images, place, batch=64))
    scale = float(together.abs().max())
    other = maps(name, layer_of(network, images, place, batch=3))
    torch.testing.assert_close(other, together, rtol=1e-4, atol=1e-5 * scale)
    order = torch.arange(len(images)).flip(0)
    flipped = maps(name, layer_of(network, images[order], place, ids=[str(int(i)) for i in order]))
    torch.testing.assert_close(flipped, together[order], rtol=1e-4, atol=1e-5 * scale)
    for i in range(len(images)):
        alone = maps(name, layer_of(network, images[i : i + 1], place, ids=[str(i)]))
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_twice_and_nothing_left_behind(name: str, images: Tensor) -> None:
    network = network_of(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules()]
    first = maps(name, layer_of(network, images, place_of(name, "relu")))
    state = torch.random.get_rng_state()
    second = maps(name, layer_of(network, images, place_of(name, "relu")))
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state), "the global random state was used"
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    after = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules()]
    assert after == hooks, "a hook was left behind"
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TRANSFORMERS])
def test_non_square_images(name: str) -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(2, 3, 48, 96, generator=generator)
    found = maps(name, layer_of(seeded(Pooled), images, place_of(name, "relu")))
    assert found.shape[2] == 2 * found.shape[1] or name == "coarse"


@pytest.mark.parametrize("name", [n for n in NAMES if "gradient" not in METHODS[n].needs_of(METHODS[n].bind({}))])
def test_asks_for_what_it_uses(name: str, images: Tensor) -> None:
    """A method that does not need a gradient runs on a layer that has none."""
    layer = layer_of(network_of(name), images, place_of(name, "relu"), gradient=False)
    assert len(maps(name, layer)) == len(images)


def test_random_differs_between_samples_and_not_between_runs(images: Tensor) -> None:
    found = map_of("random", seeded(Pooled), images, "relu")
    assert not torch.equal(found[0], found[1])
    assert 0.4 < float(found.mean()) < 0.6


def test_every_method_says_what_it_is() -> None:
    for name in NAMES:
        plugin = METHODS[name]
        assert plugin.summary, name
        assert plugin.control or plugin.paper, name
