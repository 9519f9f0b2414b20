"""Capture: the same tensors as autograd by hand, and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchbench.errors import BenchError, NotApplicable
from benchbench.network.behind_layer import rest
from benchbench.network.capture import capture, eval_frozen
from benchbench.network.head import pooled_head
from benchbench.tracing.reading import read

from ..networks import Flat, Pooled, seeded


def most_likely(logits: Tensor) -> Tensor:
    return logits.argmax(1)


def by_hand(network: Pooled, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Activation and gradient at ``conv`` without hooks, with a ReLU that is not in place."""
    with torch.no_grad():
        before = network.conv(network.stage1(images))
    before.requires_grad_()
    logits = network.fc(network.pool(torch.relu(before)).flatten(1))
    (gradient,) = torch.autograd.grad(logits.amax(1).sum(), before)
    return before.detach(), gradient, logits.detach()


def test_equals_autograd_by_hand_before_an_inplace_relu(images: Tensor) -> None:
    network = seeded(Pooled)
    captured = capture(network, images, ["conv"], most_likely)
    activation, gradient, logits = by_hand(network, images)
    assert (activation < 0).any(), "the test needs values that the ReLU would change"
    torch.testing.assert_close(captured.activations["conv"], activation)
    torch.testing.assert_close(captured.gradients["conv"], gradient)
    torch.testing.assert_close(captured.logits, logits)


def test_all_layers_at_once_equal_each_alone(images: Tensor) -> None:
    network = seeded(Pooled)
    layers = ["stage1", "stage1.0", "conv", "relu"]
    together = capture(network, images, layers, most_likely)
    for name in layers:
        alone = capture(network, images, [name], most_likely)
        torch.testing.assert_close(together.activations[name], alone.activations[name])
        torch.testing.assert_close(together.gradients[name], alone.gradients[name])


def state(network: nn.Module) -> list[object]:
    modules = [(m.training, len(m._forward_hooks), len(m._backward_hooks)) for m in network.modules()]
    return [*modules, *[(p.requires_grad, p.grad) for p in network.parameters()]]


@pytest.mark.parametrize("broken", [False, True])
def test_leaves_nothing_behind(images: Tensor, broken: bool) -> None:
    network = seeded(Pooled)
    network.train()
    network.stage1.eval()
    next(network.parameters()).requires_grad_(False)
    before = state(network)
    buffers = {k: v.clone() for k, v in network.state_dict().items()}

    def choose(logits: Tensor) -> Tensor:
        if broken:
            raise ValueError("broken")
        return logits.argmax(1)

    try:
        capture(network, images, ["conv"], choose)
    except ValueError:
        assert broken
    assert state(network) == before
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, buffers[name])


def test_one_forward_and_one_backward_from_the_shallowest_layer(images: Tensor) -> None:
    network = seeded(Pooled)
    seen = []
    with eval_frozen(network):
        reading = read(network, images)
    network.stage1[0].register_forward_hook(lambda m, i, o: seen.append((len(o), o.requires_grad)))
    capture(network, images, ["stage1", "conv", "relu"], most_likely, reading=reading)
    assert seen == [(6, False)], "one forward, and no graph in front of the shallowest layer"
    seen.clear()
    capture(network, images, ["stage1", "conv", "relu"], most_likely)
    assert seen == [(1, False), (6, False)], "without a reading, one more forward of one image"


def test_no_gradient_is_made_when_none_is_asked_for(images: Tensor) -> None:
    captured = capture(seeded(Pooled), images, ["conv"], most_likely, gradient=False)
    assert captured.gradients == {}
    assert not captured.activations["conv"].requires_grad


def test_a_layer_that_runs_twice_is_refused(images: Tensor) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.conv(self.conv(x)).mean((2, 3)))

    with pytest.raises(BenchError, match="runs more than once"):
        capture(Twice(), images, ["conv"], most_likely)


def test_a_layer_without_a_map_is_not_applicable(images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="not a spatial map"):
        capture(seeded(Pooled), images, ["fc"], most_likely)


def test_a_layer_that_the_logit_ignores_is_not_applicable(images: Tensor) -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.ignored = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.ignored(x)
            return torch.as_tensor(self.used(x).mean((2, 3)))

    with pytest.raises(NotApplicable, match="does not depend"):
        capture(Aside(), images, ["used", "ignored"], most_likely)


def test_an_output_that_is_not_logits_is_refused(images: Tensor) -> None:
    with pytest.raises(BenchError, match="logits"):
        capture(nn.Conv2d(3, 4, 3), images, [], most_likely)


def test_rest_of_the_captured_activation_gives_the_logits(images: Tensor) -> None:
    network = seeded(Pooled)
    captured = capture(network, images, ["conv"], most_likely)
    both = images.repeat(2, 1, 1, 1)
    again = rest(network, both, "conv", torch.cat([captured.activations["conv"], 0 * captured.activations["conv"]]))
    torch.testing.assert_close(again[: len(images)], captured.logits)
    torch.testing.assert_close(again[len(images) :], network.fc.bias.detach().expand(len(images), -1))


def test_the_pooled_head_is_found_only_where_it_is_one(images: Tensor) -> None:
    network = seeded(Pooled)
    captured = capture(network, images, ["conv", "relu", "stage1"], most_likely)
    torch.testing.assert_close(pooled_head(captured, "relu").weight, network.fc.weight.detach())
    with pytest.raises(NotApplicable, match="the logits are not that"):
        pooled_head(captured, "conv")  # a ReLU lies between
    with pytest.raises(NotApplicable, match="takes 10 features, the layer has 6 channels"):
        pooled_head(captured, "stage1")
    flat = capture(seeded(Flat), images, ["features"], most_likely)
    with pytest.raises(NotApplicable, match="global average pooling"):
        pooled_head(flat, "features")
