"""Photographs with an EXIF orientation: boxes and masks are in the stored pixels and are turned with the photograph."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchbench.datasets.sources.decode import decode_framed
from benchbench.datasets.sources.frame import Frame
from benchbench.engine.sample_loader import load_sample
from benchbench.registry import DATASETS
from benchbench.types import Preprocess, Sample

from . import layouts
from .layouts import DOG
from .test_decode import SHOWN, saved, turned

BOX = (8, 8, 24, 16)  # in the stored 24 x 16 pixels, on JPEG's grid of 8 x 8: it is as sharp there as in a PNG
STORED = layouts.region(*BOX, 255).astype(np.uint8)


def photo(path: Path, orientation: int | None, pixels: np.ndarray = STORED) -> None:
    """A white box on black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {} if orientation is None else {"exif": turned(orientation)}
    Image.fromarray(np.stack([pixels] * 3, 2)).save(path, quality=95, **options)


def mask(path: Path, values: np.ndarray, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {} if orientation is None else {"exif": turned(orientation)}
    Image.fromarray(values.astype(np.uint8)).save(path, **options)


def csv(root: Path, orientation: int | None) -> Any:
    photo(root / "a.jpg", orientation)
    mask(root / "m.png", STORED)
    (root / "t.csv").write_text("file,mask,x0,y0,x1,y1\na.jpg,m.png," + ",".join(map(str, BOX)) + "\n")
    return DATASETS["csv"].function(table=root / "t.csv")


def pairs(root: Path, orientation: int | None) -> Any:
    photo(root / "images/a.jpg", orientation)
    mask(root / "ground_truth_mask/a.png", STORED)
    return DATASETS["pairs"].function(root=root)


def folder(root: Path, orientation: int | None) -> Any:
    photo(root / "p/a.png", orientation)
    mask(root / "m/a.png", STORED)
    return DATASETS["folder"].function(root=root / "p", masks=root / "m")


def imagenet(root: Path, orientation: int | None) -> Any:
    photo(root / "val" / DOG / "a.JPEG", orientation)
    layouts.xml(root / "xml/a.xml", [(DOG, BOX, False)])
    return DATASETS["imagenet"].function(root=root, boxes=root / "xml")


def voc(root: Path, orientation: int | None) -> Any:
    layouts.voc(root, "2012", "val")
    home = root / "VOCdevkit/VOC2012"
    for path in (home / "JPEGImages").iterdir():
        photo(path, orientation)
        layouts.xml(home / "Annotations" / f"{path.stem}.xml", [("dog", (BOX[0] + 1, BOX[1] + 1, *BOX[2:]), False)])
        layouts.grey(home / "SegmentationClass" / f"{path.stem}.png", layouts.region(*BOX, 12), palette=True)
    return DATASETS["voc2012"].function(root=root, truth="segmentation")


def coco(root: Path, orientation: int | None) -> Any:
    pytest.importorskip("pycocotools")
    layouts.coco(root)
    photo(root / "val2017/000000000139.jpg", orientation)
    file = root / "annotations/instances_val2017.json"
    notes = json.loads(file.read_text())
    x0, y0, x1, y1 = BOX
    shape = {"bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]}
    notes["annotations"] = [{**notes["annotations"][0], **shape}]
    file.write_text(json.dumps(notes))
    return DATASETS["coco"].function(root=root)


def cub(root: Path, orientation: int | None) -> Any:
    layouts.cub(root)
    home = root / "CUB_200_2011"
    for path in (home / "images").rglob("*.jpg"):
        photo(path, orientation)
        mask((root / "segmentations" / path.relative_to(home / "images")).with_suffix(".png"), STORED)
    x0, y0, x1, y1 = BOX
    (home / "bounding_boxes.txt").write_text("".join(f"{k} {x0} {y0} {x1 - x0} {y1 - y0}\n" for k in (1, 2)))
    return DATASETS["cub200"].function(root=root)


def pets(root: Path, orientation: int | None) -> Any:
    layouts.pets(root)
    photo(root / "images/Abyssinian_1.jpg", orientation)
    mask(root / "annotations/trimaps/Abyssinian_1.png", np.where(STORED > 0, 1, 2))
    layouts.xml(root / "annotations/xmls/Abyssinian_1.xml", [("cat", (BOX[0] + 1, BOX[1] + 1, *BOX[2:]), False)])
    return DATASETS["oxford_pets"].function(root=root, heads=True)


SOURCES: dict[str, Callable[[Path, int | None], Any]] = {
    build.__name__: build for build in (csv, pairs, folder, imagenet, voc, coco, cub, pets)
}


def white(sample: Sample) -> np.ndarray:
    """(H, W): the planted box as the network's user sees it."""
    return np.asarray(sample.image)[:, :, 0] > 128


def inside(box: torch.Tensor, size: tuple[int, ...]) -> np.ndarray:
    region = np.zeros(size, bool)
    x0, y0, x1, y1 = (int(value) for value in box)
    region[y0:y1, x0:x1] = True
    return region


@pytest.mark.parametrize("orientation", [None, *SHOWN])
@pytest.mark.parametrize("name", SOURCES)
def test_the_truth_lies_on_the_object(name: str, orientation: int | None, tmp_path: Path) -> None:
    sample = SOURCES[name](tmp_path, orientation)[0]
    shown = white(sample)
    np.testing.assert_array_equal(shown, SHOWN[orientation or 1](STORED > 0))
    assert sample.mask is not None or sample.boxes is not None
    if sample.mask is not None:
        np.testing.assert_array_equal(sample.mask.numpy(), shown)
    if sample.boxes is not None:
        np.testing.assert_array_equal(inside(sample.boxes[0], shown.shape), shown)


@pytest.mark.parametrize("orientation", SHOWN)
def test_in_the_networks_frame_too(orientation: int, tmp_path: Path) -> None:
    """Resized and cropped, as metrics see them."""
    _, image, seen, boxes = load_sample(csv(tmp_path, orientation), 0, Preprocess(resize=32, crop=32))
    assert seen is not None
    assert boxes is not None
    shown = (image[0] > 0).numpy()
    assert (shown == seen.numpy()).mean() > 0.95, "a resized edge is a pixel wide"
    assert (shown == inside(boxes[0].round(), shown.shape)).mean() > 0.95


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", SHOWN)
def test_the_frame_is_that_of_the_stored_pixels(name: str, orientation: int, tmp_path: Path) -> None:
    known: dict[str, dict[str, Any]] = {"webp": {"lossless": True}, "jpg": {"quality": 95}}
    options = known.get(name.split(".")[1], {})
    path = saved(tmp_path, Image.fromarray(np.stack([STORED] * 3, 2)), name, exif=turned(orientation), **options)
    picture, frame = decode_framed(path)
    assert frame == Frame(16, 24, orientation)
    assert frame.upright == (picture.height, picture.width)
    np.testing.assert_array_equal(np.asarray(picture)[:, :, 0] > 128, SHOWN[orientation](STORED > 0))


@pytest.mark.parametrize("orientation", SHOWN)
def test_a_frame_turns_as_a_viewer_does(orientation: int) -> None:
    pixels = np.arange(6).reshape(2, 3)
    frame = Frame(2, 3, orientation)
    wanted = SHOWN[orientation](pixels)
    np.testing.assert_array_equal(frame.turned(torch.from_numpy(pixels)).numpy(), wanted)
    assert frame.upright == wanted.shape
    for value in range(6):  # the box of each pixel
        row, column = divmod(value, 3)
        ((x0, y0, x1, y1),) = frame.turned_boxes(torch.tensor([[column, row, column + 1, row + 1.0]])).tolist()
        assert (wanted[int(y0), int(x0)], x1 - x0, y1 - y0) == (value, 1, 1)


@pytest.mark.parametrize("orientation", SHOWN)
def test_a_mask_with_an_orientation_is_turned_by_that(orientation: int, tmp_path: Path) -> None:
    """An upright mask whose file says so, and masks that are stored in any other way than their photograph."""
    upright = SHOWN[orientation](STORED)
    inverse = {6: 8, 8: 6}
    for stored_orientation in SHOWN:
        root = tmp_path / str(stored_orientation)
        photo(root / "p/a.png", orientation)
        stored = SHOWN[inverse.get(stored_orientation, stored_orientation)](upright)
        mask(root / "m/a.png", np.ascontiguousarray(stored), stored_orientation)
        sample = DATASETS["folder"].function(root=root / "p", masks=root / "m")[0]
        np.testing.assert_array_equal(sample.mask.numpy(), white(sample), f"own orientation {stored_orientation}")


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_of_the_upright_size_is_upright(orientation: int, tmp_path: Path) -> None:
    photo(tmp_path / "p/a.png", orientation)
    mask(tmp_path / "m/a.png", np.ascontiguousarray(SHOWN[orientation](STORED)))
    sample = DATASETS["folder"].function(root=tmp_path / "p", masks=tmp_path / "m")[0]
    np.testing.assert_array_equal(sample.mask.numpy(), white(sample))


@pytest.mark.parametrize("orientation", SHOWN)
def test_parts_and_void_pixels_are_turned_too(orientation: int, tmp_path: Path) -> None:
    cub(tmp_path / "cub", orientation)
    layouts.cub_parts(tmp_path / "cub", {1: {"beak": (20.0, 12.0)}, 2: {"beak": (20.0, 12.0)}})
    sample = DATASETS["cub200"].function(root=tmp_path / "cub", parts=("beak",), part_radius=0.1)[0]
    assert int(sample.mask.sum()) == 9, "a disc of radius 1.6: the beak and its eight neighbours"
    assert (white(sample) | ~sample.mask.numpy()).all(), "within the bird's box"
    pets(tmp_path / "pets", orientation)
    mask(tmp_path / "pets/annotations/trimaps/Abyssinian_1.png", np.where(STORED > 0, 3, 1))
    sample = DATASETS["oxford_pets"].function(root=tmp_path / "pets", border="inside")[0]
    np.testing.assert_array_equal(sample.void.numpy(), white(sample))


@pytest.mark.parametrize("orientation", SHOWN)
def test_hugging_face(orientation: int, tmp_path: Path) -> None:
    """The package turns each picture by its own orientation; a mask without one follows its photograph."""
    datasets = pytest.importorskip("datasets")
    photo(tmp_path / "a.png", orientation)
    mask(tmp_path / "plain.png", STORED)
    mask(tmp_path / "own.png", STORED, orientation)
    kinds = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    columns = {
        "image": [str(tmp_path / "a.png")] * 2,
        "mask": [str(tmp_path / "plain.png"), str(tmp_path / "own.png")],
    }
    datasets.Dataset.from_dict(columns, features=kinds).save_to_disk(str(tmp_path / "rows"))
    data = DATASETS["huggingface"].function(root=tmp_path / "rows", label="", mask="mask")
    for index in (0, 1):
        np.testing.assert_array_equal(white(data[index]), SHOWN[orientation](STORED > 0))
        np.testing.assert_array_equal(data[index].mask.numpy(), white(data[index]))
