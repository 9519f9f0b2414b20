"""The tables and the chart of ``--suite depth``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...results.suite_answer import SuiteChart, SuiteTable
from ...stats.intervals import summaries
from ...study.spec import MetricChoice
from ...vocabulary import INPUT
from .comparisons import FUSED, OTHER, Comparison
from .layer_choice import LayerScores, best_layer

HEADINGS = {"model": "Network", "dataset": "Data", "method": "Method"}
ENDS = {"difference": "Difference", "low": "from", "high": "to"}


@dataclass(frozen=True, eq=False)
class ComparedLayers:
    """A comparison with its row of the verdicts."""

    comparison: Comparison
    row: Mapping[str, Any]


def tables(
    scores: Sequence[LayerScores], results: Sequence[ComparedLayers], metric: MetricChoice, seed: int
) -> tuple[SuiteTable, ...]:
    """Chosen layers, fusions where there are any, and the score of every layer."""
    parts = [_chosen(scores, results, metric), _fusions(results, metric), _every(scores, metric, seed)]
    return tuple(part for part in parts if len(part.rows))


def charts(metric: MetricChoice, shown: Sequence[SuiteTable]) -> tuple[SuiteChart, ...]:
    """The score of every method over the layers, if any method has layers."""
    if not any(table.name == "scores" for table in shown):
        return ()
    return (
        SuiteChart(
            "layers",
            f"{metric.title} over the layers",
            "For each network and data a panel: along x the layers, 1 the one nearest to the input; along y the mean "
            f"{metric.title} over images with its 95 % interval. A fusion at layer k is made of all stages up to it.",
            "scores",
            "lines",
            "depth",
            "score",
            panels="panel",
            low="low",
            high="high",
        ),
    )


def _chosen(scores: Sequence[LayerScores], results: Sequence[ComparedLayers], metric: MetricChoice) -> SuiteTable:
    by_key = {(each.model, each.dataset, each.method): each for each in scores}
    rows = []
    for result in results:
        each = result.comparison
        if each.question == OTHER and not each.absent:
            every = by_key[each.model, each.dataset, each.method]
            best = best_layer(every)
            row = {"layers": " or ".join(each.layers), "chosen": each.left.mean(), "last": each.right.mean()}
            tail = {"hindsight": every.layers[best], "hindsight_score": every.values[best].mean()}
            rows.append({**_key(each), **row, **_ends(result), **tail, "n": len(each.left)})
    note = (
        f"The layer with the highest mean {metric.title} on one half of the images is scored on the other half; where "
        "the halves choose different layers, both are named. In hindsight: the best layer on all images, and its mean."
    )
    headings = {
        **HEADINGS,
        "layers": "Chosen layer",
        "chosen": "Held out",
        "last": "Last layer",
        **ENDS,
        "hindsight": "Best in hindsight",
        "hindsight_score": "its mean",
    }
    return SuiteTable("chosen-layers", "The best layer of each method", note, pd.DataFrame(rows), headings)


def _fusions(results: Sequence[ComparedLayers], metric: MetricChoice) -> SuiteTable:
    rows = [
        {
            **_key(each),
            "of": each.against,
            "fused": each.left.mean(),
            "layers": " or ".join(each.against_layers),
            "single": each.right.mean(),
            **_ends(result),
            "n": len(each.left),
        }
        for result in results
        if (each := result.comparison).question == FUSED and not each.absent
    ]
    note = (
        f"Mean {metric.title} of the fusion of all stages, and of the best single layer of the method that it fuses, "
        "chosen on one half of the images and scored on the other. The difference is paired, with its 95 % interval."
    )
    headings = {
        **HEADINGS,
        "of": "Fuses",
        "fused": "Fused",
        "layers": "Best layer",
        "single": "Best layer alone",
        **ENDS,
    }
    return SuiteTable("fusions", "Fused against the best single layer", note, pd.DataFrame(rows), headings)


def _every(scores: Sequence[LayerScores], metric: MetricChoice, seed: int) -> SuiteTable:
    rows = pd.DataFrame([row for each in scores for row in _layers(each)])
    values = [each.values[place] for each in scores for place in range(len(each.layers)) if each.layers[0] != INPUT]
    span = metric.plugin.reading_of(metric.params).range
    numbers = summaries(values, [span] * len(values), seed)
    for column, name in enumerate(("score", "low", "high")):
        rows[name] = numbers[:, column]
    several = len({(each.model, each.dataset) for each in scores}) > len({each.model for each in scores})
    if len(rows):
        rows["panel"] = rows["model"] + ", " + rows["dataset"] if several else rows["model"]
    headings = {**HEADINGS, "layer": "Layer", "score": metric.title, "low": "from", "high": "to", "n": "Images"}
    note = (
        f"Mean {metric.title} over images at each layer, with its 95 % interval. Maps in pixels have no layer, and are "
        "not here. A fusion at a layer is made of all stages up to it."
    )
    return SuiteTable("scores", "Every layer", note, rows, headings)


def _layers(each: LayerScores) -> Iterator[dict[str, Any]]:
    if each.layers[0] == INPUT:
        return
    for place, layer in enumerate(each.layers):
        row = {"model": each.model, "dataset": each.dataset, "method": each.method, "layer": layer}
        yield {**row, "depth": place + 1, "n": len(each.units)}


def _key(each: Comparison) -> dict[str, str]:
    return {"model": each.model, "dataset": each.dataset, "method": each.method}


def _ends(result: ComparedLayers) -> dict[str, float]:
    return {"difference": result.row["score"], "low": result.row["low"], "high": result.row["high"]}
