"""The photographs that foolbox brings along: found without importing it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchbench.datasets.sources.file_dataset import Files
from benchbench.errors import BenchError
from benchbench.registry import DATASETS


def photos() -> Files:
    dataset = DATASETS["photos"].function()
    assert isinstance(dataset, Files)
    return dataset


def test_twenty_photographs_with_the_labels_of_their_names() -> None:
    dataset = photos()
    assert len(set(dataset.ids)) == 20
    assert list(dataset.ids) == sorted(dataset.ids)
    for i, name in enumerate(dataset.ids):
        sample = dataset[i]
        assert sample.id == name
        assert sample.label == int(name.split("_")[2])
        assert sample.mask is None
        assert isinstance(sample.image, Image.Image)
        assert min(sample.image.size) >= 512
    assert len({dataset.fingerprint(i) for i in range(20)}) == 20


def test_foolbox_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what it imports. In a process of its own, and for the names alone: tests/test_house.py."""

    def theirs() -> list[str]:
        return [name for name in sys.modules if name.split(".")[0] in ("foolbox", "eagerpy")]

    for name in theirs():
        monkeypatch.delitem(sys.modules, name)
    assert isinstance(photos()[0].image, Image.Image)
    assert not theirs()


@pytest.mark.parametrize("installed", ["nothing", "a module", "an empty package"])
def test_without_foolbox_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: str) -> None:
    spec = None if installed == "nothing" else importlib.machinery.ModuleSpec("foolbox", None)
    if spec and installed == "an empty package":
        (tmp_path / "data").mkdir()
        spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(BenchError, match=r"^photos: .*\. pip install 'benchbench-saliency\[demo\]'$"):
        photos()
