"""COCO's instances: one sample for each image and class in it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import BenchError
from ...registry import dataset
from ..sources.decode import MAX_PIXELS
from ..sources.file_dataset import Files, Item
from ..sources.frame import Frame
from ..sources.truth import Box
from .archive import Archive
from .class_spellings import imagenet_counterparts
from .run_lengths import checked_mask

COCO = Archive(
    "coco",
    "val2017.zip and annotations_trainval2017.zip",
    "https://cocodataset.org/#download",
    "ROOT/val2017/000000000139.jpg ... and ROOT/annotations/instances_val2017.json",
    "the annotations are under CC BY 4.0; the photographs are from Flickr, under its terms of use",
)
_INSTALL = "pip install 'benchbench-saliency[coco]'"


@dataclass(frozen=True)
class Instances:
    """The union of some instances' masks, as COCO writes them: polygons, or run lengths."""

    image: str
    segmentations: tuple[Any, ...]

    @property
    def label(self) -> str:
        return f"the instances of {self.image}"

    def read(self, frame: Frame, most: int = MAX_PIXELS) -> Tensor:
        from pycocotools import mask as coder

        union = torch.zeros(frame.stored, dtype=torch.bool)
        for known in self.segmentations:
            runs = coder.frPyObjects(checked_mask(known, frame.stored, self.label), *frame.stored)
            drawn = torch.from_numpy(coder.decode(coder.merge(runs) if isinstance(runs, list) else runs)) > 0
            if drawn.shape != union.shape:
                message = f"the mask is {tuple(drawn.shape)} and its photograph {frame.stored}"
                raise BenchError(message, where=self.label)
            union |= drawn
        return frame.turned(union)

    def content(self) -> bytes:
        return json.dumps(self.segmentations, sort_keys=True).encode()


@dataset("coco", title="COCO {split}", paper="arXiv:1405.0312", source=COCO.advice)
def coco(*, root: Path, split: str = "val2017", annotations: Path | None = None) -> Files:
    """COCO's instances: boxes and masks; one sample for each class that an image shows.

    An image with two cats and a bowl gives the samples ``000000000139/cat`` and ``000000000139/bowl``: the label is the
    class's place among the file's categories by id (0 to 79), the boxes are those of that class's instances, the mask
    is their union, and both samples are of one group, which tests and intervals count once. A region that COCO marks
    as a crowd counts neither as a box nor as a mask, and a class of which an image has only crowds gives no sample. The
    seeds of the suite ``localisation`` leave out all crowds of an image. COCO's x, y, width, height are here x, y,
    x + width, y + height. Needs pycocotools, the extra ``coco``.

    Args:
        root: the folder that has the images' folder and ``annotations``.
        split: names both: ``val2017`` (the default) or ``train2017``.
        annotations: the file of instances, where it is not ROOT/annotations/instances_SPLIT.json.

    Raises:
        BenchError: pycocotools is not installed, a file is not there, or it is none of COCO's instances.
    """
    if importlib.util.find_spec("pycocotools") is None:
        raise BenchError("the package pycocotools is not installed", where="coco", hint=f"Install it: {_INSTALL}")
    COCO.require(root)
    file = annotations or root / "annotations" / f"instances_{split}.json"
    folder = COCO.first(root, [split, f"images/{split}"])
    read = _read(COCO.require(file, "annotations"))
    classes = sorted(read.cats.values(), key=lambda category: category["id"])
    place = {category["id"]: k for k, category in enumerate(classes)}
    items: list[Item] = []
    for image_id in sorted(read.imgs):
        by_class: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        crowds: list[Any] = []
        for known in read.imgToAnns.get(image_id, []):
            if known.get("iscrowd"):
                crowds.append(known["segmentation"])
            else:
                by_class[place[known["category_id"]]].append(known)
        path = folder / read.imgs[image_id]["file_name"]
        void = Instances(path.name, tuple(crowds)) if crowds else None
        items += [_item(path, k, classes[k]["name"], by_class[k], void) for k in sorted(by_class)]
    if not items:
        raise BenchError("it has no instances that are no crowds", where=f"{file.name}")
    about = COCO.about(
        root,
        split=split,
        photographs=f"{len({item.group for item in items})}",
        samples=f"{len(items)}: one for each image and class, grouped by image; no crowds",
        labels=f"the place among the {len(classes)} categories by id",
    )
    return Files(
        "coco",
        items,
        about,
        class_names=tuple(category["name"] for category in classes),
        counterparts=imagenet_counterparts("coco"),
        decoded_by=("pycocotools",),
    )


def _read(file: Path) -> Any:
    """pycocotools' index of the file, which prints as it reads."""
    from pycocotools import coco as reader

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return reader.COCO(str(file))
    except (OSError, ValueError, KeyError, AssertionError, AttributeError) as error:
        raise BenchError(f"it is no file of COCO's instances: {error}", where=f"{file.name}") from None


def _item(path: Path, label: int, name: str, instances: Sequence[Mapping[str, Any]], void: Instances | None) -> Item:
    boxes: list[Box] = []
    for known in instances:
        x, y, width, height = known["bbox"]
        boxes.append((x, y, x + width, y + height))
    mask = Instances(path.name, tuple(known["segmentation"] for known in instances))
    return Item(f"{path.stem}/{name}", path, label, mask, path.stem, tuple(boxes), void)
