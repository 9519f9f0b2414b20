"""``all``: a name of a study's list that stands for every method of the package."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.study.spec import StudySpec
from benchbench.types import Layer

KEYS: dict[str, Any] = {"models": ["zoo_residual"], "datasets": ["shapes"], "metrics": ["deletion"]}


def names(**keys: Any) -> list[str]:
    return [choice.plugin.name for choice in StudySpec(**KEYS, **keys).methods]


def test_all_are_the_methods_of_the_package_without_controls() -> None:
    """Read from the files: every function of methods/ that is registered, and no control."""
    listed = names(methods="all")
    folder = Path(__file__).parents[2] / "methods"
    of_package = {
        name
        for name, plugin in METHODS.load().items()
        if Path(inspect.getsourcefile(plugin.function) or "").resolve().is_relative_to(folder.resolve())
    }
    controls = {name for name in of_package if METHODS[name].control}
    assert {"random", "center", "oracle", "inverted", "ceiling"} <= controls
    assert set(listed) == of_package - controls
    assert len(listed) == len(set(listed)) > 60
    assert {"gradcam", "kernelshap", "attnlrp", "winsorcam", "smoothed"} <= set(listed)


def test_a_method_of_a_user_is_not_among_them() -> None:
    @method("mine", needs="activation")
    def mine(layer: Layer) -> Tensor:
        """The mean."""
        return layer.activation.mean(1)

    try:
        assert "mine" not in names(methods=["all"])
        assert names(methods=["all", "mine", "random"])[-2:] == ["mine", "random"]
    finally:
        METHODS.remove("mine")


def test_other_keys_see_its_members() -> None:
    signed = {choice.label for choice in StudySpec(**KEYS, methods=["All"], signed=True).methods}
    assert {"inputxgradient(sign=signed)", "gradcam"} <= signed
    twins = names(methods="all", twins=["inverted"])
    assert twins.count("inverted") == len(names(methods="all"))
    scores = {choice.label for choice in StudySpec(**KEYS, methods="all", score=["logit", "contrast"]).methods}
    assert {"gradcam", "gradcam(score=contrast)", "cam", "eigencam"} <= scores
    assert "cam(score=contrast)" not in scores


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["gradcam", "all"], r"methods\[1\]: 'gradcam' is asked for twice"),
        (["all", "all"], r"methods\[1\]: '\w+' is asked for twice"),
        ({"mine": "all"}, r"methods\[0\]: 'all' stands for several methods\. .*gradcam"),
    ],
)
def test_mistakes(methods: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        StudySpec(**KEYS, methods=methods)
