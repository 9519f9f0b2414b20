"""Every public name has an example in its docstring, and the examples run."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


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


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", bb.__all__)
def test_the_example_of_a_public_name_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(bb, name)) or ""
    example = doctest.DocTestParser().get_doctest(text, namespace(), name, None, None)
    assert example.examples, f"the docstring of {name} has no example"
    output: list[str] = []
    failed = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS).run(example, out=output.append)
    assert not failed.failed, "".join(output)
