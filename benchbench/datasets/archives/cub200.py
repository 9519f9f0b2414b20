"""CUB-200-2011: birds with boxes and, where they are downloaded too, masks; or their parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field

from ...errors import BenchError
from ...formatting import join_words
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.truth import Box, LevelMask, MaskSource
from .archive import Archive
from .cub_parts import ALL, Discs, visible_points

CUB = Archive(
    "cub200",
    "CUB_200_2011.tgz and, for masks, segmentations.tgz",
    "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    "ROOT/CUB_200_2011/ with images.txt, image_class_labels.txt, train_test_split.txt, bounding_boxes.txt, "
    "classes.txt, images and, for parts, parts/parts.txt and parts/part_locs.txt; segmentations beside these or in "
    "ROOT; ROOT may be CUB_200_2011 itself",
    "non-commercial research and education; the photographs belong to their owners",
)
PCK = 0.1  # the share of the box's longer side within which a point counts as found
T = TypeVar("T")
Truth: TypeAlias = tuple[MaskSource | None, tuple[Box, ...] | None]


def _listed(names: Any) -> Any:
    """The names of a list, or of a text with commas, as the command line gives it; each once."""
    parts = names.split(",") if isinstance(names, str) else names
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError("Give all, or a list of names of parts")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


Parts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Radius: TypeAlias = Annotated[float, Field(gt=0, le=1)]


@dataset("cub200", title="CUB-200-2011", source=CUB.advice)
def cub200(
    *, root: Path, split: Literal["test", "train", "all"] = "test", parts: Parts = (), part_radius: Radius = PCK
) -> Files:
    """Caltech-UCSD Birds-200-2011: 200 species, a box for each image, and a mask where segmentations.tgz is there.

    Labels are the species from 0 (the official numbers less 1). A box is the file's x, y, width, height as x, y,
    x + width, y + height. A mask's grey says how many of the annotators marked a pixel: half of the range (128) or
    more is object.

    With ``parts`` the truth is the wanted parts in place of the bird: the mask is the union of discs around their
    points, as far as these are visible, and there are no boxes. An image that shows none of them has no truth. A disc
    has the radius within which PCK, the percentage of correct keypoints, counts a point as correct: alpha x the longer
    side of the box (Yang and Ramanan 2013, doi:10.1109/TPAMI.2012.261), with an alpha of 0.1, which is usual (mmpose,
    PCKAccuracy). So ``pointing_game@exact`` of one part is PCK at 0.1 of the map's maximum. A pixel counts by its
    column and row, and the file's x and y are taken as they stand.

    Args:
        root: the folder that has CUB_200_2011, or that folder.
        split: ``test`` (the default), ``train`` or ``all``, by train_test_split.txt.
        parts: ``all``, or names of parts/parts.txt, such as ``[beak, left eye]``; by default the truth is the bird.
        part_radius: of a part's disc, as a share of the longer side of the bird's box.

    Raises:
        BenchError: the folder has another layout, a file lacks an image, or a part has another name.
    """
    home = CUB.first(root, ["CUB_200_2011/images.txt", "images.txt"]).parent
    names = _table(home / "images.txt", lambda words: words[0])
    labels = _table(home / "image_class_labels.txt", lambda words: int(words[0]) - 1)
    training = _table(home / "train_test_split.txt", lambda words: words[0] == "1")
    boxes = _table(home / "bounding_boxes.txt", _box)
    if part_radius != PCK and not parts:
        raise BenchError("there are no parts to have it", where="part_radius", hint="Give parts: all, or their names")
    truth_of = _parts(home, boxes, parts, part_radius) if parts else _bird(home, boxes)
    items = []
    for number, name in names.items():
        if number not in labels or number not in training or number not in boxes:
            raise BenchError(f"image {number} ({name}) is not in every list", where=f"{home}")
        if split == "all" or training[number] == (split == "train"):
            mask, known = truth_of(number, name)
            stem = Path(name).with_suffix("").as_posix()
            items.append(Item(stem, home / "images" / name, labels[number], mask, boxes=known))
    if not items:
        raise BenchError(f"no image is of the split {split}", where="split")
    species = _table(home / "classes.txt", lambda words: (words[0].partition(".")[2] or words[0]).replace("_", " "))
    masked = sum(item.mask is not None for item in items)
    about = CUB.about(
        root,
        split=split,
        photographs=f"{len(items)}",
        labels="the species' official numbers less 1",
        **(_about_parts(parts, part_radius, masked, len(items)) if parts else {"masks": _about_masks(masked)}),
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


def _bird(home: Path, boxes: Mapping[str, Box]) -> Callable[[str, str], Truth]:
    """From an image's number and name to the bird's mask, where there is one, and its box."""
    masks = next((p for p in (home / "segmentations", home.parent / "segmentations") if p.is_dir()), None)

    def truth(number: str, name: str) -> Truth:
        path = None if masks is None else masks / Path(name).with_suffix(".png")
        return LevelMask(path) if path is not None and path.is_file() else None, (boxes[number],)

    return truth


def _parts(home: Path, boxes: Mapping[str, Box], parts: tuple[str, ...], radius: float) -> Callable[[str, str], Truth]:
    """From an image's number and name to the discs of its parts; no truth where none of them is visible."""
    points_of = visible_points(home, parts, CUB)

    def truth(number: str, name: str) -> Truth:
        x0, y0, x1, y1 = boxes[number]
        points = points_of(number)
        return Discs(
            f"the parts of {Path(name).name}", points, radius * max(x1 - x0, y1 - y0)
        ) if points else None, None

    return truth


def _about_masks(masked: int) -> str:
    return f"{masked}, where half of the annotators agree" if masked else "none: segmentations.tgz is not there"


def _about_parts(parts: tuple[str, ...], radius: float, masked: int, photographs: int) -> dict[str, str]:
    named = "all parts" if ALL in parts else join_words(parts)
    return {
        "truth": f"{named}: discs around those visible, of {radius:g} x the longer side of the bird's box",
        "masks": f"{masked} of {photographs} photographs"
        + ("; the others show no such part" if masked < photographs else ""),
    }
