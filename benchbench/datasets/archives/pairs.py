"""Images and masks in two folders, as ECSSD and other sets for salient objects come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ...errors import BenchError
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.masks import masks_of
from ..sources.scan import scan
from ..sources.truth import LevelMask
from .archive import Archive

PAIRS = Archive(
    "pairs",
    "images.zip and ground_truth_mask.zip of ECSSD, or another set of images with masks of equal names,",
    "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html",
    "ROOT/images/0001.jpg ... and ROOT/ground_truth_mask/0001.png ...",
    "not known: see the page of the data",
)
Level = Annotated[int, Field(ge=1, le=255)]


@dataset("pairs", title="{root}", source=PAIRS.advice)
def pairs(*, root: Path, images: str = "images", masks: str = "ground_truth_mask", level: Level = 128) -> Files:
    """A folder of images and a folder of masks with equal stems, such as ECSSD: masks without labels.

    Every image must have its mask, and every mask its image. The mask's grey, 0 to 255 in files of every mode, is
    object from ``level`` on: masks of several annotators, and masks that were saved as JPEG, have values between. There
    are no labels: explain the predicted class.

    Args:
        root: the folder that has both.
        images: the images' folder in it.
        masks: the masks' folder in it.
        level: the least grey that is object, 1 to 255; 128 by default.

    Raises:
        BenchError: a folder is not there, or an image or a mask has no partner.
    """
    PAIRS.require(root)
    photos = scan(PAIRS.require(root / images, "images")).photos
    known, spare = masks_of(photos, PAIRS.require(root / masks, "masks"))
    lonely = [id for id in photos if id not in known]
    for names, what in ((lonely, "images have no mask"), (spare, "masks have no image")):
        if names:
            hint = "Each image needs a mask of the same name but for the extension; remove the others"
            raise BenchError(f"{len(names)} {what}: {', '.join(names[:3])}", where="root", hint=hint)
    items = [Item(id, path, mask=LevelMask(known[id], level)) for id, path in photos.items()]
    about = {
        "root": str(root),
        "source": "a folder of images and a folder of masks",
        "photographs": f"{len(items)}",
        "labels": "none",
        "class names": "none: there are no labels",
        "masks": f"grey of {level} or more",
    }
    return Files("pairs", items, about)
