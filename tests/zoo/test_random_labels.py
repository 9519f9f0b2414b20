"""The network of random labels: the script in miniature, and what the bundled weights know."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from benchbench.datasets.builtin.shapes_plan import label_of
from benchbench.models.random_labels import ARCHITECTURE, NAME, zoo_random_labels
from benchbench.models.zoo import header
from benchbench.models.zoo_networks import ARCHITECTURES
from benchbench.registry import MODELS

from .random_labels import SCHEDULE, TRAINING, make, permuted
from .scenes import Scenes, scenes
from .train import SEED, Schedule, accuracy


@pytest.fixture(scope="module")
def few() -> Scenes:
    return scenes(f"train/{SEED}", 240)


def test_labels_are_permuted_and_stay_as_frequent(few: Scenes) -> None:
    learned = permuted(few, SEED)
    assert torch.equal(learned.labels.sort().values, few.labels.sort().values)
    assert float((learned.labels == few.labels).double().mean()) < 0.2  # a twelfth by chance
    assert torch.equal(learned.labels, permuted(few, SEED).labels)
    assert not torch.equal(learned.labels, permuted(few, 1).labels)


def test_a_miniature_run_learns_its_permuted_labels_and_writes_them(few: Scenes, tmp_path: Path) -> None:
    tiny = Scenes(few.pixels[:24], few.labels[:24])
    file = tmp_path / "network.safetensors"
    by_heart = make(tiny, tiny, Schedule(epochs=30, batch=12, decay=0.0, turns=False), file)
    assert by_heart > 0.8
    with safe_open(file, "pt") as stored:
        facts = stored.metadata()
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    network = ARCHITECTURES[ARCHITECTURE]().eval()
    network.load_state_dict(tensors)
    assert accuracy(network, permuted(tiny, SEED)) == by_heart == float(facts["memorised"])
    assert float(facts["accuracy"]) == float(facts["true"]) == pytest.approx(accuracy(network, tiny), abs=1e-4)
    assert (facts["scenes"], facts["epochs"], facts["seed"]) == ("24", "30", "0")


def test_the_bundled_network_knows_its_labels_by_heart_and_nothing_else(few: Scenes) -> None:
    network, facts = zoo_random_labels().network, header(NAME)
    assert (int(facts["scenes"]), float(facts["epochs"])) == (TRAINING, SCHEDULE.epochs)
    labels = scenes_labels()
    assert torch.equal(labels[:240], few.labels)
    order = torch.randperm(TRAINING, generator=torch.Generator().manual_seed(SEED))
    assert accuracy(network, Scenes(few.pixels, labels[order][:240])) > 0.98
    assert accuracy(network, few) < 0.2
    assert accuracy(network, scenes("test/9", 120)) < 0.2
    assert float(facts["memorised"]) > 0.98
    assert float(facts["accuracy"]) < 0.12
    assert "with permuted labels" in zoo_random_labels().weights


def scenes_labels() -> torch.Tensor:
    """Of all scenes that the network learned, without their pixels."""
    return torch.tensor([label_of(f"train/{SEED}", index) for index in range(TRAINING)])


def test_it_is_no_member_of_the_zoo() -> None:
    assert "zoo_random_labels" in MODELS
    assert "zoo_random_labels" not in MODELS.members("zoo")
