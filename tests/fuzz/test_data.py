"""Label files, groups, class names and the annotations of archives: changed, and of other kinds than they should be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import benchbench as bb
from benchbench.engine.sample_loader import load_sample
from benchbench.engine.study_sources import ready_dataset
from benchbench.engine.subsets import _listed_ids
from benchbench.errors import UNSEEN, safe
from benchbench.models.class_names import read_class_names
from benchbench.study.spec import _dataset
from benchbench.study.subset import Subset

from ..datasets import layouts
from . import pictures
from .mutations import ODD_BYTES, changed_bytes, changed_trees
from .outcomes import outcome, refused
from .profile import counted, tries

pytestmark = pytest.mark.filterwarnings("ignore")
SPEC = bb.ModelSpec("net", nn.Flatten(), bb.Preprocess(resize=8, crop=8))
ROWS = "file,label,group\na.png,0,x\nb.png,1,x\nc.png,2,\n"
TABLE = "file,label,mask,group,x0,y0,x1,y1\na.png,cat,m.png,x,0,0,4,4\nb.png,dog,,,1,1,3,3\na.png,cat,,,0,0,2,2\n"
NAMES = [
    "cat\ndog\nbird\n",
    "index,name\n0,cat\n1,dog\n",
    '{"0": ["n1", "cat"], "1": ["n2", "dog"]}',
    '{"a": 0, "b": 1}',
]


def _folder(root: Path) -> None:
    for name in "abc":
        (root / f"{name}.png").write_bytes(pictures.saved("PNG"))


def _table(root: Path) -> None:
    _folder(root)
    (root / "m.png").write_bytes(pictures.mask())


KINDS: dict[str, tuple[Callable[[Path], None], str, str, dict[str, Any]]] = {  # layout, data set, file, parameters
    "labels": (_folder, "folder", "table.csv", {"labels": "table.csv"}),
    "groups": (_folder, "folder", "table.csv", {"groups": "table.csv"}),
    "csv": (_table, "csv", "table.csv", {"table": "table.csv"}),
    "kaggle": (layouts.imagenet_kaggle, "imagenet", "LOC_val_solution.csv", {}),
    "voc": (lambda root: layouts.voc(root, "2012", "val"), "voc2012", "", {}),
    "coco": (layouts.coco, "coco", "annotations/instances_val2017.json", {}),
    "cub": (layouts.cub, "cub200", "", {}),
    "pets": (layouts.pets, "oxford_pets", "", {}),
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By kind, a folder in the true layout."""
    folders = {}
    for kind, (build, _, file, _) in KINDS.items():
        folders[kind] = tmp_path_factory.mktemp(kind)
        build(folders[kind])
        if file == "table.csv":
            (folders[kind] / file).write_text(TABLE if kind == "csv" else ROWS)
    return folders


def read(kind: str, root: Path) -> Any:
    """As a study does: every sample, with what may be wrong with it."""
    _, name, _, params = KINDS[kind]
    paths = {key: str(root / value) for key, value in params.items()}
    place = {} if kind == "csv" else {"root": str(root)}
    data = ready_dataset(_dataset({"name": name, **place, **paths}), SPEC, "softmax")
    for index in range(len(data.ids)):
        data.fingerprint(index)
        outcome(load_sample, data, index, SPEC.preprocess)
    return data


def texts(root: Path) -> list[Path]:
    """The files of annotations."""
    return sorted(p for p in root.rglob("*") if p.is_file() and p.suffix in (".csv", ".txt", ".xml", ".json"))


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_layouts_are_valid(kind: str, roots: dict[str, Path]) -> None:
    assert len(outcome(read, kind, roots[kind]).ids)


@tries(70)
@given(data=st.data())
def test_changed_annotations(data: st.DataObject, roots: dict[str, Path]) -> None:
    kind = data.draw(st.sampled_from(list(KINDS)))
    path = data.draw(st.sampled_from(texts(roots[kind])))
    whole = path.read_bytes()
    path.write_bytes(data.draw(changed_bytes([whole])))
    try:
        outcome(read, kind, roots[kind])
    finally:
        path.write_bytes(whole)


@tries(30)
@given(data=st.data())
def test_changed_trees_of_coco(data: st.DataObject, roots: dict[str, Path]) -> None:
    path = roots["coco"] / KINDS["coco"][2]
    whole = path.read_text()
    path.write_text(json.dumps(data.draw(changed_trees(json.loads(whole)))))
    try:
        outcome(read, "coco", roots["coco"])
    finally:
        path.write_text(whole)


CELLS = [
    "../a.png",
    "/etc/passwd",
    "a.png\0",
    "~/a.png",
    "=1+1",
    "\x1b[2J",
    "\u202ea",
    "9" * 5000,
    "²",
    "nan",
    "inf",
    "-1",
]
CELLS += ["1e400", "<b>", "x" * 40_000, "'\"", "9" * 30]


PLACES = [("labels", column) for column in range(3)] + [("csv", column) for column in range(8)]
CASES = [(kind, column, number) for kind, column in PLACES for number in range(len(CELLS))]


@pytest.mark.parametrize(("kind", "column", "number"), counted("data.cells", CASES))
def test_odd_cells(kind: str, column: int, number: int, roots: dict[str, Path]) -> None:
    text, cell = TABLE if kind == "csv" else ROWS, CELLS[number]
    path = roots[kind] / "table.csv"
    head, first, *rest = [line.split(",") for line in text.splitlines()]
    first[column] = f'"{cell}"' if '"' not in cell else cell
    path.write_text("\n".join(",".join(line) for line in [head, first, *rest]))
    try:
        outcome(read, kind, roots[kind])
    finally:
        path.write_text(text)


@tries(60)
@given(content=changed_bytes([text.encode() for text in NAMES]), suffix=st.sampled_from(["txt", "csv", "tsv", "json"]))
def test_changed_class_names(content: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / f"names.{suffix}"
    path.write_bytes(content)
    outcome(read_class_names, path)


HARMFUL = [
    "[" * 5000,
    '{"a": ' * 5000,
    "9" * 5000,
    "[" + "9" * 5000 + "]",
    '{"²": "a", "1": "b"}',
    '{"x": NaN, "y": 1}',
]
HARMFUL += [
    '{"٣": "a", "0": "b"}',
    "²,a\n1,b\n",
    '{"a": 1e999, "b": 1}',
    '{"a": true, "b": false}',
    '["a", null]',
    "[[], {}]",
]


@pytest.mark.parametrize("suffix", ["txt", "csv", "json"])
@pytest.mark.parametrize("text", counted("data.names", HARMFUL))
def test_harmful_class_names(text: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"names.{suffix}"
    path.write_text(text)
    outcome(read_class_names, path)


LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
XML = [
    f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]><annotation><object><name>&a11;</name></object>'
    "</annotation>",
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><object><name>&x;</name>'
    "<bndbox><xmin>0</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object></annotation>",
    '<?xml version="1.0" encoding="nosuch"?><annotation/>',
    '<?xml version="1.0" encoding="utf-7"?><annotation/>',
    "<a>" * 50_000,
    "<annotation/>",
    "",
]


@pytest.mark.parametrize("text", counted("data.xml", XML))
def test_harmful_xml(text: str, roots: dict[str, Path]) -> None:
    path = next(path for path in texts(roots["voc"]) if path.suffix == ".xml")
    whole = path.read_text()
    path.write_text(text)
    try:
        result = outcome(read, "voc", roots["voc"])
        assert isinstance(result, bb.BenchError) or "root:" not in str(result.labels) + str(result.class_names)
    finally:
        path.write_text(whole)


@pytest.mark.parametrize("content", counted("data.ids", list(ODD_BYTES)))
def test_odd_lists_of_samples(content: bytes, roots: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes(content)
    data = read("labels", roots["labels"])
    outcome(_listed_ids, data, Subset(ids=tmp_path / "ids.txt"))


NAMES_OF_FILES = [
    b"\xff\xfe.png",
    b"a\nb.png",
    b"\x1b[31m.png",
    "\u202egnp.png".encode(),
    b"=1+1.png",
    b"<img src=x>.png",
]
NAMES_OF_FILES += [b"-rf.png", b"a'b\".png", b"x" * 200 + b".png", b"$(id).png", b"%00.png", b"\\..\\a.png"]


@pytest.mark.parametrize("name", counted("data.files", NAMES_OF_FILES))
def test_odd_names_of_photographs(name: bytes, tmp_path: Path) -> None:
    """A name is a sample's id as it is, or is refused; none reaches a table with what a terminal obeys."""
    (tmp_path / "photos").mkdir()
    with open(bytes(tmp_path / "photos") + b"/" + name, "wb") as file:
        file.write(pictures.saved("PNG"))
    choice = _dataset({"name": "folder", "root": str(tmp_path / "photos")})
    data = outcome(ready_dataset, choice, SPEC, "softmax")
    if not isinstance(data, bb.BenchError):
        assert torch.is_tensor(load_sample(data, 0, SPEC.preprocess)[1])
        assert not UNSEEN.search(safe(data.ids[0]))  # as the plan of a study names it
    shutil.rmtree(tmp_path / "photos")


def test_a_link_around_a_folder_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    choice = _dataset({"name": "folder", "root": str(tmp_path)})
    refused(ready_dataset, choice, SPEC, "softmax")
