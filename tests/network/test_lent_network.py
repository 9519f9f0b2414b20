"""What another library leaves in the network that it is lent: said, and put back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchbench.containment.network_watch import state_of
from benchbench.cost.ledger import Passes
from benchbench.errors import NotApplicable
from benchbench.network.lent_network import CHANGED_VALUES, LentNetwork
from benchbench.types.token_grid import Layout

from ..networks import Pooled, seeded

LAYOUT = Layout("first", 8, 8)


def _gradients(network: nn.Module) -> None:
    network(torch.rand(2, 3, 32, 32)).sum().backward()


def _hook(network: nn.Module) -> None:
    next(network.children()).register_forward_hook(lambda *_: None)


def _freeze(network: nn.Module) -> None:
    next(network.parameters()).requires_grad_(False)


def _attribute(network: nn.Module) -> None:
    network.rule = "epsilon"  # type: ignore[assignment]


def _write(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters()).add_(1)


def _write_data(network: nn.Module) -> None:
    next(network.parameters()).data.add_(1)  # which no version counter sees


def _replace(network: nn.Module) -> None:
    name = next(name for name, _ in network.named_children())
    setattr(network, name, nn.Identity())


def _reclass(network: nn.Module) -> None:
    class Other(type(network)):  # type: ignore[misc]
        pass

    network.__class__ = Other


LEFT: dict[str, tuple[Callable[[nn.Module], object], str]] = {
    "gradients": (_gradients, "gradients of the weights"),
    "hook": (_hook, "forward hooks"),
    "training": (lambda network: network.train(), "modules in training mode"),
    "frozen": (_freeze, "requires_grad is changed"),
    "attribute": (_attribute, "attributes of its own in the network's modules: rule"),
    "weights": (_write, CHANGED_VALUES),
    "weights by data": (_write_data, CHANGED_VALUES),
    "module": (_replace, "other modules or parameters"),
    "class": (_reclass, "other modules or parameters"),
}


@pytest.fixture
def original() -> nn.Module:
    return seeded(Pooled).requires_grad_(False)


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_is_said_and_put_back(name: str, original: nn.Module) -> None:
    leave, words = LEFT[name]
    lent, before, images = LentNetwork(original, Passes()), state_of(original), torch.rand(2, 3, 32, 32)
    expected = original(images)
    with lent.borrow(LAYOUT) as (network, layout):
        assert layout is LAYOUT
        clean = state_of(network)
        leave(network)
    (left,) = lent.remains()
    assert len(left) == 1
    assert words in left[0]
    with lent.borrow(LAYOUT) as (network, _):
        assert state_of(network)[0] == clean[0]
        assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
        assert not any(module.training for module in network.modules())
        assert type(network) is Pooled
        assert not hasattr(network, "rule")
        assert torch.equal(network(images), expected)
    assert lent.remains() == [()]
    assert state_of(original) == before
    assert not any(parameter.requires_grad for parameter in original.parameters())


def test_weights_that_are_written_and_written_back_are_not_changed(original: nn.Module) -> None:
    """As captum's LRP and zennit's canonizers do."""
    lent = LentNetwork(original, Passes())
    with lent.borrow(LAYOUT) as (network, _):
        weight = next(network.parameters())
        value = weight.detach().clone()
        with torch.no_grad():
            weight.zero_()
            weight.copy_(value)
    assert lent.remains() == [()]


def test_a_call_that_raises_costs_the_copy(original: nn.Module) -> None:
    lent = LentNetwork(original, Passes())
    with pytest.raises(RuntimeError, match="expected"), lent.borrow(LAYOUT) as (first, _):
        first(torch.rand(1, 7, 32, 32))
    with lent.borrow(LAYOUT) as (second, _):
        assert second is not first
        assert torch.equal(next(second.parameters()), next(original.parameters()))
    with lent.borrow(LAYOUT) as (third, _):
        assert third is second
    assert lent.remains() == [(), ()]


def test_passes_are_counted(original: nn.Module) -> None:
    passes = Passes()
    with LentNetwork(original, passes).borrow(LAYOUT) as (network, _):
        network(torch.rand(3, 3, 32, 32)).sum().backward()
        with torch.no_grad():
            network(torch.rand(2, 3, 32, 32))
    assert (passes.forwards, passes.backwards) == (5, 3)


class Uncopied(nn.Module):
    """A network that holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.held = (each for each in range(3))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def test_a_network_that_cannot_be_copied_is_one_line() -> None:
    lent = LentNetwork(Uncopied(), Passes())
    with pytest.raises(NotApplicable, match="the network cannot be copied for another library"), lent.borrow(LAYOUT):
        pass
