"""Every code block of README.md and docs runs, or is read by what it is written for.

Python runs as it stands, with a small network and data under the names that the page uses. A shell line of benchbench
is parsed by the command's own options, and what it names is looked up. YAML is a study, or a workflow whose commands
are parsed. What is neither is marked in the page, and the marks are counted here.
"""

from __future__ import annotations

import inspect
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
import yaml
from torch import Tensor, nn

import benchbench as bb
from benchbench.cli.app import app
from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, SUITES
from benchbench.study.item_text import items
from benchbench.study.spec import StudySpec, read_metric
from benchbench.study.study_file import name_and_params
from benchbench.study.subset import subset_in
from benchbench.suites.reliability.disturbances import Disturbances

from .blocks import Block, blocks, commands

ALL = blocks()
PYTHON = [b for b in ALL if b.language == "python" and not b.mark]
SHELL = [b for b in ALL if b.language in ("", "sh", "bash", "console") and not b.mark]
YAML = [b for b in ALL if b.language == "yaml" and not b.mark]
TOML = [b for b in ALL if b.language == "toml" and not b.mark]
MARKED = 7  # few: a block that no test reads is a promise that nobody keeps
PLUGINS = {"contrast-cam", "mycam", "half"}  # what the pages themselves register
PAGES = ("docs/add-a-method.md", "docs/add-a-metric.md")  # whose plugins the pages on tests use


def test_every_block_is_read_by_a_test() -> None:
    marked = [b.name for b in ALL if b.mark]
    assert len(marked) <= MARKED, marked
    assert {b.name for b in ALL} == {b.name for b in [*PYTHON, *SHELL, *YAML, *TOML]} | set(marked)


class Picture(nn.Module):
    """A small network with the layer that the pages name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, padding=1)
        self.layer4 = nn.Sequential(nn.Conv2d(4, 6, 3, 2, padding=1), nn.ReLU())
        self.fc = nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.layer4(self.conv(images).relu()).mean((2, 3)))
        return logits


class Reader(nn.Module):
    """Answers a question about images with the logits of words: (B, words, vocabulary)."""

    def __init__(self) -> None:
        super().__init__()
        self.vision = Picture()

    def forward(self, images: Tensor, question: Tensor) -> Tensor:
        logits: Tensor = self.vision(images)[:, None] + question[:, None]
        return logits


class Encoder(Picture):
    """An embedding (B, 5)."""


def fixtures(count: int, size: int) -> dict[str, Any]:
    """The names that the pages use without making them."""
    torch.manual_seed(0)
    images = torch.rand(count, 3, size, size)
    masks = torch.zeros(count, size, size, dtype=torch.bool)
    for i in range(count):
        masks[i, : 6 + 4 * i, : 6 + 4 * i] = True
    encoder = Encoder().eval()
    return {
        "bb": bb,
        "torch": torch,
        "Tensor": Tensor,
        "relu": torch.relu,
        "network": Picture().eval(),
        "images": images,
        "labels": torch.arange(count) % 5,
        "masks": masks,
        "encoder": encoder,
        "reference": encoder(images[:1]).detach(),
        "model": Reader().eval(),
        "question": torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]),
        "answer": 2,
    }


@pytest.fixture
def registries() -> Iterator[None]:
    """What a page registers is forgotten behind it."""
    before = {registry: set(registry.names()) for registry in (METHODS, METRICS, SUITES)}
    yield
    for registry, names in before.items():
        for name in set(registry.names()) - names:
            registry.remove(name)


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("block", PYTHON, ids=lambda b: b.name)
def test_python(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "copies"))  # of runs at URLs
    monkeypatch.setattr("benchbench.api.study.Disturbances", lambda: Disturbances(1))  # five draws take a minute more
    if block.page == "docs/testing-a-method.md":
        for each in PYTHON:
            if each.page in PAGES:
                run_block(each, tmp_path)
    space = run_block(block, tmp_path)
    if block.page == "README.md" and "by_group" in block.text:
        assert set(space["run"].by_group("size")["group"].dropna()) == {"small", "medium", "large"}
        assert space["maps"].shape == (6, 1, 32, 32)
        assert (tmp_path / "seen.png").is_file()


def run_block(block: Block, folder: Path) -> dict[str, Any]:
    """Run a block, and the tests in it that ask for no fixture; the names that it leaves."""
    space: dict[str, Any] = {"__name__": "docs", **fixtures(*((6, 32) if block.page == "README.md" else (2, 16)))}
    with chdir(folder):
        exec(compile(block.text, block.name, "exec"), space)
        for name, value in space.items():
            if name.startswith("test_") and inspect.isfunction(value) and not inspect.signature(value).parameters:
                value()
    return space


@pytest.mark.parametrize("block", SHELL, ids=lambda b: b.name)
def test_shell(block: Block) -> None:
    for line in commands(block.text):
        read_line(line)


@pytest.mark.parametrize("block", YAML, ids=lambda b: b.name)
def test_yaml(block: Block, tmp_path: Path) -> None:
    content = yaml.safe_load(block.text)
    steps = content if isinstance(content, list) else [s for j in content.get("jobs", {}).values() for s in j["steps"]]
    if steps:
        lines = [line for step in steps for line in commands(step.get("run", ""))]
        assert lines
        for line in lines:
            read_line(line)
        return
    (tmp_path / "net.py").write_text("def build(): ...\n")
    with chdir(tmp_path):
        study = StudySpec(**content)
    assert set(content) <= set(StudySpec.model_fields)
    assert study.plain()["samples"] == content["samples"]


@pytest.mark.parametrize("block", TOML, ids=lambda b: b.name)
def test_toml(block: Block) -> None:
    groups = tomllib.loads(block.text)["project"]["entry-points"]
    assert set(groups) <= {f"benchbench.{kind}" for kind in ("methods", "metrics", "models", "datasets")}


def read_line(line: str) -> None:
    """A line of a shell: a command of benchbench is parsed; others must be ones that a reader has."""
    words = shlex.split(line, comments=True)
    words = words[: words.index(">>")] if ">>" in words else words
    if not words or words[0] != "benchbench":
        known = {"make", "pip", "pytest", "mkdir", "printf", "python3", "git"}
        assert not words or words[0] in known, line
        return
    group = typer.main.get_command(app)
    command = group.commands[words[1]]  # type: ignore[attr-defined]
    context = command.make_context(words[1], list(words[2:]))
    read_names(context.params)


def read_names(params: dict[str, Any]) -> None:
    """The methods and metrics that an option names are registered, with these parameters."""
    for item in items(params.get("methods") or ""):
        name, parameters = name_and_params(item)
        if name not in PLUGINS:
            METHODS[name].bind(parameters)
    for item in items(params.get("metrics") or ""):
        name, _ = name_and_params(item)
        if name not in PLUGINS:
            read_metric(item)
    for item in items(params.get("datasets") or ""):
        name, _ = name_and_params(item)
        _, rest = subset_in(item, DATASETS[name].parameters)
        DATASETS[name].bind(name_and_params(rest)[1])
    listed = items(params.get("models") or "")
    for item in [member for each in listed for member in MODELS.members(each)]:
        name, parameters = name_and_params(item)
        if ".py:" not in name:
            MODELS[name].bind(parameters)
