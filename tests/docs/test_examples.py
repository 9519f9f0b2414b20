"""Every public name has an example in its docstring, and every example of a docstring runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from tests.test_house import files, module_name

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PROMPT = ">>> "
WITH_EXAMPLES = sorted(module_name(path) for path in files() if PROMPT in path.read_text(encoding="utf-8"))


class Small(nn.Module):
    """The network of the examples: ``features`` is its last spatial map."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(images).mean((2, 3)))
        return logits


def namespace() -> dict[str, object]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, images = Small().eval(), torch.randn(2, 3, 32, 32)
    return {"bb": bb, "torch": torch, "network": network, "images": images, "labels": [0, 1]}


@pytest.mark.parametrize("name", bb.__all__)
def test_a_public_name_has_an_example(name: str) -> None:
    """It is run with those of its module."""
    value = getattr(bb, name)
    assert PROMPT in (inspect.getdoc(value) or ""), f"the docstring of {name} has no example"
    assert value.__module__ in WITH_EXAMPLES


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the module's own names, and a network, images and labels."""
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    examples = doctest.DocTestFinder().find(module, globs={**vars(module), **namespace()})
    lines, output = inspect.getsource(module).splitlines(), list[str]()
    runner = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS)
    for example in examples:
        runner.run(example, out=output.append)
    assert not runner.failures, "".join(output)
    written = sum(line.lstrip().startswith(PROMPT) for line in lines)
    assert runner.tries == written, "some examples are in no docstring"


def test_the_modules_with_examples_are_all_looked_for() -> None:
    members = {"benchbench.formatting", "benchbench.remote.run_url", "benchbench.reports.figures.pareto"}
    assert members <= set(WITH_EXAMPLES)
