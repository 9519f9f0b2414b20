"""The training script runs, learns and writes what it reaches; the page's table is what the weights say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from benchbench.datasets.builtin.shapes import shapes
from benchbench.models.preprocess import prepare
from benchbench.models.zoo import zoo_network
from benchbench.models.zoo_networks import ARCHITECTURES

from . import page
from .scenes import USUAL, Scenes, as_input, scenes
from .train import SCHEDULES, Schedule, accuracy, make, trained, turned


@pytest.fixture(scope="module")
def few() -> Scenes:
    return scenes("train/0", 32)


def test_the_scenes_are_those_of_the_data_set(few: Scenes) -> None:
    """Pixels, labels and the Preprocess: what is trained on is what a study shows the network."""
    data = shapes(count=32, split="train")
    assert data.recipe == USUAL
    samples = [data[i] for i in range(32)]
    assert [sample.label for sample in samples] == few.labels.tolist()
    preprocess = zoo_network("residual").preprocess
    inputs = torch.stack([prepare(s.image, None, preprocess)[0] for s in samples])  # type: ignore[arg-type]
    assert torch.equal(inputs, as_input(few.pixels))


def test_a_miniature_run_learns_its_scenes_and_writes_them(few: Scenes, tmp_path: Path) -> None:
    schedule = Schedule(epochs=25, batch=16, rate=4e-3)
    file = tmp_path / "zoo_residual.safetensors"
    reached = make("residual", few, few, schedule, file)
    assert reached > 0.5  # chance is a twelfth
    with safe_open(file, "pt") as stored:
        facts = stored.metadata()
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    assert facts == {"accuracy": f"{reached:.4f}", "held_out": "32", "seed": "0", "epochs": "25", "scenes": "32"}
    network = ARCHITECTURES["residual"]().eval()
    network.load_state_dict(tensors)
    assert accuracy(network, few) == reached


def test_the_seed_decides_the_weights_and_leaves_torch_s_own(few: Scenes) -> None:
    schedule = Schedule(epochs=1, batch=16)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again = (trained("vit", few, schedule).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_eight_positions_are_different() -> None:
    pixels = torch.arange(9).reshape(1, 1, 3, 3)
    assert len({tuple(turned(pixels, position).flatten().tolist()) for position in range(8)}) == 8


def test_every_architecture_has_a_schedule() -> None:
    assert set(SCHEDULES) == set(ARCHITECTURES)


def test_the_page_says_what_the_weights_say() -> None:
    """Else: make zoo."""
    text = page.FILE.read_text(encoding="utf-8")
    assert page.START in text
    assert text == page.written(text)
