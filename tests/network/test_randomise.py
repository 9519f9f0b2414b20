"""Networks with other weights: which layers, in which order, what is drawn, and what is left alone."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchbench.errors import NotApplicable
from benchbench.network.custom_score import scored
from benchbench.network.randomise import layers_of, layers_with_weights, randomised, with_noisy_weights
from benchbench.types.views import DrawKind, NoisyWeights, RandomWeights

from ..networks import Pooled, Vit, seeded


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(network: nn.Module, other: nn.Module) -> set[str]:
    """The parameters and buffers that differ."""
    values, other_values = network.state_dict(), other.state_dict()
    return {name for name in values if not torch.equal(values[name], other_values[name])}


def test_layers_go_from_the_logits_to_the_input(images: Tensor) -> None:
    assert layers_with_weights(seeded(Pooled), images) == ["fc", "conv", "stage1.1", "stage1.0"]


class Backwards(nn.Module):
    """Declares its layers in another order than it runs them, and holds a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 3)
        self.first = nn.Conv2d(3, 4, 3)
        self.offset = nn.Parameter(torch.arange(4.0))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.first(images).mean((2, 3)) + self.offset)
        return logits


def test_the_order_is_that_of_running(images: Tensor) -> None:
    assert layers_with_weights(seeded(Backwards), images) == ["last", "first", ""]


@pytest.mark.parametrize("build", [Pooled, Backwards, Vit])
def test_every_parameter_is_some_layer_s(build: Callable[[], nn.Module], images: Tensor) -> None:
    network = seeded(build)
    layers = layers_with_weights(network, images)
    other = randomised(network, layers, 0)
    weights = {name for name, p in network.named_parameters() if p.numel() > 1 and (p != p.flatten()[0]).any()}
    assert weights <= changed(network, other)
    assert torch.isfinite(other(images)).all()
    assert not torch.allclose(other(images), network(images))


@pytest.mark.parametrize(
    ("kind", "count", "of", "expected"),
    [
        ("cascade", 4, 4, [1, 2, 3, 4]),
        ("cascade", 4, 2, [2, 4]),
        ("cascade", 2, 4, [1, 1, 2, 2]),
        ("cascade", 5, 3, [2, 4, 5]),
        ("independent", 4, 4, [1, 1, 1, 1]),
        ("independent", 5, 3, [1, 2, 2]),
        ("independent", 2, 4, [1, 1, 1, 1]),
    ],
)
def test_blocks(kind: DrawKind, count: int, of: int, expected: list[int]) -> None:
    layers = [str(i) for i in range(count)]
    blocks = [layers_of(RandomWeights(kind, i, of), layers) for i in range(1, of + 1)]
    assert [len(block) for block in blocks] == expected
    assert set().union(*blocks) == set(layers)
    if kind == "cascade":
        assert all(block == tuple(layers[: len(block)]) for block in blocks)
        assert blocks[-1] == tuple(layers)


def test_a_layer_is_drawn_as_torch_begins_it() -> None:
    network = seeded(Pooled)
    other = randomised(network, ["conv"], 5)
    assert changed(network, other) == {"conv.weight", "conv.bias"}
    with torch.random.fork_rng():
        torch.manual_seed(int.from_bytes(hashlib.sha256(b"5/weights/conv").digest()[:7], "big"))
        fresh = nn.Conv2d(6, 10, 3, 2, 1)
    assert torch.equal(other.get_submodule("conv").weight, fresh.weight)  # type: ignore[arg-type]


def test_a_cascade_is_nested_and_no_layer_depends_on_another() -> None:
    network = seeded(Pooled)
    all_, alone = randomised(network, ["fc", "conv", "stage1.1"], 5), randomised(network, ["conv"], 5)
    assert torch.equal(all_.get_submodule("conv").weight, alone.get_submodule("conv").weight)  # type: ignore[arg-type]
    assert changed(randomised(network, ["conv"], 6), alone) == {"conv.weight", "conv.bias"}


def test_the_statistics_of_a_batch_norm_stay() -> None:
    network = seeded(Pooled)
    norm = network.stage1[1]
    with torch.no_grad():
        norm.get_parameter("weight").normal_()
    other = randomised(network, ["stage1.1"], 0)
    assert changed(network, other) == {"stage1.1.weight"}, "its scale begins at one; means and variances are the data's"


def test_what_torch_does_not_begin_is_shuffled() -> None:
    network = seeded(Backwards)
    other = randomised(network, [""], 0)
    assert changed(network, other) == {"offset"}
    assert sorted(other.offset.tolist()) == [0, 1, 2, 3]  # type: ignore[operator]


def test_a_reset_that_changes_nothing_is_a_shuffle() -> None:
    plain = nn.Linear(5, 4)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(5, 4))
    other = randomised(normed, ["parametrizations.weight"], 0)
    assert changed(normed, other)
    assert not changed(plain, copy.deepcopy(plain))


def test_the_network_and_the_global_randomness_are_left_alone() -> None:
    network = seeded(Pooled).train()
    before, random = state(network), torch.random.get_rng_state()
    other = randomised(network, ["fc", "conv", "stage1.1", "stage1.0"], 0)
    assert not other.training
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)


def test_a_scored_network_keeps_its_score(images: Tensor) -> None:
    network = scored(seeded(Pooled), lambda logits: logits[:, 1] - logits[:, 2])
    other = randomised(network, ["fc"], 0)
    assert other(images).shape == (6, 2)
    assert not torch.allclose(other(images), network(images))


def test_a_network_that_does_not_copy_says_so() -> None:
    network = seeded(Pooled)
    network.kept = (x for x in "generators do not copy")  # type: ignore[assignment]
    with pytest.raises(NotApplicable, match="cannot be copied to give it other weights: TypeError"):
        randomised(network, ["fc"], 0)


def test_noise_on_weights_is_a_share_of_each() -> None:
    network = seeded(Pooled)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    small, large, other = (
        with_noisy_weights(network, NoisyWeights(*which), 0) for which in ((0, 0.01), (0, 1.0), (1, 1.0))
    )
    drawn = []
    for name, weight in network.named_parameters():
        slight, strong, new = (dict(noisy.named_parameters())[name] for noisy in (small, large, other))
        shares = (strong / weight - 1).flatten()[weight.flatten() != 0]
        torch.testing.assert_close(slight, weight + 0.01 * (strong - weight), msg="one draw, at another size")
        assert not torch.equal(strong, new) or not weight.any()
        drawn.append(shares.detach())
    shares = torch.cat(drawn)
    assert abs(float(shares.mean())) < 4 / len(shares) ** 0.5
    assert abs(float(shares.std()) - 1) < 4 / (2 * len(shares)) ** 0.5
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        if "running" in name:
            assert torch.equal(value, large.state_dict()[name]), "what is no parameter stays"
