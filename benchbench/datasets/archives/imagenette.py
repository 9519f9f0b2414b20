"""Ten classes of ImageNet: Imagenette, easy to tell apart, and Imagewoof, ten breeds of dog."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from ...models.load import imagenet_classes
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from .archive import Archive, imagenet_index, photographs, wnid_folders

Split: TypeAlias = Literal["val", "train"]
_LICENCE = "the photographs are from ImageNet, under its terms of access; the selection is under Apache-2.0"


def _archive(name: str, stem: str) -> Archive:
    return Archive(
        name,
        f"{stem}.tgz ({stem}-320.tgz and {stem}-160.tgz are smaller)",
        "https://github.com/fastai/imagenette",
        f"ROOT/{stem}/val/n*/*.JPEG, or ROOT is {stem} itself",
        _LICENCE,
    )


IMAGENETTE, IMAGEWOOF = _archive("imagenette", "imagenette2"), _archive("imagewoof", "imagewoof2")


@dataset("imagenette", title="Imagenette", source=IMAGENETTE.advice)
def imagenette(*, root: Path, split: Split = "val") -> Files:
    """Imagenette: ten easy classes of ImageNet, labelled by ImageNet-1k's class indices.

    torchvision's reader numbers the classes 0 to 9; here a label is the index of the class among ImageNet's 1000, so
    that a network trained on ImageNet is right where it says so. A network of the ten classes alone needs their names:
    labels follow the names. Ids are the images' names. No boxes, no masks.

    Args:
        root: the folder that has imagenette2, imagenette2-320 or imagenette2-160, or one of these.
        split: ``val`` (the default) or ``train``.

    Raises:
        BenchError: the folder is not there, or has no such layout.
    """
    return _ten_classes(IMAGENETTE, "imagenette2", root, split)


@dataset("imagewoof", title="Imagewoof", source=IMAGEWOOF.advice)
def imagewoof(*, root: Path, split: Split = "val") -> Files:
    """Imagewoof: ten breeds of dog of ImageNet, labelled by ImageNet-1k's class indices; as imagenette.

    Args:
        root: the folder that has imagewoof2, imagewoof2-320 or imagewoof2-160, or one of these.
        split: ``val`` (the default) or ``train``.

    Raises:
        BenchError: the folder is not there, or has no such layout.
    """
    return _ten_classes(IMAGEWOOF, "imagewoof2", root, split)


def _ten_classes(archive: Archive, stem: str, root: Path, split: Split) -> Files:
    folder = archive.first(root, [f"{stem}/{split}", f"{stem}-320/{split}", f"{stem}-160/{split}", split])
    index = imagenet_index()
    items = [Item(path.stem, path, index[sub.name]) for sub in wnid_folders(folder) for path in photographs(sub)]
    if not items:
        raise archive.lacks(folder / "n01440764")
    about = archive.about(root, split=split, photographs=f"{len(items)}", labels="ImageNet-1k class indices")
    items.sort(key=lambda item: item.id)
    return Files(archive.name, items, about, class_names=imagenet_classes())
