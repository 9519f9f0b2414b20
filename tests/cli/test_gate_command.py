"""The two commands as a user types them, on a real run of a method that then breaks."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchbench.cli.gate import check_command
from benchbench.regression import Tolerances

ROOT = Path(__file__).parents[2]
PLUGIN = '''
import torch
import benchbench as bb
from benchbench.testing import Small, seeded

@bb.method("mine", needs="gradient")
def mine(layer: bb.Layer) -> torch.Tensor:
    """Mine."""
    weight = layer.gradient.mean((2, 3), keepdim=True)
    return torch.relu((weight * layer.activation).sum(1))

@bb.model("small")
def small() -> torch.nn.Module:
    """Small."""
    return seeded(Small)
'''
STUDY = """
models: [small]
datasets: [{name: folder, root: %s}]
layers: [relu]
methods: [gradcam, mine]
metrics: [deletion, average_drop, passes]
samples: 8
"""


def benchbench(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchbench", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was run, its baseline, and the same study with a method that lost its ReLU and its weights."""
    import torch
    from torchvision.utils import save_image

    from benchbench.testing import example_images

    folder = tmp_path_factory.mktemp("place")
    for label in range(2):
        (folder / "data" / f"class{label}").mkdir(parents=True)
    for i, image in enumerate(example_images(8)):
        save_image(torch.sigmoid(image), folder / "data" / f"class{i % 2}" / f"{i}.png")
    (folder / "study.yaml").write_text(STUDY % (folder / "data"))
    for name, text in (("good", PLUGIN), ("bad", PLUGIN.replace("weight * layer.activation", "-layer.activation"))):
        (folder / f"{name}.py").write_text(text)
        done = benchbench("run", folder / "study.yaml", "--plugin", folder / f"{name}.py", "--out", folder / name)
        assert done.returncode == 0, done.stderr
    done = benchbench("baseline", folder / "good", "--out", folder / "baseline.json")
    assert (done.returncode, done.stdout) == (0, f"{folder / 'baseline.json'}\n")
    return folder


def test_the_options_defaults_are_the_tolerances() -> None:
    """They are written twice, as the command line does not wait for pandas."""
    options, limits = inspect.signature(check_command).parameters, Tolerances()
    for option, name in (("margin", "margin"), ("map_tolerance", "map"), ("cost_ratio", "cost"), ("strict", "strict")):
        assert options[option].default == getattr(limits, name)


def test_nothing_changed(place: Path) -> None:
    done = benchbench("check", place / "good", "--baseline", place / "baseline.json")
    assert done.returncode == 0, done.stdout
    assert "PASS: Nothing changed: 32 scores, 16 maps and 2 costs compared." in " ".join(done.stdout.split())


def test_a_broken_method_fails_the_check(place: Path) -> None:
    done = benchbench("check", place / "bad", "--baseline", place / "baseline.json")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL: mine: 8 maps became constant")
    assert "gradcam" not in done.stdout
    out = place / "check.xml"
    done = benchbench("check", place / "bad", "--baseline", place / "baseline.json", "--format", "junit", "--out", out)
    assert done.returncode == 1
    assert ElementTree.parse(out).getroot().get("failures") != "0"
    done = benchbench("check", place / "bad", "--baseline", place / "baseline.json", "--methods", "gradcam")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "good", "--baseline", "none.json"), "there is no such baseline"),
        (("check", "nowhere", "--baseline", "baseline.json"), "is not the folder of a finished run"),
        (("check", "good", "--baseline", "study.yaml"), "the baseline cannot be read"),
        (("check", "good", "--baseline", "baseline.json", "--format", "xml"), "unknown format 'xml'"),
        (("check", "good", "--baseline", "baseline.json", "--margin", "-1"), "margin is -1"),
        (("check", "good", "--baseline", "baseline.json", "--metrics", "insertoin"), "no metric 'insertoin'"),
        (("baseline", "nowhere", "--out", "x.json"), "is not the folder of a finished run"),
        (("baseline", "good", "--out", "baseline.json/x.json"), "cannot write it"),
    ],
)
def test_a_wrong_request_is_one_line(place: Path, words: tuple[str, ...], message: str) -> None:
    known = {path.name for path in place.iterdir()} | {"nowhere", "none.json", "x.json", "baseline.json/x.json"}
    done = benchbench(*(place / word if word in known else word for word in words))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
