"""ImageNet-S: masks of ImageNet's validation images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from ...errors import BenchError
from ...formatting import join_words
from ...models.load import imagenet_classes
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.truth import IndexMask
from .archive import Archive, imagenet_index, photographs, wnid_folders

IGNORED = 1000  # in the masks
Size = Annotated[Literal[50, 300, 919], BeforeValidator(int)]  # the command line gives text
IMAGENET_S = Archive(
    "imagenet_s",
    "the annotations by datapreparation_anno.sh, and the images by datapreparation_val.py from your ImageNet,",
    "https://github.com/LUSSeg/ImageNet-S",
    "ROOT/ImageNetS919/validation/n*/*.JPEG and ROOT/ImageNetS919/validation-segmentation/n*/*.png; ROOT may be "
    "ImageNetS919 itself",
    "ImageNet's terms of access: non-commercial research and education",
)


@dataset("imagenet_s", title="ImageNet-S{size}", paper="arXiv:2106.03149", source=IMAGENET_S.advice)
def imagenet_s(*, root: Path, size: Size = 919) -> Files:
    """ImageNet-S: validation images of 50, 300 or 919 classes of ImageNet with pixel masks of the image's class.

    A mask's file says red + 256 green: 0 is everything else, 1000 is ignored, and class k is the k-th, from 1, of the
    classes' WordNet ids in sorted order (the official repository's README). The mask here is the image's own class;
    what is ignored is no object, and the seeds of the suite ``localisation`` do not count it. Labels are ImageNet-1k
    class indices. With 919 classes five pairs of ImageNet's classes are merged, so that for these a network's answer
    may be the other of the two.

    Args:
        root: the folder that has ImageNetS50, ImageNetS300 or ImageNetS919, or that one.
        size: 919 classes (the default), 300 or 50.

    Raises:
        BenchError: the folder is not there, has another layout, or another number of classes.
    """
    there = [other for other in (50, 300, 919) if (root / f"ImageNetS{other}").is_dir()]
    if there and size not in there:
        message = f"{root} has {join_words(f'ImageNetS{other}' for other in there)}, not ImageNetS{size}"
        raise BenchError(message, where="root", hint=f"Give size: {there[0]}")
    home = IMAGENET_S.first(root, [f"ImageNetS{size}/validation", "validation"]).parent
    folders = wnid_folders(home / "validation")
    if len(folders) != size:
        message = f"{home / 'validation'} has {len(folders)} class folders, not {size}: the masks number the classes"
        raise BenchError(message, where="root", hint="Extract all of it, or give size: 50, 300 or 919")
    masks, index = IMAGENET_S.require(home / "validation-segmentation"), imagenet_index()
    items = [
        _item(path, index[folder.name], masks / folder.name / f"{path.stem}.png", number)
        for number, folder in enumerate(folders, 1)
        for path in photographs(folder)
    ]
    masked = sum(item.mask is not None for item in items)
    about = IMAGENET_S.about(
        root, photographs=f"{len(items)}", labels="ImageNet-1k class indices", masks=f"{masked}, of the image's class"
    )
    items.sort(key=lambda item: item.id)
    return Files("imagenet_s", items, about, class_names=imagenet_classes())


def _item(path: Path, label: int, mask: Path, number: int) -> Item:
    """A photograph, with the mask of its class and what is ignored, if the mask's file is there."""
    if not mask.is_file():
        return Item(path.stem, path, label)
    return Item(path.stem, path, label, IndexMask(mask, (number,)), void=IndexMask(mask, (IGNORED,)))
