"""Names of the user's own: the same in study files, in Python and on the command line, for all four lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from benchbench.cli.parsing import items
from benchbench.errors import BenchError
from benchbench.study.spec import StudySpec

BASE: dict[str, Any] = {"models": ["resnet18"], "datasets": ["photos"], "methods": ["gradcam"], "metrics": ["deletion"]}


def study(**keys: Any) -> StudySpec:
    return StudySpec(**{**BASE, **keys})


SPELLINGS: dict[str, tuple[Any, str]] = {
    "models": ({"name": "resnet18"}, "models"),
    "datasets": ({"name": "photos"}, "datasets"),
    "methods": ({"name": "smoothed", "of": "layercam"}, "methods"),
    "metrics": ({"name": "deletion", "steps": 7}, "metrics"),
}


def label(spec: StudySpec, key: str) -> str:
    (choice,) = getattr(spec, key)
    text: str = choice.title if key == "metrics" else choice.label
    return text


@pytest.mark.parametrize("key", SPELLINGS)
@pytest.mark.parametrize("form", ["mapping", "as", "pair", "file", "same twice"])
def test_a_name_may_be_given_in_every_form(key: str, form: str, tmp_path: Path) -> None:
    item = SPELLINGS[key][0]
    forms: dict[str, Any] = {
        "mapping": {"My own": item},
        "as": [{**item, "as": "My own"}],
        "pair": [("My own", item)],
        "same twice": {"My own": {**item, "as": "My own"}},
    }
    if form == "file":
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({**BASE, key: {"My own": item}}), encoding="utf-8")
        spec = StudySpec.from_yaml(tmp_path / "study.yaml")
    else:
        spec = study(**{key: forms[form]})
    assert label(spec, key) == "My own"
    plain = study(**{key: [item]})
    (renamed,), (usual,) = getattr(spec, key), getattr(plain, key)
    assert renamed.plugin is usual.plugin
    assert dict(renamed.params) == dict(usual.params)


def test_the_command_line_gives_names_by_as() -> None:
    (item,) = items('smoothed:of=layercam:as="ours, smooth"')
    assert label(study(methods=[item]), "methods") == "ours, smooth"


def test_two_parametrisations_stand_side_by_side() -> None:
    spec = study(methods={"narrow": {"name": "smoothed", "samples": 2}, "wide": {"name": "smoothed", "samples": 9}})
    assert [choice.label for choice in spec.methods] == ["narrow", "wide"]
    assert [choice.params["samples"] for choice in spec.methods] == [2, 9]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"methods": {"a": "gradcam", "b": "gradcam"}}, r"methods\[1\]: 'a' and 'b' are the same method"),
        ({"methods": {"layercam": "gradcam"}}, r"methods\[0\]: 'layercam' is the name of another method"),
        ({"methods": {"Layer-CAM": "gradcam"}}, "is the name of another method"),
        ({"methods": [{"name": "gradcam", "as": ""}]}, "cannot take '' as a name"),
        ({"methods": [{"name": "gradcam", "as": 3}]}, "cannot take 3 as a name"),
        ({"models": [{"name": "resnet18", "as": "x" * 81}]}, "Give a text of 1 to 80 letters"),
        ({"methods": {"a": {"name": "gradcam", "as": "b"}}}, "it has two names: 'a' and 'b'"),
        ({"datasets": {"same": "photos", "same ": "mosaics"}}, "two are called 'same'"),
        ({"metrics": {"mine": "deletoin"}}, "unknown metric 'deletoin'"),
    ],
)
def test_names_that_would_mislead_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        study(**keys)


def test_a_method_may_be_called_by_another_spelling_of_its_user_name() -> None:
    assert label(study(methods={"Grad-CAM": "gradcam"}), "methods") == "Grad-CAM"


def test_things_from_python_keep_their_names() -> None:
    network, images = torch.nn.Identity(), torch.zeros(2, 3, 8, 8)
    spec = study(models={"mine": network}, datasets={"mine": images, "pairs": (images, [0, 1])})
    assert spec.models[0].value is network
    assert [choice.label for choice in spec.datasets] == ["mine", "pairs"]


def test_what_run_json_keeps_can_be_read_again() -> None:
    spec = study(models={"first": "resnet18"}, datasets={"val": {"name": "photos"}})
    plain = spec.plain()
    assert {"name": "resnet18", "as": "first"}.items() <= plain["models"][0].items()
    again = study(**{key: plain[key] for key in ("models", "datasets")})
    assert [choice.label for choice in again.models] == ["first"]
    assert [choice.label for choice in again.datasets] == ["val"]
