"""Each data set by name, in small copies of its official layout; and the one error where something lacks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.cli.parsing import as_option
from benchbench.datasets.archives.archive import imagenet_index
from benchbench.datasets.sources.file_dataset import Files
from benchbench.errors import BenchError
from benchbench.registry import DATASETS
from benchbench.types import Sample

from . import layouts
from .layouts import CAT, DOG, TENCH, region


def dataset_called(name: str, **params: Any) -> Files:
    plugin = DATASETS[name]
    built: Files = plugin.function(**plugin.bind(params))
    return built


def by_id(data: Any) -> dict[str, Sample]:
    return {name: data[i] for i, name in enumerate(data.ids)}


def same_mask(sample: Sample, wanted: np.ndarray) -> bool:
    return sample.mask is not None and torch.equal(sample.mask, torch.from_numpy(wanted > 0))


def boxes(sample: Sample) -> list[list[float]] | None:
    known: list[list[float]] | None = None if sample.boxes is None else sample.boxes.tolist()
    return known


def test_imagenet_s_index_is_the_order_of_wordnet_ids() -> None:
    index = imagenet_index()
    assert len(index) == 1000
    assert list(index) == sorted(index)
    assert [index[wnid] for wnid in (TENCH, DOG, CAT, "n15075141")] == [0, 207, 281, 999]


def test_imagenet_by_its_development_kit(tmp_path: Path) -> None:
    layouts.imagenet_devkit(tmp_path)
    data = dataset_called("imagenet", root=tmp_path)
    samples = by_id(data)
    assert {name: sample.label for name, sample in samples.items()} == {
        "ILSVRC2012_val_00000001": 207,
        "ILSVRC2012_val_00000002": 281,
        "ILSVRC2012_val_00000003": 0,
    }
    assert [boxes(sample) for sample in samples.values()] == [[[2, 3, 12, 9]], [[5, 5, 20, 15], [1, 1, 3, 3]], None]
    assert data.boxed
    assert not data.masked
    layouts.xml(tmp_path / "ILSVRC2012_bbox_val_v3/val/ILSVRC2012_val_00000003.xml", [(CAT, (0, 0, 4, 4), False)])
    assert boxes(dataset_called("imagenet", root=tmp_path)[2]) is None, "boxes of other classes alone"


@pytest.mark.parametrize("beside", [False, True])
def test_imagenet_whose_archive_has_no_folder(beside: bool, tmp_path: Path) -> None:
    """Images in the root, the kit there too or beside it; the boxes in val, as their archive has them."""
    layouts.imagenet_devkit(tmp_path)
    root = tmp_path / "ILSVRC2012_img_val"
    if not beside:
        for image in sorted(root.iterdir()):
            image.rename(tmp_path / image.name)
        root.rmdir()
        root = tmp_path
    shutil.move(tmp_path / "ILSVRC2012_bbox_val_v3" / "val", tmp_path / "val")
    samples = by_id(dataset_called("imagenet", root=root))
    assert [sample.label for sample in samples.values()] == [207, 281, 0]
    assert [boxes(sample) for sample in samples.values()] == [[[2, 3, 12, 9]], [[5, 5, 20, 15], [1, 1, 3, 3]], None]
    for image in root.glob("*.JPEG"):
        image.unlink()
    with pytest.raises(BenchError, match=r"ILSVRC2012_img_val is not there.*or the images in ROOT itself"):
        dataset_called("imagenet", root=root)


def test_imagenet_in_class_folders_with_boxes_elsewhere(tmp_path: Path) -> None:
    layouts.imagenet_folders(tmp_path / "there")
    layouts.xml(tmp_path / "xml/ILSVRC2012_val_00000001.xml", [(DOG, (1, 2, 3, 4), False)])
    for root in (tmp_path / "there", tmp_path / "there/val"):
        data = dataset_called("imagenet", root=root, boxes=tmp_path / "xml")
        assert data.labels == [207, 281, 0]
        assert boxes(data[0]) == [[1, 2, 3, 4]]


def test_imagenet_as_kaggle_has_it(tmp_path: Path) -> None:
    layouts.imagenet_kaggle(tmp_path)
    for root in (tmp_path, tmp_path / "ILSVRC"):
        data = dataset_called("imagenet", root=root)
        assert data.labels == [207, 281]
        assert [boxes(data[i]) for i in (0, 1)] == [[[2, 3, 12, 9]], [[5, 5, 20, 15], [1, 1, 3, 3]]]


@pytest.mark.parametrize(("name", "stem"), [("imagenette", "imagenette2-320"), ("imagewoof", "imagewoof2")])
def test_ten_classes_have_imagenet_s_labels(name: str, stem: str, tmp_path: Path) -> None:
    for wnid in (DOG, TENCH):
        layouts.photo(tmp_path / stem / "val" / wnid / f"{wnid}_1.JPEG")
    for root in (tmp_path, tmp_path / stem):
        samples = by_id(dataset_called(name, root=root))
        assert {key: sample.label for key, sample in samples.items()} == {f"{TENCH}_1": 0, f"{DOG}_1": 207}


def test_imagenet_s(tmp_path: Path) -> None:
    chosen = list(imagenet_index())[::20]
    layouts.imagenet_s(tmp_path, chosen)
    data = dataset_called("imagenet_s", root=tmp_path, size=50)
    assert data.labels == list(range(0, 1000, 20))
    assert dataset_called("imagenet_s", root=tmp_path / "ImageNetS50", size="50").ids == data.ids, (
        "the command line gives text"
    )
    assert all(same_mask(data[i], region(2, 2, 8, 10)) for i in (0, 3, 49))
    with pytest.raises(BenchError, match=r"has ImageNetS50, not ImageNetS919\. Give size: 50"):
        dataset_called("imagenet_s", root=tmp_path)
    shutil.rmtree(tmp_path / "ImageNetS50/validation" / chosen[7])
    with pytest.raises(BenchError, match="has 49 class folders, not 50"):
        dataset_called("imagenet_s", root=tmp_path, size=50)


@pytest.mark.parametrize(("name", "split"), [("voc2007", "test"), ("voc2012", "val")])
def test_voc_gives_a_sample_for_each_class_of_an_image(name: str, split: str, tmp_path: Path) -> None:
    layouts.voc(tmp_path, name[3:], split)
    data = dataset_called(name, root=tmp_path)
    samples = by_id(data)
    assert list(samples) == ["2007_000032/dog", "2007_000032/person", "2007_000042/bus"]
    assert [data.class_names[label] for label in data.labels if label is not None] == ["dog", "person", "bus"]
    assert data.groups == ["2007_000032", "2007_000032", "2007_000042"]
    assert boxes(samples["2007_000032/dog"]) == [[2, 1, 12, 9]], "corners count from 1 and are inclusive"
    assert boxes(samples["2007_000032/person"]) == [[13, 0, 20, 16]]
    assert boxes(samples["2007_000042/bus"]) == [[0, 0, 24, 16]], "the whole image"
    assert not data.masked
    hard = by_id(dataset_called(name, root=tmp_path / "VOCdevkit", difficult=True))
    assert boxes(hard["2007_000032/person"]) == [[13, 0, 20, 16], [0, 0, 2, 2]]
    assert "2007_000032/cat" in hard


def test_voc_segmentation_has_the_mask_of_the_explained_class(tmp_path: Path) -> None:
    layouts.voc(tmp_path, "2012", "val")
    samples = by_id(dataset_called("voc2012", root=tmp_path, truth="segmentation"))
    assert list(samples) == ["2007_000032/dog", "2007_000032/person"]
    assert same_mask(samples["2007_000032/dog"], region(2, 1, 12, 9)), "without the border's 255"
    assert same_mask(samples["2007_000032/person"], region(14, 0, 20, 16))
    assert boxes(samples["2007_000032/dog"]) == [[2, 1, 12, 9]]


def test_coco(tmp_path: Path) -> None:
    layouts.coco(tmp_path)
    data = dataset_called("coco", root=tmp_path)
    samples = by_id(data)
    assert list(samples) == ["000000000139/cat", "000000000139/bowl"], "a crowd alone is no sample"
    assert data.class_names == ("person", "cat", "bowl")
    assert [sample.label for sample in samples.values()] == [1, 2]
    assert {sample.group for sample in samples.values()} == {"000000000139"}
    cat, bowl = samples.values()
    assert boxes(cat) == [[2, 2, 8, 10], [20, 0, 22, 4]]
    assert same_mask(cat, region(2, 2, 8, 10) + region(20, 0, 22, 4)), "polygon and runs, without the crowd"
    assert boxes(bowl) == [[10.5, 5, 14.5, 9]]
    marks = [data.fingerprint(i) for i in range(2)]
    file = tmp_path / "annotations/instances_val2017.json"
    file.write_text(file.read_text().replace("[10.5, 5, 4, 4]", "[10.5, 5, 4, 5]"))
    again = dataset_called("coco", root=tmp_path)
    assert [again.fingerprint(i) == marks[i] for i in range(2)] == [True, False]


def test_pets(tmp_path: Path) -> None:
    layouts.pets(tmp_path / "oxford-iiit-pet")
    data = dataset_called("oxford_pets", root=tmp_path)
    assert data.labels == [0, 0, 1]
    assert data.class_names[:2] == ("Abyssinian", "american bulldog")
    assert len(data.class_names) == 37, "all breeds, though the list names two"
    assert sorted(data.class_names, key=str.lower) == list(data.class_names)
    assert same_mask(data[0], region(2, 2, 12, 10))
    assert not data.boxed
    inside = dataset_called("oxford_pets", root=tmp_path / "oxford-iiit-pet", border="inside", heads=True)
    assert same_mask(inside[0], region(4, 4, 10, 8))
    assert boxes(inside[0]) == [[2, 2, 8, 8]]
    assert boxes(inside[1]) is None
    assert data.fingerprint(1) != inside.fingerprint(1), "the rule of the border is part of the content"


def test_cub(tmp_path: Path) -> None:
    layouts.cub(tmp_path)
    data = dataset_called("cub200", root=tmp_path)
    (sample,) = by_id(data).values()
    assert sample.id == "001.Black_footed_Albatross/Black_Footed_Albatross_0046_18"
    assert sample.label == 0
    assert boxes(sample) == [[4, 4, 10, 8]]
    assert same_mask(sample, region(4, 4, 10, 8)), "where at least half of the annotators agree"
    assert data.class_names == ("Black footed Albatross", "Laysan Albatross")
    assert dataset_called("cub200", root=tmp_path / "CUB_200_2011", split="train").labels == [1]
    assert len(dataset_called("cub200", root=tmp_path, split="all").ids) == 2
    shutil.rmtree(tmp_path / "segmentations")
    bare = dataset_called("cub200", root=tmp_path)
    assert not bare.masked
    assert bare.boxed


def test_pairs(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path)
    data = dataset_called("pairs", root=tmp_path)
    assert data.ids == ["0001.jpg", "0002.jpg"]
    assert same_mask(data[0], region(2, 2, 12, 10))
    assert same_mask(dataset_called("pairs", root=tmp_path, level=50)[0], region(2, 2, 12, 10) + region(20, 2, 22, 4))
    (tmp_path / "ground_truth_mask/0002.png").unlink()
    with pytest.raises(BenchError, match=r"1 images have no mask: 0002\.jpg"):
        dataset_called("pairs", root=tmp_path)


def test_csv_merges_the_boxes_of_a_sample(tmp_path: Path) -> None:
    for k, name in enumerate(("a.jpg", "b.jpg")):
        layouts.photo(tmp_path / name, k)
    layouts.grey(tmp_path / "a.png", region(1, 1, 4, 4, 9))
    rows = [
        "file,label,mask,x0,y0,x1,y1",
        "a.jpg,dog,a.png,1,1,4,4",
        "a.jpg,dog,a.png,6,6,9,9.5",
        "a.jpg,cat,,,,,",
        "b.jpg,,,,,,",
    ]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows))
    data = dataset_called("csv", table=table)
    samples = by_id(data)
    assert list(samples) == ["a.jpg/dog", "a.jpg/cat", "b.jpg"]
    assert data.class_names == ("cat", "dog")
    assert [sample.label for sample in samples.values()] == [1, 0, None]
    assert [sample.group for sample in samples.values()] == ["a.jpg", "a.jpg", None]
    assert boxes(samples["a.jpg/dog"]) == [[1, 1, 4, 4], [6, 6, 9, 9.5]]
    assert same_mask(samples["a.jpg/dog"], region(1, 1, 4, 4))
    assert boxes(samples["a.jpg/cat"]) is None
    table.write_text("path,kind,who\na.jpg,3,me\n")
    other = dataset_called("csv", table=table, file="path", label="kind", group="who")
    assert (other.labels, other.groups, other.class_names) == ([3], ["me"], ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path\na.jpg\n", "there is no column 'file'"),
        ("file\n", "has no rows"),
        ("file\nz.jpg\n", "line 2: there is no file"),
        ("file,x0,y0,x1,y1\na.jpg,1,2,3,\n", "line 2: the box is 1, 2, 3, "),
    ],
)
def test_csv_says_the_line(text: str, words: str, tmp_path: Path) -> None:
    layouts.photo(tmp_path / "a.jpg")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BenchError, match=words):
        dataset_called("csv", table=tmp_path / "t.csv")


def test_csv_reads_class_indices_as_pandas_writes_them(tmp_path: Path) -> None:
    """A column with an unknown label becomes one of floats: 10.0 stands before 2.0 as a text."""
    for k in range(3):
        layouts.photo(tmp_path / f"{k}.jpg", k)
    (tmp_path / "t.csv").write_text("file,label\n0.jpg,2.0\n1.jpg,10.0\n2.jpg,\n0.jpg,2\n")
    data = dataset_called("csv", table=tmp_path / "t.csv")
    assert (data.labels, data.class_names, data.ids) == ([2, 10, None], (), ["0.jpg", "1.jpg", "2.jpg"])


@pytest.mark.parametrize("label", ["-1", "0.5"])
def test_csv_refuses_numbers_that_are_no_class_index(label: str, tmp_path: Path) -> None:
    for k in range(2):
        layouts.photo(tmp_path / f"{k}.jpg", k)
    (tmp_path / "t.csv").write_text(f"file,kind\n0.jpg,3\n1.jpg,{label}\n")
    with pytest.raises(BenchError, match=rf"^kind: the labels are numbers, and {label} is no class index"):
        dataset_called("csv", table=tmp_path / "t.csv", label="kind")
    (tmp_path / "t.csv").write_text(f"file,kind\n0.jpg,3\n1.jpg,{label}\n1.jpg,dog\n")
    assert dataset_called("csv", table=tmp_path / "t.csv", label="kind").class_names == tuple(
        sorted(["3", label, "dog"])
    )


@pytest.mark.parametrize("key", ["label", "mask", "group"])
def test_csv_refuses_a_column_that_is_asked_for_and_not_there(key: str, tmp_path: Path) -> None:
    layouts.photo(tmp_path / "a.jpg")
    (tmp_path / "t.csv").write_text("file,kind\na.jpg,3\n")
    assert dataset_called("csv", table=tmp_path / "t.csv").labels == [None]
    with pytest.raises(BenchError, match=r"there is no column 'knid'; the header is 'file,kind'"):
        dataset_called("csv", table=tmp_path / "t.csv", **{key: "knid"})


def test_hugging_face_on_the_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    for name in ("a.png", "b.png"):
        layouts.photo(tmp_path / name, len(name))
    layouts.grey(tmp_path / "m.png", region(1, 1, 4, 4, 255))
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"]), "shape": datasets.Image()}
    columns = {
        "image": [str(tmp_path / "a.png"), str(tmp_path / "b.png")],
        "label": [1, 0],
        "shape": [str(tmp_path / "m.png")] * 2,
    }
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
    rows.save_to_disk(str(tmp_path / "plain"))
    datasets.DatasetDict({"validation": rows}).save_to_disk(str(tmp_path / "splits"))
    data: Any = dataset_called("huggingface", root=tmp_path / "plain", mask="shape")
    assert data.class_names == ("cat", "dog")
    assert data.labels == [1, 0]
    assert same_mask(data[0], region(1, 1, 4, 4))
    assert np.array_equal(np.asarray(data[1].image), np.asarray(Image.open(tmp_path / "b.png")))
    assert data.fingerprint(0) != data.fingerprint(1)
    with pytest.raises(BenchError, match="the folder has the splits validation"):
        dataset_called("huggingface", root=tmp_path / "splits")
    chosen: Any = dataset_called("huggingface", root=tmp_path / "splits", split="validation", mask="shape")
    assert len(chosen.ids) == 2
    told = {key: chosen.about[key] for key in ("split", "labels", "masks")}
    assert told == {
        "split": "validation",
        "labels": "the column label, 2 classes with names",
        "masks": "the column shape",
    }
    with pytest.raises(BenchError, match=r"split: the folder has no splits\. Leave out split"):
        dataset_called("huggingface", root=tmp_path / "plain", split="test")
    with pytest.raises(BenchError, match="there is no column 'img': the columns are image, label, shape"):
        dataset_called("huggingface", root=tmp_path / "plain", image="img")
    with pytest.raises(BenchError, match="is no data set on disk"):
        dataset_called("huggingface", root=tmp_path)


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "imagenet": layouts.imagenet_devkit,
    "voc2007": lambda root: layouts.voc(root, "2007", "test"),
    "voc2012": lambda root: layouts.voc(root, "2012", "val"),
    "coco": layouts.coco,
    "oxford_pets": layouts.pets,
    "cub200": layouts.cub,
    "pairs": layouts.ecssd,
}


@pytest.mark.parametrize("name", [*LAYOUTS, "imagenette", "imagewoof", "imagenet_s"])
def test_an_empty_folder_says_what_to_download_and_how_it_must_look(name: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(BenchError) as caught:
            dataset_called(name, root=root)
        text = str(caught.value)
        assert "is not there" in text
        assert "Download " in text
        assert "https://" in text or "http://" in text
        assert "ROOT" in text


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        *((name, "root", ["Download ", "://", "ROOT"]) for name in (*LAYOUTS, "imagenette", "imagewoof", "imagenet_s")),
        ("huggingface", "root", ["load_dataset", "save_to_disk"]),
        ("folder", "root", ["a folder of photographs"]),
        ("csv", "table", ["file, and any of label, mask"]),
    ],
)
def test_a_missing_root_says_what_the_data_are(name: str, key: str, words: list[str]) -> None:
    """In the form of a study file, and of the command line where an option gave it."""
    with pytest.raises(BenchError) as caught:
        DATASETS[name].bind({})
    error = caught.value.at("datasets[0]")
    assert f"{name} needs {key}. Use {{name: {name}, {key}: PATH}}. " in str(error)
    assert f"Use {name}:{key}=PATH. " in str(as_option(error, ["datasets"]))
    assert str(as_option(error, ["models"])) == str(error)
    assert all(word in str(error) for word in words)


def test_every_data_set_with_a_path_says_what_it_is() -> None:
    silent = [each for each in DATASETS.names() if "root" in DATASETS[each].required and not DATASETS[each].source]
    assert not silent


@pytest.mark.parametrize(
    ("inner", "whole"),
    [
        ("root", "datasets: d.root: no"),
        ("parts[0]", "datasets: d.parts[0]: no"),
        ("t.csv line 3", "datasets: d: t.csv line 3: no"),
        ("a/meta.mat", "datasets: d: a/meta.mat: no"),
        ("", "datasets: d: no"),
    ],
)
def test_a_place_in_a_place(inner: str, whole: str) -> None:
    assert str(BenchError("no", where=inner).at("datasets: d")) == whole


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_file_that_lacks_is_named(name: str, tmp_path: Path) -> None:
    """Every list and every folder of a layout is taken away in turn: an error, or a sample that says why."""
    LAYOUTS[name](tmp_path / "whole")
    whole = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*"))
    for number, part in enumerate(path for path in whole if path.suffix in (".txt", ".json", ".mat")):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", root)
        (root / part).unlink()
        if (name == "voc2012" and "Segmentation" in str(part)) or (name == "voc2007" and "Segmentation" in str(part)):
            dataset_called(name, root=root)
        else:
            with pytest.raises(BenchError, match="is not there"):
                dataset_called(name, root=root)


@pytest.mark.parametrize("name", LAYOUTS)
def test_ids_are_known_without_decoding_and_broken_images_are_one_sample_each(name: str, tmp_path: Path) -> None:
    LAYOUTS[name](tmp_path)
    before = dataset_called(name, root=tmp_path)
    first = before.items[0].path
    first.write_bytes(b"broken")
    data = dataset_called(name, root=tmp_path)
    assert data.ids == before.ids
    broken = [i for i, item in enumerate(data.items) if item.path == first]
    for i in range(len(data.ids)):
        if i in broken:
            with pytest.raises(BenchError, match="not an image"):
                data[i]
        else:
            assert data[i].image.size == layouts.SIZE


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("coco", "pycocotools", "coco"), ("huggingface", "datasets", "hf")]
)
def test_a_package_that_lacks_is_named_with_its_extra(
    name: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda asked: None if asked == package else object())
    with pytest.raises(BenchError, match=rf"{package} is not installed.*benchbench-saliency\[{extra}\]"):
        dataset_called(name, root=tmp_path)


def test_titles() -> None:
    shown = {
        name: DATASETS[name].display_name(DATASETS[name].bind({"root": "/data/x"}))
        for name in ("imagenet", "coco", "pairs")
    }
    assert shown == {"imagenet": "ImageNet validation", "coco": "COCO val2017", "pairs": "x"}
