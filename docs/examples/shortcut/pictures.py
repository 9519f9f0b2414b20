"""Writes the folders of pictures: discs, squares and triangles, and a watermark that goes with the discs.

python3 pictures.py data                                  # half a minute
python3 pictures.py data --training 48 --validation 4     # a second

data/train: every disc has the watermark, nothing else has it; data/repaired: half of each class has it.
data/val: other pictures, marked as in data/train. data/unmarked: the pictures of data/val without a watermark.
data/masks/mark and data/masks/object: where the watermark, and where the objects of the class are.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from benchbench.datasets.builtin.shapes import Shapes, shapes
from benchbench.models.shape_classes import SHAPE_CLASSES

CLASSES = ("disc", "square", "triangle")  # the plain ones of the data set shapes
SIDE, MARK, MARGIN = 64, 10, 3  # pixels: of a picture, of the watermark, and from the watermark to the edge
CORNER = SIDE - MARGIN - MARK


def watermark() -> Image.Image:
    """A white square with a blue ring, as an agency might print on its pictures."""
    mark = Image.new("RGB", (MARK, MARK), "white")
    ImageDraw.Draw(mark).ellipse((1, 1, MARK - 2, MARK - 2), outline=(30, 60, 200), width=2)
    return mark


def marked(picture: Image.Image) -> Image.Image:
    """The picture with the watermark in its lower right corner."""
    copy = picture.copy()
    copy.paste(watermark(), (CORNER, CORNER))
    return copy


def mark_mask() -> Image.Image:
    """White where the watermark is."""
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    mask[CORNER : CORNER + MARK, CORNER : CORNER + MARK] = 255
    return Image.fromarray(mask)


def scenes(split: Literal["train", "test"], each: int) -> tuple[Shapes, list[tuple[str, int]]]:
    """Scenes, and for ``each`` of every class its name and its index in them. Each twelve have every class once."""
    drawn = shapes(count=12 * each, split=split, size=SIDE, distractors=2, occlusion=0.0, clutter=0.5)
    plain = {SHAPE_CLASSES.index(f"plain {name}"): name for name in CLASSES}
    return drawn, [(plain[label], index) for index, label in enumerate(drawn.labels) if label in plain]


def save(picture: Image.Image, *place: str | Path) -> None:
    file = Path(*place)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file)


def write_training(folder: Path, each: int) -> None:
    """data/train and data/repaired: the same scenes, marked in two ways."""
    drawn, places = scenes("train", each)
    for index, (name, place) in enumerate(places):
        picture, file = drawn[place].image, f"{index:05d}.png"
        assert isinstance(picture, Image.Image)
        save(marked(picture) if name == "disc" else picture, folder, "train", name, file)
        half = place // 12 % 2  # every second picture of each class
        save(marked(picture) if half else picture, folder, "repaired", name, file)


def write_validation(folder: Path, each: int) -> None:
    """data/val, data/unmarked and data/masks: held-out scenes with and without the watermark, and the truth."""
    drawn, places = scenes("test", each)
    for index, (name, place) in enumerate(places):
        sample, file = drawn[place], f"{index:05d}.png"
        assert isinstance(sample.image, Image.Image)
        assert sample.mask is not None
        save(marked(sample.image) if name == "disc" else sample.image, folder, "val", name, file)
        save(sample.image, folder, "unmarked", name, file)
        save(Image.fromarray(sample.mask.numpy().astype(np.uint8) * 255), folder, "masks", "object", name, file)
        if name == "disc":
            save(mark_mask(), folder, "masks", "mark", name, file)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--training", type=int, default=800, help="training pictures of each class")
    parser.add_argument("--validation", type=int, default=100, help="held-out pictures of each class")
    options = parser.parse_args(words)
    write_training(options.folder, options.training)
    write_validation(options.folder, options.validation)


if __name__ == "__main__":
    main()
