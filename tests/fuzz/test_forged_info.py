"""run.json by another hand, in what reads all of it: merge, compare, a run done again, a run that goes on there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.files import Damaged
from benchbench.reports.checks.two_runs import RunComparison
from benchbench.results.environment import differences, same_values
from benchbench.results.info_shape import refuse_other_shape
from benchbench.results.joined_info import joined_info
from benchbench.results.merge import _notes, _unknown, _warnings, merge_runs
from benchbench.results.mergeable import refuse_other
from benchbench.results.record import Record
from benchbench.results.store import Store
from benchbench.results.whole_values import NotJoined
from benchbench.study.again import keys_again
from benchbench.study.extension import extended
from benchbench.study.spec import StudySpec

from ..engine.test_watch import pictures, study
from .mutations import changed_trees, places, replaced, without
from .outcomes import outcome, refused
from .profile import TIMES, counted, tries
from .run_files import changed, sealed

pytestmark = pytest.mark.filterwarnings("ignore")
AGAIN: dict[str, list[Any]] = {
    "plugins": [],
    "models": [{"name": "resnet18", "weights": "random", "as": "net"}],
    "datasets": [{"name": "shapes", "count": 9, "as": "data"}],
    "python": [],
}
OTHER: tuple[Any, ...] = (None, 7, 0.5, "x", ["x"], {"x": 1})  # a value of each type


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose study can be read again."""
    folder = tmp_path_factory.mktemp("run")
    data = {"images": pictures(3), "labels": [0, 1, 2]}
    methods = ["gradcam", {"name": "inverted", "of": "layercam"}]
    study(datasets={"data": data}, methods=methods, metrics=["sparseness"]).run(folder, report=False)
    info = Record.load(folder).info
    asked = {key: value for key, value in later_study().plain().items() if key in ("models", "datasets")}
    Store(folder).write_results({}, {**info, "study": {**info["study"], **asked}, "again": AGAIN})
    return folder


@pytest.fixture(scope="module")
def whole(run: Path) -> Record:
    return Record.load(run)


@pytest.fixture(autouse=True)
def _not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written need not outlive a power cut."""
    monkeypatch.setattr("os.fsync", lambda _handle: None)


@cache
def later_study() -> StudySpec:
    keys = {key: AGAIN[key] for key in ("models", "datasets")}
    return StudySpec(**keys, methods=["layercam"], metrics=["sparseness"], layers=["relu"])


def again(folder: Path) -> None:
    """As ``benchbench run RUN/run.json`` begins."""
    StudySpec(**keys_again(folder / "run.json"))


def goes_on(folder: Path) -> None:
    """As ``benchbench run STUDY --out RUN`` begins."""
    extended(later_study(), Store(folder).read_info(), folder)


def read_as_two(folder: Path, whole: Record, out: Path, swapped: bool) -> None:
    """As ``benchbench merge``, and as a run that is done again ends."""
    pair = [whole, Record.load(folder)]
    first, second = reversed(pair) if swapped else pair
    differences(first.info, second.info)
    same_values(first, second)
    merge_runs(first, second, out)


def compared(folder: Path, whole: Record) -> None:
    """As ``benchbench compare``."""
    RunComparison.of(whole, Record.load(folder)).text("json")


def joined_words(first: Record, second: Record) -> None:
    """What merging and a run done again say of two run.json, without the tables."""
    differences(first.info, second.info)
    refuse_other(first, second)
    info = joined_info(first, second, NotJoined())
    json.dumps([info, *_notes(first, second), *_unknown(first, second), *_warnings(first, second)], allow_nan=False)


def is_read(folder: Path, whole: Record, out: Path, swapped: bool = False) -> None:
    """Each reader returns or refuses what is there."""
    outcome(read_as_two, folder, whole, out, swapped)
    outcome(compared, folder, whole)
    shutil.rmtree(out, ignore_errors=True)
    outcome(again, folder)
    outcome(goes_on, folder)


def test_the_run_is_valid(run: Path, whole: Record, tmp_path: Path) -> None:
    read_as_two(run, whole, tmp_path / "out", False)
    compared(run, whole)
    again(run)
    goes_on(run)
    assert Record.load(tmp_path / "out").results.equals(whole.results)


def _forged(info: dict[str, Any], key: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """run.json with a place at or below a key lost, or of another type; and which kind of place and change it is."""
    below = [place for place in places(info) if place[:1] == (key,)]
    for place in below:
        value = info
        for step in place:
            value = value[step]
        kind = tuple("" if isinstance(step, int) else str(step) for step in place)
        yield (*kind, "lost"), without(info, place)
        others = [each for each in OTHER if type(each) is not type(value)]
        yield from (((*kind, type(each).__name__), replaced(info, place, each)) for each in others)


KEYS = [
    *("accuracy", "again", "benchbench", "counts", "created", "datasets", "device", "earlier", "engine_code"),
    *("failures", "files", "methods", "metrics", "models", "seconds", "seed", "study", "system", "versions"),
    *("warnings", "work"),
]


def test_the_keys_are_all_keys(whole: Record) -> None:
    assert set(KEYS) == whole.info.keys() - {"format"}


@pytest.mark.parametrize("key", counted("info.keys", KEYS))
def test_every_key_removed_or_of_another_type(key: str, run: Path, whole: Record, tmp_path: Path) -> None:
    """What the shape of run.json lets pass, every reader can read; in ``make fuzz`` with the tables too."""
    passed: dict[tuple[str, ...], Any] = {}  # of places that are alike the last one
    for kind, info in _forged(whole.info, key):
        try:
            refuse_other_shape(info)
        except Damaged:
            continue
        passed[kind] = info
    for info in passed.values():
        forged = replace(whole, info=info)
        for pair in ((whole, forged), (forged, whole)):
            outcome(joined_words, *pair)
        with changed(run, **{"run.json": sealed(info)}):
            outcome(again, run)
            outcome(goes_on, run)
            if TIMES > 1:
                is_read(run, whole, tmp_path / "out")


@tries(10)
@given(data=st.data())
def test_a_forged_run_json(
    data: st.DataObject, run: Path, whole: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    info = data.draw(changed_trees({key: value for key, value in whole.info.items() if key != "files"}))
    forged = {**info, "files": whole.info["files"]} if isinstance(info, dict) else info
    out = tmp_path_factory.getbasetemp() / "joined"
    with changed(run, **{"run.json": sealed(forged)}):
        is_read(run, whole, out, data.draw(st.booleans()))


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"]


@pytest.mark.parametrize("number", counted("info.numbers", NUMBERS))
def test_a_number_that_is_not_finite(number: str, run: Path, whole: Record) -> None:
    """JSON has none; Python reads them, and cannot write them into the joined run."""
    text = sealed({**whole.info, "more": 0.5}).replace(b'"more": 0.5', f'"more": {number}'.encode())
    with changed(run, **{"run.json": text}):
        for read in (Record.load, again):
            assert "has the number" in str(refused(read, run))
