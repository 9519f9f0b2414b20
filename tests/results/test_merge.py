"""Two runs joined are the run that computes both, and what does not agree is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.results.merge import merge_runs
from benchbench.results.record import Record

from ..engine.test_watch import pictures, study

KEYS = ["method", "metric", "sample"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one method each and of both, and of two parts of the images."""
    folder = tmp_path_factory.mktemp("merge")
    data = pictures(8)
    (folder / "first.txt").write_text("\n".join(f"{i:04}" for i in range(3)))
    (folder / "rest.txt").write_text("\n".join(f"{i:04}" for i in range(3, 8)))

    def part(name: str) -> dict[str, Any]:
        return {"datasets": {"data": {"images": data, "subset": {"ids": folder / f"{name}.txt"}}}}

    runs: dict[str, dict[str, Any]] = {
        "grad": {"methods": ["gradcam"], "metrics": ["deletion", "sparseness", "passes"]},
        "layer": {"methods": ["layercam"], "metrics": ["deletion", "sparseness", "passes"]},
        "both": {"methods": ["gradcam", "layercam"], "metrics": ["deletion", "sparseness", "passes"]},
        "first": {**part("first"), "metrics": ["sparseness"]},
        "rest": {**part("rest"), "metrics": ["sparseness"]},
        "all": {"metrics": ["sparseness"]},
        "fewer": {"methods": ["layercam"], "metrics": ["sparseness"], "samples": 3},
    }
    for name, keys in runs.items():
        study(**{"datasets": {"data": data}, **keys}).run(folder / name, report=False)
    return folder


def merged(place: Path, one: str, other: str, out: Path) -> bb.Run:
    merge_runs(Record.load(place / one), Record.load(place / other), out)
    return bb.Run.load(out)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(KEYS, ignore_index=True)


def test_methods_of_two_runs_are_those_of_one(place: Path, tmp_path: Path) -> None:
    run, both = merged(place, "grad", "layer", tmp_path / "out"), bb.Run.load(place / "both")
    pd.testing.assert_frame_equal(in_order(run.table), in_order(both.table))
    pd.testing.assert_frame_equal(run.leaderboard(), both.leaderboard())
    assert [m["name"] for m in run.record.info["methods"]] == ["gradcam", "layercam"]
    assert run.maps().stack().shape == both.maps().stack().shape
    assert run.record.info["counts"] == both.record.info["counts"]
    assert len(run.record.info["merged"]) == 2
    assert all(run.record.photo(file) for file in run.record.photos["file"])


def test_images_of_two_runs_are_those_of_one(place: Path, tmp_path: Path) -> None:
    run, whole = merged(place, "first", "rest", tmp_path / "out"), bb.Run.load(place / "all")
    pd.testing.assert_frame_equal(in_order(run.table), in_order(whole.table))
    (data,) = run.record.info["datasets"]
    assert (data["used"], len(data["samples"])) == (8, 8)


def test_the_report_of_a_joined_run_is_made(place: Path, tmp_path: Path) -> None:
    run = merged(place, "grad", "layer", tmp_path / "out")
    text = run.printed(verbose=True)
    assert text
    assert (tmp_path / "out" / "run.json").is_file()


def test_gaps_are_refused(place: Path, tmp_path: Path) -> None:
    message = "together they have 8 images of data on net, and sparseness of layercam at relu of 3 of them"
    with pytest.raises(BenchError, match=message):
        merged(place, "grad", "fewer", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def changed(record: Record, change: Callable[[dict[str, Any]], Any]) -> Record:
    import copy

    info = copy.deepcopy(record.info)
    change(info)
    return replace(record, info=info)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda info: info["methods"][0].update(code="x"), "the method gradcam has other code in the two runs"),
        (lambda info: info["metrics"][0].update(code="x"), "the metric deletion@"),
        (lambda info: info["models"][0].update(fingerprint="x"), "the network net is another one in the two runs"),
        (lambda info: info["models"][0].update(preprocess={}), "the network net has other pre-processing"),
        (lambda info: info["models"][0].update(state="x"), "the network net has other weights in the two runs"),
        (lambda info: info["datasets"][0]["samples"].update({"0003": "x"}), "the image 0003 of data is another one"),
        (lambda info: info["methods"][0].update(parameters={"a": 1}), "the method gradcam has other parameters"),
        (lambda info: info["study"].update(target=2), "target is predicted in one run, and 2 in the other"),
        (lambda info: info["study"].update(precision="bf16"), "precision is float32 in one run, and bf16 in the other"),
    ],
)
def test_code_and_protocols_must_agree(
    place: Path, change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path
) -> None:
    first = Record.load(place / "grad")
    with pytest.raises(BenchError) as caught:
        merge_runs(first, changed(first, change), tmp_path / "out")
    assert message in str(caught.value)


def test_values_must_agree_too(place: Path, tmp_path: Path) -> None:
    first = Record.load(place / "grad")
    table = first.results.copy()
    table.loc[table["metric"] == "sparseness", "value"] += 0.01
    with pytest.raises(
        BenchError, match=r"gradcam under sparseness on the image \w+ of data is 0\.\d+ in one run, and"
    ):
        merge_runs(first, replace(first, results=table), tmp_path / "out")
    rounded = first.results.assign(value=first.results["value"] * (1 + 1e-6))
    assert merge_runs(first, replace(first, results=rounded), tmp_path / "out").rows == len(first.results)


def test_costs_of_another_machine_are_said(place: Path, tmp_path: Path) -> None:
    first = Record.load(place / "grad")
    other = changed(Record.load(place / "layer"), lambda info: info["device"].update(name="another"))
    notes = merge_runs(first, other, tmp_path / "out").notes
    assert notes == ["what layercam costs was measured on another machine: do not compare costs with the others"]
    assert notes[0] in Record.load(tmp_path / "out").info["warnings"]


def test_a_folder_that_is_not_empty_is_left_alone(place: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(BenchError, match="the folder is not empty"):
        merged(place, "grad", "layer", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
