"""A run's folder is one study's and one run's at a time; what failed is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.engine.lock import locked
from benchbench.engine.progress import Silent
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.results.run_folder import UNFINISHED
from benchbench.types import Layer

from ..helpers import Told
from ..networks import Pooled, seeded

NOTHING = Silent().warn


def _pictures(count: int = 4, seed: int = 0) -> Tensor:
    coarse = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse[:count], size=32, mode="bicubic")


def _study(**keys: Any) -> bb.Study:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": _pictures()},
        "layers": ["relu"],
        "methods": ["gradcam", "random"],
        "metrics": ["deletion"],
    }
    return bb.Study(**{**defaults, **keys})


def _run(folder: Path, *, overwrite: bool = False, retry_failed: bool = False, **keys: Any) -> tuple[bb.Run, list[str]]:
    progress = Told()
    run = _study(**keys).run(folder, progress=progress, report=False, overwrite=overwrite, retry_failed=retry_failed)
    return run, progress.warnings


def _pairs(run: bb.Run) -> set[tuple[str, str]]:
    rows = run.table[~run.table["metric"].str.contains(".", regex=False)]
    return set(zip(rows["method"], rows["metric"], strict=True))


def _all(methods: list[str], metrics: list[str]) -> set[tuple[str, str]]:
    return {(name, metric) for name in methods for metric in metrics}


def test_a_new_method_by_name_alone_keeps_the_earlier_ones(tmp_path: Path) -> None:
    before, _ = _run(tmp_path)
    run, warned = _run(tmp_path, methods=["layercam"], metrics=["insertion"])
    assert _pairs(run) == _all(["gradcam", "random", "layercam"], ["deletion", "insertion"])
    assert "Kept: the methods gradcam, random; the metrics deletion@rise-28" in warned[0]
    same = run.table.merge(before.table, on=[c for c in before.table.columns if c != "value"], suffixes=("", "_then"))
    assert len(same) == len(before.table)
    assert same["value"].equals(same["value_then"])
    assert run.record.info["work"]["cells_reused"] == 2 + 2  # maps and deletion of both, at one layer


def test_a_study_that_names_all_has_its_own_order(tmp_path: Path) -> None:
    _run(tmp_path)
    run, warned = _run(tmp_path, methods=["random", "layercam", "gradcam"])
    assert [m["name"] for m in run.record.info["methods"]] == ["random", "layercam", "gradcam"]
    assert not warned


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "fusion", "of": "gradcam", "by": "mean"},
        {"name": "smoothgrad", "samples": 3},
        "augmented:of=gradcam",
        "noised:of=gradcam",
    ],
)
def test_methods_with_parameters_are_kept_too(entry: Any, tmp_path: Path) -> None:
    name = entry if isinstance(entry, dict) else {"name": entry.partition(":")[0], "of": "gradcam"}
    _run(tmp_path, methods=[name], metrics=["deletion", {"name": "insertion", "steps": 7}])
    run, _ = _run(tmp_path)
    assert len(_pairs(run)) == 3 * 2
    assert run.record.info["work"]["cells_reused"] >= 3


def test_fewer_samples_keep_the_earlier_ones(tmp_path: Path) -> None:
    _run(tmp_path, samples=4)
    run, warned = _run(tmp_path, samples=2)
    assert run.table["sample"].nunique() == 4
    assert "4 images of each dataset" in warned[0]


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 1}, "seed is 0 in the folder's study, and 1 in this study"),
    "target": ({"target": 2}, "target is predicted in the folder's study, and 2 in this study"),
    "score": ({"score": "sigmoid"}, "probability is softmax in the folder's study"),
    "name": ({"models": {"other": seeded(Pooled)}}, "the folder's study has the models net"),
    "data's name": ({"datasets": {"other": _pictures()}}, "the folder's study has the datasets data"),
    "weights": ({"models": {"net": seeded(Pooled, seed=1)}}, "the network net has changed"),
    "images": ({"datasets": {"data": _pictures(seed=1)}}, "the images of data have changed"),
    "fewer images": ({"datasets": {"data": _pictures(3)}}, "the images of data have changed"),
    "layer": ({"layers": ["last", "conv"]}, "has the layers relu of net"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_study_is_refused_and_nothing_is_lost(name: str, tmp_path: Path) -> None:
    before, _ = _run(tmp_path, layers=["conv", "relu"])
    keys, reason = CHANGES[name]
    if name == "layer":
        keys = {"layers": ["conv"]}
    with pytest.raises(BenchError, match="another --out, or --overwrite") as caught:
        _run(tmp_path, **{"layers": ["conv", "relu"], **keys})
    assert reason in str(caught.value)
    assert bb.Run.load(tmp_path).table.equals(before.table)
    assert not (tmp_path / UNFINISHED).exists()


def test_overwrite_keeps_this_study_s_results_alone(tmp_path: Path) -> None:
    _run(tmp_path)
    run, warned = _run(tmp_path, overwrite=True, methods=["gradcam"], seed=1)
    assert _pairs(run) == {("gradcam", "deletion")}
    assert run.record.info["earlier"] == []
    assert not warned


def test_a_method_that_is_not_there_any_more(tmp_path: Path) -> None:
    @method("for-a-while", needs="activation")
    def for_a_while(layer: Layer) -> Tensor:
        """The mean activation."""
        return layer.activation.mean(1)

    _run(tmp_path, methods=["for-a-while"])
    METHODS.remove("for-a-while")
    with pytest.raises(BenchError, match=r"unknown method 'for-a-while'.*--plugin.*--overwrite"):
        _run(tmp_path)


def test_a_folder_that_is_no_run_s_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").touch()
    with pytest.raises(BenchError, match="the folder holds photos, and no run"):
        _run(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["photos", "mine.jpg"]


@pytest.mark.parametrize("name", ["", "."])
def test_a_run_needs_a_folder_of_its_own(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match="a run needs a folder of its own"):
        _study().run(name)
    assert not list(tmp_path.iterdir())


def test_one_run_at_a_time(tmp_path: Path) -> None:
    _run(tmp_path)
    with locked(tmp_path, NOTHING), pytest.raises(BenchError, match="another run writes into this folder: process"):
        _run(tmp_path)
    _run(tmp_path)


def test_a_run_that_was_stopped_is_told_from_one_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("benchbench.engine.runner._work_all", stopped)
        with pytest.raises(KeyboardInterrupt):
            _run(tmp_path)
    with pytest.raises(BenchError, match="none of the run's 1 shard is finished yet"):
        bb.Run.load(tmp_path)
    run, _ = _run(tmp_path)
    assert not run.failed


@pytest.fixture
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file; while it is there, the method ``busy`` fails on the brightest image."""
    mark = tmp_path_factory.mktemp("busy") / "mark"
    mark.touch()

    @method("busy", needs=("activation", "input"))
    def busy(layer: Layer) -> Tensor:
        """The mean over channels."""
        if mark.exists() and float(layer.images.max()) > 2:
            raise RuntimeError("the server is busy")
        return layer.images.mean(1)

    yield mark
    METHODS.remove("busy")


def _computed(run: bb.Run) -> int:
    return int(run.record.info["work"]["cells_computed"])


def test_what_failed_is_tried_again_until_it_failed_the_same_way_twice(busy: Path, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["busy", "gradcam"], "metrics": ["deletion", "passes"]}
    first, _ = _run(tmp_path, **keys)
    assert first.failed
    second, _ = _run(tmp_path, **keys)
    assert _computed(second) == 3  # maps, deletion, cost
    third, warned = _run(tmp_path, **keys)
    assert _computed(third) == 0
    assert any("failed twice in the same way and were not retried; --retry-failed" in warning for warning in warned)
    pd.testing.assert_frame_equal(first.table, third.table)
    busy.unlink()
    left, _ = _run(tmp_path, **keys)
    assert left.failed == first.failed
    forced, _ = _run(tmp_path, retry_failed=True, **keys)
    assert not forced.failed
    keys_of = ["method", "metric", "sample"]
    good = first.table[first.table["status"] == "ok"].merge(forced.table, on=keys_of, suffixes=("", "_forced"))
    assert good["value"].equals(good["value_forced"])


def test_what_failed_once_is_tried_again_by_itself(busy: Path, tmp_path: Path) -> None:
    first, _ = _run(tmp_path, methods=["busy"])
    busy.unlink()
    second, _ = _run(tmp_path, methods=["busy"])
    assert first.failed
    assert not second.failed


def test_an_image_that_could_not_be_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    from benchbench.engine import sample_loader as loader

    load = loader.load_sample

    def busy(dataset: Any, index: int, *rest: Any) -> Any:
        if index == 1:
            raise BenchError("the disk is busy")
        return load(dataset, index, *rest)

    clean, _ = _run(tmp_path / "clean")
    with monkeypatch.context() as context:
        context.setattr(loader, "load_sample", busy)
        broken, _ = _run(tmp_path / "run")
    assert broken.failed == 2
    mended, _ = _run(tmp_path / "run")
    pd.testing.assert_frame_equal(mended.table, clean.table)


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    """As a file system with another encoding gives them to Python."""
    spec = bb.ModelSpec("net", seeded(Pooled), classes=tuple(f"\udc80{i}" for i in range(7)))
    keys: dict[str, Any] = {"models": {"n\udc80t": spec}, "datasets": {"d\udcff": _pictures()}}
    run = _study(**keys).run(tmp_path)
    assert set(run.table["model"]) == {"n\\udc80t"}
    assert set(run.table["dataset"]) == {"d\\udcff"}
    assert "\\udc80" in (tmp_path / "report.html").read_text(encoding="utf-8")
    again, _ = _run(tmp_path, **keys)
    assert again.record.info["work"]["cells_computed"] == 0
