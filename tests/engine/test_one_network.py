"""A study of several networks holds one of them in memory at a time, the same one each time that it is loaded."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from benchbench.api.study import Study
from benchbench.errors import BenchError
from benchbench.registry import model

from ..networks import Pooled

pytestmark = pytest.mark.usefixtures("planted")
IMAGES = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)


def study(**models: str) -> Study:
    """Of registered networks, by the study's name for each."""
    wanted = [{"name": plugin} for plugin in models.values()]
    return Study(models=wanted, datasets={"d": IMAGES}, methods=["gradcam"], metrics=["deletion"], layers=["relu"])


def registered(name: str, build: Callable[[], nn.Module]) -> None:
    def plugin() -> nn.Module:
        """A small network."""
        return build()

    model(name)(plugin)


def test_no_network_is_alive_when_another_is_built(tmp_path: Path) -> None:
    alive: list[weakref.ref[nn.Module]] = []
    others: list[int] = []

    def build() -> nn.Module:
        others.append(sum(known() is not None for known in alive))
        torch.manual_seed(len("net"))
        network = Pooled().eval()
        alive.append(weakref.ref(network))
        return network

    for name in ("first-net", "second-net", "third-net"):
        registered(name, build)
    run = study(a="first-net", b="second-net", c="third-net").run(tmp_path / "run", report=False)
    assert set(run.table["status"]) == {"ok"}
    assert run.table["model"].nunique() == 3
    assert others == [0] * 5  # three before anything runs, and the second and third once more


def test_a_network_that_is_another_each_time_is_refused(tmp_path: Path) -> None:
    registered("steady-net", lambda: Pooled().eval())
    registered("other-net", lambda: Pooled().eval())  # no seed
    with pytest.raises(BenchError, match="models: other-net: the network has other weights each time"):
        study(a="steady-net", b="other-net").run(tmp_path / "run", report=False)


def test_what_the_last_network_lacks_is_refused_before_the_first_runs(tmp_path: Path) -> None:
    def build() -> nn.Module:
        torch.manual_seed(0)
        return Pooled().eval()

    registered("right-net", build)
    registered("wrong-net", lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5)).eval())
    with pytest.raises(BenchError, match="layers: wrong-net"):
        study(a="right-net", b="wrong-net").run(tmp_path / "run", report=False)
    assert not list((tmp_path / "run").glob("cells/*"))
