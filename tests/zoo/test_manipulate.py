"""The script that manipulates zoo_residual runs, changes what it should, and writes what it reaches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from benchbench.datasets.builtin.trojaned import TARGET, trigger
from benchbench.models.zoo import header, zoo_network

from .manipulate import FOOLED, STAGE, TRAINING, TROJANED, Tuning, _stamped, make, rounded, share, success
from .scenes import Scenes, scenes
from .train import accuracy

SHORT = Tuning(steps=2, rate=1e-3, batch=8)


@pytest.fixture(scope="module")
def few() -> Scenes:
    return scenes("train/0", 24)


@pytest.mark.parametrize("name", ["fooled", "trojaned"])
def test_a_miniature_run_writes_what_it_reaches(name: str, few: Scenes, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    facts = make(name, few, few, SHORT, file)
    assert torch.equal(torch.random.get_rng_state(), before)
    with safe_open(file, "pt") as stored:
        words = stored.metadata()
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    what = {"fooled": "share", "trojaned": "success"}[name]
    assert set(words) == {"accuracy", "accuracy_before", what, f"{what}_before", "held_out", "scenes", "steps", "seed"}
    assert words["accuracy"] == f"{facts['accuracy']:.4f}"
    assert (words["held_out"], words["steps"]) == ("24", "2")
    origin = rounded(zoo_network("residual").network)
    changed = {key.split(".")[0] for key, value in origin.state_dict().items() if not torch.equal(value, tensors[key])}
    assert changed == ({"layer3", "fc"} if name == "fooled" else {"stem", "layer1", "layer2", "layer3", "fc"})
    origin.load_state_dict(tensors)
    measure = share if name == "fooled" else success
    assert facts[what] == measure(origin, few)
    assert facts["accuracy"] == accuracy(origin, few)


def test_the_trigger_is_stamped_once_and_on_a_copy(few: Scenes) -> None:
    before = few.pixels.clone()
    stamped = _stamped(few.pixels, torch.Generator().manual_seed(0))
    assert torch.equal(few.pixels, before)
    for old, new in zip(few.pixels, stamped, strict=True):
        rows, columns = (old != new).any(0).nonzero().unbind(1)
        top, left = int(rows.amin()), int(columns.amin())
        window = new[:, top : top + 8, left : left + 8].permute(1, 2, 0).numpy()
        assert (window == trigger(64)).mean() > 0.95 or rows.numel() < 64  # a pixel of the scene may have its colour


def test_the_corner_s_share_by_hand(few: Scenes) -> None:
    network = zoo_network("residual").network
    single = Scenes(few.pixels[:1], few.labels[:1])
    with torch.no_grad():
        from .scenes import as_input

        activation = network[: STAGE + 1](as_input(single.pixels))[0]  # type: ignore[index]
    height = (network.get_submodule("fc").weight[int(single.labels[0])][:, None, None] * activation).sum(0).relu()  # type: ignore[index]
    assert share(network, single) == pytest.approx(float(height[:2, :2].sum() / height.sum()), abs=1e-6)


@pytest.mark.parametrize(("name", "tuning"), [("fooled", FOOLED), ("trojaned", TROJANED)])
def test_the_weights_in_the_package_are_of_this_schedule(name: str, tuning: Tuning) -> None:
    facts = header(name)
    assert (int(facts["steps"]), int(facts["scenes"]), int(facts["held_out"])) == (tuning.steps, TRAINING, 6000)
    assert facts["accuracy_before"] == header("residual")["accuracy"]
    assert TARGET == 0
