"""A worker that has other code, files, data or another device is refused by name; the command's own are not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import loads
from typing import Any

import pytest
import torch
from torch import Tensor

from benchbench.engine.setup import load
from benchbench.engine.workers import command_plan as module
from benchbench.engine.workers.command_plan import CommandPlan
from benchbench.engine.workers.order import pickled
from benchbench.errors import BenchError
from benchbench.registry import METHODS, METRICS, Registry, method
from benchbench.study.plan import Task, tasks
from benchbench.study.spec import StudySpec
from benchbench.types import Layer

from .conftest import study

SCRIPT = '''
@method("of_a_notebook", needs="gradient")
def of_a_notebook(layer):
    """Of code that no file holds."""
    return helper_of_a_notebook.reduced(layer.gradient)
'''


@dataclass(frozen=True, eq=False)
class Sides:
    """The command's side, as it was, and the worker's, as it is now."""

    sent: bytes
    plan: tuple[Task, ...]
    command: CommandPlan

    def meet(self) -> StudySpec:
        """As a worker does, which has the data and the network of the command."""
        here = self.command.with_code_here(loads(self.sent))
        self.command.refuse_other([tasks(task.shard, here) for task in self.plan], "models: net")
        return here


def sides(images: Tensor, **keys: Any) -> Sides:
    asked = study(images, **keys)
    plan = load(asked.models[0], asked, torch.device("cpu")).plan.tasks
    return Sides(pickled(asked), plan, CommandPlan.of(asked, plan))


@pytest.fixture(scope="module")
def met(images: Tensor) -> Sides:
    nested = {"name": "inverted", "of": {"name": "smoothed", "of": "layercam", "samples": 2}}
    return sides(images, methods=["gradcam", "dataset-mean", nested], metrics=["deletion", "sparseness", "overhead"])


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[Registry[Any], str], None]:
    """Gives a plugin another source, as on a machine with another version."""

    def edited(registry: Registry[Any], name: str) -> None:
        other = replace(registry[name])
        vars(other)["source_digest"] = "another"
        monkeypatch.setitem(registry._plugins, name, other)

    return edited


def test_the_same_code_is_not_refused(met: Sides) -> None:
    here = met.meet()
    assert [choice.label for choice in here.methods] == [choice.label for choice in loads(met.sent).methods]
    assert here.methods[0].plugin is METHODS["gradcam"]


@pytest.mark.parametrize(
    ("registry", "name", "who"),
    [
        (METHODS, "gradcam", "method gradcam and method dataset-mean"),
        (METHODS, "layercam", r"method inverted\(of=smoothed\(of=layercam, samples=2\)\)"),
        (METHODS, "smoothed", r"method inverted\(of=smoothed"),
        (METHODS, "inverted", r"method inverted\(of=smoothed"),
        (METRICS, "sparseness", "metric sparseness@"),
    ],
)
def test_other_code_is_named(
    registry: Registry[Any], name: str, who: str, met: Sides, edit: Callable[[Registry[Any], str], None]
) -> None:
    edit(registry, name)
    with pytest.raises(BenchError, match=f"a worker has other code or other files of {who}"):
        met.meet()


def test_code_that_is_not_in_the_study_may_differ(met: Sides, edit: Callable[[Registry[Any], str], None]) -> None:
    edit(METHODS, "gradcam++")
    edit(METRICS, "insertion")
    met.meet()


def test_another_file_that_is_a_parameter_is_named(images: Tensor, tmp_path: Path, planted: None) -> None:
    file = tmp_path / "weights.txt"
    file.write_text("one")

    @method("with_a_file", needs="gradient")
    def with_a_file(layer: Layer, *, file: Path) -> Tensor:
        return layer.gradient.sum(1)

    both = sides(images, methods=[{"name": "with_a_file", "file": str(file)}], metrics=["sparseness"])
    both.meet()
    file.write_text("two")
    with pytest.raises(BenchError, match=r"other files of method with_a_file\(file="):
        both.meet()


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module beside a notebook."""
    file = tmp_path / "helper_of_a_notebook.py"
    file.write_text("def reduced(gradient):\n    return gradient.sum(1)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield file
    sys.modules.pop(file.stem, None)


def test_code_that_was_sent_may_use_the_same_modules_alone(images: Tensor, helper: Path, planted: None) -> None:
    scope: dict[str, Any] = {"__name__": "a_notebook", "method": method, helper.stem: __import__(helper.stem)}
    exec(compile(SCRIPT, "<cell>", "exec"), scope)
    both = sides(images, methods=["of_a_notebook", {"name": "inverted", "of": "of_a_notebook"}], metrics=["sparseness"])
    METHODS.remove("of_a_notebook")  # a worker has not run the notebook
    assert both.meet().methods[0].plugin.name == "of_a_notebook"
    helper.write_text("def reduced(gradient):\n    return gradient.abs().sum(1)\n")
    with pytest.raises(BenchError, match=r"method of_a_notebook uses helper_of_a_notebook\.py, of which a worker has"):
        both.meet()


def test_other_libraries_and_other_data_are_refused(met: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match="a worker has another network or other data"):
        replace(met, plan=met.plan[:-1]).meet()
    monkeypatch.setattr(module, "engine_digest", lambda: "another")
    with pytest.raises(BenchError, match="a worker has another version of benchbench or its libraries"):
        met.meet()


@pytest.mark.parametrize(
    ("command", "worker", "told"),
    [
        ("cpu", "cpu", ""),
        ("cuda", "cuda:1", ""),
        ("cuda", "", "the command computes on a GPU, and a worker has none"),
        ("cpu", "cuda:0", "the command computes on cpu, and a worker on cuda"),
        ("cuda", "cpu", "the command computes on cuda, and a worker on cpu"),
    ],
)
def test_the_devices_are_of_one_type(
    command: str, worker: str, told: str, met: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``worker``: its device; "" if it asks for a GPU where there is none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(worker))
    plan = replace(met.command, device=command)
    if not told:
        assert plan.device_here(lambda: torch.device(worker)) == torch.device(worker)
        return
    with pytest.raises(BenchError, match=told) as error:
        plan.device_here(lambda: torch.device(worker))
    assert error.value.where == "device"
    assert "device: cpu" in error.value.hint
