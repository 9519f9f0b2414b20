"""What a run of looking holds: per picture, layer, method and class the map with its numbers, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from PIL import Image
from torch import Tensor

from ..results.record import Record, with_network_rows
from ..study.spec import Target
from ..types import ModelSpec

SCORES = ("deletion", "insertion")  # what stands under a map, where it is asked for
TIME = "study_runtime"  # milliseconds of a map in the run, its part of shared passes included

Curve: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class MapPlace:
    """One map's place.

    Attributes:
        sample: the picture's name. setting: the data's name in the run, which has the target where there are several.
    """

    sample: str
    setting: str
    layer: str
    method: str


@dataclass(frozen=True)
class Explained:
    """The class that is explained of a picture: its number, its name and its probability.

    ``probability`` is None where what is explained is no class, such as the difference of two.
    """

    number: int
    name: str
    probability: float | None

    @property
    def words(self) -> str:
        """``tabby, probability 0.620``."""
        return self.name if self.probability is None else f"{self.name}, probability {chance(self.probability)}"


def chance(p: float) -> str:
    """``0.620``; a probability that rounds to 0 or 1 and is not is given as a bound.

    Example:
        >>> chance(0.62), chance(0.9999), chance(1.0), chance(0.0001)
        ('0.620', '> 0.999', '1.000', '< 0.001')
    """
    return "> 0.999" if 0.9995 <= p < 1 else "< 0.001" if 0 < p < 0.0005 else f"{p:.3f}"


@dataclass(frozen=True, eq=False)
class Looked:
    """A record, read as what was looked at.

    Args:
        samples: the pictures' names, in the order in which they were named.
        spec: the network; ``network``: its display name.
        targets: by the data's names in the run, in the study's order, what is explained.
        classes: whether classes are explained, which have probabilities.
    """

    record: Record
    samples: tuple[str, ...]
    spec: ModelSpec
    network: str
    targets: Mapping[str, Target]
    classes: bool

    @cached_property
    def methods(self) -> Mapping[str, str]:
        """Display names by the run's names."""
        return {str(m["name"]): str(m.get("title") or m["name"]) for m in self.record.info["methods"]}

    @cached_property
    def layers(self) -> tuple[str, ...]:
        rows = self._whole.results
        return tuple(dict.fromkeys(rows["layer"].dropna().map(str)))

    @property
    def failed(self) -> int:
        """Rows that failed."""
        return int((self.record.results["status"] == "failed").sum())

    def explained(self, sample: str, setting: str) -> Explained | None:
        """None of a picture that could not be read."""
        return self._explained.get((sample, setting))

    def picture(self, sample: str) -> Image.Image | None:
        """What the network saw of a picture; None if it could not be read."""
        file = self._photo_files.get(sample)
        if file is None:
            return None
        return self.record.picture(file)

    def map(self, place: MapPlace) -> Tensor | None:
        """The map (h, w) at the layer's resolution, not normalised; None where there is none."""
        stored = self._maps.get(place)
        return None if stored is None else torch.from_numpy(self.record.map(*stored))

    def reason(self, place: MapPlace) -> str:
        """Why there is no map, in the words of the run."""
        return self._reasons.get(place, "no map was made")

    def why_not_read(self, sample: str) -> str:
        """Why nothing is known of a picture, in the words of the run."""
        rows = self.record.results[self.record.results["sample"] == sample]
        return str(rows["reason"].iloc[0]) if len(rows) else "it was not read"

    def scores(self, place: MapPlace) -> Mapping[str, float]:
        """By metric, of those that were asked for and have a value."""
        return self._scores.get(place, {})

    def curves(self, place: MapPlace) -> Mapping[str, Curve]:
        """By metric, the points (share of the pixels, probability) whose mean is the score."""
        return self._curves.get(place, {})

    def milliseconds(self, place: MapPlace) -> float | None:
        """How long the method took for a map of this setting and layer; None where no times were asked for."""
        return self._times.get((place.setting, place.layer, place.method))

    @cached_property
    def _whole(self) -> Record:
        return with_network_rows(self.record)

    @cached_property
    def _explained(self) -> dict[tuple[str, str], Explained]:
        return {
            (str(row["sample"]), str(row["dataset"])): Explained(
                int(row["target"]),
                str(row["target_name"]) or f"class {row['target']}",
                float(row["probability"]) if self.classes else None,
            )
            for row in self.record.photos.to_dict("records")
        }

    @cached_property
    def _photo_files(self) -> dict[str, str]:
        photos = self.record.photos
        return dict(zip(photos["sample"].map(str), photos["file"].map(str), strict=True))

    @cached_property
    def _maps(self) -> dict[MapPlace, tuple[str, int]]:
        rows = self._whole.maps
        return {_place(row): (str(row["file"]), int(row["row"])) for row in rows.to_dict("records")}

    @cached_property
    def _reasons(self) -> dict[MapPlace, str]:
        rows = self._whole.results
        bad = rows[rows["status"] != "ok"]
        return {_place(row): str(row["reason"]) for row in bad.to_dict("records")}

    @cached_property
    def _scores(self) -> dict[MapPlace, dict[str, float]]:
        rows = self._whole.results
        scores: dict[MapPlace, dict[str, float]] = {}
        for row in rows[(rows["status"] == "ok") & rows["metric"].isin(SCORES)].to_dict("records"):
            scores.setdefault(_place(row), {})[str(row["metric"])] = float(row["value"])
        return scores

    @cached_property
    def _curves(self) -> dict[MapPlace, dict[str, Curve]]:
        points = self._whole.curves
        curves: dict[MapPlace, dict[str, Curve]] = {}
        for _, rows in points[points["metric"].isin(SCORES)].groupby([*_PLACE, "metric"], sort=False):
            first, xy = rows.iloc[0], zip(rows["x"].map(float), rows["y"].map(float), strict=True)
            curves.setdefault(_place(first.to_dict()), {})[str(first["metric"])] = tuple(xy)
        return curves

    @cached_property
    def _times(self) -> dict[tuple[str, str, str], float]:
        rows = self._whole.results
        timed = rows[(rows["metric"] == TIME) & (rows["status"] == "ok")]
        return {
            (str(row["dataset"]), str(row["layer"]), str(row["method"])): float(row["value"])
            for row in timed.to_dict("records")
        }


_PLACE = ["sample", "dataset", "layer", "method"]


def _place(row: Mapping[Any, Any]) -> MapPlace:
    return MapPlace(str(row["sample"]), str(row["dataset"]), str(row["layer"]), str(row["method"]))


def every_place(looked: Looked) -> Sequence[MapPlace]:
    """All maps that were asked for, in order: by picture, class, layer and method."""
    return [
        MapPlace(sample, setting, layer, method)
        for sample in looked.samples
        for setting in looked.targets
        for layer in looked.layers
        for method in looked.methods
    ]
