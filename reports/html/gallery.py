"""What the gallery and the scatter of images draw: thumbnails, maps and numbers, small enough to live in the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd

from ...results.record import Record
from ...results.schema import FloatArray
from ...stats import QUALITY, reduced
from ..escape import one_line
from ..figures.plotly_parts import IMAGE_LINES, POINTS, plotly_text
from ..figures.style import looks
from ..leaderboard.board import Board, Metric
from ..number_format import USUAL, fixed
from .embedded import COLOURS, jpeg, jpeg_uri, png_uri, thumbnail
from .image_curves import ImageCurves
from .image_orders import order_keys, photo_orders
from .images import ImageSet, places_of
from .outline import outline_uri

MOST_PHOTOS = 200  # pictures of one network and data
FEWEST_PHOTOS = 4
MOST_BYTES = 9_000_000  # of the page, for thumbnails and maps
SIDES = (224, 112, 56, 28)  # maps with a longer side are averaged down to the first of these that fits
SIDE = 224
FEW, NUMBERS, OPACITY = 2, 4, 60  # photos, numbers under a map and the maps' opacity in %, at first
PNG = 75  # bytes of a grey PNG beyond its cells and rows

Json: TypeAlias = dict[str, Any]


def gallery(board: Board, most_bytes: int = MOST_BYTES) -> Json:
    """What images.js reads: the metrics, the orders of photos, the photos once each, and a set per model and dataset.

    ``curves``, by set, layer and metric, lie apart in the page, compressed.

    It takes ``most_bytes`` at most, but for the fewest photos: numbers a third, where they need more, the last images
    have none; curves of images a sixth, or there are none; of what is left maps lose resolution first, then the last
    photos their pictures. It says so: ``left_out`` of curves; ``side``, ``pictured`` and ``total`` of a set.
    """
    sets, shelf = _image_sets(board, most_bytes // 3), _Shelf(board.record)
    counts = [min(MOST_PHOTOS, len(each.photos)) for each in sets]
    numbers = sum(each.weight * len(each.photos) for each in sets)
    curves = _curves(sets, counts)
    curve_bytes = sum(curve.weight for layers in curves for drawn in layers for curve in drawn)
    left_out = curve_bytes > most_bytes // 6
    side, counts = _fit(sets, shelf, counts, most_bytes - numbers - (0 if left_out else curve_bytes))
    entries = [_set(each, shelf, count, side) for each, count in zip(sets, counts, strict=True)]
    drawn = [[{} if left_out else {c.metric: c.json for c in layer} for layer in layers] for layers in curves]
    metrics = [_metric(*pair) for pair in zip(board.of(QUALITY), titles(board), strict=True)]
    higher = [(metric["title"], metric["higher"]) for metric in metrics]
    orders = [asdict(order) for order in photo_orders(higher, any(each.share for each in sets))]
    curved = sorted({metric for layers in drawn for layer in layers for metric in layer})
    look = {"lines": IMAGE_LINES, "points": POINTS, "left_out": left_out, "curved": curved, "curves": drawn}
    first = _first(entries[0], len(metrics), curved) if entries else {}
    return {"metrics": metrics, "orders": orders, **look, "first": first, "photos": shelf.photos, "sets": entries}


def _metric(metric: Metric, title: str) -> Json:
    """``words`` stand behind a number, ``name`` is for HTML and ``label`` for Plotly."""
    name = f"{title} {metric.arrow}"
    names = {"title": title, "words": f"{metric.arrow} {title}", "name": name, "label": plotly_text(name)}
    return {**names, "arrow": metric.arrow, "higher": metric.higher}


def _first(entry: Json, metrics: int, curved: Sequence[int]) -> Json:
    """What the gallery and the points show first, and how."""
    metric, *pair = entry["start"]
    x, y = ({"method": method, "metric": metric} for method in pair)
    layers, numbers = list(range(len(entry["layers"]))), list(range(min(metrics, NUMBERS)))
    thumbnails = {"layers": layers, "methods": pair, "metrics": numbers, "order": 0, "shown": FEW, "opacity": OPACITY}
    place = {"image": 0, "layer": 0, "method": 0}
    large = {"open": place, "curve": curved[0] if curved else 0, "largeOpacity": OPACITY}
    return {**thumbnails, **large, "x": x, "y": y, "listed": False}


def _image_sets(board: Board, most_bytes: int) -> list[ImageSet]:
    pairs = places_of(board.record.photos)
    every = [ImageSet(board, model, dataset, len(board.record.photos)) for model, dataset in pairs]
    sets = [each for each in every if each.layers]
    most = max(FEWEST_PHOTOS, most_bytes // max(1, sum(each.weight for each in sets)))
    return [replace(each, most=most) for each in sets]


def _curves(sets: Sequence[ImageSet], counts: Sequence[int]) -> list[list[list[ImageCurves]]]:
    """By set and layer."""
    return [[each.curves(layer, count) for layer in each.layers] for each, count in zip(sets, counts, strict=True)]


def colour_steps() -> dict[str, str]:
    """The colour map at equal steps, by channel (R, G, B), as an SVG filter's tables take them."""
    colours = mpl.colormaps[COLOURS](np.linspace(0, 1, 33))
    return {name: " ".join(f"{level:.3f}" for level in colours[:, at]) for at, name in enumerate("RGB")}


def titles(board: Board) -> list[str]:
    """Of the quality metrics: with the protocol where two have one title."""
    metrics = board.of(QUALITY)
    same = [metric.title for metric in metrics]
    return [one_line(f"{m.title} {m.protocol}" if same.count(m.title) > 1 else m.title) for m in metrics]


class _Shelf:
    """Thumbnails, each kept once however many networks saw the same picture."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.photos: list[Json] = []
        self._places: dict[bytes, int] = {}
        self._read: dict[str, tuple[bytes, int, int]] = {}
        self._outlines: dict[str, str] = {}

    def put(self, file: str) -> int:
        """The place of a photo's thumbnail among ``photos``."""
        data, width, height = self.thumbnail(file)
        if data not in self._places:
            self._places[data] = len(self.photos)
            self.photos.append({"src": jpeg_uri(data), "width": width, "height": height})
        return self._places[data]

    def thumbnail(self, file: str) -> tuple[bytes, int, int]:
        """A JPEG, its width and height."""
        if file not in self._read:
            self._read[file] = self._thumbnail(file)
        return self._read[file]

    def outline(self, file: str) -> str:
        """The border of the object's mask over the thumbnail, as the address of a picture; empty without a mask."""
        if file not in self._outlines:
            mask = self._record.mask(file)
            _, width, height = self.thumbnail(file)
            self._outlines[file] = outline_uri(mask, width, height) if mask else ""
        return self._outlines[file]

    def _thumbnail(self, file: str) -> tuple[bytes, int, int]:
        picture = thumbnail(self._record, file, SIDE)
        return jpeg(picture, 82), picture.width, picture.height


def _fit(sets: Sequence[ImageSet], shelf: _Shelf, counts: Sequence[int], most: int) -> tuple[int, list[int]]:
    """The finest side of maps, and how many photos of each set, that take ``most`` bytes."""
    for side in SIDES:
        if _bytes(sets, shelf, counts, side) <= most:
            return side, list(counts)
    low, high = FEWEST_PHOTOS, max(counts, default=FEWEST_PHOTOS)
    while low < high:
        middle = (low + high + 1) // 2
        fits = _bytes(sets, shelf, [min(middle, count) for count in counts], SIDES[-1]) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    return SIDES[-1], [min(low, count) for count in counts]


def _bytes(sets: Sequence[ImageSet], shelf: _Shelf, counts: Sequence[int], side: int) -> int:
    """What the thumbnails and maps take in the page, as base64 in JSON."""
    total, seen = 0, set()
    for each, count in zip(sets, counts, strict=True):
        for file in each.photos["file"].head(count):
            data = shelf.thumbnail(str(file))[0]
            total += 0 if data in seen else 4 * len(data) // 3 + 80
            total += len(shelf.outline(str(file)))
            seen.add(data)
        total += sum(4 * (min(cells, side * side) + min(cells, side) + PNG) // 3 + 64 for cells in each.sizes(count))
    return total


@dataclass(frozen=True)
class _Plate:
    """A map as the page has it: the address of a grey picture, and what it shows in words."""

    uri: str
    words: str


def _set(images: ImageSet, shelf: _Shelf, count: int, side: int) -> Json:
    """One network and data; the images' order is that of the study."""
    plates: dict[_Plate, int] = {}
    places = [
        [
            [_place(images, plates, (sample, layer, method), side) for method in images.methods]
            for sample in images.samples[:count]
        ]
        for layer in images.layers
    ]
    rows = images.photos.to_dict("records")
    return {
        "name": one_line(f"{images.model} · {images.dataset}"),
        "network": one_line(images.model),
        "data": one_line(images.dataset),
        "layers": [one_line(layer) for layer in images.layers],
        "methods": _methods(images),
        "images": [_image(row, shelf, at < count) for at, row in enumerate(rows)],
        "pictured": count,
        "total": images.total,
        "side": side if images.largest > side else 0,
        "maps": [[plate.uri, plate.words] for plate in plates],
        "places": places,
        "keys": order_keys(images, count),
        **images.tables(count),
    }


def _methods(images: ImageSet) -> list[Json]:
    """Names for HTML and, as ``label``, for Plotly; ``kind`` is a class of CSS; ``line``: as in the page's charts."""
    controls = images.board.controls
    look = looks(
        [name for name in images.methods if name not in controls], [name for name in images.methods if name in controls]
    )
    return [
        {
            "name": one_line(name),
            "label": plotly_text(one_line(name)),
            "kind": "control" if name in controls else "",
            "line": {**IMAGE_LINES["chosen"]["line"], "color": look[name].colour},
        }
        for name in images.methods
    ]


def _image(row: Mapping[Any, Any], shelf: _Shelf, pictured: bool) -> Json:
    """An image of a set: ``photo`` is the place of its thumbnail, where it has one; ``outline`` that of its object."""
    probability = None if pd.isna(row["probability"]) else round(float(row["probability"]), 6)
    sample = one_line(str(row["sample"]))
    symbol = "circle" if pictured else "circle-open"  # among the points
    names = {"sample": sample, "label": plotly_text(sample), "caption": _caption(row)}
    image = {**names, "symbol": symbol, "probability": probability}
    if pictured:
        image["photo"] = shelf.put(str(row["file"]))
        if border := shelf.outline(str(row["file"])):
            image["outline"] = border
    return image


def _place(images: ImageSet, plates: dict[_Plate, int], key: tuple[str, str, str], side: int) -> int:
    """The place of a map among the set's; -1 where there is none. Equal maps are kept once."""
    saliency = images.map(key)
    if saliency is None:
        return -1
    plate = _plate(saliency, side)
    return plates.setdefault(plate, len(plates))


def _caption(photo: Mapping[Any, Any]) -> str:
    target = photo["target_name"] or f"class {photo['target']}"
    caption = f"explained class: {target}"
    if pd.notna(photo["probability"]):
        caption += f", probability {fixed(float(photo['probability']), USUAL)}"
    if pd.notna(photo["label"]):
        caption += f"; label: {photo['label_name'] or photo['label']}"
    return one_line(caption)


def _plate(saliency: FloatArray, side: int) -> _Plate:
    """The map as bytes, min-max normalised, no side longer than ``side``; good for looking, not for computing."""
    height, width = (min(length, side) for length in saliency.shape)
    small = reduced(saliency, height, width)
    low, high = float(small.min()), float(small.max())
    scaled = (small - low) / (high - low) if high > low else np.zeros_like(small)
    levels = np.round(scaled * 255).astype(np.uint8)
    return _Plate(png_uri(levels), _words(levels))


def _words(levels: npt.NDArray[np.uint8]) -> str:
    """What a map of 256 levels shows, for who does not see it."""
    if not levels.any():
        return "constant"
    row, column = (3 * np.array(np.unravel_index(levels.argmax(), levels.shape))) // levels.shape
    place = f"{('upper', 'middle', 'lower')[row]} {('left', 'centre', 'right')[column]}"
    return f"strongest in the {place}; {np.mean(levels > 127):.0%} of the image above half"
