"""Class names from files, in every form that people have them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchbench.errors import BenchError
from benchbench.models.class_names import read_class_names

NAMES = ("tench", "great white shark", "crane, bird")
FORMS: dict[str, tuple[str, Any]] = {
    "lines": ("names.txt", "tench\ngreat white shark\ncrane, bird\n\n"),
    "windows": ("names.txt", "\ufefftench\r\ngreat white shark\r\ncrane, bird\r\n"),
    "a column": ("names.csv", 'tench\ngreat white shark\n"crane, bird"\n'),
    "index, name": ("names.csv", '0,tench\n1,great white shark\n2,"crane, bird"\n'),
    "header": ("names.csv", 'index,name\n2,"crane, bird"\n0,tench\n1,great white shark\n'),
    "three columns": ("names.csv", 'id,name,wnid\n0,tench,n1\n1,great white shark,n2\n2,"crane, bird",n3\n'),
    "tabs": ("names.tsv", "0\ttench\n1\tgreat white shark\n2\tcrane, bird\n"),
    "list": ("names.json", list(NAMES)),
    "index to name": ("names.json", {"2": NAMES[2], "0": NAMES[0], "1": NAMES[1]}),
    "name to index": ("names.json", {NAMES[2]: 2, NAMES[0]: 0, NAMES[1]: 1}),
    "keras": ("imagenet_class_index.json", {str(i): [f"n{i}", name] for i, name in enumerate(NAMES)}),
    "transformers": ("config.json", {"id2label": {str(i): name for i, name in enumerate(NAMES)}, "hidden": 3}),
    "timm": ("names.json", {"names": list(NAMES)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str, tmp_path: Path) -> None:
    name, content = FORMS[form]
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert read_class_names(tmp_path / name) == NAMES


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "one\n", "has 1 names"),
        ("a.txt", "", "has 0 names"),
        ("a.txt", "one\n\nthree\n", "has no name for class 1"),
        ("a.csv", "1,one\n2,two\n", "the indices are 1, 2, not 0 to 1"),
        ("a.csv", "0,1\n1,2\n", "has no column of names"),
        ("a.csv", "0,one\n1\n", "rows of several lengths"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "3", "holds int"),
        ("a.json", '{"a": "b", "c": "d"}', "is neither {index: name} nor {name: index}"),
        ("a.json", '{"a": 0, "b": 2}', "the indices are 0, 2, not 0 to 1"),
    ],
)
def test_what_is_wrong_is_said(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        read_class_names(tmp_path / name)
    assert message in str(caught.value)
    assert str(caught.value).startswith("classes: ")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="classes: no file 'absent'"):
        read_class_names("absent")
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(BenchError, match="cannot be read"):
        read_class_names(tmp_path / "names.txt")


text = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(text.filter(lambda name: not name.isdigit()), min_size=2, max_size=9, unique=True),
    chance=st.randoms(use_true_random=False),
)
def test_any_names_survive_json_and_csv(names: list[str], chance: Any, tmp_path: Path) -> None:
    pairs = list(enumerate(names))
    chance.shuffle(pairs)
    (tmp_path / "a.json").write_text(json.dumps({name: index for index, name in pairs}), encoding="utf-8")
    rows = io.StringIO()
    csv.writer(rows).writerows([("index", "name"), *pairs])
    (tmp_path / "a.csv").write_text(rows.getvalue(), encoding="utf-8", newline="")
    assert read_class_names(tmp_path / "a.csv") == tuple(names)
    if not set(names) & {"id2label", "label2id", "classes", "names"}:
        assert read_class_names(tmp_path / "a.json") == tuple(names)
