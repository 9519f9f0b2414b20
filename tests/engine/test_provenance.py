"""What run.json stores of code, systems and data, for runs to be compared by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchbench.engine import provenance
from benchbench.engine.provenance import _method, _metric
from benchbench.models.shape_classes import SHAPE_CLASSES
from benchbench.registry.importing import load_file
from benchbench.study.identity import engine_code, engine_digest
from benchbench.study.spec import read_method, read_metric

from ..sessions import registries_restored
from .test_watch import pictures, study

PLUGIN = """
import benchbench as bb

@bb.method("mine", needs="activation")
def mine(layer: bb.Layer):
    \"\"\"A method.\"\"\"
    return {factor} * layer.activation.mean(1)

@bb.metric("judge", needs="map", higher_is_better=True, protocols={{"plain": {{}}}})
def judge(seen):
    \"\"\"A metric.\"\"\"
    return {factor} * seen.maps.flatten(1).mean(1)
"""
ITEMS: dict[str, Any] = {
    "alone": "mine",
    "inside": {"name": "inverted", "of": "mine"},
    "two deep": {"name": "smoothed", "of": {"name": "blurred", "of": "mine"}},
}


def identities(folder: Path, factor: int) -> dict[str, str]:
    """Of a method and a metric of a user's file, and of methods around the method."""
    folder.mkdir()
    (folder / "plugin.py").write_text(PLUGIN.format(factor=factor))
    with registries_restored():
        load_file(folder / "plugin.py")
        known = {name: _method(read_method(item)) for name, item in ITEMS.items()}
        return {**{name: entry["identity"] for name, entry in known.items()}, "metric": _judge()}


def _judge() -> str:
    return str(_metric(read_metric("judge"))["identity"])


def test_an_edit_of_a_method_inside_another_is_seen(tmp_path: Path) -> None:
    first, again, edited = (identities(tmp_path / name, factor) for name, factor in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again, "of the same code in another folder"
    assert all(edited[name] != first[name] for name in first)
    assert len(set(first.values())) == len(first)


def test_the_engine_s_code_is_apart_from_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine_code(), engine_digest()
    for digest in (engine_code, engine_digest):
        digest.cache_clear()
    try:
        monkeypatch.setattr("benchbench.study.identity.numeric_libraries", lambda: {"torch": "0.0"})
        assert engine_code() == before[0]
        assert engine_digest() != before[1]
        monkeypatch.undo()
        monkeypatch.setattr("benchbench.study.identity.numeric_files", lambda: [Path(__file__)])
        for digest in (engine_code, engine_digest):
            digest.cache_clear()
        assert engine_code() != before[0]
    finally:
        monkeypatch.undo()
        for digest in (engine_code, engine_digest):
            digest.cache_clear()
    assert (engine_code(), engine_digest()) == before


DRIVERS = {
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023": "535.129.03",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86  Release Build  (dvs@builder)": "570.86",
    "no driver": "",
}


@pytest.mark.parametrize("text", DRIVERS)
def test_the_versions_of_what_runs_a_gpu(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(f"{text}\nGCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1)\n")
    monkeypatch.setattr(provenance, "_TOLD", tmp_path / "version")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    system = provenance._system()
    assert {**system, "os": ""} == {"os": "", "cuda": "12.8", "cudnn": "91002"} | (
        {"driver": DRIVERS[text]} if DRIVERS[text] else {}
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert list(provenance._system()) == ["os"]


def test_data_say_what_read_them(tmp_path: Path) -> None:
    """Of each target, as each is a data set of its own."""
    data: dict[str, Any] = {"mine": pictures(2), "theirs": {"name": "shapes", "count": 2, "size": 32}}
    run = study(datasets=data, target=[0, "predicted"], methods=["random"], metrics=["sparseness"]).run(
        tmp_path, report=False
    )
    known = {entry["name"]: (entry["plugin"], entry["class_names"]) for entry in run.record.info["datasets"]}
    assert known == {
        "mine, target 0": ("", []),
        "mine, target predicted": ("", []),
        "theirs, target 0": ("shapes", list(SHAPE_CLASSES)),
        "theirs, target predicted": ("shapes", list(SHAPE_CLASSES)),
    }
