"""Seeds of weakly supervised segmentation: a finished run's maps of all classes of an image, put together.

Metrics see one map at a time. A seed needs the maps of all classes that an image shows, so it is made after the run,
from the maps that the run stored and the masks of the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ...engine.sample_loader import load_sample
from ...engine.setup import ModelPlan
from ...errors import BenchError
from ...evaluation.held_out import ALONE
from ...evaluation.seed_counts import BACKGROUND, Counts, SeedCounts, seed_counts, segmentation
from ...evaluation.seed_scores import seed_score
from ...maps.normalise import saliency, upsample
from ...models.preprocess import prepare
from ...results.record import Record
from ...study.plan import Shard
from ...types import Preprocess, Sample

NO_TARGET = "the maps explain another class than the label: set target: label"
PART = "not all of the image's classes are among the run's samples: raise samples"
NO_MASK = "not all of the image's samples have masks"
NO_MAP = "not all of the image's classes have a map"
Place: TypeAlias = tuple[str, str]  # layer and method


def _relu_max(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The positive part over its maximum, as IRN's make_cam divides."""
    large = upsample(maps.double().clamp_min(0), size)
    return large / (large.amax((1, 2), keepdim=True) + 1e-5)


SCALINGS: Mapping[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {"minmax": saliency, "relu-max": _relu_max}


@dataclass(frozen=True)
class _Pair:
    """A sample: an image and one of its classes."""

    sample: str
    index: int
    label: int


@dataclass(frozen=True, eq=False)
class _Truth:
    """An image's classes and its segmentation, or why it has none."""

    pairs: tuple[_Pair, ...]
    segmentation: Counts | None
    reason: str = ""


@dataclass(eq=False)
class _Gathered:
    """Counts of one method's images, by id, and why others have none."""

    images: dict[str, SeedCounts] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Data:
    """A data set of a run, for one network."""

    name: str
    shards: tuple[Shard, ...]
    copies: Mapping[str, str]  # by sample, the first sample of the same picture
    labels: Mapping[str, int]

    @property
    def preprocess(self) -> Preprocess:
        return self.shards[0].model.preprocess

    def images(self) -> dict[str, list[_Pair]]:
        """By id of its first sample: the samples of one picture, each of another class."""
        images: dict[str, list[_Pair]] = {}
        for shard in self.shards:
            for sample, index in zip(shard.ids, shard.indices, strict=True):
                if sample in self.labels:
                    pair = _Pair(sample, index, self.labels[sample])
                    first = images.setdefault(self.copies.get(sample, sample), [])
                    again = any(known.label == pair.label for known in first)  # the same picture and class twice
                    (images.setdefault(sample, []) if again else first).append(pair)
        return {name: sorted(pairs, key=lambda pair: pair.label) for name, pairs in images.items()}

    def truth(self, pairs: Sequence[_Pair]) -> _Truth:
        loaded = [load_sample(self.shards[0].dataset, pair.index, self.preprocess) for pair in pairs]
        masks = [mask.cpu().numpy() for _, _, mask, _ in loaded if mask is not None]
        if len(masks) < len(pairs):
            return _Truth(tuple(pairs), None, NO_MASK)
        if self._lacks_classes(pairs, loaded[0][1]):
            return _Truth(tuple(pairs), None, PART)
        void = _void(loaded[0][0], self.preprocess)
        return _Truth(tuple(pairs), segmentation(masks, void))

    def _lacks_classes(self, pairs: Sequence[_Pair], image: Tensor) -> bool:
        """Whether the data set has samples of the same picture that the run does not have."""
        groups = self._groups
        others = {i for pair in pairs for i in groups.get(self._group_of[pair.index], ())} - self._taken
        return any(_picture(self.shards[0].dataset, i, self.preprocess) == _digest(image) for i in sorted(others))

    @cached_property
    def _taken(self) -> set[int]:
        return {index for shard in self.shards for index in shard.indices}

    @cached_property
    def _group_of(self) -> list[str | None]:
        dataset = self.shards[0].dataset
        return list(getattr(dataset, "groups", None) or [None] * len(dataset.ids))

    @cached_property
    def _groups(self) -> dict[str | None, list[int]]:
        groups: dict[str | None, list[int]] = {}
        for index, name in enumerate(self._group_of):
            if name is not None:
                groups.setdefault(name, []).append(index)
        return groups


def seed_rows(plan: ModelPlan, record: Record, seed: int, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Rows of seeds.parquet for one network.

    Args:
        plan: of the study that has run, for this network.
        record: of the run.
        seed: of the bootstrap.
        say: where the progress is told.
    """
    for name in plan.datasets:
        shards = tuple(task.shard for task in plan.tasks if task.shard.dataset_name == name)
        here = (record.maps["model"] == plan.model.name) & (record.maps["dataset"] == name)
        files = _files(record.maps[here])
        data = _Data(name, shards, _copies(record, name), _labels(record, plan.model.name, name))
        say(f"seeds of {plan.model.name} on {name}")
        for (layer, method, scaling), gathered in _gathered(data, files, record).items():
            base = {"model": plan.model.name, "dataset": name, "layer": layer, "method": method, "scaling": scaling}
            yield from ({**base, **row} for row in _rows(gathered, plan.model.class_names, seed))


def _gathered(
    data: _Data, files: Mapping[Place, Mapping[str, tuple[str, int]]], record: Record
) -> dict[tuple[str, str, str], _Gathered]:
    gathered = {(*place, scaling): _Gathered() for place in files for scaling in SCALINGS}
    if data.shards[0].target != "label":
        for each in gathered.values():
            each.reasons.append(NO_TARGET)
        return gathered
    for name, pairs in data.images().items():
        truth = data.truth(pairs)
        for place, stored in files.items():
            raw = None if truth.segmentation is None else _maps(truth.pairs, stored, record)
            for scaling in SCALINGS:
                _count(gathered[(*place, scaling)], name, truth, raw, scaling)
    return gathered


def _count(gathered: _Gathered, name: str, truth: _Truth, raw: Tensor | None, scaling: str) -> None:
    """Count one image, or note why it has no seeds."""
    if truth.segmentation is None or raw is None:
        gathered.reasons.append(truth.reason or NO_MAP)
        return
    height, width = truth.segmentation.shape
    heights = SCALINGS[scaling](raw, (height, width)).double().numpy()
    gathered.images[name] = seed_counts([pair.label for pair in truth.pairs], truth.segmentation, heights)


def _rows(gathered: _Gathered, names: Sequence[str], seed: int) -> Iterator[dict[str, Any]]:
    """The mean over classes, then a row for each class; one row with the reason where no image has seeds."""
    known = {"n": len(gathered.images), "left_out": len(gathered.reasons), "reason": (gathered.reasons or [""])[0]}
    nothing = dict.fromkeys(("value", "low", "high", "best", "best_background"), float("nan"))
    if not gathered.images:
        yield {"class": "mean", **known, **nothing, "background": ""}
        return
    score = seed_score(list(gathered.images.values()), list(gathered.images), seed)
    alone = not np.isfinite(score.scores).all()
    known |= {"reason": ALONE} if alone else {}
    known["background"] = "" if alone else " / ".join(f"{each:.2f}" for each in score.scores)
    for k, title in enumerate(["mean", *(_class(number, names) for number in score.classes)]):
        values = {key: float(getattr(score, key)[k]) for key in ("value", "low", "high", "best")}
        yield {"class": title, **known, "n": int(score.images[k]), **values, "best_background": score.best_score}


def _class(number: int, names: Sequence[str]) -> str:
    if number == BACKGROUND:
        return "background"
    return f"{names[number]} ({number})" if number < len(names) else f"class {number}"


def _maps(pairs: Sequence[_Pair], stored: Mapping[str, tuple[str, int]], record: Record) -> Tensor | None:
    """(n, h, w), as the run stored them."""
    places = [stored.get(pair.sample) for pair in pairs]
    if any(place is None for place in places):
        return None
    return torch.from_numpy(np.stack([record.map(*place) for place in places if place is not None]))


def _files(maps: pd.DataFrame) -> dict[Place, dict[str, tuple[str, int]]]:
    """By layer and method, and by sample, the file of its map and the row in the file."""
    files: dict[Place, dict[str, tuple[str, int]]] = {}
    for row in maps.to_dict("records"):
        files.setdefault((row["layer"], row["method"]), {})[row["sample"]] = (row["file"], int(row["row"]))
    return files


def _copies(record: Record, dataset: str) -> Mapping[str, str]:
    known: Mapping[str, str] = next(d for d in record.info["datasets"] if d["name"] == dataset).get("copies", {})
    return known


def _labels(record: Record, model: str, dataset: str) -> dict[str, int]:
    rows = record.results[(record.results["model"] == model) & (record.results["dataset"] == dataset)]
    known = rows[rows["label"].notna() & rows["sample"].notna()].drop_duplicates("sample")
    return {str(name): int(label) for name, label in zip(known["sample"], known["label"], strict=True)}


def _void(sample: Sample, preprocess: Preprocess) -> Any:
    """bool (H, W) in the network's frame, or None."""
    if sample.void is None or isinstance(sample.image, Tensor):
        return None if sample.void is None else sample.void.cpu().numpy()
    _, framed = prepare(sample.image, sample.void, preprocess)
    return None if framed is None else framed.numpy()


def _picture(dataset: Any, index: int, preprocess: Preprocess) -> str:
    try:
        return _digest(load_sample(dataset, index, preprocess)[1])
    except BenchError:
        return ""  # a sample that cannot be read tells of no class


def _digest(image: Tensor) -> str:
    return hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest()
