"""Studies: what is asked for, and one clear line for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import BenchError
from benchbench.registry import DATASETS
from benchbench.study.item_text import items, parse_item
from benchbench.study.spec import StudySpec, read_yaml

from ..networks import Pooled, seeded

GOOD: dict[str, Any] = {
    "models": {"net": seeded(Pooled)},
    "datasets": {"data": torch.zeros(2, 3, 8, 8)},
    "methods": ["gradcam"],
    "metrics": ["deletion"],
}

WRONG = [
    ({"methods": ["gradcm"]}, r"methods\[0\]: unknown method 'gradcm'. Did you mean 'gradcam'"),
    ({"methods": ["cam", {"name": "scorecam", "variant": "x"}]}, r"methods\[1\].variant: Input should be 'official'"),
    (
        {"methods": [{"name": "scorecam", "varant": "x"}]},
        r"methods\[0\]: scorecam has no parameter 'varant'. Did you mean",
    ),
    ({"methods": [{"variant": "official"}]}, r"methods\[0\]: cannot read .* Give a name"),
    ({"methods": []}, "methods: the list is empty"),
    ({"methods": ["cam", "cam"]}, r"methods\[1\]: 'cam' is asked for twice"),
    ({"metrics": ["deletion@rise-29"]}, r"metrics\[0\]: deletion has no protocol 'rise-29'. Did you mean 'rise-28'"),
    ({"metrics": [{"name": "deletion@rise-28", "steps": 3}]}, r"metrics\[0\]: deletion@rise-28 fixes its parameters"),
    ({"models": ["resnet81"]}, r"models\[0\]: unknown model 'resnet81'. Did you mean 'resnet18'"),
    ({"models": ["nowhere.py:build"]}, r"models\[0\]: no file 'nowhere.py'"),
    ({"datasets": ["foto"]}, r"datasets\[0\]: unknown dataset 'foto'. Did you mean 'photos'"),
    ({"datasets": [{"name": "folder"}]}, r"datasets\[0\]: folder needs root"),
    ({"samples": -3}, r"samples: Input should be greater than 0 \(got -3\)"),
    ({"samples": "many"}, r"samples: Input should be a valid integer.*\(got 'many'\)"),
    ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
    ({"batch": 0}, "batch: Input should be 'auto'; or Input should be greater than 0"),
    ({"target": "best"}, "target: cannot read 'best'. Use predicted, label, a class"),
    ({"target": -1}, "target: cannot read -1. Use predicted, label, a class"),
    ({"device": "tpu"}, "device: unknown device 'tpu'. Use auto, cpu, cuda, or cuda:1"),
    ({"device": "mps"}, "device: mps has no float64, in which maps are normalised and ranked. Use cpu"),
    ({"engine": "spark"}, "engine: Input should be 'local' or 'ray'"),
    ({"layers": 3}, "layers: "),
    ({"layers": []}, "layers: the list is empty"),
    ({"layers": {"net": []}}, "layers: the list is empty"),
    ({"samples": True}, "samples: Input should be a valid integer"),
    ({"sample": 3}, "unknown key 'sample'. Did you mean 'samples'"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=lambda x: str(x)[:40])
def test_a_mistake_is_one_line_that_names_the_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        StudySpec(**{**GOOD, **change})
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(BenchError, match=r"methods: missing"):
        StudySpec(**{key: value for key, value in GOOD.items() if key != "methods"})


def test_protocols_are_found_by_their_parameters() -> None:
    metrics = ["deletion", "deletion@rise-224", {"name": "insertion", "steps": 224}, {"name": "insertion", "steps": 7}]
    study = StudySpec(**{**GOOD, "metrics": metrics})
    assert [f"{m.name}@{m.protocol}" for m in study.metrics] == [
        *("deletion@rise-28", "deletion@rise-224", "insertion@rise-224", "insertion@custom(steps=7)")
    ]


def test_labels_carry_the_parameters_that_differ() -> None:
    study = StudySpec(**{**GOOD, "methods": ["scorecam", {"name": "scorecam", "variant": "torchcam"}]})
    assert [m.label for m in study.methods] == ["scorecam", "scorecam(variant=torchcam)"]


def test_layers_by_model() -> None:
    study = StudySpec(**{**GOOD, "layers": {"net": ["conv"]}})
    assert study.layers_of("net") == ("conv",)
    with pytest.raises(BenchError, match=r"layers: no layers for model 'other'"):
        study.layers_of("other")


def test_a_study_file(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("models: [resnet18]\ndatasets: [photos]\nmethods: [gradcam]\nmetrics: [deletion]\nsamples: 5\n")
    study = StudySpec.from_yaml(file, samples=7)
    assert study.samples == 7
    assert study.models[0].label == "resnet18"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [", "study.yaml: not readable as YAML: .*line 1"),
        ("- a\n- b\n", "study.yaml: a study is a mapping"),
        ("", "study.yaml: a study is a mapping"),
        ("models: !!python/object/apply:os.system ['true']", "study.yaml: not readable as YAML"),
        ("models: [resnet18]\nmethods: [gradcm]\n", r"study.yaml: methods\[0\]: unknown method 'gradcm'"),
        ("\xff\xfe", "study.yaml"),
    ],
)
def test_a_study_file_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(BenchError, match=message):
        StudySpec.from_yaml(file)


def test_a_study_file_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"absent.yaml: no such study file"):
        StudySpec.from_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("gradcam", "gradcam"),
        ("scorecam:variant=torchcam", {"name": "scorecam", "variant": "torchcam"}),
        ("deletion:steps=7", {"name": "deletion", "steps": "7"}),
        ("net.py:build", "net.py:build"),
        ("net.py:build:width=2", {"name": "net.py:build", "width": "2"}),
        ("folder:root=a/b:labels=c.csv", {"name": "folder", "root": "a/b", "labels": "c.csv"}),
    ],
)
def test_items_of_the_command_line(text: str, item: Any) -> None:
    assert parse_item(text) == item


def test_text_of_the_command_line_is_read_by_the_parameter_s_type() -> None:
    study = StudySpec(**{**GOOD, "metrics": [parse_item("deletion:steps=7")], "datasets": [parse_item("photos")]})
    assert study.metrics[0].params == {"steps": 7, "fill": "zero", "answer": "probability", "source": "rise"}
    with pytest.raises(BenchError, match=r"metrics\[0\].steps: Input should be greater than or equal to 2"):
        StudySpec(**{**GOOD, "metrics": [parse_item("deletion:steps=0")]})
    with pytest.raises(BenchError, match=r"methods\[0\].sigma: Input should be greater than 0"):
        StudySpec(**{**GOOD, "methods": [parse_item("center:sigma=nan")]})
    with pytest.raises(BenchError, match="The name comes first"):
        parse_item("gradcam:name=layercam")
    plugin = DATASETS["folder"]
    with pytest.raises(BenchError, match="no folder '2024'"):
        plugin.function(**plugin.bind({"root": "2024"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('folder:root="a', "a quote is not closed"),
        ("a:b=1:b=2", "b is given twice"),
        ("k=3", "The name comes first"),
    ],
)
def test_an_item_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        parse_item(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"C:\nets\mine.py:build", [r"C:\nets\mine.py:build"]),
        (r"C:/nets/mine.py:build:width=2", [{"name": "C:/nets/mine.py:build", "width": "2"}]),
        (r"folder:root=C:\x:labels=D:\y.csv", [{"name": "folder", "root": r"C:\x", "labels": r"D:\y.csv"}]),
        (r'folder:root="C:\a,b:masks=3"', [{"name": "folder", "root": r"C:\a,b:masks=3"}]),
        ("folder:root='a, b',photos", [{"name": "folder", "root": "a, b"}, "photos"]),
        (r"folder:root=a\,b\:labels=3", [{"name": "folder", "root": "a,b:labels=3"}]),
        ("folder:root=it's,photos", [{"name": "folder", "root": "it's"}, "photos"]),
        ('"a,b.py:build":width=2,gradcam', [{"name": "a,b.py:build", "width": "2"}, "gradcam"]),
        ("quantus:Sparseness:abs=1", [{"name": "quantus:Sparseness", "abs": "1"}]),
    ],
)
def test_colons_and_commas_in_paths(text: str, expected: list[Any]) -> None:
    assert items(text) == expected


TWICE = [
    ("methods: [cam]\nmetrics: [deletion]\nmetrics: [insertion]\n", "'metrics'", 2, 3),
    ("methods:\n- name: scorecam\n  variant: official\n  variant: torchcam\n", "'variant'", 3, 4),
    ("models: {net: a,\n  'net': b}\n", "'net'", 1, 2),
    ("layers:\n  a: [x]\n  b: [y]\n  a: [z]\n", "'a'", 2, 4),
    ("base: &b {x: 1}\nother:\n  <<: *b\n  y: 1\n  <<: *b\n", "'<<'", 3, 5),
    ("1: a\n2: b\n0x1: c\n", "1", 1, 3),
]


@pytest.mark.parametrize(("text", "key", "first", "second"), TWICE)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, text: str, key: str, first: int, second: int) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    with pytest.raises(BenchError, match=f"the key {key} is given twice: on line {first} and on line {second}"):
        read_yaml(file)


def test_a_key_may_replace_a_merged_one(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("base: &b {samples: 1, seed: 2}\nstudy: {<<: *b, samples: 3}\n")
    assert read_yaml(file)["study"] == {"samples": 3, "seed": 2}


@pytest.mark.parametrize(
    ("key", "listed", "message"),
    [
        (
            "methods",
            ["GradCAM", "cam", "grad_cam"],
            r"'gradcam' is asked for twice: methods\[0\] \(GradCAM\) and methods\[2\]",
        ),
        (
            "methods",
            ["scorecam", {"name": "ScoreCAM", "variant": "official"}],
            r"\(scorecam\) .*\(ScoreCAM:variant=official\)",
        ),
        (
            "metrics",
            ["deletion", "Deletion@RISE-28"],
            r"'deletion@rise-28' is asked for twice: metrics\[0\] \(deletion\)",
        ),
        (
            "metrics",
            [{"name": "deletion", "steps": 28}, "insertion", "deletion"],
            r"metrics\[0\] \(deletion:steps=28\)",
        ),
        ("datasets", ["photos", "Photos"], r"'photos' is asked for twice"),
        ("models", ["resnet18", "ResNet-18"], r"'resnet18' is asked for twice"),
    ],
)
def test_a_thing_in_two_places_is_refused(key: str, listed: list[Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        StudySpec(**{**GOOD, key: listed})


def test_two_networks_of_one_name_are_told_apart_from_one_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("def build(): ...\n")
    twice, two = ([f"{tmp_path / name}.py:build" for name in names] for names in ("aa", "ab"))
    with pytest.raises(BenchError, match="'build' is asked for twice"):
        StudySpec(**{**GOOD, "models": twice})
    with pytest.raises(BenchError, match=r"two are called 'build'.* Give each a name"):
        StudySpec(**{**GOOD, "models": two})
    assert [m.label for m in StudySpec(**{**GOOD, "models": dict(zip("ab", two, strict=True))}).models] == ["a", "b"]


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3"])
def test_the_words_for_a_device(device: str) -> None:
    assert StudySpec(**{**GOOD, "device": device}).device == device


@given(
    st.dictionaries(
        st.text(max_size=8), st.one_of(st.none(), st.integers(), st.text(max_size=8), st.lists(st.integers()))
    )
)
def test_any_mapping_is_a_study_or_a_bench_error(keys: dict[str, Any]) -> None:
    with pytest.raises(BenchError):
        StudySpec(**{str(key): value for key, value in keys.items()})


def test_the_plain_form_survives_yaml() -> None:
    plain = StudySpec(**GOOD).plain()
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain


def test_the_embedded_study_is_valid() -> None:
    keys = read_yaml(Path(__file__).parents[2] / "benchbench" / "default_study.yaml")
    study = StudySpec(**keys)
    assert "scorecam" in [m.label for m in study.methods]
    assert study.models[0].label == "efficientnet_lite0"
