"""PASCAL VOC 2007 and 2012: one sample for each image and class in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from ...errors import BenchError
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.truth import Box, IndexMask
from .archive import Archive
from .class_spellings import imagenet_counterparts
from .voc_xml import VocObject, voc_objects

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_LICENCE = "the photographs are from Flickr, under its terms of use"


def _archive(year: str) -> Archive:
    files = (
        "VOCtest_06-Nov-2007.tar and VOCtrainval_06-Nov-2007.tar" if year == "2007" else "VOCtrainval_11-May-2012.tar"
    )
    return Archive(
        f"voc{year}",
        files,
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc{year}/",
        f"ROOT/VOCdevkit/VOC{year}/ with Annotations, ImageSets, JPEGImages and SegmentationClass; ROOT may "
        "be VOCdevkit",
        _LICENCE,
    )


VOC2007, VOC2012 = _archive("2007"), _archive("2012")


@dataset("voc2007", title="VOC 2007", paper="doi:10.1007/s11263-009-0275-4", source=VOC2007.advice)
def voc2007(
    *,
    root: Path,
    split: Literal["train", "val", "trainval", "test"] = "test",
    truth: Literal["detection", "segmentation"] = "detection",
    difficult: bool = False,
) -> Files:
    """PASCAL VOC 2007: boxes, or boxes and masks; one sample for each class that an image shows.

    Read as voc2012.

    Args:
        root: the folder that has VOCdevkit, or VOCdevkit itself.
        split: ``test`` (the default), ``train``, ``val`` or ``trainval``.
        truth: ``detection`` (the default): all images of the split, with boxes. ``segmentation``: the fewer that have
            masks, with boxes and masks.
        difficult: whether objects that VOC marks as difficult count too.

    Raises:
        BenchError: the folder has another layout.
    """
    return _voc(VOC2007, "2007", root, split, truth, difficult)


@dataset("voc2012", title="VOC 2012", paper="doi:10.1007/s11263-009-0275-4", source=VOC2012.advice)
def voc2012(
    *,
    root: Path,
    split: Literal["train", "val", "trainval"] = "val",
    truth: Literal["detection", "segmentation"] = "detection",
    difficult: bool = False,
) -> Files:
    """PASCAL VOC 2012: boxes, or boxes and masks; one sample for each class that an image shows.

    An image with a dog and two persons gives the samples ``2008_000001/dog`` and ``2008_000001/person``: the label is
    that class's index among VOC's twenty in alphabetical order, the boxes and the mask are those of that class, and
    both samples are of one group, which tests and intervals count once. Lists and paths are torchvision's. VOC's
    corners count pixels from 1 and are inclusive; here a box is x - 1, y - 1, x, y. The mask is SegmentationClass where
    it has the class's index; its white border (255) is no object, and the seeds of the suite ``localisation`` do not
    count it.

    Args:
        root: the folder that has VOCdevkit, or VOCdevkit itself.
        split: ``val`` (the default), ``train`` or ``trainval``.
        truth: ``detection`` (the default): all images of the split, with boxes. ``segmentation``: the fewer that have
            masks, with boxes and masks.
        difficult: whether objects that VOC marks as difficult count too. VOC's own evaluation leaves them out.

    Raises:
        BenchError: the folder has another layout.
    """
    return _voc(VOC2012, "2012", root, split, truth, difficult)


def _voc(archive: Archive, year: str, root: Path, split: str, truth: str, difficult: bool) -> Files:
    listed = _listed(archive, year, root, split, truth)
    items: list[Item] = []
    for k, image in enumerate(map(Path, listed.images)):
        annotation = image.parent.parent / "Annotations" / f"{image.stem}.xml"
        mask = Path(listed.masks[k]) if truth == "segmentation" else None
        items += _samples(image, voc_objects(archive.require(annotation)), mask, difficult)
    if not items:
        raise archive.lacks(root / "VOCdevkit")
    about = archive.about(
        root,
        split=f"{split}, {truth}",
        photographs=f"{len(listed.images)}",
        samples=f"{len(items)}: one for each image and class, grouped by image",
        labels="VOC's twenty classes in alphabetical order",
        objects="with those marked as difficult" if difficult else "without those marked as difficult",
    )
    return Files(archive.name, items, about, class_names=CLASSES, counterparts=imagenet_counterparts("voc"))


def _listed(archive: Archive, year: str, root: Path, split: str, truth: str) -> Any:
    """torchvision's data set: it has the paths, and opens none of the images."""
    from torchvision import datasets

    home = root.parent if root.name == "VOCdevkit" else root
    folder = "Main" if truth == "detection" else "Segmentation"
    archive.require(home / "VOCdevkit" / f"VOC{year}")
    archive.require(home / "VOCdevkit" / f"VOC{year}" / "ImageSets" / folder / f"{split}.txt")
    kind = datasets.VOCDetection if truth == "detection" else datasets.VOCSegmentation
    return kind(str(home), year=year, image_set=split, download=False)


def _samples(image: Path, objects: list[VocObject], mask: Path | None, difficult: bool) -> Iterator[Item]:
    for label, name in enumerate(CLASSES):
        boxes: list[Box] = [
            (known.corners[0] - 1, known.corners[1] - 1, known.corners[2], known.corners[3])
            for known in objects
            if known.name == name and (difficult or not known.difficult)
        ]
        if boxes:
            source = None if mask is None else IndexMask(mask, (label + 1,))
            void = None if mask is None else IndexMask(mask, (255,))
            yield Item(f"{image.stem}/{name}", image, label, source, image.stem, tuple(boxes), void)
    unknown = {known.name for known in objects} - set(CLASSES)
    if unknown:
        raise BenchError(f"{min(unknown)!r} is none of VOC's classes", where=f"{image.stem}.xml")
