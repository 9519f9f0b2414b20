"""Class names: every registered data set has them or says why not; labels follow the names of a network's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from benchbench.datasets.archives.archive import imagenet_index
from benchbench.datasets.builtin.stamps import STAMPS
from benchbench.datasets.sources.class_match import on_outputs
from benchbench.models.cue_classes import CUE_CLASSES
from benchbench.models.load import imagenet_classes
from benchbench.models.shape_classes import SHAPE_CLASSES
from benchbench.models.zoo import zoo_network
from benchbench.registry import DATASETS

from . import layouts

NUMBERS, NO_LABELS = "none: labels are numbers, and count by number", "none: there are no labels"
Build = Callable[[Path], Any]


def dataset_called(name: str, *arguments: Any, **params: Any) -> Any:
    plugin = DATASETS[name]
    return plugin.function(*arguments, **plugin.bind(params))


def of(name: str, lay: Callable[[Path], None], **params: Any) -> Build:
    """A data set of a fixture in its archive's layout."""

    def build(root: Path) -> Any:
        lay(root)
        return dataset_called(name, root=root, **params)

    return build


def ten_classes(stem: str) -> Callable[[Path], None]:
    return lambda root: layouts.photo(root / stem / "val" / layouts.DOG / "a.JPEG")


def cutouts(root: Path) -> Any:
    for k, name in enumerate(list(STAMPS)[:2]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        stamp = Image.new("RGBA", (80, 60), (200, 20 * k, 0, 0))
        stamp.paste((200, 20 * k, 0, 255), (10, 10, 60, 50))
        stamp.save(root / name)
    return dataset_called("cutouts", root=root)


def mosaics(root: Path) -> Any:
    return dataset_called("mosaics", zoo_network("residual"), of={"name": "shapes", "count": 24}, count=2)


def table(*labels: str) -> Build:
    def build(root: Path) -> Any:
        for k in range(len(labels)):
            layouts.photo(root / f"{k}.jpg", k)
        (root / "t.csv").write_text("file,label\n" + "".join(f"{k}.jpg,{name}\n" for k, name in enumerate(labels)))
        return dataset_called("csv", table=root / "t.csv")

    return build


def folder(*names: str, **params: Any) -> Build:
    def build(root: Path) -> Any:
        for k, name in enumerate(names):
            layouts.photo(root / name / "a.jpg", k)
        return dataset_called("folder", root=root, **params)

    return build


def hugging_face(root: Path, named: bool = True) -> Any:
    datasets = pytest.importorskip("datasets")
    layouts.photo(root / "a.png")
    label = datasets.ClassLabel(names=["cat", "dog"]) if named else datasets.Value("int64")
    kinds = datasets.Features({"image": datasets.Image(), "label": label})
    rows = datasets.Dataset.from_dict({"image": [str(root / "a.png")], "label": [1]}, features=kinds)
    rows.save_to_disk(str(root / "saved"))
    return dataset_called("huggingface", root=root / "saved")


# by registered name: each way to build it, and its first class, or why it has no names
WAYS: dict[str, list[tuple[Build, str]]] = {
    "photos": [(lambda _: dataset_called("photos"), "tench")],
    "cutouts": [(cutouts, "tench")],
    "shapes": [(lambda _: dataset_called("shapes", count=13), SHAPE_CLASSES[0])],
    "trojaned": [(lambda _: dataset_called("trojaned", count=3), SHAPE_CLASSES[0])],
    "cued": [(lambda _: dataset_called("cued", count=3), CUE_CLASSES[0])],
    "mosaics": [(mosaics, "none: labels are outputs of the network already")],
    "imagenet": [(of("imagenet", layouts.imagenet_devkit), "tench")],
    "imagenette": [(of("imagenette", ten_classes("imagenette2")), "tench")],
    "imagewoof": [(of("imagewoof", ten_classes("imagewoof2")), "tench")],
    "imagenet_s": [
        (of("imagenet_s", lambda root: layouts.imagenet_s(root, list(imagenet_index())[::20]), size=50), "tench")
    ],
    "voc2007": [(of("voc2007", lambda root: layouts.voc(root, "2007", "test")), "aeroplane")],
    "voc2012": [(of("voc2012", lambda root: layouts.voc(root, "2012", "val")), "aeroplane")],
    "coco": [(of("coco", layouts.coco), "person")],
    "oxford_pets": [(of("oxford_pets", layouts.pets), "Abyssinian")],
    "cub200": [(of("cub200", layouts.cub), "Black footed Albatross")],
    "pairs": [(of("pairs", layouts.ecssd), NO_LABELS)],
    "csv": [(table("dog", "cat"), "cat"), (table("3", "1.0"), NUMBERS), (table("", ""), NO_LABELS)],
    "folder": [
        (folder("dog", "cat"), "cat"),
        (folder("1", "0"), NUMBERS),
        (folder("dog", "cat", classes="sorted"), "none: classes: sorted takes the sub-folders in their order"),
        (folder(""), NO_LABELS),
    ],
    "huggingface": [
        (hugging_face, "cat"),
        (lambda root: hugging_face(root, named=False), "none: the column label has numbers alone"),
    ],
}


def ways() -> Iterator[Any]:
    for name in DATASETS.names():
        for build, start in WAYS[name]:  # a new data set needs a line there
            yield pytest.param(build, start, id=f"{name}-{start[:20]}")


@pytest.mark.parametrize(("build", "start"), list(ways()))
def test_a_data_set_names_its_classes_or_says_why_not(build: Build, start: str, tmp_path: Path) -> None:
    data = build(tmp_path)
    names, labels = tuple(getattr(data, "class_names", ())), list(data.labels)
    if start.startswith("none: "):
        assert (names, data.about["class names"]) == ((), start)
        return
    assert names[0] == start
    assert "class names" not in data.about
    assert [data[i].label for i in range(len(data.ids))] == labels
    assert all(label is None or 0 <= label < len(names) for label in labels)


EMBEDDED: list[Any] = [pytest.param(WAYS[name][0][0], id=name) for name in ("photos", "cutouts", "shapes", "cued")]


@pytest.mark.parametrize("build", EMBEDDED)
def test_labels_follow_the_outputs_names(build: Build, tmp_path: Path) -> None:
    data = build(tmp_path)
    names, labels = list(data.class_names), list(data.labels)
    turned = on_outputs(data, names[::-1], len(names), "turned")
    assert turned.labels == [len(names) - 1 - label for label in labels]  # type: ignore[attr-defined]
    assert turned[0].label == len(names) - 1 - labels[0]
    assert turned.fingerprint(0) != data.fingerprint(0)
    known = on_outputs(data, names, len(names), "same")
    assert known.fingerprint(0) == data.fingerprint(0)
    assert on_outputs(data, (), len(names), "nameless") is data


@pytest.mark.parametrize("build", EMBEDDED)
def test_other_classes_are_said_and_never_taken_by_number(build: Build, tmp_path: Path) -> None:
    data = build(tmp_path)
    first = data.labels[0]
    part = on_outputs(data, ("unicorn", data.class_names[first], "sphinx"), 3, "part")
    assert part.labels == [1 if label == first else None for label in data.labels]  # type: ignore[attr-defined]
    assert "part (unicorn, " in part.about["warning"]
    nameless = on_outputs(data, (), 7, "small")
    assert set(nameless.labels) == {None}  # type: ignore[attr-defined]
    assert "small has 7 without names: its samples have no label there" in nameless.about["warning"]


def test_the_photographs_have_imagenet_s_names() -> None:
    data = dataset_called("photos")
    assert data.class_names == imagenet_classes()
    named = {name: data.class_names[label] for name, label in zip(data.ids, data.labels, strict=True)}
    assert named["imagenet_00_243"] == "bull mastiff"
    assert named["imagenet_15_99"] == "goose"


def test_mosaics_are_of_classes_by_name() -> None:
    """A network whose outputs are the twelve classes in another order."""

    class Turned(torch.nn.Module):
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(images).flip(1)
            return logits

    spec = zoo_network("residual")
    turned = replace(spec, network=Turned(spec.network).eval(), classes=spec.classes[::-1])
    for each in (spec, turned):
        data = dataset_called("mosaics", each, of={"name": "shapes", "count": 24}, count=4)
        targets = [mosaic.tiles[mosaic.cell].id for mosaic in data.mosaics]  # as 00015-checked-triangle
        assert [each.classes[label] for label in data.labels] == [id[6:].replace("-", " ") for id in targets]
        assert "0 of them renumbered" in data.about["classes"] or each is turned
