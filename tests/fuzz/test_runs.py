"""Run folders of someone else: their files changed, and written by a hand that made the digests right."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from benchbench.cli.read_run import read_record
from benchbench.results.bundle import write_bundle
from benchbench.results.pack import write_pack

from ..reports.fake import PACK, Fake, fake_record, map_file
from ..reports.suite_answers import asked_record
from . import pictures
from .mutations import ODD_TEXTS, changed_bytes, changed_trees
from .outcomes import outcome, refused
from .profile import counted, tries
from .run_files import changed, sealed, shown, status

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = Fake(
    layers=["last"],
    methods=["gradcam", "scorecam"],
    controls=["random"],
    quality=("deletion",),
    samples=("a", "b", "c"),
)
TABLES = ("results.parquet", "curves.parquet", "maps/index.parquet", "photos/index.parquet")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_record(tmp_path_factory.mktemp("run"), SMALL).folder


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked_record(tmp_path_factory.mktemp("suite")).folder


def test_the_folders_are_valid(run: Path, suite: Path) -> None:
    assert "gradcam" in outcome(shown, run)
    assert outcome(shown, suite)


def says_the_same(first: bytes, second: bytes) -> bool:
    """Whether two files of JSON differ in nothing but spaces: the digest of run.json is of what it says."""
    try:
        return bool(json.loads(first) == json.loads(second))
    except ValueError:
        return False


@tries(25)
@given(data=st.data())
def test_changed_bytes(data: st.DataObject, run: Path) -> None:
    """Of any file: the digests tell."""
    name = data.draw(st.sampled_from(["run.json", *TABLES, f"cells/{PACK}.zip"]))
    whole = (run / name).read_bytes()
    content = data.draw(changed_bytes([whole]))
    with changed(run, **{name: content}):
        result = outcome(shown, run)
        same = content == whole or (name == "run.json" and says_the_same(content, whole))
        assert isinstance(result, Exception) or same or name.startswith("cells")


@tries(20)
@given(data=st.data())
def test_a_forged_run_json(data: st.DataObject, run: Path, suite: Path) -> None:
    folder = data.draw(st.sampled_from([run, suite]))
    info = json.loads((folder / "run.json").read_bytes())
    tree = data.draw(changed_trees({key: value for key, value in info.items() if key not in ("files", "digest")}))
    whole = {**tree, "files": info["files"]} if isinstance(tree, dict) else tree
    with changed(folder, **{"run.json": sealed(whole)}):
        outcome(shown, folder)
        outcome(status, folder)


def _key_paths(tree: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every key, of a list in its first item."""
    for key, value in tree.items() if isinstance(tree, dict) else list(enumerate(tree))[:1]:
        if isinstance(tree, dict):
            yield (*above, key)
        if isinstance(value, (dict, list)):
            yield from _key_paths(value, (*above, key))


def _lacking(tree: Any, place: tuple[str | int, ...]) -> Any:
    key, *below = place
    if isinstance(tree, list):
        return [_lacking(value, tuple(below)) if number == key else value for number, value in enumerate(tree)]
    if below:
        return {**tree, key: _lacking(tree[key], tuple(below))}
    return {name: value for name, value in tree.items() if name != key}


@pytest.mark.parametrize("kind", ["run", "suite"])
def test_run_json_without_any_of_its_keys(kind: str, request: pytest.FixtureRequest) -> None:
    """Every key in turn, whatever the seed draws: an optional key that readers rely on shows here."""
    folder = request.getfixturevalue(kind)
    info = json.loads((folder / "run.json").read_bytes())
    del info["digest"]
    places = list(_key_paths({key: value for key, value in info.items() if key != "files"}))
    if kind == "suite":
        places = [place for place in places if place[0] == "suite"]
    assert len(places) > (20 if kind == "suite" else 90)
    for place in places:
        with changed(folder, **{"run.json": sealed(_lacking(info, place))}):
            assert outcome(shown, folder), place


@pytest.mark.parametrize("lost", [None, float("nan")])
def test_a_photograph_without_a_file_is_refused(lost: float | None, run: Path) -> None:
    with changed(run, **forged_table(run, "photos/index.parquet", _cell("file", lost))):
        assert "is not in the run's folder" in str(refused(shown, run))


NAMES = [
    "../../x",
    "/etc/passwd",
    "cells/../../x",
    "a\0b",
    "suite/../x.png",
    "..",
    ".owner.json",
    "a" * 300,
    "x\\..\\y",
]


@pytest.mark.parametrize("name", counted("runs.names", NAMES))
def test_no_name_of_a_run_leads_out_of_its_folder(name: str, suite: Path, tmp_path: Path) -> None:
    """Not to be read, and not to be exported: run.json may be anyone's."""
    (suite.parent / "x").write_text("secret")
    info = json.loads((suite / "run.json").read_bytes())
    seal = hashlib.sha256(b"secret").hexdigest()
    forged = [{**info, "files": {**info["files"], name: seal}}]
    if info["suite"]["tables"]:
        forged.append({**info, "suite": {**info["suite"], "tables": [{**info["suite"]["tables"][0], "name": name}]}})
    for each in forged:
        with changed(suite, **{"run.json": sealed(each)}):
            refused(shown, suite)
            refused(write_bundle, suite, tmp_path / "out.zip")
            assert not (tmp_path / "out.zip").exists()


def forged_table(folder: Path, name: str, change: Callable[[pd.DataFrame], Any]) -> dict[str, bytes]:
    """The files of a folder whose table was changed, with the digests of that table."""
    out = io.BytesIO()
    table = change(pd.read_parquet(folder / name))
    out.write(table) if isinstance(table, bytes) else table.to_parquet(out, index=False)
    info = json.loads((folder / "run.json").read_bytes())
    info["files"][name] = hashlib.sha256(out.getvalue()).hexdigest()
    return {name: out.getvalue(), "run.json": sealed(info)}


def _cell(column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        values = rows[column].astype(object).tolist()
        values[len(values) // 2] = value
        return rows.assign(**{column: pd.Series(values)})

    return change


def _with_column(table: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
    changed = table.copy()
    changed[column] = [value] * len(table)
    return changed


@tries(16)
@given(data=st.data())
def test_a_forged_table(data: st.DataObject, run: Path) -> None:
    name = data.draw(st.sampled_from(TABLES))
    rows = pd.read_parquet(run / name)
    column = data.draw(st.sampled_from(list(rows.columns)))
    kind = data.draw(st.sampled_from(["cell", "column", "lost", "rows", "more", "bytes"]))
    value = data.draw(
        st.sampled_from([*ODD_TEXTS, None, 0, -1, 10**18, 1e308, float("inf"), float("nan"), b"\0", True])
    )
    change: dict[str, Callable[[pd.DataFrame], Any]] = {
        "cell": _cell(column, value),
        "column": lambda table: _with_column(table, column, value),
        "lost": lambda table: table.drop(columns=column),
        "rows": lambda table: table[:0],
        "more": lambda table: pd.concat([table, table]),
        "bytes": lambda table: data.draw(changed_bytes([(run / name).read_bytes()])),
    }
    try:
        files = forged_table(run, name, change[kind])
    except Exception:
        reject()  # no parquet file can hold it
    with changed(run, **files):
        outcome(shown, run)


def _bomb(rows: int) -> bytes:
    from pyarrow import Table, array, parquet

    out = io.BytesIO()
    words = {name: array(["a"]) for name in ("model", "dataset", "sample")}
    whole = Table.from_pydict({name: column.take(array(np.zeros(rows, np.int8))) for name, column in words.items()})
    parquet.write_table(whole, out)
    return out.getvalue()


def test_a_table_that_is_a_bomb_is_not_unpacked(run: Path) -> None:
    bomb = _bomb(5_000_000)
    assert len(bomb) < 60_000
    with changed(run, **forged_table(run, "results.parquet", lambda _: bomb)):
        error = refused(shown, run)
        assert "5,000,000 rows" in str(error)


class Harm:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return open, (str(self.proof), "w")


def _arrays(proof: Path) -> dict[str, bytes]:
    def npy(values: Any, **how: Any) -> bytes:
        out = io.BytesIO()
        np.save(out, values, **how)
        return out.getvalue()

    def npz() -> bytes:
        out = io.BytesIO()
        np.savez(out, a=np.zeros(3))
        return out.getvalue()

    good = npy(np.zeros((3, 4, 4), np.float32))
    head = b"\x93NUMPY\x01\0" + (118).to_bytes(2, "little")
    shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 100000000000, 4)}".ljust(117) + b"\n"
    return {
        "pickle": npy(np.array([Harm(proof)], dtype=object), allow_pickle=True),
        "npz": npz(),
        "empty": b"",
        "text": b"not an array",
        "cut": good[:-20],
        "huge": head + shape + bytes(64),
        "deep": head + b"(" * 117 + b"\n",
        "code": head + f"__import__('os').system('touch {proof}')".encode().ljust(117)[:117] + b"\n",
        "flat": npy(np.zeros(9, np.float32)),
        "words": npy(np.array([["a" * 9] * 3])),
        "large flat": npy(np.zeros(300_000, np.float32)),
        "large doubles": npy(np.zeros((3, 400, 400))),
        "no rows": npy(np.zeros((0, 4, 4), np.float32)),
        "bad": npy(np.full((3, 4, 4), np.nan, np.float32)),
    }


@pytest.mark.parametrize("kind", counted("runs.arrays", list(_arrays(Path()))))
def test_forged_maps(kind: str, run: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    record = read_record(run)
    part = map_file(0)
    path = run / f"cells/{PACK}.zip"
    before = path.read_bytes()
    names = [file.partition("/")[2] for table in (record.maps, record.photos) for file in table["file"]]
    parts = {name: record._packs.read(path.name, name) for name in dict.fromkeys(names)}
    forged = {**parts, part: _arrays(proof)[kind]}
    try:
        write_pack(path, {name: partial(bytes, content) for name, content in forged.items()}, {})
        result = outcome(shown, run)
        assert isinstance(result, Exception) or kind == "bad"
        outcome(write_bundle, run, tmp_path / "out.zip")
    finally:
        path.write_bytes(before)
    assert not proof.exists()


@pytest.mark.parametrize("name", counted("runs.photographs", list(pictures.bombs())))
def test_forged_photographs(name: str, run: Path) -> None:
    from benchbench.reports.html.embedded import thumbnail
    from benchbench.reports.html.outline import outline
    from benchbench.results.record import Record

    class Forged:
        picture = Record.picture

        def photo(self, file: str) -> bytes:
            return pictures.bombs()[name]

    assert isinstance(outcome(thumbnail, Forged(), "a.jpg", 20), Exception)
    if not name.startswith(("text", "profile")):
        refused(outline, pictures.bombs()[name], 10, 10)
