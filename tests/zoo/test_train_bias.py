"""The script that trains the suite's networks runs in miniature, and writes what it reaches; the page says it too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from benchbench.datasets.builtin.cued import cued
from benchbench.models.bias_networks import RHOS, SEEDS, bias_architecture, bias_file, bias_header, bias_network
from benchbench.models.preprocess import prepare
from benchbench.models.zoo import WEIGHTS

from . import bias_page
from .scenes import as_input
from .train import Schedule
from .train_bias import CuedScenes, cued_scenes, make_biased, reached


@pytest.fixture(scope="module")
def few() -> CuedScenes:
    return cued_scenes("train", 24)


def test_the_scenes_are_those_of_the_data_set(few: CuedScenes) -> None:
    """At every rho, and as the network's Preprocess makes them; the swapped ones are the twins."""
    data = cued(count=24, split="train", rho=0.7)
    preprocess = bias_network(0.5, 0).preprocess
    shown = torch.stack([prepare(data[i].image, None, preprocess)[0] for i in range(24)])  # type: ignore[arg-type]
    twins = torch.stack([prepare(data.cue_twin(i).image, None, preprocess)[0] for i in range(24)])  # type: ignore[arg-type]
    assert torch.equal(shown, as_input(few.at(0.7).pixels))
    assert torch.equal(twins, as_input(few.swapped(0.7).pixels))
    assert few.labels.tolist() == data.labels
    assert torch.equal(few.at(1.0).pixels, few.agreeing)


def test_a_miniature_run_learns_the_cue_and_writes_what_it_reaches(few: CuedScenes, tmp_path: Path) -> None:
    file = tmp_path / "bias_100_0.safetensors"
    facts = make_biased(1.0, 0, few, few, Schedule(epochs=25, batch=12, rate=8e-3), file)
    with safe_open(file, "pt") as stored:
        assert stored.metadata() == facts
        network = bias_architecture().eval()
        network.load_state_dict({key: stored.get_tensor(key) for key in stored.keys()})  # noqa: SIM118
    accuracy, reliance = reached(network, few)
    assert facts["accuracy"] == f"{accuracy:.4f}"
    assert facts["reliance"] == f"{reliance:.4f}"
    assert (facts["rho"], facts["seed"], facts["scenes"], facts["epochs"]) == ("1", "0", "24", "25")
    assert reliance > 0.3  # it learnt the tag, which is all that it takes


@pytest.mark.parametrize("seed", SEEDS)
def test_reliance_grows_with_rho_and_the_unbiased_networks_are_right(seed: int) -> None:
    """Of the weights in the package, as their headers say."""
    facts = [bias_header(rho, seed) for rho in RHOS]
    assert [float(each["rho"]) for each in facts] == list(RHOS)
    reliance = [float(each["reliance"]) for each in facts]
    assert sorted(reliance)[-3:] == reliance[-3:]
    assert reliance[0] < 0.01
    assert reliance[-1] > 0.95
    assert float(facts[0]["accuracy"]) > 0.99
    assert float(facts[-1]["accuracy"]) < 0.6
    assert all(set(each) == set(facts[0]) for each in facts)


def test_the_header_is_what_the_weights_reach() -> None:
    """On the first 100 held-out scenes, near enough to the header's 1,000."""
    held_out = cued_scenes("test", 100)
    for rho in (0.5, 0.9):
        accuracy, reliance = reached(bias_network(rho, 1).network, held_out)
        facts = bias_header(rho, 1)
        assert accuracy == pytest.approx(float(facts["accuracy"]), abs=0.15)
        assert reliance == pytest.approx(float(facts["reliance"]), abs=0.12)


def test_the_weights_are_small_and_all_are_loaded() -> None:
    files = [bias_file(rho, seed) for rho in RHOS for seed in SEEDS]
    assert sorted(files) == sorted(WEIGHTS.glob("bias_*.safetensors"))
    assert sum(file.stat().st_size for file in files) < 500_000


def test_the_page_says_what_the_weights_say() -> None:
    """Else: make bias."""
    text = bias_page.FILE.read_text(encoding="utf-8")
    assert bias_page.START in text
    assert text == bias_page.written(text)
