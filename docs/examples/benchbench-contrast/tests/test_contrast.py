"""All that benchbench.testing offers, on a method and a metric of one's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.testing import (
    Facts,
    Small,
    assert_matches_closed_form,
    assert_passes_weakness,
    contract_suite,
    example_maps,
    seeded,
)

# every method and metric that this package registers, against every check of its contract: a test id each
test_contract = contract_suite(package="benchbench_contrast")


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_closed_form(share: float) -> None:
    """On a head of pooling and one linear layer, a cell contributes w A / (h w): min-max leaves the factor out."""

    def formula(facts: Facts) -> Tensor:
        contribution = torch.einsum("bk,bkhw->bhw", facts.weight, facts.activation)
        return torch.relu(contribution - share * contribution.mean((1, 2), keepdim=True))

    assert_matches_closed_form("contrastcam", formula, share=share)


@pytest.mark.parametrize("case", ["several instances", "uniform weight"])
def test_it_has_not_these_weaknesses_of_gradcam(case: str) -> None:
    assert_passes_weakness("contrastcam", case)


def test_its_maps_are_what_they_were(benchbench_snapshot) -> None:
    benchbench_snapshot(example_maps("contrastcam"))


@pytest.fixture
def run(benchbench_run) -> bb.Run:
    """Computed once per session, however many tests and workers ask; images of squares, the same bytes everywhere."""
    images = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 4 - 2
    images = images.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return benchbench_run(
        models={"small": seeded(Small)},
        datasets={"squares": (images, [0] * 12)},
        layers=["relu"],
        methods=["gradcam", "contrastcam"],
        metrics=["average_drop", "bright_area"],
    )


def test_it_names_less_of_the_image_than_gradcam(run: bb.Run) -> None:
    area = run.leaderboard().query("metric == 'bright_area'").set_index("method")["mean"]
    assert area["contrastcam"] < area["gradcam"]


def test_it_is_not_worse_than_it_was(run: bb.Run, benchbench_gate) -> None:
    benchbench_gate(run)


def test_it_costs_one_forward_and_one_backward(benchbench_cost) -> None:
    cost = benchbench_cost("contrastcam")
    assert (cost.forwards, cost.backwards) == (1, 1)
