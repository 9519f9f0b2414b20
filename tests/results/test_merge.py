"""Two runs are joined where they agree; what does not agree, or is in neither run, is refused by its name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.results.bundle import opened, write_bundle
from benchbench.results.joined_info import joined_accuracy, joined_info
from benchbench.results.joined_totals import OTHER_WORK
from benchbench.results.merge import merge_runs
from benchbench.results.record import Record, units_of
from benchbench.results.run_folder import info_digest
from benchbench.results.whole_values import NotJoined
from benchbench.study.again import keys_again

from ..cli.commands import benchbench
from ..engine.test_watch import pictures, study


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one method each, and one of fewer images."""
    folder = tmp_path_factory.mktemp("merge")
    runs: dict[str, dict[str, Any]] = {
        "grad": {"methods": ["gradcam"], "metrics": ["deletion", "sparseness", "passes", "study_passes"]},
        "layer": {"methods": ["layercam"], "metrics": ["deletion", "sparseness", "passes", "study_passes"]},
        "fewer": {"methods": ["layercam"], "metrics": ["sparseness"], "samples": 3},
    }
    for name, keys in runs.items():
        study(**{"datasets": {"data": pictures(8)}, **keys}).run(folder / name, report=False)
    return folder


def merged(place: Path, first: str, other: str, out: Path) -> bb.Run:
    merge_runs(Record.load(place / first), Record.load(place / other), out)
    return bb.Run.load(out)


def test_the_report_of_a_joined_run_is_made(place: Path, tmp_path: Path) -> None:
    run = merged(place, "grad", "layer", tmp_path / "out")
    assert len(run.record.info["merged"]) == 2
    page = run.report().read_text()
    assert all(name in page for name in ("gradcam", "layercam", "sparseness"))
    write_bundle(run.record.folder, tmp_path / "out.zip")
    with opened(tmp_path / "out.zip") as folder:
        again = merge_runs(Record.load(folder), Record.load(place / "layer"), tmp_path / "again")
    assert again.rows == len(run.table), "a joined run can be exported, and joined again"
    assert len(Record.load(tmp_path / "again").info["merged"]) == 3
    with pytest.raises(BenchError, match=r"runs that were joined.*benchbench merge"):
        keys_again(tmp_path / "again" / "run.json")


def test_work_that_no_run_did_is_not_measured(place: Path, tmp_path: Path) -> None:
    """What a method costs in a study depends on what the others of the study ask for."""
    run = merged(place, "grad", "layer", tmp_path / "out")
    rows = run.table[run.table["metric"].str.startswith("study_passes")]
    assert list(rows["status"]) == ["not_applicable"] * 2
    assert set(rows["reason"]) == {OTHER_WORK}
    both = merge_runs(run.record, Record.load(place / "grad"), tmp_path / "again")
    assert both.rows == len(run.table)
    same = merged(place, "grad", "grad", tmp_path / "same").table
    assert set(same.loc[same["metric"] == "study_passes", "status"]) == {"ok"}


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (
            lambda rows: rows["sample"].eq(rows["sample"].iloc[0]).fillna(False),
            "layercam / deletion at relu has only 7 of the 8 images",
        ),
        (lambda rows: rows["metric"] == "sparseness", "layercam / sparseness at relu is in neither run"),
        (lambda rows: rows["metric"].str.startswith("passes"), "layercam / passes at relu is in neither run"),
    ],
)
def test_what_neither_run_has_is_refused(
    place: Path, lost: Callable[[pd.DataFrame], Any], message: str, tmp_path: Path
) -> None:
    other = Record.load(place / "layer")
    with pytest.raises(BenchError, match=message):
        merge_runs(Record.load(place / "grad"), replace(other, results=other.results[~lost(other.results)]), tmp_path)
    assert not list(tmp_path.iterdir())


def test_gaps_are_refused(place: Path, tmp_path: Path) -> None:
    first = Record.load(place / "grad")
    sparse = replace(first, results=first.results[first.results["metric"] == "sparseness"])
    with pytest.raises(BenchError, match="layercam / sparseness at relu has only 3 of the 8 images of data on net"):
        merge_runs(sparse, Record.load(place / "fewer"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_failed_rows_are_no_gaps_and_are_counted_once(place: Path, tmp_path: Path) -> None:
    """A row that failed has no parts of its metric, and in a run that could not read the image no target."""
    first, other = Record.load(place / "grad"), Record.load(place / "layer")

    def failed(record: Record, count: int) -> Record:
        rows = record.results
        here = rows["sample"].isin(rows["sample"].unique()[:count])
        table = rows.assign(
            value=rows["value"].mask(here),
            status=rows["status"].mask(here, "failed"),
            reason=rows["reason"].mask(here, "unreadable"),
            target=rows["target"].mask(here),
        )
        return replace(record, results=table[~(here & table["metric"].str.contains(".", regex=False))])

    once, two = failed(first, 1), failed(first, 2)
    merge_runs(once, two, tmp_path / "same")
    info = Record.load(tmp_path / "same").info
    assert [entry["rows"] for entry in info["failures"]] == [1, 1], "deletion and sparseness"
    assert info["counts"]["failed"] == 2
    merge_runs(once, failed(other, 2), tmp_path / "both")
    joined = Record.load(tmp_path / "both")
    assert joined.info["counts"]["failed"] == 2 * 1 + 2 * 2
    assert sum(entry["rows"] for entry in joined.info["failures"]) == joined.info["counts"]["failed"]


COPIES = [
    ({"b": "a"}, {"c": "b"}, {"b": "a", "c": "a"}),
    ({"c": "b"}, {"b": "a"}, {"b": "a", "c": "a"}),
    ({"b": "a", "d": "c"}, {"e": "d", "c": "a"}, {"b": "a", "c": "a", "d": "a", "e": "a"}),
    ({}, {"a": "c"}, {"c": "a"}),
    ({}, {}, None),
]


@pytest.mark.parametrize(("first", "other", "expected"), COPIES)
def test_a_copy_of_a_copy_is_a_copy_of_the_first(
    first: dict[str, str], other: dict[str, str], expected: dict[str, str] | None, place: Path, tmp_path: Path
) -> None:
    names = dict.fromkeys("abcde", "")
    records = []
    for copies in (first, other):
        marks = {name: name for name in names}
        change = partial(_with_data, marks=marks, copies=copies)
        records.append(changed(Record.load(place / "grad"), change))
    (data,) = joined_info(records[0], records[1], NotJoined())["datasets"]
    assert data.get("copies") == expected
    units = units_of(data)
    assert all(units[copy] == units[original] for copies in (first, other) for copy, original in copies.items())


def _with_data(info: dict[str, Any], marks: dict[str, str], copies: dict[str, str]) -> None:
    info["datasets"][0].update(samples=marks, copies=copies)


def changed(record: Record, change: Callable[[dict[str, Any]], Any]) -> Record:
    info = deepcopy(record.info)
    change(info)
    return replace(record, info=info)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda info: info["methods"][0].update(code="x"), "the method gradcam has other code in the two runs"),
        (lambda info: info["metrics"][0].update(code="x"), "the metric deletion@"),
        (
            lambda info: info["models"][0].update(fingerprint="x"),
            "the network net has the same weights in both runs but different",
        ),
        (lambda info: info["models"][0].update(preprocess={}), "the network net has other pre-processing"),
        (lambda info: info["models"][0].update(state="x"), "the network net has other weights in the two runs"),
        (
            lambda info: info["datasets"][0]["samples"].update({"0003": "x"}),
            "the image 0003 of data differs between the runs",
        ),
        (
            lambda info: info["methods"][0].update(parameters={"a": 1}, identity="x"),
            "the method gradcam has other parameters",
        ),
        (lambda info: info["methods"][0].update(library="x 2"), "the method gradcam has other library version"),
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


@pytest.mark.parametrize("what", ["target", "label"])
def test_targets_and_labels_must_agree(place: Path, tmp_path: Path, what: str) -> None:
    first = Record.load(place / "grad")
    rows = first.results.assign(label=first.results["sample"].notna().astype("Int64"))
    other = rows.assign(**{what: (rows[what] + 1)})
    with pytest.raises(BenchError, match=rf"the {what} of the image \w+ of data is \d in one run and \d in the other"):
        merge_runs(replace(first, results=rows), replace(first, results=other), tmp_path / "out")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (("abc", "de"), (5, [])),
        (("abcde", "bc"), (5, [])),
        (("ab", "abcde"), (5, [])),
        (("abc", "cde"), (None, ["net on data"])),
    ],
)
def test_the_accuracy_is_that_of_all_images_or_not_known(
    images: tuple[str, str], expected: tuple[int | None, list[str]], place: Path
) -> None:
    """Every label is right in one numbering, and one in the other."""
    records = []
    for names in images:
        record = Record.load(place / "grad")
        entry = {"model": "net", "dataset": "data", "right": len(names), "labelled": len(names)}
        row = record.results.iloc[[0]]
        rows = pd.concat([row.assign(sample=name) for name in names])
        info = {**record.info, "accuracy": [{**entry, "readings": {"other": len(names)}}]}
        records.append(replace(record, info=info, results=rows))
    entries, unknown = joined_accuracy(*records)
    assert unknown == expected[1]
    right = [(e["right"], e["labelled"], e["readings"]["other"]) for e in entries]
    assert right == ([] if expected[0] is None else [(expected[0],) * 3])


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


def test_what_the_command_prints_of_a_received_run_is_safe(place: Path, tmp_path: Path) -> None:
    """A name that is no Unicode would end the command with a traceback."""
    received = tmp_path / "received"
    shutil.copytree(place / "layer", received)
    info = json.loads((received / "run.json").read_text())
    info.pop("digest")
    info["versions"]["to\udc1brch"] = "1"
    (received / "run.json").write_text(json.dumps({**info, "digest": info_digest(info)}))
    done = benchbench("merge", place / "grad", received, "--out", tmp_path / "out", cwd=tmp_path)
    assert "WARNING: the joined runs have other versions of to\\udc1brch" in done.stdout
    assert done.returncode == 0, done.stderr
