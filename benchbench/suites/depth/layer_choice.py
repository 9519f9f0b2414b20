"""A layer chosen on one half of the images and judged on the other, from the values that a run has at every layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...evaluation.held_out import fold_of
from ...results.record import Record, units_of
from ...stats.resampling import Array
from ...study.spec import MetricChoice
from ...vocabulary import INPUT


@dataclass(frozen=True, eq=False)
class LayerScores:
    """One method's values of a metric at every layer of a network.

    Attributes:
        model, dataset, method: as the run's tables call them.
        layers: from the input to the logits.
        units: independent images, in the order of their names; those that have a value at every layer.
        values: (layers, units).
    """

    model: str
    dataset: str
    method: str
    layers: tuple[str, ...]
    units: tuple[str, ...]
    values: Array


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The best layer of each half of the images, and what it is worth on the other half.

    Attributes:
        layers: by half, 0 and 1, the layer that its images are judged at: the best one on the other half.
        values: (units,), each image at its half's layer.
    """

    layers: tuple[str, str]
    values: Array


def layer_scores(record: Record, metric: MetricChoice) -> list[LayerScores]:
    """The values of a run, by network, data and method, in the order of the run.

    What explains a network in pixels has one layer, the input image. Values of images of one unit are averaged.
    """
    rows = record.results
    ok = (rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol) & (rows["status"] == "ok")
    units = {(d["name"], sample): unit for d in record.info["datasets"] for sample, unit in units_of(d).items()}
    orders = {model["name"]: [*model["layers"], INPUT] for model in record.info["models"]}
    scores = []
    for (model, dataset, method), part in rows[ok].groupby(["model", "dataset", "method"], sort=False):
        named = part.assign(unit=[units.get((dataset, sample), sample) for sample in part["sample"]])
        table = named.pivot_table(index="layer", columns="unit", values="value", aggfunc="mean").astype("float64")
        table = table.reindex([layer for layer in orders[model] if layer in table.index]).dropna(axis=1)
        scores.append(LayerScores(str(model), str(dataset), str(method), *_parts(table)))
    return scores


def without_scores(record: Record, metric: MetricChoice) -> dict[tuple[str, str, str], tuple[str, str]]:
    """By network, data and method that have no value at all: the status, and the first reason."""
    rows = record.results
    asked = rows[(rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol)]
    reasons = {}
    for (model, dataset, method), part in asked.groupby(["model", "dataset", "method"], sort=False):
        if not (part["status"] == "ok").any():
            reasons[str(model), str(dataset), str(method)] = (str(part["status"].iloc[0]), str(part["reason"].iloc[0]))
    return reasons


def _parts(table: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...], Array]:
    return tuple(map(str, table.index)), tuple(map(str, table.columns)), table.to_numpy(dtype=np.float64)


def held_out(scores: LayerScores) -> HeldOut | None:
    """Each half of the images at the layer with the highest mean on the other half; None if a half is empty.

    The halves are those of every held-out threshold: by a digest of the image's name. Of equal layers the last one
    counts.
    """
    folds = np.array([fold_of(unit) for unit in scores.units], dtype=np.int64)
    if len(set(folds.tolist())) < 2:
        return None
    places = [_best(scores.values[:, folds != half]) for half in (0, 1)]
    values = scores.values[np.array(places)[folds], np.arange(len(folds))]
    return HeldOut((scores.layers[places[0]], scores.layers[places[1]]), values)


def best_layer(scores: LayerScores) -> int:
    """The place of the layer with the highest mean on all images: the last one of equal layers."""
    return _best(scores.values)


def _best(values: Array) -> int:
    means = values.mean(1)
    return int(len(means) - 1 - np.argmax(means[::-1]))
