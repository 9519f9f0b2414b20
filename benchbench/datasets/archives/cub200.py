"""CUB-200-2011: birds with boxes and, where they are downloaded too, masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from ...errors import BenchError
from ...registry import dataset
from ..sources.files import Files, Item
from ..sources.truth import Box, LevelMask
from .layout import Archive

CUB = Archive(
    "cub200",
    "CUB_200_2011.tgz and, for masks, segmentations.tgz",
    "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    "ROOT/CUB_200_2011/ with images.txt, image_class_labels.txt, train_test_split.txt, bounding_boxes.txt, classes.txt "
    "and images; segmentations beside these or in ROOT; ROOT may be CUB_200_2011 itself",
    "non-commercial research and education; the photographs belong to their owners",
)
T = TypeVar("T")


@dataset("cub200", title="CUB-200-2011")
def cub200(*, root: Path, split: Literal["test", "train", "all"] = "test") -> Files:
    """Caltech-UCSD Birds-200-2011: 200 species, a box for each image, and a mask where segmentations.tgz is there.

    Labels are the species from 0 (the official numbers less 1). A box is the file's x, y, width, height as x, y,
    x + width, y + height. A mask's grey says how many of the annotators marked a pixel: half of the range (128) or
    more is object. The points of 15 parts are not read: no metric takes points.

    Args:
        root: the folder that has CUB_200_2011, or that folder.
        split: ``test`` (the default), ``train`` or ``all``, by train_test_split.txt.

    Raises:
        BenchError: the folder has another layout, or a file lacks an image.
    """
    home = CUB.first(root, ["CUB_200_2011/images.txt", "images.txt"]).parent
    names = _table(home / "images.txt", lambda words: words[0])
    labels = _table(home / "image_class_labels.txt", lambda words: int(words[0]) - 1)
    training = _table(home / "train_test_split.txt", lambda words: words[0] == "1")
    boxes = _table(home / "bounding_boxes.txt", _box)
    masks = next((p for p in (home / "segmentations", home.parent / "segmentations") if p.is_dir()), None)
    items = []
    for number, name in names.items():
        if number not in labels or number not in training or number not in boxes:
            raise BenchError(f"image {number} ({name}) is not in every list", where=f"{home}")
        if split == "all" or training[number] == (split == "train"):
            path = home / "images" / name
            mask = None if masks is None else _mask(masks / Path(name).with_suffix(".png"))
            items.append(
                Item(Path(name).with_suffix("").as_posix(), path, labels[number], mask, boxes=(boxes[number],))
            )
    if not items:
        raise BenchError(f"no image is of the split {split}", where="split")
    species = _table(home / "classes.txt", lambda words: words[0].partition(".")[2] or words[0])
    masked = sum(item.mask is not None for item in items)
    about = CUB.about(
        root,
        split=split,
        photographs=f"{len(items)}",
        labels="the species' official numbers less 1",
        masks=f"{masked}, where half of the annotators agree" if masked else "none: segmentations.tgz is not there",
        parts="not read: no metric takes points",
    )
    return Files("cub200", items, about, class_names=tuple(species[key] for key in sorted(species, key=int)))


def _table(path: Path, read: Callable[[list[str]], T]) -> dict[str, T]:
    """By the first word of each line, what the others say."""
    rows: dict[str, T] = {}
    for line in CUB.lines(path):
        number, *words = line.split()
        try:
            rows[number] = read(words)
        except (IndexError, ValueError):
            raise BenchError(f"cannot read the line {line!r}", where=f"{path.name}") from None
    return rows


def _box(words: list[str]) -> Box:
    x, y, width, height = map(float, words)
    return x, y, x + width, y + height


def _mask(path: Path) -> LevelMask | None:
    return LevelMask(path) if path.is_file() else None
