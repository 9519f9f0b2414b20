"""Runs are joined only where what has one name is one thing, and what is one thing has one name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

import benchbench as bb
from benchbench.engine.provenance import _method
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.results.environment import differences
from benchbench.results.merge import merge_runs
from benchbench.results.record import Record
from benchbench.results.same_pictures import not_compared, seen_in_both
from benchbench.study.spec import read_method
from benchbench.types import Layer

from ..engine.test_watch import pictures, study
from ..networks import Pooled, seeded
from ..sessions import registries_restored

GRADIENTS = {"name": "expectedgradients", "draws": 1}
NESTED: list[Any] = [
    "gradcam",
    GRADIENTS,
    {"name": "smoothed", "samples": 1, "of": GRADIENTS},
    {"name": "inverted", "of": {"name": "blurred", "of": GRADIENTS}},
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one method; and of methods that compare with references, on other images and with other references."""
    folder = tmp_path_factory.mktemp("identity")
    for name, cam in {"grad": "gradcam", "layer": "layercam"}.items():
        study(datasets={"data": pictures(4)}, metrics=["sparseness"], methods=[cam]).run(folder / name, report=False)
    for seed, ids in enumerate((range(3), range(3, 6))):
        (folder / f"{seed}.txt").write_text("\n".join(f"{i:04}" for i in ids))
        data = {"images": pictures(6), "subset": {"ids": folder / f"{seed}.txt"}}
        keys: dict[str, Any] = {"methods": NESTED, "twins": ["inverted", "noised"], "seed": seed}
        study(datasets={"data": data}, metrics=["sparseness"], **keys).run(folder / f"part{seed}", report=False)
    return folder


def changed(record: Record, change: Callable[[dict[str, Any]], Any]) -> Record:
    info = deepcopy(record.info)
    change(info)
    return replace(record, info=info)


def older(info: dict[str, Any]) -> None:
    """As a benchbench wrote it that stored no code of the engine, no identities and no class names."""
    del info["engine_code"], info["system"]
    for entry in [*info["methods"], *info["metrics"]]:
        del entry["identity"]
    for entry in info["datasets"]:
        del entry["class_names"], entry["plugin"]
    for entry in info["methods"]:
        entry["needs"] = sorted(METHODS[entry["plugin"]].needs)


@pytest.mark.parametrize("ages", [(), (0,), (0, 1)], ids=["both new", "one older", "both older"])
def test_a_method_inside_another_brings_its_references(ages: tuple[int, ...], place: Path, tmp_path: Path) -> None:
    """A twin, a method over noise and one two deep: all compare with the references of the innermost method."""
    records = [Record.load(place / f"part{number}") for number in (0, 1)]
    for number in ages:
        records[number] = changed(records[number], older)
    merge_runs(records[0], records[1], tmp_path / "out")
    kept = [entry["name"] for entry in Record.load(tmp_path / "out").info["methods"]]
    inner = ["inverted", "noised"] if not ages else []  # whether gradcam inside has references, older runs do not say
    assert kept == ["gradcam", *inner]
    assert len(records[0].info["methods"]) == 10


def test_needs_are_those_of_the_whole_method(place: Path) -> None:
    needs = {entry["name"]: entry["needs"] for entry in Record.load(place / "part0").info["methods"]}
    named = [name for name in needs if "expectedgradients" in name]
    assert len(named) == 7
    assert all("references" in needs[name] for name in named)
    assert needs["inverted"] == ["activation", "gradient"]


@pytest.mark.parametrize(
    ("change", "message", "difference"),
    [
        (
            lambda info: info.update(engine_code="x"),
            r"the engine has other code in the two runs \(benchbench",
            "the code of the engine has changed",
        ),
        (
            lambda info: info["methods"][0].update(identity="x"),
            "the method gradcam has other content of a file, or code of a method, among its parameters",
            "gradcam has other content of a file, or code of a method, among its parameters",
        ),
        (
            lambda info: info["metrics"][0].update(identity="x"),
            "the metric sparseness@.* has other content of a file",
            "has other content of a file",
        ),
        (
            lambda info: info["methods"][0].update(library="torchcam 9", identity="x"),
            "the method gradcam has other library version",
            "gradcam has other library version",
        ),
        (
            lambda info: info["datasets"][0].update(class_names=["cat"]),
            "class 0 of data is without a name in one run, and cat in the other",
            "class 0 of data is without a name in one run, and cat",
        ),
        (lambda info: info["system"].update(cuda="13.9"), "", "cuda: none then, 13.9 now"),
        (lambda info: info["system"].update(driver="999.1"), "", "driver: none then, 999.1 now"),
        (lambda info: info["system"].update(os="Plan 9"), "", "now"),
        (older, "", "an older benchbench, which did not store the code of its engine"),
    ],
)
def test_what_differs_is_refused_and_said(
    place: Path, change: Callable[[dict[str, Any]], Any], message: str, difference: str, tmp_path: Path
) -> None:
    """Merging refuses what changes numbers, and warns of versions; a run that is done again says each."""
    first = Record.load(place / "grad")
    other = changed(first, change)
    (sentence,) = differences(first.info, other.info)
    assert difference in sentence
    if message:
        with pytest.raises(BenchError, match=message):
            merge_runs(first, other, tmp_path / "out")
        return
    (note,) = set(merge_runs(first, other, tmp_path / "out").notes)
    assert "versions of" in note or "was written by an older benchbench" in note


def test_nothing_differs_between_a_run_and_itself(place: Path) -> None:
    info = Record.load(place / "grad").info
    assert differences(info, info) == []
    assert info["engine_code"]
    assert info["system"]["os"]


def test_what_an_older_run_does_not_say_the_joined_run_does_not_say(place: Path, tmp_path: Path) -> None:
    first = Record.load(place / "grad")
    for number, pair in enumerate(((first, changed(first, older)), (changed(first, older), first))):
        merge_runs(*pair, tmp_path / str(number))
        info = Record.load(tmp_path / str(number)).info
        assert "engine_code" not in info
        assert not [entry for kind in ("methods", "metrics") for entry in info[kind] if "identity" in entry]
        assert "class_names" not in info["datasets"][0]


@pytest.fixture
def mine() -> Iterator[None]:
    with registries_restored():

        @method("read from a file", needs="activation")
        def from_file(layer: Layer, *, file: Path) -> Tensor:
            """A method that reads a file."""
            return layer.activation.mean(1) * float(file.read_text())

        yield


def described(record: Record, file: Path, nested: bool) -> Record:
    """The run of gradcam, as if it were of a method that reads a file."""
    of = {"name": "read from a file", "file": str(file)}
    item = {"name": "inverted", "of": of} if nested else of
    entry = {**_method(read_method(item)), "name": "gradcam", "parameters": {"file": str(file)}}
    return changed(record, lambda info: info["methods"].__setitem__(0, entry))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.usefixtures("mine")
def test_a_file_counts_by_its_content_wherever_it_is(nested: bool, place: Path, tmp_path: Path) -> None:
    for name, content in {"a.txt": "1", "b.txt": "1", "c.txt": "2"}.items():
        (tmp_path / name).write_text(content)
    run = Record.load(place / "grad")
    first, same, other = (described(run, tmp_path / f"{name}.txt", nested) for name in "abc")
    (tmp_path / "a.txt").write_text("3")
    edited = described(run, tmp_path / "a.txt", nested)
    assert merge_runs(first, same, tmp_path / "out").rows == len(first.results)
    assert differences(first.info, same.info) == []
    with pytest.raises(BenchError, match="the method gradcam has other parameters in the two runs"):
        merge_runs(first, other, tmp_path / "none")
    with pytest.raises(BenchError, match="the method gradcam has other content of a file"):
        merge_runs(first, edited, tmp_path / "none")
    assert differences(first.info, edited.info) == [
        "gradcam has other content of a file, or code of a method, among its parameters"
    ]


def folder_of(root: Path, names: dict[str, int], seed: int, kind: str = "png") -> Path:
    """Photographs of noise, in sub-folders with these counts."""
    draws = torch.Generator().manual_seed(seed)
    for name, count in names.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = torch.randint(0, 255, (16, 16, 3), generator=draws, dtype=torch.uint8).numpy()
            Image.fromarray(pixels).save(root / name / f"{name}{seed}{i}.{kind}")
    return root


def run_of(root: Path, out: Path, **keys: Any) -> Record:
    """A run of photographs in a folder, all under one name."""
    data = {"name": "folder", "root": str(root), "as": keys.pop("label", "val")}
    network = bb.ModelSpec("net", seeded(Pooled), bb.Preprocess(resize=16, crop=16))
    default = {"models": {"net": network}, "datasets": [data], "metrics": ["sparseness"], "methods": ["gradcam"]}
    return study(**{**default, **keys}).run(out, report=False).record


def test_other_data_of_one_name_are_refused_by_their_classes(tmp_path: Path) -> None:
    cats = run_of(folder_of(tmp_path / "a", {"cat": 2}, 0), tmp_path / "cats")
    dogs = run_of(folder_of(tmp_path / "b", {"dog": 2}, 1), tmp_path / "dogs")
    assert cats.info["datasets"][0]["class_names"] == ["cat"]
    with pytest.raises(BenchError, match="class 0 of val is cat in one run, and dog in the other"):
        merge_runs(cats, dogs, tmp_path / "out")
    more = run_of(folder_of(tmp_path / "c", {"cat": 1, "emu": 1}, 2), tmp_path / "more")
    with pytest.raises(BenchError, match="class 1 of val is without a name in one run, and emu in the other"):
        merge_runs(cats, more, tmp_path / "out")
    python = changed(more, lambda info: info["datasets"][0].update(plugin="", class_names=["cat"]))
    with pytest.raises(BenchError, match="val is data of folder in one run and of Python in the other, and no image"):
        merge_runs(cats, python, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [{"cat": 2, "dog": 1}, {"": 3}])
def test_parts_without_a_common_image_are_joined_with_a_warning(names: dict[str, int], tmp_path: Path) -> None:
    """Whether they are parts of one data set, nobody can know of photographs without classes."""
    parts = [run_of(folder_of(tmp_path / f"{i}", names, i), tmp_path / f"run{i}") for i in (0, 1)]
    notes = merge_runs(parts[0], parts[1], tmp_path / "out").notes
    (note,) = [each for each in notes if "in common" in each]
    compared = "only the names of their classes were" if "cat" in names else "nothing of them could be"
    assert note.startswith("the two runs have no image of val in common")
    assert note.endswith(f"as {compared} compared")
    joined = Record.load(tmp_path / "out")
    assert note in joined.info["warnings"]
    assert joined.results["sample"].nunique() == 6


@pytest.mark.parametrize("other", ["gradcam", "layercam"])
def test_one_data_set_under_two_names_is_refused(other: str, tmp_path: Path) -> None:
    """With the same methods it would count twice, with others there would be gaps."""
    root = folder_of(tmp_path / "photos", {"cat": 3}, 0)
    first = run_of(root, tmp_path / "first", label="/a/val")
    second = run_of(root, tmp_path / "second", label="/b/val", methods=[other])
    with pytest.raises(BenchError, match=r"the data sets /a/val and /b/val have the same images\. Name them alike"):
        merge_runs(first, second, tmp_path / "out")
    fewer = run_of(root, tmp_path / "fewer", label="/b/val", methods=[other], samples=2)
    sentence = "the data sets /a/val and /b/val have 2 images in common: if they are one data set, name them alike"
    if other == "gradcam":
        assert any(note.startswith(sentence) for note in merge_runs(first, fewer, tmp_path / "out").notes)
        return
    with pytest.raises(BenchError, match=f"is in neither run of.*T{sentence[1:]}"):
        merge_runs(first, fewer, tmp_path / "out")


def _renamed(record: Record, kind: str, column: str, old: str, name: str) -> Record:
    """The run with another name for a network, data set or method."""
    info = deepcopy(record.info)
    for entry in info[kind]:
        entry["name"] = name if entry["name"] == old else entry["name"]
    info["study"][kind] = [name if item == old else item for item in info["study"][kind]]
    info["accuracy"] = [{**row, column: name} if row.get(column) == old else row for row in info["accuracy"]]
    tables = {
        each: getattr(record, each).assign(**{column: getattr(record, each)[column].replace(old, name)})
        for each in ("results", "curves", "maps", "photos")
        if column in getattr(record, each)
    }
    return replace(record, info=info, **tables)


def test_networks_and_methods_under_two_names_are_refused(place: Path, tmp_path: Path) -> None:
    first = Record.load(place / "grad")
    network = _renamed(first, "models", "model", "net", "net(weights=/b/w.pth)")
    with pytest.raises(
        BenchError, match=r"the networks net and net\(weights=/b/w.pth\) are the same\. Name them alike"
    ):
        merge_runs(first, network, tmp_path / "out")
    renamed = _renamed(first, "methods", "method", "gradcam", "Ours")
    with pytest.raises(BenchError, match="the methods gradcam and Ours are the same, with the same parameters"):
        merge_runs(first, renamed, tmp_path / "out")

    def elsewhere(info: dict[str, Any]) -> None:
        info["models"][0]["fingerprint"] = "x"
        info["datasets"][0].update(name="more", samples={"0000": "y"}, fingerprint="y")
        info["study"]["datasets"] = ["more"]

    sentence = "the networks net and net(weights=/b/w.pth) have the same weights and pre-processing: if they are one"
    apart = changed(network, elsewhere)
    tables = {each: getattr(apart, each).assign(dataset="more") for each in ("results", "curves", "maps", "photos")}
    notes = merge_runs(first, replace(apart, **tables), tmp_path / "out").notes
    assert [note for note in notes if note.startswith(sentence)]


def test_re_encoded_copies_are_known_by_any_network_of_both_runs(tmp_path: Path) -> None:
    """Also by one that is not the first of its run: the first ones see other pictures."""
    roots = [folder_of(tmp_path / kind, {"cat": 2}, 0, kind) for kind in ("png", "bmp")]
    networks = {
        "a": bb.ModelSpec("a", seeded(Pooled), bb.Preprocess(resize=16, crop=16)),
        "b": bb.ModelSpec("b", seeded(Pooled, seed=1), bb.Preprocess(resize=16, crop=12)),
    }
    records = {
        names + roots[number].name: run_of(
            roots[number], tmp_path / f"{names}{number}", models={name: networks[name] for name in names}
        )
        for names, number in (("a", 0), ("ba", 1), ("b", 1))
    }
    first, both, alone = records["apng"], records["babmp"], records["bbmp"]
    pairs = {("cat/cat00.bmp", "cat/cat00.png"), ("cat/cat01.bmp", "cat/cat01.png")}
    assert set(seen_in_both(first, both)["val"]) == pairs
    assert not_compared(first, both) == []
    merge_runs(first, both, tmp_path / "out")
    assert Record.load(tmp_path / "out").info["datasets"][0]["copies"] == dict(pairs)
    assert seen_in_both(first, alone)["val"] == []
    assert not_compared(first, alone) == ["val"]
    notes = merge_runs(first, alone, tmp_path / "apart").notes
    sentence = "no network of one run saw the images of val as a network of the other run did"
    assert any(note.startswith(sentence) for note in notes)
