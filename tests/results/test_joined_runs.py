"""Two runs joined are one run of everything that both have: its tables, its statistics and what run.json says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.results.merge import merge_runs
from benchbench.results.record import Record, units_of
from benchbench.results.schema import RESULTS
from benchbench.types import Layer

from ..engine.test_watch import pictures, study
from ..networks import Pooled, seeded

COUNT = 33  # images: two shards
FIRST = 10  # in the first of two runs of other images
POISON = 50.0
EQUAL_KEYS = ("study", "seed", "models", "datasets", "methods", "metrics", "accuracy", "failures", "counts", "earlier")
TABLES = ("results", "curves", "photos", "pooled")
FAILING: set[str] = set()  # of the methods, those that fail now as they may on another machine


IDS = [f"{i:04}" for i in range(COUNT)]


def labelled() -> dict[str, Any]:
    """Images, labels and masks; the third image has copies, and on the sixth one a method fails."""
    images, masks = pictures(COUNT), torch.zeros(COUNT, 16, 16, dtype=torch.bool)
    images[[9, 12, 32]] = images[2].clone()
    images[5, :, 0, 0] = POISON
    for i, mask in enumerate(masks):
        mask[2:13, i % 5 : 9 + i % 4] = True
    return {"images": images, "labels": [i % 7 for i in range(COUNT)], "masks": masks}


@pytest.fixture(scope="module", autouse=True)
def methods() -> Iterator[None]:
    @method("picky", needs="activation")
    def picky(layer: Layer) -> Tensor:
        """Fails on one image."""
        if bool((layer.images == POISON).any()):
            raise ValueError("poisoned")
        return layer.activation.mean(1)

    @method("moody", needs="activation")
    def moody(layer: Layer) -> Tensor:
        """Fails on one image where it is told to."""
        if "moody" in FAILING and bool((layer.images == POISON).any()):
            raise ValueError("moody")
        return layer.activation.amax(1)

    yield
    for name in ("picky", "moody"):
        METHODS.remove(name)


NETWORKS = {"net": seeded(Pooled), "other": seeded(Pooled, seed=1)}
DELETION: dict[str, Any] = {"name": "deletion", "steps": 2}
WHOLE: dict[str, Any] = {
    "models": NETWORKS,
    "methods": ["gradcam", "dataset-mean", "picky"],
    "metrics": [DELETION, "sparseness", "iou", {"name": "pxap", "levels": 100}, "passes"],
    "samples": COUNT,
}
PARTS: dict[str, list[dict[str, Any]]] = {
    "methods": [{"methods": ["gradcam"]}, {"methods": ["dataset-mean", "picky"]}],
    "metrics": [{"metrics": [DELETION, "sparseness"]}, {"metrics": ["iou", {"name": "pxap", "levels": 100}, "passes"]}],
    "networks": [{"models": {name: network}} for name, network in NETWORKS.items()],
    "images": [{"models": {"net": NETWORKS["net"]}}] * 2,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole run, and two parts of it, for each way to part it; and the joined parts."""
    folder, data = tmp_path_factory.mktemp("joined"), labelled()
    study(**{**WHOLE, "datasets": {"data": data}}).run(folder / "whole", report=False)
    ranges = (range(FIRST), range(FIRST, COUNT))
    for way, parts in PARTS.items():
        for number, keys in enumerate(parts):
            images: Any = data
            if way == "images":
                chosen = folder / f"{number}.txt"
                chosen.write_text("\n".join(IDS[i] for i in ranges[number]))
                images = {**data, "subset": {"ids": chosen}}
            study(**{**WHOLE, "datasets": {"data": images}, **keys}).run(folder / f"{way}{number}", report=False)
        merge_runs(Record.load(folder / f"{way}0"), Record.load(folder / f"{way}1"), folder / way)
    return folder


@pytest.mark.parametrize("way", ["methods", "metrics", "networks"])
def test_a_joined_run_is_one_run(place: Path, way: str) -> None:
    joined, direct = bb.Run.load(place / way), bb.Run.load(place / "whole")
    for name in TABLES:
        tables = [getattr(run.record, name).drop(columns="file", errors="ignore") for run in (joined, direct)]
        pd.testing.assert_frame_equal(tables[0], tables[1], obj=name)
    assert_same_maps(joined.record, direct.record)
    assert {key: joined.record.info[key] for key in EQUAL_KEYS} == {key: direct.record.info[key] for key in EQUAL_KEYS}
    assert_same_statistics(joined, direct)


def assert_same_maps(joined: Record, direct: Record) -> None:
    pd.testing.assert_frame_equal(joined.maps.drop(columns=["file", "row"]), direct.maps.drop(columns=["file", "row"]))
    places = zip(joined.maps["file"], joined.maps["row"], direct.maps["file"], direct.maps["row"], strict=True)
    for file, row, other_file, other_row in places:
        np.testing.assert_array_equal(joined.map(file, row), direct.map(other_file, other_row))
    for file, other_file in zip(joined.photos["file"], direct.photos["file"], strict=True):
        assert joined.photo(file) == direct.photo(other_file)


def assert_same_statistics(joined: bb.Run, direct: bb.Run) -> None:
    pd.testing.assert_frame_equal(joined.leaderboard(), direct.leaderboard())
    pd.testing.assert_frame_equal(joined.compare("gradcam"), direct.compare("gradcam"))


def test_runs_of_other_images_are_one_run_but_for_values_of_all_images(place: Path) -> None:
    """Whatever needs all images is left out by name: a mean map, a held-out threshold and a value of all images."""
    joined, direct = bb.Run.load(place / "images"), bb.Run.load(place / "whole")
    notes = joined.record.info["warnings"]
    assert "dataset-mean and iou@held-out-255 left out: the values depend on all images of a run" in str(notes)
    assert "pxap has no value of all images together: the runs are of other images" in notes
    for name in ("results", "curves", "photos"):
        table, whole = getattr(joined.record, name), getattr(direct.record, name)
        whole = whole[whole["model"] == "net"]
        for column, lost in (("method", "dataset-mean"), ("metric", "iou")):
            whole = whole[whole[column] != lost] if column in whole else whole
            assert column not in table or lost not in set(table[column])
        keys = [name for name in table if name not in ("value", "y", "file", "probability")]
        pd.testing.assert_frame_equal(
            table.drop(columns="file", errors="ignore").sort_values(keys, ignore_index=True),
            whole.drop(columns="file", errors="ignore").sort_values(keys, ignore_index=True),
        )
    assert [entry["name"] for entry in joined.record.info["methods"]] == ["gradcam", "picky"]
    assert joined.record.info["study"]["methods"] == ["gradcam", "picky"]
    assert "iou" not in str(joined.record.info["study"]["metrics"])
    assert joined.record.pooled.empty
    (data,), (whole_data,) = joined.record.info["datasets"], direct.record.info["datasets"]
    assert data["samples"] == whole_data["samples"]
    assert units_of(data) == units_of(whole_data), "copies of the third image are in both parts"
    assert (data["used"], data["available"]) == (COUNT, COUNT)
    parts = [Record.load(place / f"images{i}").info["datasets"][0] for i in (0, 1)]
    assert data["fingerprint"] not in [part["fingerprint"] for part in parts]
    assert joined.record.info["accuracy"] == [e for e in direct.record.info["accuracy"] if e["model"] == "net"]
    assert joined.record.info["counts"]["failed"] == len(joined.table[joined.table["status"] == "failed"]) > 0
    board = joined.leaderboard()
    whole_board = direct.leaderboard().set_index(["model", "method", "metric"])
    for row in board[board["metric"] == "sparseness"].to_dict("records"):
        assert row["mean"] == pytest.approx(whole_board.loc[("net", row["method"], "sparseness"), "mean"], rel=1e-6)


def test_disjoint_images_of_two_methods_are_refused(place: Path, tmp_path: Path) -> None:
    """Counts agree: each method has as many images as the other one, and none of them is the same."""
    parts = []
    for number, name in enumerate(("gradcam", "picky")):
        chosen = tmp_path / f"{number}.txt"
        chosen.write_text("\n".join(IDS[i] for i in range(3 * number, 3 * number + 3)))
        images = {**labelled(), "subset": {"ids": chosen}}
        run = study(datasets={"data": images}, methods=[name], metrics=["sparseness"]).run(
            tmp_path / name, report=False
        )
        parts.append(run.record)
    message = "gradcam / sparseness at relu has only 3 of the 6 images of data on net"
    with pytest.raises(BenchError, match=message):
        merge_runs(parts[0], parts[1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("worse", [0, 1])
def test_what_failed_in_one_run_alone_is_taken_from_the_other(place: Path, tmp_path: Path, worse: int) -> None:
    """Values, parts of metrics and maps: the cells have the same names in both runs, and other maps."""
    keys = {"datasets": {"data": labelled()}, "methods": ["moody"], "metrics": ["sparseness", DELETION], "samples": 8}
    runs = []
    for number in (0, 1):
        FAILING.update({"moody"} if number == worse else ())
        runs.append(study(**keys).run(tmp_path / str(number), report=False).record)
        FAILING.clear()
    sound = runs[1 - worse]
    assert runs[worse].info["counts"]["failed"] == 2 * sound.results["sample"].isin(["0005"]).any()
    merge_runs(runs[0], runs[1], tmp_path / "out")
    joined = Record.load(tmp_path / "out")
    pd.testing.assert_frame_equal(joined.results, sound.results)
    pd.testing.assert_frame_equal(joined.curves, sound.curves)
    assert_same_maps(joined, sound)
    assert (joined.info["failures"], joined.info["counts"]["failed"]) == ([], 0)


def test_one_run_that_has_all_images_gives_the_values_of_all_images(place: Path, tmp_path: Path) -> None:
    """The other run chose its threshold on fewer images: its values are neither compared nor kept."""
    whole, part = Record.load(place / "whole"), Record.load(place / "images0")
    for number, records in enumerate(((part, whole), (whole, part))):
        merge_runs(records[0], records[1], tmp_path / str(number))
        joined = Record.load(tmp_path / str(number))
        tables = [rows.sort_values(list(RESULTS), ignore_index=True) for rows in (joined.results, whole.results)]
        pd.testing.assert_frame_equal(tables[0], tables[1])
        pd.testing.assert_frame_equal(joined.pooled, whole.pooled)
        assert joined.info["accuracy"] == whole.info["accuracy"]
