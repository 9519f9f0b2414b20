"""What every registered method keeps: it runs over the registry, so registering a method gets it tested."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchbench.registry import METHODS

from ..helpers import layer_of, map_of
from ..networks import Pooled, seeded

NAMES = METHODS.names()


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_finite(name: str, images: Tensor) -> None:
    found = map_of(name, seeded(Pooled), images, "relu")
    assert found.shape == (len(images), 16, 16)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert (found.amax((1, 2)) > found.amin((1, 2))).all(), "a dead map"


@pytest.mark.parametrize("name", NAMES)
def test_does_not_depend_on_the_batch(name: str, images: Tensor) -> None:
    """Alone, in another order, or scored in other chunks: the same map."""
    network, method = seeded(Pooled), METHODS[name]
    ids = [str(i) for i in range(len(images))]
    together = method.function(layer_of(network, images, "relu", batch=64))
    torch.testing.assert_close(
        method.function(layer_of(network, images, "relu", batch=3)), together, rtol=1e-4, atol=1e-6
    )
    for i in range(len(ids)):
        from benchbench.plan import sample_seeds
        from benchbench.scoring import Scorer
        from benchbench.services import look

        one = look(network, Scorer(network), images[i : i + 1], ["relu"], lambda z: z.argmax(1), gradient=True)
        alone = method.function(one.layer("relu", sample_seeds(0, "test", [ids[i]])))
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_twice_and_nothing_left_behind(name: str, images: Tensor) -> None:
    network = seeded(Pooled)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    first = map_of(name, network, images, "relu")
    state = torch.random.get_rng_state()
    second = map_of(name, network, images, "relu")
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state), "the global random state was used"
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", NAMES)
def test_non_square_images(name: str) -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(2, 3, 48, 96, generator=generator)
    assert map_of(name, seeded(Pooled), images, "relu").shape == (2, 12, 24)


@pytest.mark.parametrize("name", [name for name in NAMES if "gradient" not in METHODS[name].needs])
def test_asks_for_what_it_uses(name: str, images: Tensor) -> None:
    """A method that does not need a gradient runs on a layer that has none."""
    plugin = METHODS[name]
    from benchbench.scoring import Scorer
    from benchbench.services import look

    network = seeded(Pooled)
    made = look(network, Scorer(network), images, ["relu"], lambda z: z.argmax(1), gradient=False)
    assert plugin.function(made.layer("relu", tuple(range(len(images))))).shape == (len(images), 16, 16)


def test_random_differs_between_samples_and_not_between_runs(images: Tensor) -> None:
    found = map_of("random", seeded(Pooled), images, "relu")
    assert not torch.equal(found[0], found[1])
    assert 0.4 < float(found.mean()) < 0.6


def test_every_method_says_what_it_is() -> None:
    for name in NAMES:
        plugin = METHODS[name]
        assert plugin.summary, name
        assert plugin.control or plugin.paper, name
