"""The twelve networks of the suite bias by name, as a group, and what is said where their weights are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchbench.errors import BenchError
from benchbench.models import bias_networks
from benchbench.models.bias_networks import RHOS, SEEDS, bias_header, bias_name, bias_network, rho_of
from benchbench.models.cue_classes import CUE_CLASSES, CUE_LABELS
from benchbench.models.shape_classes import SHAPE_CLASSES
from benchbench.registry import MODELS


def test_the_group_has_all_twelve() -> None:
    members = MODELS.members("bias")
    assert members == tuple(bias_name(rho, seed) for rho in RHOS for seed in SEEDS)
    assert len(set(members)) == 12
    assert [rho_of(name) for name in members] == [rho for rho in RHOS for _ in SEEDS]
    assert rho_of("zoo_residual") is None
    assert len({MODELS[name].title for name in members}) == 12


def test_a_network_answers_for_two_classes_and_is_that_of_its_file() -> None:
    first, other = bias_network(0.5, 0), bias_network(1.0, 0)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert first.network(images).shape == (2, 2)
        assert not torch.equal(first.network(images), other.network(images))
    assert first.classes == CUE_CLASSES == tuple(SHAPE_CLASSES[label] for label in CUE_LABELS)
    assert "rho 0.5" in first.weights


def test_the_seed_of_torch_is_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    bias_network(0.5, 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_missing_and_damaged_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias_networks, "WEIGHTS", tmp_path)
    with pytest.raises(BenchError, match="not in the package") as error:
        bias_header(0.5, 0)
    assert "make bias" in error.value.hint
    (tmp_path / "bias_50_0.safetensors").write_bytes(b"damaged")
    with pytest.raises(BenchError, match="damaged"):
        bias_header(0.5, 0)
