"""Oxford-IIIT Pet: 37 breeds of cats and dogs with trimaps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ...errors import BenchError
from ...registry import dataset
from ..sources.file_dataset import Files, Item
from ..sources.truth import Box, IndexMask
from .archive import Archive
from .class_spellings import imagenet_counterparts
from .voc_xml import voc_objects

PETS = Archive(
    "oxford_pets",
    "images.tar.gz and annotations.tar.gz",
    "https://www.robots.ox.ac.uk/~vgg/data/pets/",
    "ROOT/images/Abyssinian_1.jpg ... and ROOT/annotations/ with list.txt, test.txt, trainval.txt and trimaps; ROOT "
    "may be the folder above torchvision's oxford-iiit-pet",
    "CC BY-SA 4.0",
)
BREEDS = (
    *("Abyssinian", "american bulldog", "american pit bull terrier", "basset hound", "beagle", "Bengal", "Birman"),
    *("Bombay", "boxer", "British Shorthair", "chihuahua", "Egyptian Mau", "english cocker spaniel", "english setter"),
    *("german shorthaired", "great pyrenees", "havanese", "japanese chin", "keeshond", "leonberger", "Maine Coon"),
    *("miniature pinscher", "newfoundland", "Persian", "pomeranian", "pug", "Ragdoll", "Russian Blue"),
    *("saint bernard", "samoyed", "scottish terrier", "shiba inu", "Siamese", "Sphynx", "staffordshire bull terrier"),
    *("wheaten terrier", "yorkshire terrier"),
)  # in the order of the official lists
_ANIMAL = {"inside": (1,), "with-border": (1, 3)}
_BORDER = 3


@dataset("oxford_pets", title="Oxford-IIIT Pet", paper="doi:10.1109/CVPR.2012.6248092", source=PETS.advice)
def oxford_pets(
    *,
    root: Path,
    split: Literal["test", "trainval"] = "test",
    border: Literal["inside", "with-border"] = "with-border",
    heads: bool = False,
) -> Files:
    """Oxford-IIIT Pet: 37 breeds of cats and dogs, each image with a mask of the animal.

    A trimap says 1 on the animal, 2 on the background and 3 on the border between them, which includes fur whose side
    is unclear (the archive's README calls it not classified). The border belongs to the object here unless ``border``
    is ``inside``; then it is no object, and the seeds of the suite ``localisation`` do not count it. Labels are the 37
    breeds in the order of the official lists, from 0 (theirs less 1), as in torchvision. Boxes are of heads alone, and
    only some images have them: they are left out unless ``heads`` asks for them.

    Args:
        root: the folder that has ``images`` and ``annotations``, or the one above ``oxford-iiit-pet``.
        split: ``test`` (the default) or ``trainval``.
        border: ``with-border`` (the default) or ``inside``.
        heads: give the boxes of heads in annotations/xmls as boxes.

    Raises:
        BenchError: the folder has another layout.
    """
    home = root / "oxford-iiit-pet" if (root / "oxford-iiit-pet").is_dir() else root
    images, notes = PETS.require(home / "images"), PETS.require(home / "annotations")
    PETS.require(notes / "trimaps")
    items, names = [], dict(enumerate(BREEDS))  # of all breeds, also where a shortened list has few of them
    for line in PETS.lines(notes / f"{split}.txt"):
        try:
            name, breed = line.split()[0], int(line.split()[1]) - 1
        except (IndexError, ValueError):
            raise BenchError(f"cannot read {line!r}", where=f"{split}.txt") from None
        names[breed] = name.rsplit("_", 1)[0].replace("_", " ")
        trimap = notes / "trimaps" / f"{name}.png"
        mask, boxes = IndexMask(trimap, _ANIMAL[border]), _heads(notes, name) if heads else None
        void = IndexMask(trimap, (_BORDER,)) if border == "inside" else None
        items.append(Item(name, images / f"{name}.jpg", breed, mask, boxes=boxes, void=void))
    if not items:
        raise PETS.lacks(notes / f"{split}.txt")
    about = PETS.about(
        root,
        split=split,
        photographs=f"{len(items)}",
        labels="the breeds in the order of the official lists",
        masks=f"trimaps, {border.replace('-', ' ')}",
    )
    known = tuple(names.get(k, f"breed {k}") for k in range(max(names) + 1))
    return Files("oxford_pets", items, about, class_names=known, counterparts=imagenet_counterparts("oxford_pets"))


def _heads(notes: Path, name: str) -> tuple[Box, ...] | None:
    """The boxes of heads, which count pixels as VOC does; None where the image has no file."""
    path = notes / "xmls" / f"{name}.xml"
    if not path.is_file():
        return None
    corners = [known.corners for known in voc_objects(path)]
    return tuple((x0 - 1, y0 - 1, x1, y1) for x0, y0, x1, y1 in corners)
