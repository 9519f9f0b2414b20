"""The gallery's data: thumbnails and maps, small enough to live in the page; the drawing is done by gallery.js."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
import pandas as pd
from PIL import Image

from ..errors import BenchError
from ..stats import QUALITY
from ..table import FloatArray, Record
from .board import Board, Metric
from .numbers import USUAL, fixed
from .text import one_line

MOST_PHOTOS = 60
MOST_BYTES = 6_000_000  # of maps per model and dataset
FEWEST_PHOTOS = 4
MOST_LINES = 5  # numbers under a map: of the study's first metrics; the tables have all
SIDE = 224
COLOURS = "inferno"

Key: TypeAlias = tuple[str, ...]
Json: TypeAlias = dict[str, Any]


def gallery(board: Board) -> Json:
    """What gallery.js draws: the colour table, the photos once each, and a set per model and dataset."""
    shelf = _Shelf(board.record)
    sets = [_set(board, shelf, model, dataset) for model, dataset in _pairs(board.record.photos)]
    lut = mpl.colormaps[COLOURS](np.arange(256), bytes=True)[:, :3]
    return {"lut": _base64(lut.tobytes()), "photos": shelf.photos, "sets": [found for found in sets if found]}


class _Shelf:
    """Thumbnails, each kept once however many networks saw the same picture."""

    def __init__(self, record: Record) -> None:
        self.folder = record.folder / "photos"
        self.photos: list[Json] = []
        self._places: dict[bytes, int] = {}

    def put(self, file: str) -> int:
        """The place of a photo's thumbnail among ``photos``."""
        data, width, height = self._thumbnail(file)
        if data not in self._places:
            self._places[data] = len(self.photos)
            self.photos.append({"src": f"data:image/jpeg;base64,{_base64(data)}", "width": width, "height": height})
        return self._places[data]

    def _thumbnail(self, file: str) -> tuple[bytes, int, int]:
        path = self.folder / file
        if not path.is_file():
            raise BenchError(f"the photo {file} is missing", where=str(self.folder), hint="Run the study again")
        out = io.BytesIO()
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((SIDE, SIDE))
        picture.save(out, "JPEG", quality=82, optimize=True)
        return out.getvalue(), picture.width, picture.height


@dataclass(frozen=True, eq=False)
class _Set:
    """One model and dataset: where its maps and its numbers lie, by (sample, layer, method)."""

    board: Board
    model: str
    dataset: str

    @cached_property
    def places(self) -> dict[Key, tuple[str, int]]:
        rows = self._mine(self.board.shown.maps)
        keys = rows[["sample", "layer", "method"]].itertuples(index=False, name=None)
        return dict(zip(keys, zip(rows["file"], rows["row"].astype(int), strict=True), strict=True))

    @cached_property
    def numbers(self) -> dict[Key, dict[tuple[str, str], float]]:
        rows = self._mine(self.board.shown.results)
        columns = ["sample", "layer", "method", "metric", "protocol", "value"]
        found: dict[Key, dict[tuple[str, str], float]] = {}
        for *key, metric, protocol, value in rows.loc[rows["status"] == "ok", columns].to_numpy():
            found.setdefault(tuple(key), {})[metric, protocol] = float(value)
        return found

    @cached_property
    def reasons(self) -> dict[Key, str]:
        rows = self._mine(self.board.shown.results)
        rows = rows[(rows["status"] != "ok") & rows["sample"].notna()]
        keys = rows[["sample", "layer", "method"]].itertuples(index=False, name=None)
        return dict(zip(keys, rows["reason"].astype(str), strict=True))

    @cached_property
    def layers(self) -> list[str]:
        return [
            block.layer for block in self.board.blocks if (block.model, block.dataset) == (self.model, self.dataset)
        ]

    @cached_property
    def methods(self) -> list[str]:
        names = [method["name"] for method in self.board.record.info["methods"]]
        return sorted(names, key=lambda name: name in self.board.controls)

    def _mine(self, rows: pd.DataFrame) -> pd.DataFrame:
        mine: pd.DataFrame = rows[(rows["model"] == self.model) & (rows["dataset"] == self.dataset)]
        return mine


def _pairs(photos: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for model, dataset in photos[["model", "dataset"]].drop_duplicates().itertuples(index=False, name=None):
        yield str(model), str(dataset)


def _set(board: Board, shelf: _Shelf, model: str, dataset: str) -> Json | None:
    mine = _Set(board, model, dataset)
    if not mine.layers:
        return None
    photos = board.record.photos
    photos = photos[(photos["model"] == model) & (photos["dataset"] == dataset)]
    shown = photos.head(_most(mine, str(photos.iloc[0]["sample"])))
    metrics = board.of(QUALITY)[:MOST_LINES]
    return {
        "name": one_line(f"{model} · {dataset}"),
        "layers": [one_line(layer) for layer in mine.layers],
        "methods": [{"name": one_line(name), "control": name in board.controls} for name in mine.methods],
        "total": len(photos),
        "items": [_item(mine, shelf, row, metrics) for row in shown.to_dict("records")],
    }


def _most(mine: _Set, sample: str) -> int:
    """Photos to show: up to the cap, fewer where large maps would make the page heavy."""
    here = [(layer, method) for layer in mine.layers for method in mine.methods]
    sizes = [mine.board.record.map(*mine.places[sample, *at]).size for at in here if (sample, *at) in mine.places]
    return min(MOST_PHOTOS, max(FEWEST_PHOTOS, MOST_BYTES // max(1, sum(sizes))))


def _item(mine: _Set, shelf: _Shelf, photo: Mapping[Any, Any], metrics: Sequence[Metric]) -> Json:
    sample = str(photo["sample"])
    return {
        "sample": one_line(sample),
        "photo": shelf.put(str(photo["file"])),
        "said": _said(photo),
        "cells": [[_cell(mine, (sample, layer, method), metrics) for method in mine.methods] for layer in mine.layers],
    }


def _said(photo: Mapping[Any, Any]) -> str:
    target = photo["target_name"] or f"class {photo['target']}"
    said = f"explained class: {target}"
    if pd.notna(photo["probability"]):
        said += f", probability {fixed(float(photo['probability']), USUAL)}"
    if pd.notna(photo["label"]):
        said += f"; label: {photo['label_name'] or photo['label']}"
    return one_line(said)


def _cell(mine: _Set, key: Key, metrics: Sequence[Metric]) -> Json:
    """A map and its numbers, or why there is none."""
    if key not in mine.places:
        return {"why": one_line(mine.reasons.get(key, "no map was kept"))}
    values = mine.numbers.get(key, {})
    known = [metric for metric in metrics if (metric.name, metric.protocol) in values]
    lines = [f"{fixed(values[m.name, m.protocol], USUAL)}\u00a0{m.arrow} {_title(m, metrics)}" for m in known]
    return {**_quantised(mine.board.record.map(*mine.places[key])), "lines": [one_line(line) for line in lines]}


def _title(metric: Metric, metrics: Sequence[Metric]) -> str:
    """The title, with the protocol where two of them are in the run."""
    same = [other for other in metrics if other.name == metric.name]
    return f"{metric.title} {metric.protocol}" if len(same) > 1 else metric.title


def _quantised(saliency: FloatArray) -> Json:
    """The map at layer resolution as bytes, min-max normalised; good for looking, not for computing."""
    low, high = float(saliency.min()), float(saliency.max())
    scaled = (saliency - low) / (high - low) if high > low else np.zeros_like(saliency)
    height, width = saliency.shape
    return {"map": _base64(np.round(scaled * 255).astype(np.uint8).tobytes()), "h": height, "w": width}


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
