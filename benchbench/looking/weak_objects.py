"""``--boxes`` and ``--masks``: where a map is high, as boxes in COCO's form and as masks, in the pixels of the file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from ..datasets.sources.decode import decode
from ..files import make_folder, publish
from ..maps.normalise import saliency
from ..models.preprocess import placed
from ..types import Preprocess
from .looked import Looked, MapPlace, every_place

THRESHOLD = 0.2  # of a map's maximum: Zhou et al. 2016, section 3.2
_CORNERS = np.ones((3, 3), dtype=int)  # pixels that touch at a corner are one region
_Region = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WeakObject:
    """What a map shows of a class in one photograph.

    Attributes:
        region: bool (height, width) of the photograph: the largest region of the map at or above the threshold.
            What the network's crop does not have is false.
        box: x0, y0, width, height in pixels of the photograph, around that region.
    """

    place: MapPlace
    region: _Region
    box: tuple[float, float, float, float]


def largest_region(level: npt.NDArray[np.float32], threshold: float) -> _Region:
    """The 8-connected region of most pixels at or above a threshold; the first of equals; none of a constant map.

    Args:
        level: (H, W), a map that is min-max normalised.
        threshold: in (0, 1], a share of the maximum.
    """
    labels, count = ndimage.label((level >= threshold) & (level > 0), _CORNERS)
    if not count:
        return np.zeros(level.shape, dtype=bool)
    region: _Region = labels == 1 + np.bincount(labels.ravel())[1:].argmax()
    return region


def in_photograph(region: _Region, size: tuple[int, int], preprocess: Preprocess) -> _Region:
    """A region (crop, crop) of a network's input, in the pixels (height, width) of the photograph that it came from.

    Args:
        size: width and height of the photograph.
    """
    (across, down), (left, top) = placed(size, preprocess)
    affine = (across / size[0], 0, -left, 0, down / size[1], -top)
    picture = Image.fromarray(region.astype(np.uint8) * 255)
    nearest = Image.Resampling.NEAREST
    return np.asarray(picture.transform(size, Image.Transform.AFFINE, affine, nearest)) > 0


def box_around(region: _Region, size: tuple[int, int], preprocess: Preprocess) -> tuple[float, float, float, float]:
    """x, y, width, height in pixels of the photograph, of a region (crop, crop) that is not empty."""
    (across, down), (left, top) = placed(size, preprocess)
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    x0, x1 = (np.clip((x + left) * size[0] / across, 0, size[0]) for x in (columns[0], columns[-1] + 1))
    y0, y1 = (np.clip((y + top) * size[1] / down, 0, size[1]) for y in (rows[0], rows[-1] + 1))
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def sizes_of(looked: Looked, files: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """Width and height of every photograph that could be read, upright, by name."""
    return {sample: decode(files[sample]).size for sample in looked.samples if looked.picture(sample) is not None}


def weak_objects(looked: Looked, sizes: Mapping[str, tuple[int, int]], threshold: float) -> Iterator[WeakObject]:
    """The object of every map that is not constant."""
    preprocess = looked.spec.preprocess
    for place in every_place(looked):
        saliency_map = looked.map(place)
        if saliency_map is None or place.sample not in sizes:
            continue
        level = saliency(saliency_map[None], (preprocess.crop, preprocess.crop))[0].numpy()
        region = largest_region(level, threshold)
        if region.any():
            size = sizes[place.sample]
            yield WeakObject(place, in_photograph(region, size, preprocess), box_around(region, size, preprocess))


def coco_text(looked: Looked, objects: list[WeakObject], sizes: Mapping[str, tuple[int, int]], threshold: float) -> str:
    """The boxes as a COCO file: images, categories (the network's class numbers), annotations with a score.

    Each annotation also has ``method`` and ``layer``; ``area`` is the region's, and ``score`` the class's probability.
    """
    numbers = {sample: number for number, sample in enumerate(sizes, start=1)}
    categories: dict[int, str] = {}
    annotations: list[dict[str, Any]] = []
    for each in objects:
        explained = looked.explained(each.place.sample, each.place.setting)
        assert explained is not None, "a map is of a class"
        categories[explained.number] = explained.name
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": numbers[each.place.sample],
                "category_id": explained.number,
                "bbox": [round(value, 2) for value in each.box],
                "area": int(each.region.sum()),
                "iscrowd": 0,
                "score": None if explained.probability is None else round(explained.probability, 6),
                "method": each.place.method,
                "layer": each.place.layer,
            }
        )
    content = {
        "info": {
            "description": f"Boxes of {looked.network}'s maps, weakly supervised: no box was used to make them",
            "threshold": threshold,
        },
        "images": [
            {"id": numbers[sample], "file_name": sample, "width": width, "height": height}
            for sample, (width, height) in sizes.items()
        ],
        "categories": [{"id": number, "name": name} for number, name in sorted(categories.items())],
        "annotations": annotations,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_masks(looked: Looked, objects: list[WeakObject], folder: Path) -> list[Path]:
    """Write a PNG for each object, 255 inside and 0 outside, named by picture, method, layer and class.

    Raises:
        BenchError: the files cannot be written there.
    """
    make_folder(folder)
    paths = []
    for number, each in enumerate(objects):
        out = io.BytesIO()
        Image.fromarray(each.region.astype(np.uint8) * 255).save(out, "PNG", optimize=True)
        name = f"{number:04d}-{_plain(each.place, str(looked.targets[each.place.setting]))}.png"
        paths.append(publish(folder / name, out.getvalue(), hint="Give another folder"))
    return paths


def _plain(place: MapPlace, target: str) -> str:
    """Letters, digits and dashes alone, so that no name leads out of the folder."""
    text = "-".join([Path(place.sample).stem, place.method, place.layer, target])
    return "".join(letter if letter.isalnum() else "-" for letter in text).strip("-")[:90]
