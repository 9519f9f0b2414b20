"""Whatever is changed in a network is noticed and put back, to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchbench.containment.network_watch import NetworkWatch, state_of

from ..networks import Pooled, seeded


class Counts(Pooled):
    """Counts its forwards in a buffer."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(images)


def _new_memory(network: Pooled) -> None:
    network.fc.weight.data = torch.zeros_like(network.fc.weight)


def _new_size(network: Pooled) -> None:
    network.fc.weight.data = torch.zeros(3, 3)


def _one_bit(network: Pooled) -> None:
    network.fc.weight.data.view(-1)[-1] = torch.nextafter(network.fc.weight.data.view(-1)[-1], torch.tensor(9.0))


def _nan(network: Pooled) -> None:
    network.fc.bias.data[0] = torch.nan


def _forward(network: Pooled) -> None:
    network.fc.forward = lambda x: x  # type: ignore


class _Other(nn.Linear):
    """Another linear layer."""


CHANGES: dict[str, tuple[Callable[[Pooled], object], str]] = {
    "zeroed": (lambda n: n.conv.weight.data.zero_(), "weights or buffers"),
    "a bit": (_one_bit, "weights or buffers"),
    "not a number": (_nan, "weights or buffers"),
    "shuffled": (lambda n: n.conv.weight.data.copy_(n.conv.weight.data.flip(0)), "weights or buffers"),
    "other memory": (_new_memory, "weights or buffers"),
    "another size": (_new_size, "weights or buffers"),
    "running mean": (lambda n: next(n.buffers()).add_(1), "weights or buffers"),
    "mode": (lambda n: n.relu.train(), "training modes"),
    "hook": (lambda n: n.relu.register_forward_hook(lambda *_: None), "hooks"),
    "backward hook": (lambda n: n.relu.register_full_backward_hook(lambda *_: None), "hooks"),
    "flag": (lambda n: n.fc.weight.requires_grad_(False), "requires_grad"),
    "gradient": (lambda n: n(torch.ones(1, 3, 32, 32)).sum().backward(), "gradients of the weights (.grad)"),
    "module": (lambda n: setattr(n, "pool", nn.Identity()), "modules, parameters or forward functions"),
    "parameter": (lambda n: setattr(n.fc, "bias", None), "modules, parameters or forward functions"),
    "forward": (_forward, "modules, parameters or forward functions"),
    "class": (lambda n: setattr(n.fc, "__class__", _Other), "modules, parameters or forward functions"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_named_and_put_back(name: str) -> None:
    change, words = CHANGES[name]
    network, images = seeded(Pooled), torch.rand(2, 3, 32, 32)
    expected = network(images)
    watch = NetworkWatch([network])
    change(network)
    assert watch.settle(None) == words
    assert watch.settle(None) == ""
    assert not watch.changes()
    assert torch.equal(network(images), expected)
    assert type(network.fc) is nn.Linear


def test_what_the_network_changes_itself_is_its_own() -> None:
    network = seeded(Counts)
    watch = NetworkWatch([network])
    network(torch.ones(1, 3, 32, 32))
    assert watch.settle(lambda: network(torch.ones(1, 3, 32, 32))) == ""
    network(torch.ones(1, 3, 32, 32))
    assert not watch.changes()
    network.fc.bias.data.zero_()
    network(torch.ones(1, 3, 32, 32))
    assert watch.settle(lambda: network(torch.ones(1, 3, 32, 32))) == "weights or buffers"
    assert network.fc.bias.any()


def test_several_networks_and_kinds_of_memory() -> None:
    first = seeded(Pooled)
    second = seeded(Pooled).to(memory_format=torch.channels_last).bfloat16()
    with torch.inference_mode():
        third = seeded(Pooled)
    watch = NetworkWatch([first, second, third])
    before = [network.conv.weight.detach().clone() for network in (first, second, third)]
    second.conv.weight.data[0] = 1
    with torch.inference_mode():
        third.conv.weight.data[0] = 1
    assert watch.settle(None) == "weights or buffers"
    after = [network.conv.weight.detach() for network in (first, second, third)]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("which", [0, 1])
def test_more_networks_are_watched_beside_those_that_were(which: int) -> None:
    networks = [seeded(Pooled), seeded(Pooled, seed=1)]
    watch = NetworkWatch(networks[:1])
    more = watch.with_more(networks[1:])
    before = state_of(networks[which])
    networks[which].conv.weight.data.zero_()
    networks[which].train(not networks[which].training)
    assert {what for what, _ in more.changes()} == {"weights or buffers", "training modes"}
    assert bool(watch.changes()) == (which == 0)
    assert more.settle(None) == "training modes, weights or buffers"
    assert state_of(networks[which]) == before


def test_a_state_tells_values_modes_and_hooks_apart() -> None:
    network = seeded(Pooled)
    states = [state_of(network)]
    for change in (
        lambda: network.fc.bias.data.view(-1)[0].add_(1e-6),
        lambda: network.train(),
        lambda: network.conv.register_forward_hook(lambda *_: None),
        lambda: network.conv.register_full_backward_pre_hook(lambda *_: None),
    ):
        change()
        states.append(state_of(network))
    assert all(states[i] != states[j] for i in range(len(states)) for j in range(i))
    assert state_of(seeded(Pooled)) == states[0]
