"""A pack gives back what was written under its name, or says that it is damaged."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.files import Damaged
from benchbench.results.pack import INDEX, Pack, _comment, _inflated, mapped, read_pack, write_pack
from benchbench.results.pack_folder import KEPT, PackFolder, owner
from benchbench.results.retries import SOUND, Outcome
from benchbench.results.store import Store

NAMES = st.from_regex(r"[a-f0-9]{1,8}(-[0-9])?\.(json|npy|jpg|png)", fullmatch=True)
PARTS = {"a.json": b'{"samples": {}}', "a-0.npy": b"maps", "b.jpg": b"photo", "b.png": b"mask", "empty.json": b""}


def written(path: Path, parts: dict[str, bytes] = PARTS, notes: dict[str, object] | None = None) -> Pack:
    return write_pack(path, {name: partial(bytes, content) for name, content in parts.items()}, notes or {})


@settings(max_examples=30, deadline=None)
@given(parts=st.dictionaries(NAMES, st.binary(max_size=200), max_size=6))
def test_what_was_written_is_read(parts: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("pack") / "0.zip"
    first = written(path, parts, {"a.json": {"tries": 2}})
    pack = read_pack(path)
    assert {name: pack.read(name) for name in pack.parts} == parts
    assert (pack.parts, pack.notes, pack.stamp) == (first.parts, first.notes, first.stamp)
    assert pack.damaged() == []
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist() if name != INDEX} == parts
    data = path.read_bytes()
    written(path, parts, {"a.json": {"tries": 2}})
    assert path.read_bytes() == data, "the same parts give the same file"


def test_no_damaged_byte_is_read(tmp_path: Path) -> None:
    """Each byte in turn, and each shorter file: every part is what it was, or the pack or the part is damaged."""
    path = tmp_path / "0.zip"
    written(path)
    data = path.read_bytes()
    for at in range(len(data)):
        for changed in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], data[:at]):
            path.write_bytes(changed)
            try:
                pack = read_pack(path)
            except Damaged:
                continue
            damaged = pack.damaged()
            assert damaged, "every changed byte is found"
            assert all(pack.read(name) == PARTS[name] for name in PARTS if name not in damaged)


def test_what_is_around_the_parts_is_written_anew(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path)
    folder.publish("0.zip", PARTS, {})
    data = (tmp_path / "0.zip").read_bytes()
    (tmp_path / "0.zip").write_bytes(b"pk" + data[2:])
    assert PackFolder(tmp_path).mend() == ["0.zip"]
    assert (tmp_path / "0.zip").read_bytes() == data


def test_a_pack_of_another_name_or_part_is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "0.zip")
    os.rename(tmp_path / "0.zip", tmp_path / "1.zip")
    with pytest.raises(Damaged, match=r"1\.zip is not what was written"):
        read_pack(tmp_path / "1.zip")
    pack = written(tmp_path / "2.zip")
    with pytest.raises(Damaged, match=r"2\.zip has no c\.json"):
        pack.read("c.json")


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_read_as_it_is_looked_at(order: str, tmp_path: Path) -> None:
    maps = np.asarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4), order=order)  # type: ignore[call-overload]
    pack = written(tmp_path / "0.zip", {"a.json": b"{}", "a-0.npy": npy(maps), "b-0.npy": npy(maps.astype(float))})
    np.testing.assert_array_equal(mapped(pack, "a-0.npy"), maps)
    with pytest.raises(Damaged, match="holds float64, not float32"):
        mapped(pack, "b-0.npy")
    written(tmp_path / "0.zip", {"a-0.npy": npy(maps + 1)})
    with pytest.raises(Damaged, match="was replaced"):
        mapped(pack, "a-0.npy")


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def test_what_belongs_together_has_one_owner() -> None:
    assert [owner(name) for name in ("ab.json", "ab-0.npy", "ab-12.npy", "cd.jpg", "cd.png")] == ["ab"] * 3 + ["cd"] * 2


BROKEN: dict[str, Any] = {
    "a text": ["0", 2, 2, "x"],
    "a half": [0.5, 2, 2, "x"],
    "true": [True, 2, 2, "x"],
    "nothing": [None, 2, 2, "x"],
    "behind the end": [0, 2**60, 2, "x"],
    "before the start": [-1, 2, 2, "x"],
    "fewer than none": [0, 2, -1, "x"],
    "a bomb": [0, 2, 2**50, "x"],
    "no digest": [0, 2, 2, 3],
    "too short": [0, 2],
    "letters": "abcd",
    "a number": 4,
}


@pytest.mark.parametrize("part", list(BROKEN.values()), ids=list(BROKEN))
def test_an_index_that_names_no_part_of_the_file_is_refused(part: Any, tmp_path: Path) -> None:
    """The index is sealed as it should be: a received pack may hold any."""
    path = tmp_path / "0.zip"
    index = json.dumps({"parts": {"a.json": part}, "notes": {}}).encode()
    comment = _comment(path.name, 4, index) + b", " + b"0" * 64
    path.write_bytes(b"PK12" + index + comment)
    with pytest.raises(Damaged, match="no index that benchbench wrote"):
        read_pack(path)


def test_text_that_is_said_to_be_empty_is_not_unpacked(tmp_path: Path) -> None:
    stored = zlib.compress(b" " * 10_000_000, wbits=-15)
    assert _inflated(stored, 0) == b""
    assert len(_inflated(stored, 5)) == 5


NOTES: list[tuple[Any, Outcome | None]] = [
    (None, SOUND),
    ({"reasons": {"a": "no"}, "tries": 2}, Outcome({"a": "no"}, 2)),
    ("text", None),
    ([1], None),
    ({"reasons": {"a": "no"}}, None),
    ({"reasons": ["a"], "tries": 1}, None),
    ({"reasons": {"a": 3}, "tries": 1}, None),
    ({"reasons": {"a": "no"}, "tries": "2"}, None),
    ({"reasons": {"a": "no"}, "tries": 0}, None),
    ({"reasons": {"a": "no"}, "tries": True}, None),
    ({"photos": {"a.jpg": True}}, Outcome({}, 1, {"a.jpg": True})),
    ({"photos": {}, "reasons": {"a": "no"}, "tries": 2}, Outcome({"a": "no"}, 2, {})),
    ({"photos": ["a.jpg"]}, None),
    ({"photos": None}, None),
    ({"photos": {"a.jpg": 1}}, None),
    ({"photos": {}, "tries": 2}, None),
]


@pytest.mark.parametrize(("note", "expected"), NOTES)
def test_a_note_that_no_run_wrote_makes_its_cell_an_absent_one(
    note: Any, expected: Outcome | None, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    store.packs.publish("0.zip", {"a.json": b"{}"}, {} if note is None else {"a.json": note})
    assert Store(tmp_path).outcome("a") == expected
    assert Store(tmp_path).wants("a") == (expected is None or bool(expected.reasons and expected.tries < 2))


def test_more_parts_leave_the_others_as_they_were(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path)
    folder.publish("0.zip", PARTS, {"a.json": {"tries": 1}})
    folder.publish("0.zip", {"c.json": b"{}"}, {"c.json": {"tries": 2}})
    folder.publish("0.zip", {"a.json": b"[]"}, {})
    expected = {name: content for name, content in PARTS.items() if name != "a-0.npy"} | {
        "a.json": b"[]",
        "c.json": b"{}",
    }
    for each in (folder, PackFolder(tmp_path)):
        assert {part: each.read(pack, part) for part, pack in each.places.items()} == expected
        assert (each.note("a.json"), each.note("c.json"), each.note("d.json")) == (None, {"tries": 2}, None)


def test_mending_takes_out_what_is_damaged_and_what_belongs_to_it(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path)
    for name in ("0.zip", "1.zip", "2.zip"):
        folder.publish(name, {f"{name[0]}{part}": content for part, content in PARTS.items()}, {})
    whole, part = read_pack(tmp_path / "0.zip"), read_pack(tmp_path / "1.zip")
    data = bytearray(part.path.read_bytes())
    for name in ("1a-0.npy", "1b.png"):
        data[part.parts[name].start] ^= 1
    part.path.write_bytes(data)
    whole.path.write_bytes(whole.path.read_bytes()[:-1])
    mended = PackFolder(tmp_path)
    assert mended.mend() == ["0.zip", "1.zip/1a-0.npy", "1.zip/1b.png"]
    assert set(mended.places) == {"1empty.json", *(f"2{part}" for part in PARTS)}
    assert not whole.path.exists()
    assert mended.mend() == []
    assert PackFolder(tmp_path).places == mended.places


def test_a_pack_that_another_process_replaced_is_looked_at_again(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path)
    folder.publish("0.zip", PARTS, {})
    written(tmp_path / "0.zip", {"first.json": b"x" * 99, **PARTS})
    assert folder.read("0.zip", "b.jpg") == b"photo"


def test_few_indexes_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        written(tmp_path / f"{number:03}.zip", {f"{number}.json": b"{}"})
    folder = PackFolder(tmp_path)
    assert {folder.read(pack, part) for part, pack in folder.places.items()} == {b"{}"}
    assert len(folder._indexes) == KEPT
