"""One network and data, image by image: where the maps lie, what was measured, what failed, who disagrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...results.schema import FloatArray
from ...stats import QUALITY
from ..escape import one_line
from ..leaderboard.board import Board
from .disagreement import correlations, disagreement, least_alike
from .image_curves import ImageCurves, image_curves
from .image_marks import marks_of

Key: TypeAlias = tuple[str, str, str]  # sample, layer, method
OPEN = 64  # files of maps at a time, whatever a run has
START = 24  # images by which the two methods that are shown first are chosen


@dataclass(frozen=True, eq=False)
class ImageSet:
    """The images of one network and data, in the study's order, the first ``most`` of them."""

    board: Board
    model: str
    dataset: str
    most: int

    @cached_property
    def photos(self) -> pd.DataFrame:
        """Rows of the record's photos."""
        return self._selected(self.board.record.photos).head(self.most)

    @property
    def total(self) -> int:
        """Images of the record, those beyond ``most`` too."""
        return len(self._selected(self.board.record.photos))

    @property
    def weight(self) -> int:
        """Bytes in the page of an image's numbers, names and places: 12 a value with its mark, 9 a sort key."""
        here = len(self.layers) * len(self.methods)
        keys = 2 * (len(self.layers) + 1)
        return here * len(self.metrics) * 12 + here * 6 + keys * 9 + 200

    @cached_property
    def samples(self) -> list[str]:
        return [str(sample) for sample in self.photos["sample"]]

    @cached_property
    def layers(self) -> list[str]:
        return [
            block.layer for block in self.board.blocks if (block.model, block.dataset) == (self.model, self.dataset)
        ]

    @cached_property
    def methods(self) -> list[str]:
        """Controls last."""
        names = [method["name"] for method in self.board.record.info["methods"]]
        return sorted(names, key=lambda name: name in self.board.controls)

    @cached_property
    def largest(self) -> int:
        """The longest side of a map."""
        return max((max(self._stack(file).shape[1:]) for file in self._maps["file"].unique()), default=0)

    def map(self, key: Key) -> FloatArray | None:
        """The stored map; None where there is none."""
        place = self._places.get(key)
        return None if place is None else np.array(self._stack(place[0])[place[1]])  # no view: it keeps the file open

    def sizes(self, count: int) -> Iterator[int]:
        """Cells of each map of the first ``count`` images; of one that stands at several layers, once."""
        rows = self._maps[self._maps["sample"].isin(self.samples[:count])]
        yield from (int(cells) for cells in rows.drop_duplicates(["file", "row"])["cells"])

    def tables(self, count: int) -> dict[str, Any]:
        """What can be drawn: by layer, then image (then method), in the order of this set's names.

        ``values``: by layer and metric, numbers of (images, methods) to seven digits, None where there is none;
        ``marks``: like them, places in ``notes``: what says whether it is the best or the worst, in CSS and in words;
        ``start``: the metric and the two methods that are shown first: those whose maps are least alike;
        ``why``: reasons there is no map or no number, by ``layer,image,method``, as places in ``reasons``.
        """
        reasons: dict[str, int] = {}
        why = {key: reasons.setdefault(reason, len(reasons)) for key, reason in self._reasons()}
        values = [[self.values(layer, *metric) for metric in self.metrics] for layer in self.layers]
        marks, notes = marks_of(values, self._signs, [name not in self.board.controls for name in self.methods])
        return {
            "values": [[_numbers(numbers) for numbers in metrics] for metrics in values],
            "marks": marks,
            "notes": notes,
            "start": self._start(min(count, START)),
            "reasons": list(reasons),
            "why": why,
        }

    @cached_property
    def _maps(self) -> pd.DataFrame:
        return self._of_images(self.board.shown.maps)

    @cached_property
    def _places(self) -> dict[Key, tuple[str, int]]:
        keys = self._maps[["sample", "layer", "method"]].itertuples(index=False, name=None)
        return dict(zip(keys, zip(self._maps["file"], self._maps["row"].astype(int), strict=True), strict=True))

    @cached_property
    def _stack(self) -> Callable[[str], npt.NDArray[np.float32]]:
        """A file's maps (n, h, w), not read before they are looked at; a few files are open at a time."""
        return lru_cache(maxsize=OPEN)(self.board.record.stack)

    @cached_property
    def metrics(self) -> list[tuple[str, str]]:
        return [(metric.name, metric.protocol) for metric in self.board.of(QUALITY)]

    @property
    def _signs(self) -> list[int]:
        """Of each metric: 1 where more is better, else -1."""
        return [1 if metric.higher else -1 for metric in self.board.of(QUALITY)]

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """Results with an image, and the places of layer, image and method."""
        rows = self._of_images(self.board.shown.results)
        for column, names in (("layer", self.layers), ("sample", self.samples), ("method", self.methods)):
            rows = rows.assign(**{f"{column}_at": rows[column].map({name: at for at, name in enumerate(names)})})
        return rows

    @cached_property
    def _by_metric(self) -> dict[tuple[str, str, str], pd.DataFrame]:
        groups = self._rows[self._rows["status"] == "ok"].groupby(["layer", "metric", "protocol"], sort=False)
        return {tuple(map(str, key)): rows for key, rows in groups}  # type: ignore[misc]

    def values(self, layer: str, metric: str, protocol: str) -> npt.NDArray[np.float64]:
        """(images, methods)."""
        values = np.full((len(self.samples), len(self.methods)), np.nan)
        rows = self._by_metric.get((layer, metric, protocol))
        if rows is not None:
            values[rows["sample_at"].astype(int), rows["method_at"].astype(int)] = rows["value"]
        return values

    def failed(self, layer: str) -> list[int]:
        """How many values of each image failed at a layer."""
        rows = self._rows[(self._rows["layer"] == layer) & (self._rows["status"] == "failed")]
        counts = rows["sample_at"].astype(int).value_counts()
        return [int(counts.get(at, 0)) for at in range(len(self.samples))]

    def disagreements(self, layer: str, count: int) -> list[float | None]:
        """Of the methods' maps at a layer, controls apart, for the first ``count`` images; None where fewer than two
        maps are alive.
        """
        methods = [method for method in self.methods if method not in self.board.controls]
        values = []
        for sample in self.samples[:count]:
            maps = [self.map((sample, layer, method)) for method in methods]
            value = disagreement([saliency for saliency in maps if saliency is not None])
            values.append(None if value != value else round(value, 4))
        return values

    def curves(self, layer: str, count: int) -> list[ImageCurves]:
        """Of the first ``count`` images."""
        rows = self._curves.get(layer)
        return [] if rows is None else image_curves(rows, self.metrics, self.samples[:count], self.methods)

    @cached_property
    def _curves(self) -> dict[str, pd.DataFrame]:
        rows = self._of_images(self.board.shown.curves)
        return {str(layer): part for layer, part in rows.groupby("layer", sort=False)}

    def _start(self, count: int) -> tuple[int, int, int]:
        """The first metric that two methods have at the last layer; of those that have it, the two whose maps are
        least alike over the first ``count`` images.
        """
        for number, metric in enumerate(self.metrics):
            known = np.flatnonzero(~np.isnan(self.values(self.layers[-1], *metric)).all(axis=0))
            ranked = [place for place in known.tolist() if self.methods[place] not in self.board.controls]
            if len(ranked) > 1:
                return number, *(self._least_alike(ranked, count) or (ranked[0], ranked[1]))
        return 0, 0, min(1, len(self.methods) - 1)

    def _least_alike(self, places: list[int], count: int) -> tuple[int, int] | None:
        """Two of the methods at ``places``, by their maps at the last layer; None where no two maps are alive."""
        layer = self.layers[-1]
        names = [self.methods[place] for place in places]
        maps = ([self.map((sample, layer, name)) for name in names] for sample in self.samples[:count])
        pair = least_alike(map(correlations, maps))
        return None if pair is None else (places[pair[0]], places[pair[1]])

    @cached_property
    def share(self) -> list[float | None] | None:
        """Of each image that its object covers; None where the run's photos have no such column."""
        if self.photos["object_share"].isna().all():
            return None
        return [None if pd.isna(share) else round(float(share), 6) for share in self.photos["object_share"]]

    def _reasons(self) -> Iterator[tuple[str, str]]:
        lost = self._rows[self._rows["status"] != "ok"].drop_duplicates(["layer", "sample", "method"])
        places = lost[["layer_at", "sample_at", "method_at"]].astype(int).itertuples(index=False, name=None)
        for place, reason in zip(places, lost["reason"], strict=True):
            yield ",".join(map(str, place)), one_line(str(reason))

    def _of_images(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of this set's images; all choices together, as most rows are of other images."""
        selected: pd.DataFrame = rows[self._is_here(rows) & rows["sample"].isin(self.samples)]
        return selected

    def _selected(self, rows: pd.DataFrame) -> pd.DataFrame:
        selected: pd.DataFrame = rows[self._is_here(rows)]
        return selected

    def _is_here(self, rows: pd.DataFrame) -> pd.Series[bool]:
        return (rows["model"] == self.model) & (rows["dataset"] == self.dataset)


def places_of(photos: pd.DataFrame) -> list[tuple[str, str]]:
    """Each network and data that a run's photos are of, in their order."""
    pairs = photos[["model", "dataset"]].drop_duplicates().itertuples(index=False, name=None)
    return [(str(model), str(dataset)) for model, dataset in pairs]


def _numbers(values: npt.NDArray[np.float64]) -> list[list[float | None]]:
    """To seven digits; None for NaN."""
    return [[None if value != value else float(f"{value:.7g}") for value in row] for row in values.tolist()]
