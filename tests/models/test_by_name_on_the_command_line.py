"""A checkpoint of a training run and its class names on the command line: torchvision's smallest network, wrapped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchbench.models.builtin import _torchvision
from benchbench.models.preprocess import prepare
from benchbench.models.torchvision_networks import build_dense, build_torchvision

from ..cli.commands import benchbench

NAME, NAMES = "shufflenet_v2_x0_5", ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of seven classes behind module., their names, and a picture."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(2)
    network = build_torchvision(NAME, len(NAMES))
    with torch.no_grad():
        network.get_parameter("fc.weight").mul_(20)  # probabilities that differ
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, folder / "mine.ckpt")
    (folder / "names.csv").write_text("index,name\n" + "".join(f"{i},{name}\n" for i, name in enumerate(NAMES)))
    Image.effect_mandelbrot((90, 70), (-2, -1, 1, 1), 20).convert("RGB").save(folder / "a.png")
    return folder


def test_the_weights_and_the_names_arrive(place: Path) -> None:
    """The probability that is printed is that of the network with these weights, of the class with this name."""
    network = build_torchvision(NAME, len(NAMES)).eval()
    state = torch.load(place / "mine.ckpt", weights_only=True)["state_dict"]
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    images, _ = prepare(Image.open(place / "a.png").convert("RGB"), None, _torchvision(NAME, "auto").preprocess)
    with torch.no_grad():
        probability = float(network(images[None]).softmax(1)[0, 3])
    model = f"{NAME}:weights=mine.ckpt:classes=names.csv"
    done = benchbench("explain", "a.png", "--model", model, "--methods", "gradcam", "--target", "3", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"a.png: dog, probability {probability:.3f}"), done.stdout
    assert "RANDOM" not in done.stdout + done.stderr


def test_a_study_says_what_was_taken(place: Path) -> None:
    words = ["--methods", "center", "--metrics", "sparseness", "--datasets", "photos", "--samples", "1", "--no-report"]
    done = benchbench("run", "--models", f"{NAME}:weights=mine.ckpt:classes=names.csv", *words, "--out", "r", cwd=place)
    assert done.returncode == 0, done.stderr
    (model,) = json.loads((place / "r" / "run.json").read_text())["models"]
    assert model["weights"] == "checkpoint mine.ckpt (state_dict)"
    assert model["note"] == "The prefix module. of the checkpoint's names was removed"
    assert model["classes"] == 7


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (f"{NAME}:weights=mine.ckpt:classes=6", f"has 7 classes, and {NAME} is made with 6. Use classes: 7"),
        (f"{NAME}:weights=mine.ckpt:classes=few.txt", "has 7 classes, and few.txt names 2"),
        ("shufflenet_v2_x1_0:weights=mine.ckpt", "It fits shufflenet_v2_x0_5."),
    ],
)
def test_what_does_not_fit_is_one_line(model: str, message: str, place: Path) -> None:
    (place / "few.txt").write_text("ant\nbee\n")
    done = benchbench("explain", "a.png", "--model", model, "--methods", "gradcam", cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_segmentation_network_with_a_file_of_names(place: Path) -> None:
    torch.manual_seed(2)
    state = build_dense("lraspp_mobilenet_v3_large", 3).state_dict()
    torch.save({f"module.{key}": value for key, value in state.items()}, place / "maps.pth")
    (place / "three.txt").write_text("nothing\nroad\nsky\n")
    model = "lraspp_mobilenet_v3_large:weights=maps.pth:classes=three.txt:size=64"
    done = benchbench("explain", "a.png", "--model", model, "--methods", "gradcam", "--target", "1", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a.png: road, probability ")
