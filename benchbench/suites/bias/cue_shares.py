"""By network, image and method: the share of the map that lies on the cue, and how much the network relies on the cue.

A row per map. The reliance of a network on an image is interventional: the probability of the explained class on the
image less that on its twin, whose cue is another. Nothing of it comes from a map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri
from torch import Tensor

from ...engine.setup import LoadedModel
from ...errors import BenchError, message_of
from ...maps.normalise import saliency
from ...network.capture import eval_frozen
from ...network.custom_score import is_scored
from ...results.record import Record, with_network_table
from ...seeds import derived
from .cue_data import CuePair, cue_pair, with_cues

TRUTH = "Truth (oracle)"  # the suite's oracle, where tables name methods
DRAWS, LEVEL = 200, 0.95  # of random maps, whose quantile at the level is what chance gives to the cue
Key: TypeAlias = tuple[str, str]  # of a data set and a sample


@dataclass(eq=False)
class Readings:
    """What was read of one network.

    Attributes:
        rows: one per map and image: model, dataset, sample, layer, method, change, share, area, chance.
        right: by data set and sample, whether the network's prediction is the label; of images with a label.
        left_out: why images have no rows, by data set and sample.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    right: dict[Key, bool] = field(default_factory=dict)
    left_out: dict[Key, str] = field(default_factory=dict)

    def accuracy(self, dataset: str) -> float:
        """The share of the data's images that are right; NaN where none has a label."""
        known = [right for (name, _), right in self.right.items() if name == dataset]
        return sum(known) / len(known) if known else math.nan


def read_shares(loaded: LoadedModel, record: Record, device: torch.device, seed: int) -> Readings:
    """Every map of a network against the cues of the data.

    Args:
        loaded: the network, with the plan of the study that has run.
        record: of the run, which has the maps.
        device: where the network is.
        seed: of the study, from which the random maps are drawn.

    Raises:
        BenchError: the data have no known cues, the network has no probabilities, or no image can be used.
    """
    name = loaded.plan.model.name
    if is_scored(loaded.network):
        message = "the suite bias needs probabilities of classes, and the network explains a score"
        raise BenchError(message, where=f"models: {name}", hint="Give a classifier")
    readings = Readings()
    maps = with_network_table(record.maps)
    maps = maps[maps["model"] == name]
    for dataset, data in loaded.plan.datasets.items():
        cues = with_cues(dataset.partition(", target ")[0], data)
        here = maps[maps["dataset"] == dataset]
        pairs = _pairs(loaded, dataset, cues, readings)
        changes = _changes(loaded, dataset, pairs, _targets(here), device, readings)
        if not changes:
            why = next(iter(readings.left_out.values()), "no image has a map")
            raise BenchError(f"no image can be used: {why}", where=f"datasets: {dataset}", hint="Mend the data")
        readings.rows += _rows(here, pairs, changes, record, seed)
        readings.rows += _truth_rows(here, pairs, changes)
    return readings


def cue_share(heights: Tensor, cue: Tensor) -> float:
    """The share of a map's mass on the cue, 0 to 1; of a map without mass, the cue's share of the image.

    Args:
        heights: the min-max map (H, W), 0 at its lowest pixel.
        cue: bool (H, W).

    Example:
        >>> cue_share(torch.tensor([[0.0, 1.0], [3.0, 0.0]]), torch.tensor([[True, True], [False, False]]))
        0.25
    """
    total = float(heights.double().sum())
    return float(heights.double()[cue].sum()) / total if total > 0 else float(cue.double().mean())


def _pairs(loaded: LoadedModel, dataset: str, cues: Any, readings: Readings) -> dict[str, CuePair]:
    pairs: dict[str, CuePair] = {}
    for task in loaded.plan.tasks:
        shard = task.shard
        if shard.dataset_name != dataset:
            continue
        for sample, index in zip(shard.ids, shard.indices, strict=True):
            try:
                pairs[sample] = cue_pair(shard.dataset, cues, index, shard.model.preprocess)
            except BenchError as error:
                readings.left_out[dataset, sample] = message_of(error)
    return pairs


def _targets(maps: pd.DataFrame) -> dict[str, int]:
    """By sample, the class that the run explained."""
    known = maps[maps["target"].notna()].drop_duplicates("sample")
    return {str(name): int(target) for name, target in zip(known["sample"], known["target"], strict=True)}


def _changes(
    loaded: LoadedModel,
    dataset: str,
    pairs: Mapping[str, CuePair],
    targets: Mapping[str, int],
    device: torch.device,
    readings: Readings,
) -> dict[str, float]:
    """By sample, p(class | image) - p(class | twin): positive where the cue speaks for the explained class."""
    activation = loaded.plan.model.settings.get("score", "softmax")
    changes: dict[str, float] = {}
    with eval_frozen(loaded.network), torch.no_grad():
        for name, target in targets.items():
            if name not in pairs:
                continue
            both = torch.stack([pairs[name].image, pairs[name].twin]).to(device)
            logits = loaded.network(both).double()
            scores = logits.sigmoid() if activation == "sigmoid" else logits.softmax(1)
            before, after = scores[:, target].tolist()
            changes[name] = before - after
            if pairs[name].label is not None:
                readings.right[dataset, name] = int(scores[0].argmax()) == pairs[name].label
    return changes


def _rows(
    maps: pd.DataFrame, pairs: Mapping[str, CuePair], changes: Mapping[str, float], record: Record, seed: int
) -> Iterator[dict[str, Any]]:
    chances: dict[tuple[str, tuple[int, ...]], float] = {}
    for row in maps.to_dict("records"):
        sample = str(row["sample"])
        if sample not in changes:
            continue
        raw = torch.from_numpy(record.map(str(row["file"]), int(row["row"])))
        pair = pairs[sample]
        heights = saliency(raw[None], (pair.cue.shape[0], pair.cue.shape[1]))[0]
        place = (sample, tuple(raw.shape))
        if place not in chances:
            chances[place] = _chance(pair, raw.shape, f"{seed}/{sample}")
        yield _row(row, changes[sample], cue_share(heights, pair.cue), pair.area, chances[place])


def _chance(pair: CuePair, shape: torch.Size, seed: str) -> float:
    """The share of the cue that 95 % of maps of uniform noise at this resolution stay below.

    At the image's own resolution the share is nearly normal: its relative deviation is that of the mean of the cue's
    k values, sqrt((1 - area) / 3k).
    """
    pixels = int(pair.cue.sum())
    if tuple(shape) == tuple(pair.cue.shape):
        return pair.area * (1 + float(ndtri(LEVEL)) * math.sqrt((1 - pair.area) / (3 * pixels)))
    draws = np.random.default_rng(derived(f"cue chance/{seed}/{tuple(shape)}")).random((DRAWS, *shape))
    heights = saliency(torch.from_numpy(draws), (pair.cue.shape[0], pair.cue.shape[1])).double()
    shares = heights[:, pair.cue].sum(1) / heights.sum((1, 2))
    return float(np.quantile(shares.numpy(), LEVEL))


def _truth_rows(
    maps: pd.DataFrame, pairs: Mapping[str, CuePair], changes: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """The oracle's map: what the cue adds to the class's probability on the cue, the rest on the object.

    No map where the data do not say where the object is.
    """
    for layer in maps["layer"].unique():
        for row in maps[maps["layer"] == layer].drop_duplicates("sample").to_dict("records"):
            pair = pairs.get(str(row["sample"]))
            if pair is None or str(row["sample"]) not in changes or pair.object is None or not pair.object.any():
                continue
            change = changes[str(row["sample"])]
            share = cue_share(truth_map(pair.cue, pair.object, max(change, 0.0)), pair.cue)
            yield _row(
                {**{str(key): value for key, value in row.items()}, "method": TRUTH},
                change,
                share,
                pair.area,
                pair.area,
            )


def truth_map(cue: Tensor, shown: Tensor, change: float) -> Tensor:
    """A map (H, W) of mass 1, whose mass on the cue is the probability that the cue adds to the class.

    Args:
        cue, shown: bool (H, W), of the cue and of the object, without a common pixel.
        change: what the cue adds to the class's probability, 0 to 1.

    Example:
        >>> truth_map(torch.tensor([[True, False, False]]), torch.tensor([[False, True, False]]), 0.25)
        tensor([[0.2500, 0.7500, 0.0000]], dtype=torch.float64)
    """
    return change * cue.double() / cue.sum() + (1 - change) * shown.double() / shown.sum()


def _row(row: Mapping[Any, Any], change: float, share: float, area: float, chance: float) -> dict[str, Any]:
    keys = {key: str(row[key]) for key in ("model", "dataset", "sample", "layer", "method")}
    return {**keys, "change": change, "share": share, "area": area, "chance": chance}
