"""ImageNet's validation images, in the layouts that people have."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import BenchError
from ...models.load import imagenet_classes
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.truth import Box, file_bytes
from .archive import Archive, imagenet_index, photographs, wnid_folders
from .voc_xml import voc_objects

IMAGENET = Archive(
    "imagenet",
    "ILSVRC2012_img_val.tar, ILSVRC2012_devkit_t12.tar.gz and, for boxes, ILSVRC2012_bbox_val_v3.tgz",
    "https://image-net.org/download-images.php",
    "ROOT/ILSVRC2012_img_val/ILSVRC2012_val_00000001.JPEG ... (or the images in ROOT itself, as their archive has no "
    "folder) and ROOT/ILSVRC2012_devkit_t12/data/; or class folders ROOT/val/n01440764/*.JPEG; "
    "or Kaggle's ROOT/ILSVRC/Data/CLS-LOC/val/*.JPEG and ROOT/LOC_val_solution.csv",
    "ImageNet's terms of access: non-commercial research and education; the photographs belong to their owners",
)
_DEVKIT = "ILSVRC2012_devkit_t12/data"
_TABLE = "LOC_val_solution.csv"
_IMAGES = ("ILSVRC2012_img_val", "val", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val")
_BOXES = ("ILSVRC2012_bbox_val_v3/val", "ILSVRC2012_bbox_val_v3", "bbox_val", "ILSVRC/Annotations/CLS-LOC/val", "val")


@dataclass(frozen=True)
class XmlBoxes:
    """The boxes of one class in an annotation of ImageNet, as its corners stand there."""

    path: Path
    wnid: str

    def read(self) -> Sequence[Box]:
        return [known.corners for known in voc_objects(self.path) if known.name == self.wnid]

    def content(self) -> bytes:
        return f"boxes of {self.wnid} ".encode() + file_bytes(self.path)


@dataclass(frozen=True)
class _Truth:
    """By image name: its class's WordNet id; and its boxes, where a table has them."""

    wnids: Mapping[str, str]
    boxes: Mapping[str, Sequence[Box]]


@dataset("imagenet", title="ImageNet validation", paper="arXiv:1409.0575", source=IMAGENET.advice)
def imagenet(*, root: Path, boxes: Path | None = None) -> Files:
    """ImageNet's 50,000 validation images with ImageNet-1k class indices, and boxes where their archive is there.

    The layout is recognised: the images of ILSVRC2012_img_val.tar in one folder, or in ``root`` itself, with the
    development kit beside them;
    class folders named by WordNet ids; or Kaggle's. torchvision's reader is not used: it wants the packed archives and
    their checksums. Ids are the images' names. An image's boxes are those of its class, from the files that
    ILSVRC2012_bbox_val_v3.tgz has, or from Kaggle's table. The corners are taken as they stand (x1 - x0 the width), as
    wsolevaluation does.

    Args:
        root: the folder that has one of the layouts.
        boxes: the folder of the boxes' XML files, where it is not below ``root`` under its own name.

    Raises:
        BenchError: the folder has none of the layouts; the message says how it must look.
    """
    home, folder = _images(root)
    nested = wnid_folders(folder)
    if nested:
        paths = [(path, sub.name) for sub in nested for path in photographs(sub)]
        truth = _Truth({}, {})
    else:
        truth = _flat_truth(home)
        paths = [(path, _wnid(truth, path)) for path in photographs(folder)]
    if not paths:
        raise IMAGENET.lacks(folder / "ILSVRC2012_val_00000001.JPEG")
    xml = _xml_folder(home, boxes)
    index = imagenet_index()
    items = [
        Item(path.stem, path, index[wnid], boxes=truth.boxes.get(path.stem) or _xml(xml, path.stem, wnid))
        for path, wnid in sorted(paths, key=lambda pair: pair[0].name)
    ]
    boxed = sum(item.boxes is not None for item in items)
    about = IMAGENET.about(root, photographs=f"{len(items)}", labels="ImageNet-1k class indices", boxes=f"{boxed}")
    return Files("imagenet", items, about, class_names=imagenet_classes())


def _images(root: Path) -> tuple[Path, Path]:
    """The folder that the layouts begin in, and the one of the images."""
    IMAGENET.require(root)
    if wnid_folders(root):
        return root.parent, root
    folders = (root / name for name in _IMAGES if (root / name).is_dir())
    filled = next((folder for folder in folders if wnid_folders(folder) or photographs(folder)), None)
    if filled is not None:
        return root, filled
    if not photographs(root):
        raise IMAGENET.lacks(root / _IMAGES[0])
    beside = (root, root.parent)  # the development kit is beside the images, or beside their folder
    return next((home for home in beside if (home / _DEVKIT).is_dir() or (home / _TABLE).is_file()), root), root


def _flat_truth(root: Path) -> _Truth:
    table = next((path for path in (root / _TABLE, root.parent / _TABLE) if path.is_file()), None)
    return _kaggle_truth(table) if table is not None else _devkit_truth(root / _DEVKIT)


def _kaggle_truth(table: Path) -> _Truth:
    """Of LOC_val_solution.csv: ImageId, and PredictionString, which repeats WordNet id and four corners."""
    wnids: dict[str, str] = {}
    boxes: dict[str, Sequence[Box]] = {}
    with table.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.DictReader(text)
        for row in reader:
            try:
                name, words = row["ImageId"], row["PredictionString"].split()
                objects = [(words[k], [float(word) for word in words[k + 1 : k + 5]]) for k in range(0, len(words), 5)]
                wnids[name] = objects[0][0]
                boxes[name] = [(c[0], c[1], c[2], c[3]) for wnid, c in objects if wnid == objects[0][0]]
            except (KeyError, IndexError, ValueError, AttributeError):
                hint = "Its columns are ImageId and PredictionString: n01440764 10 20 110 220 ..."
                raise BenchError(
                    "the row is not Kaggle's", where=f"{table.name} line {reader.line_num}", hint=hint
                ) from None
    return _Truth(wnids, boxes)


def _devkit_truth(devkit: Path) -> _Truth:
    """Of the development kit: a line of class ids for each image in order of names, and meta.mat from id to WordNet."""
    from scipy.io import loadmat

    lines = IMAGENET.lines(devkit / "ILSVRC2012_validation_ground_truth.txt")
    meta = IMAGENET.require(devkit / "meta.mat")
    try:
        synsets = loadmat(str(meta), squeeze_me=True)["synsets"]
        wnids = {int(entry["ILSVRC2012_ID"]): str(entry["WNID"]) for entry in synsets}
        return _Truth({f"ILSVRC2012_val_{k:08d}": wnids[int(line)] for k, line in enumerate(lines, 1)}, {})
    except (KeyError, ValueError, TypeError, NotImplementedError) as error:
        raise BenchError(f"the development kit cannot be read: {error}", where=f"{devkit}") from None


def _wnid(truth: _Truth, path: Path) -> str:
    wnid = truth.wnids.get(path.stem, "")
    if wnid not in imagenet_index():
        hint = "Remove the image, or give the development kit or Kaggle's table of the same images"
        raise BenchError(f"{path.name} has no class of ImageNet-1k", where="root", hint=hint)
    return wnid


def _xml_folder(home: Path, boxes: Path | None) -> Path | None:
    if boxes is not None:
        return IMAGENET.require(boxes, "boxes")
    places = (home / name for name in _BOXES)
    return next((place for place in places if place.is_dir() and next(place.glob("*.xml"), None)), None)


def _xml(folder: Path | None, name: str, wnid: str) -> XmlBoxes | None:
    if folder is None or not (folder / f"{name}.xml").is_file():
        return None
    return XmlBoxes(folder / f"{name}.xml", wnid)
