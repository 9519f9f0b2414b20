"""Code that hung is called no more, until it or its time limit is another; a folder from elsewhere is no record."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor

from benchbench.containment.hang_record import CALL, LIST, HangRecord, last_call
from benchbench.engine.plugin_marks import plugin_marks
from benchbench.registry import METHODS, method
from benchbench.study.spec import StudySpec, read_method
from benchbench.types import Layer

from ..networks import Pooled, seeded

MARKS = {"method slow": "a", "metric slow": "b"}


def _hang(folder: Path, who: str, marks: dict[str, str]) -> None:
    """A run that ends in a call."""
    with HangRecord(folder, marks=marks).kept() as record, record.call(who, "hangs"):
        record.give_up()
        data = (folder / CALL).read_bytes()
    (folder / CALL).write_bytes(data)


@pytest.mark.parametrize("who", [*MARKS, "method of a base"])
def test_it_is_called_again_when_its_mark_is_another(who: str, tmp_path: Path) -> None:
    _hang(tmp_path, who, MARKS)
    assert HangRecord(tmp_path, marks=MARKS).hung == {who: "hangs"}
    assert HangRecord(tmp_path, marks=MARKS).hung == {who: "hangs"}, "from the list"
    mended = {**MARKS, who: "mended"}
    assert HangRecord(tmp_path).hung == {who: "hangs"}, "marks are not compared"
    assert HangRecord(tmp_path, marks=mended).hung == {}
    _hang(tmp_path, "metric other", mended)
    assert HangRecord(tmp_path, marks=mended).hung == {"metric other": "hangs"}


def test_the_last_call_s_code_may_be_mended_before_the_next_run(tmp_path: Path) -> None:
    _hang(tmp_path, "method slow", MARKS)
    last = last_call(tmp_path)
    assert last is not None
    assert (last.who, last.given_up, last.mark) == ("method slow", True, "a")
    assert HangRecord(tmp_path, marks={**MARKS, "method slow": "mended"}).hung == {}
    assert not (tmp_path / CALL).exists()
    assert HangRecord(tmp_path, marks=MARKS).hung == {}


@pytest.mark.parametrize(
    "listed", ["{", "[]", '{"method slow": "hangs"}', '{"method slow": {"mark": "a"}}', "[" * 9999]
)
def test_a_list_that_is_none(listed: str, tmp_path: Path) -> None:
    (tmp_path / LIST).write_text(listed)
    (tmp_path / CALL).write_text(listed.ljust(2000))
    assert HangRecord(tmp_path, marks=MARKS).hung == {}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "run"
    folder.mkdir()
    outside.write_text(json.dumps({"method slow": {"reason": "hangs", "mark": "a"}}).ljust(2000))
    before = outside.read_text()
    for name in (CALL, LIST):
        (folder / name).symlink_to(outside)
    with HangRecord(folder, marks=MARKS).kept() as record:
        assert record.hung == {}
        record.add("method slow", "hangs")
    assert outside.read_text() == before
    assert HangRecord(folder, marks=MARKS).hung == {"method slow": "hangs"}


def _marks(methods: list[Any], **keys: Any) -> dict[str, str]:
    study = StudySpec(
        models={"net": seeded(Pooled)}, datasets={"d": [[0.0]]}, methods=methods, **{"metrics": ["deletion"], **keys}
    )
    base = read_method("gradcam")
    task = SimpleNamespace(
        maps=[SimpleNamespace(method=m) for m in study.methods], bases=[SimpleNamespace(method=base)]
    )
    return plugin_marks(study, [SimpleNamespace(tasks=[task])])  # type: ignore[list-item]


@pytest.fixture
def versions() -> Any:
    """Makes the registered method ``mine`` one of two versions."""

    def register(version: int) -> None:
        if "mine" in METHODS.names():
            METHODS.remove("mine")
        code = f"def mine(layer: Layer) -> Tensor:\n    'Mine.'\n    return layer.activation.mean(1) * {version}\n"
        names: dict[str, Any] = {"Layer": Layer, "Tensor": Tensor}
        exec(code, names)
        method("mine", needs="activation")(names["mine"])

    yield register
    METHODS.remove("mine")


def test_marks_change_with_code_parameters_and_limit(versions: Any) -> None:
    versions(1)
    methods: list[Any] = ["mine", {"name": "smoothed", "of": "mine", "samples": 2}, "random"]
    first = _marks(methods)
    smoothed = "method smoothed(of=mine, samples=2)"
    assert first.keys() == {"method mine", smoothed, "method random", "method gradcam", "metric deletion"}
    assert _marks(methods) == first
    limited = _marks(methods, time_limit=60.0)
    assert not set(limited.values()) & set(first.values())
    assert _marks(methods, metrics=[{"name": "deletion", "steps": 3}])["metric deletion"] != first["metric deletion"]
    versions(2)
    second = _marks(methods)
    assert {who for who in first if first[who] != second[who]} == {"method mine", smoothed}
