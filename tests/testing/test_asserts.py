"""Every assert on both sides: what it lets pass, and that it fails on what it is there for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.testing import (
    Facts,
    assert_equal_maps,
    assert_matches_closed_form,
    assert_passes_weakness,
    example_maps,
    pooled_facts,
)
from benchbench.types import Layer

from .methods import registered


def cam(facts: Facts) -> Tensor:
    return torch.relu(torch.einsum("bk,bkhw->bhw", facts.weight, facts.activation))


def without_relu(facts: Facts) -> Tensor:
    return torch.einsum("bk,bkhw->bhw", facts.weight, facts.activation)


def plus_plus(facts: Facts) -> Tensor:
    """relu(w) / (2 + c), with c the channel's contribution to the logit."""
    contribution = facts.weight * facts.activation.mean((2, 3))
    weight = torch.relu(facts.weight) / (2 + contribution)
    return torch.relu(torch.einsum("bk,bkhw->bhw", weight, facts.activation))


def elementwise(facts: Facts) -> Tensor:
    return torch.relu(facts.weight[:, :, None, None] * facts.activation).sum(1)


def test_the_facts_are_those_of_a_pooled_head() -> None:
    facts = pooled_facts()
    cells = facts.activation.shape[2] * facts.activation.shape[3]
    expected = (facts.weight / cells)[:, :, None, None].expand_as(facts.gradient)
    torch.testing.assert_close(facts.gradient, expected)
    torch.testing.assert_close(facts.network(facts.images), facts.logits)
    assert (facts.activation >= 0).all()


@pytest.mark.parametrize(
    ("method", "formula"),
    [("cam", without_relu), ("gradcam", cam), ("xgradcam", cam), ("hirescam", cam), ("gradcam++", plus_plus)],
)
def test_a_method_matches_its_closed_form(method: str, formula: Callable[[Facts], Tensor]) -> None:
    assert_matches_closed_form(method, formula)


def test_a_method_of_pixels_has_a_closed_form_too() -> None:
    def formula(facts: Facts) -> Tensor:
        images = facts.images.clone().requires_grad_()
        facts.network(images).gather(1, facts.targets[:, None]).sum().backward()
        assert images.grad is not None
        return torch.relu((images * images.grad).sum(1))

    assert_matches_closed_form("inputxgradient", formula)
    with pytest.raises(AssertionError, match="does not match its closed form"):
        assert_matches_closed_form("inputxgradient", formula, sign="absolute")


WRONG: dict[str, Callable[[Facts], Tensor]] = {
    "no ReLU": without_relu,
    "transposed": lambda facts: cam(facts).mT,
    "flipped": lambda facts: cam(facts).flip(2),
    "another class": lambda facts: torch.relu(
        torch.einsum("bk,bkhw->bhw", facts.network.fc.weight[(facts.targets + 1) % 7], facts.activation)
    ),
    "summed after ReLU": elementwise,
    "Grad-CAM++": plus_plus,
}


@pytest.mark.parametrize("fault", WRONG)
def test_another_formula_is_told_apart(fault: str) -> None:
    with pytest.raises(
        AssertionError, match=r"gradcam does not match its closed form: \d of 5 maps differ, map \d most: by"
    ):
        assert_matches_closed_form("gradcam", WRONG[fault])


FAULTS: dict[str, Callable[[Layer], Tensor]] = {
    "mean over the wrong axes": lambda layer: torch.relu(
        (layer.gradient.mean(1, keepdim=True) * layer.activation).sum(1)
    ),
    "a little noise": lambda layer: torch.relu(
        (layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1) * (1 + 1e-3 * layer.uniform(16, 16))
    ),
    "one row off": lambda layer: torch.relu((layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1)).roll(
        1, 1
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_method_is_told_from_its_formula(fault: str) -> None:
    with (
        registered("faulty", FAULTS[fault]) as name,
        pytest.raises(AssertionError, match="does not match its closed form"),
    ):
        assert_matches_closed_form(name, cam)


def test_a_formula_that_proves_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="is constant, and proves nothing"):
        assert_matches_closed_form("uniform", lambda facts: cam(facts) * 0)
    with pytest.raises(AssertionError, match="shape"):
        assert_matches_closed_form("gradcam", lambda facts: cam(facts)[:, None, None])
    with pytest.raises(AssertionError, match="where \\(5, 8, 8\\) is expected"):
        assert_matches_closed_form("gradcam", lambda facts: cam(facts)[:, ::2, ::2])
    with pytest.raises(BenchError, match="no closed form"):
        assert_matches_closed_form("chefer", cam)
    with pytest.raises(BenchError, match="Did you mean 'gradcam'"):
        assert_matches_closed_form("gradcm", cam)


def test_maps_are_equal_up_to_scale_and_offset() -> None:
    maps = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert_equal_maps(maps, 7 * maps - 2)
    assert_equal_maps(maps[:, None], maps.numpy())
    assert_equal_maps(torch.full((2, 3, 3), 0.1) * torch.tensor(3.0), torch.zeros(2, 3, 3))
    other = maps.clone()
    span = maps[1].max() - maps[1].min()
    other[1, 2, 3] += 0.1 * span * (1 if maps[1, 2, 3] < maps[1].max() - 0.1 * span else -1)
    with pytest.raises(AssertionError, match=r"1 of 3 maps differ, map 1 most: by 0\.1 at row 2, column 3"):
        assert_equal_maps(other, maps)
    for bad, message in (
        (maps[:2], "where"),
        (maps[0], "have shape"),
        (maps * torch.nan, "not finite"),
        (maps[:0], "none"),
    ):
        with pytest.raises(AssertionError, match=message):
            assert_equal_maps(bad, maps)
    with pytest.raises(AssertionError, match="3 of 3 maps differ"):
        assert_equal_maps(maps, np.zeros((3, 4, 5)))


def test_the_tolerance_is_a_share_of_the_range() -> None:
    maps = torch.zeros(1, 2, 2)
    maps[0, 0, 0], other = 1, torch.zeros(1, 2, 2)
    other[0, 0, 0], other[0, 1, 1] = 1, 2e-5
    with pytest.raises(AssertionError, match="by 2e-05 at row 1, column 1"):
        assert_equal_maps(1000 * other, maps)
    assert_equal_maps(1000 * other, maps, tolerance=3e-5)


def test_a_weakness_is_passed_or_said() -> None:
    assert_passes_weakness("layercam", "several instances")
    assert_passes_weakness("scorecam", "weight is not contribution", variant="torchcam")
    with pytest.raises(
        AssertionError, match=r"gradcam has 'several instances': its score is 0.133, and must be above 0.5"
    ):
        assert_passes_weakness("gradcam", "several instances")
    with pytest.raises(AssertionError, match=r"scorecam\(variant=torchcam\) has 'several instances'"):
        assert_passes_weakness("scorecam", "several instances", variant="torchcam")
    with pytest.raises(AssertionError, match="cam cannot be tried on 'saturation': CAM needs global average pooling"):
        assert_passes_weakness("cam", "saturation")
    with pytest.raises(BenchError, match="Did you mean 'several instances"):
        assert_passes_weakness("gradcam", "several instance")


def test_example_maps_do_not_change() -> None:
    assert torch.equal(example_maps("scorecam"), example_maps("scorecam"))
    assert example_maps("gradcam").shape == (5, 16, 16)
    assert example_maps("chefer").shape == (5, 8, 8)
