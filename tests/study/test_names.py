"""Names of the user's own: the same in study files, in Python and on the command line, for all four lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.study.item_text import items
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


class Told:
    """What a run says."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, what: str) -> None:
        self.words.append(what)

    warn = say

    def start(self, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def stop(self) -> None: ...


def small() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)]
    return torch.nn.Sequential(*layers)


def run(folder: Path, told: Told | None = None, **keys: Any) -> bb.Run:
    data = {"our data": (torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)), [0, 1, 2])}
    options = {"methods": {"ours": "gradcam", "theirs": "layercam"}, "metrics": {"my passes": "passes"}, **keys}
    study = bb.Study(models={"our net": small()}, datasets=data, layers=["0"], **options)
    return study.run(folder, progress=told, report=False)


def test_the_bar_warnings_and_reports_use_them(tmp_path: Path) -> None:
    told = Told()
    done = run(tmp_path / "run", told, methods={"ours": "gradcam", "Layer CAM": "layercam"}, metrics=["deletion"])
    assert "our net on our data" in told.words
    assert {"our net", "our data", "ours", "Layer CAM"} <= set(
        done.table[["model", "dataset", "method"]].to_numpy().flat
    )
    files = {path.name for path in done.figures(tmp_path / "figures")}
    assert "curves.pdf" in files
    for text in (done.to_latex(), done.to_markdown(), str(done)):
        assert "our net" in text
        assert "our data" in text
    assert "Layer CAM" in done.to_markdown()


def test_the_bar_has_display_names(tmp_path: Path) -> None:
    told = Told()
    keys = {"datasets": {"d": torch.randn(1, 3, 64, 64)}, "metrics": ["passes"], "methods": ["gradcam++"]}
    bb.Study(models=[{"name": "squeezenet1_1", "weights": "random"}], **keys).run(tmp_path, progress=told, report=False)
    assert "loading SqueezeNet 1.1 (weights=random)" in told.words
    assert [words for words in told.words if words.startswith("cost of Grad-CAM++ at ")]


def test_a_new_name_computes_nothing_and_makes_no_second_method(tmp_path: Path) -> None:
    run(tmp_path, metrics=["map_mean"])
    done = run(tmp_path, methods={"renamed": "gradcam"}, metrics={"Mean": "map_mean"})
    assert done.record.info["work"]["cells_computed"] == 0
    assert sorted(set(done.table["method"])) == ["renamed", "theirs"]
    assert [metric["title"] for metric in done.record.info["metrics"]] == ["Mean"]


def test_several_targets_are_in_the_names_of_the_data(tmp_path: Path) -> None:
    told = Told()
    done = run(tmp_path, told, target=[0, 2], metrics=["map_mean"])
    assert [data["title"] for data in done.record.info["datasets"]] == ["our data, target 0", "our data, target 2"]
    assert "our net on our data, target 2" in told.words
