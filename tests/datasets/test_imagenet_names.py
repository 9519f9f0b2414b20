"""ImageNet's names: which names of other data are one of its classes, and which output of a network each class is."""

from __future__ import annotations

import csv
import random
import re
from pathlib import Path
from typing import Any

import pytest

from benchbench.datasets.archives.archive import imagenet_index
from benchbench.datasets.archives.class_spellings import imagenet_counterparts, in_imagenet_order, is_homonym
from benchbench.datasets.archives.oxford_pets import BREEDS
from benchbench.datasets.archives.voc import CLASSES as VOC
from benchbench.datasets.sources.class_match import RelabelledData, on_outputs
from benchbench.datasets.sources.file_dataset import Files, Item
from benchbench.engine.runner import run
from benchbench.models.load import imagenet_classes
from benchbench.registry import DATASETS
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Dataset, ModelSpec, Preprocess

from ..networks import Pooled, seeded
from . import layouts
from .layouts import CAT, DOG, TENCH

ROOT = Path(__file__).parents[2]
COCO = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)
# By eye, from ImageNet's names and pictures: every other class of COCO and VOC is none of ImageNet's, or several.
SAME = {
    "traffic light": 920,
    "parking meter": 704,
    "zebra": 340,
    "backpack": 414,
    "umbrella": 879,
    "skis": 795,
    "banana": 954,
    "orange": 950,
    "broccoli": 937,
    "hot dog": 934,
    "pizza": 963,
    "dining table": 532,
    "mouse": 673,
    "remote": 761,
    "cell phone": 487,
    "microwave": 651,
    "toaster": 859,
    "refrigerator": 760,
    "vase": 883,
    "teddy bear": 850,
    "hair drier": 589,
    "diningtable": 532,
}
TEN: tuple[str, ...] = (  # Imagenette's
    *("tench", "English springer", "cassette player", "chain saw", "church"),
    *("French horn", "garbage truck", "gas pump", "golf ball", "parachute"),
)


def named(names: tuple[str, ...], data: str = "") -> Files:
    """A photograph of each class, which is never decoded."""
    items = [Item(f"{k}", Path("none"), k) for k in range(len(names))]
    return Files("d", items, {}, class_names=names, counterparts=imagenet_counterparts(data) if data else {})


def matched(data: Dataset, classes: tuple[str, ...], outputs: int | None = None) -> Any:
    return on_outputs(data, classes, len(classes) if outputs is None else outputs, "net")


@pytest.mark.parametrize(("data", "names", "count"), [("coco", COCO, 80), ("voc", VOC, 20)])
def test_every_class_of_coco_and_voc(data: str, names: tuple[str, ...], count: int) -> None:
    assert len(set(names)) == count
    result = matched(named(names, data), imagenet_classes())
    assert dict(zip(names, result.labels, strict=True)) == {name: SAME.get(name) for name in names}
    lost = sum(name not in SAME for name in names)
    assert result.about["warning"].startswith(f"{lost} of its {count} classes (")
    assert ("kite, cup, laptop may mean something else there" in result.about["warning"]) == (data == "coco")
    assert matched(named(names, data), names[::-1]).labels == list(range(count))[::-1], "their own network has them all"


def test_the_data_sets_say_what_they_mean(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    layouts.coco(tmp_path / "coco")
    layouts.voc(tmp_path / "voc", "2007", "test")
    layouts.pets(tmp_path / "pets")
    for name, table in {"coco": "coco", "voc2007": "voc", "oxford_pets": "oxford_pets"}.items():
        data = DATASETS[name].function(root=tmp_path / name.removesuffix("2007").removeprefix("oxford_"))
        assert data.counterparts == imagenet_counterparts(table)
        assert data.counterparts


def test_homonyms_count_only_where_the_data_mean_imagenets() -> None:
    names = ("mouse", "Crane", "kite", "golden retriever", "cell-phone", "n01608432")
    result = matched(named(names), imagenet_classes())
    assert result.labels == [None, None, None, 207, 487, 21]
    warning = result.about["warning"]
    assert "mouse, Crane, kite may mean something else there: WordNet ids name ImageNet's classes" in warning
    breeds = dict(zip(BREEDS, matched(named(BREEDS, "oxford_pets"), imagenet_classes()).labels, strict=True))
    assert (breeds["boxer"], breeds["pug"], breeds["Bombay"]) == (242, 254, None)
    assert matched(named(("boxer", "runner")), imagenet_classes()).labels == [None, None]
    assert matched(named(imagenet_classes()), COCO).labels[21] is None, "a bird is no toy, the other way round either"


def test_the_homonyms_are_imagenets() -> None:
    path = ROOT / "benchbench/datasets/archives/imagenet_homonyms.csv"
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    names = imagenet_classes()
    for row in rows:
        assert names[int(row["imagenet"])] == row["name"]
        assert row["there"]
        assert row["elsewhere"]
        assert is_homonym(row["name"])
        others = re.findall(r"another class of ImageNet shows too \((.*)\)", row["there"])
        assert all(other in names for other in others)
    assert len({row["imagenet"] for row in rows}) == len(rows)
    assert not is_homonym("zebra")


def test_the_page_says_how_many_classes_the_table_has() -> None:
    path = ROOT / "benchbench/datasets/archives/imagenet_counterparts.csv"
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    of_both = [row for row in rows if {"coco", "voc"} & set(row["data"].split())]
    homonyms = list(csv.DictReader((path.parent / "imagenet_homonyms.csv").read_text("utf-8").splitlines()))
    page = (ROOT / "docs/data/README.md").read_text("utf-8")
    assert f"the {len(of_both)} classes of COCO and VOC" in page
    assert f"{len(homonyms)} names" in page
    assert len(of_both) == len(set(SAME.values()))


def imagenet(root: Path) -> Any:
    layouts.imagenet_folders(root)
    return DATASETS["imagenet"].function(root=root)


def imagenette(root: Path) -> Any:
    for wnid in (DOG, CAT, TENCH):
        layouts.photo(root / "imagenette2/val" / wnid / f"{wnid}_1.JPEG")
    return DATASETS["imagenette"].function(root=root)


def imagewoof(root: Path) -> Any:
    imagenette(root)
    (root / "imagenette2").rename(root / "imagewoof2")
    return DATASETS["imagewoof"].function(root=root)


def imagenet_s(root: Path) -> Any:
    wnids = {DOG, CAT, TENCH, *list(imagenet_index())[20::21]}
    layouts.imagenet_s(root, sorted(wnids)[:50])
    return DATASETS["imagenet_s"].function(root=root, size=50)


@pytest.mark.parametrize("build", [imagenet, imagenette, imagewoof, imagenet_s])
def test_imagenets_data_on_networks_of_every_kind(build: Any, tmp_path: Path) -> None:
    data, names = build(tmp_path), imagenet_classes()
    labels = list(data.labels)
    assert data.class_names == names
    for classes in ((), names, tuple(imagenet_index()), tuple(f"{name}, a synonym" for name in names)):
        assert matched(data, classes, 1000) is data
    for outputs in (21_843, 11_821, 1001, 10):
        result = matched(data, (), outputs)
        assert set(result.labels) == {None}
        assert f"net has {outputs} without names: its samples have no label there" in result.about["warning"]
        assert f"it has {len(set(labels))} classes (tench, " in result.about["warning"]
    with_background = matched(data, ("background", *names))
    assert with_background.labels == [label + 1 for label in labels]
    assert with_background[0].label == labels[0] + 1
    assert "warning" not in with_background.about
    other = matched(data, tuple(f"classe {k}" for k in range(1000)))
    assert other.labels == labels
    assert "labels are taken by number" in other.about["warning"]


def test_reordered_names_of_all_thousand_classes() -> None:
    """Kites, cranes, and Cardigan the dog and cardigan the jacket are told apart where both sides are ImageNet's."""
    names = list(imagenet_classes())
    order = random.Random(0).sample(range(1000), 1000)
    result = matched(named(tuple(names)), tuple(names[k] for k in order))
    assert [order[label] for label in result.labels] == list(range(1000))
    assert "all 1000 by name among those of net" in result.about["classes"]
    by_wordnet = matched(named(tuple(names)), tuple(list(imagenet_index())[k] for k in order))
    assert by_wordnet.labels == result.labels


def test_lists_of_imagenets_names_differ_in_some() -> None:
    """Keras' list calls 134 and 517 crane, and 638 and 639 maillot: their places say which is which."""
    names = list(imagenet_classes())
    names[134], names[639], names[836] = "crane", "maillot", "sunglasses"
    for k in range(0, 1000, 3):
        names[k] = f"a word of their own {k}"
    assert in_imagenet_order(names)
    data = named(imagenet_classes())
    assert matched(data, tuple(names)) is data
    shifted = ["first", *names[:-1]]
    assert not in_imagenet_order(shifted)
    assert matched(data, tuple(shifted)).labels[1] == 2


def test_a_network_of_ten_classes_with_names(tmp_path: Path) -> None:
    index, classes = imagenet_index(), imagenet_classes()
    wnids = [next(wnid for wnid, k in index.items() if classes[k] == name) for name in TEN]
    for wnid in wnids:
        layouts.photo(tmp_path / "imagenette2/val" / wnid / f"{wnid}_1.JPEG")
    data = DATASETS["imagenette"].function(root=tmp_path)
    result = matched(data, TEN)
    assert isinstance(result, RelabelledData)
    assert [TEN[label] for label in result.labels if label is not None] == [classes[label] for label in data.labels]
    assert result.about["classes"].startswith("all 10 by name among those of net")
    assert matched(data, tuple(wnids)).labels == result.labels
    fewer = matched(data, ("tench", "church", "a fish"))
    assert [label for label in fewer.labels if label is not None] == [0, 1]
    assert fewer.about["warning"].startswith("8 of its 10 classes (")


def test_hugging_faces_names_are_imagenets_too() -> None:
    names = imagenet_classes()
    data = named(tuple(f"{name}, {wnid}" for name, wnid in zip(names, imagenet_index(), strict=True)))
    assert matched(data, names) is data


def test_a_run_with_target_label_says_that_the_outputs_have_no_names(tmp_path: Path) -> None:
    for wnid in (DOG, TENCH):
        layouts.photo(tmp_path / "imagenette2/val" / wnid / f"{wnid}_1.JPEG")
    keys: dict[str, Any] = {
        "datasets": [{"name": "imagenette", "root": str(tmp_path)}],
        "layers": ["relu"],
        "methods": ["center"],
        "metrics": ["deletion"],
        "target": "label",
    }
    networks = {"net": ModelSpec("net", seeded(Pooled), Preprocess(20, 16))}
    run(StudySpec(models=networks, **keys), tmp_path / "run")
    record = Record.load(tmp_path / "run")
    assert any("without names: its samples have no label there" in text for text in record.info["warnings"])
    assert set(record.results["reason"]) == {"target is label, and the sample has none"}
