"""The tables and the chart of ``--suite depth``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ...results.suite_answer import SuiteChart, SuiteTable
from ...stats.intervals import summaries
from ...study.spec import MetricChoice
from ...vocabulary import INPUT
from ..shown_names import ShownNames
from .comparisons import FUSED, OTHER, Comparison
from .layer_choice import LayerScores, best_layer

HEADINGS = {"model": "Network", "dataset": "Data", "method": "Method"}
ENDS = {"difference": "Difference", "low": "95 % from", "high": "to"}


@dataclass(frozen=True, eq=False)
class ComparedLayers:
    """A comparison with its row of the verdicts."""

    comparison: Comparison
    row: Mapping[str, Any]


def tables(
    scores: Sequence[LayerScores],
    results: Sequence[ComparedLayers],
    names: ShownNames,
    metric: MetricChoice,
    seed: int,
) -> tuple[SuiteTable, ...]:
    """Chosen layers, fusions where there are any, and the score of every layer."""
    parts = [_chosen(scores, results, metric), _fusions(results, metric), _every(scores, names, metric, seed)]
    return tuple(replace(part, headings=_needed(part)) for part in parts if len(part.rows))


def _needed(table: SuiteTable) -> dict[str, str]:
    """The headings without that of the data, where there is one data set."""
    alone = table.rows["dataset"].nunique() == 1
    return {column: heading for column, heading in table.headings.items() if not (alone and column == "dataset")}


def charts(metric: MetricChoice, shown: Sequence[SuiteTable]) -> tuple[SuiteChart, ...]:
    """The score of every method over the layers, if any method has layers."""
    if not any(table.name == "scores" for table in shown):
        return ()
    return (
        SuiteChart(
            "layers",
            f"{metric.title} over the layers",
            "A panel for each network. Along x: the layers, 1 is nearest to the input. Along y: the mean "
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
        f"The layer with the highest mean {metric.title} on one half of the images is scored on the other half. Where "
        "the halves choose different layers, both are named. The difference from the last layer is paired."
    )
    headings = {
        **HEADINGS,
        "layers": "Chosen layer",
        "chosen": f"{metric.title} there",
        "last": "At the last layer",
        **ENDS,
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
        "fused": f"{metric.title}, fused",
        "layers": "Best single layer",
        "single": "Without fusion",
        **ENDS,
    }
    return SuiteTable("fusions", "Fused against the best single layer", note, pd.DataFrame(rows), headings)


def _every(scores: Sequence[LayerScores], names: ShownNames, metric: MetricChoice, seed: int) -> SuiteTable:
    rows = pd.DataFrame([row for each in scores for row in _layers(each)])
    values = [each.values[place] for each in scores for place in range(len(each.layers)) if each.layers[0] != INPUT]
    span = metric.plugin.reading_of(metric.params).range
    numbers = summaries(values, [span] * len(values), seed)
    for column, name in enumerate(("score", "low", "high")):
        rows[name] = numbers[:, column]
    several = len({(each.model, each.dataset) for each in scores}) > len({each.model for each in scores})
    if len(rows):
        models, data = rows["model"].map(names.models), rows["dataset"].map(names.datasets)
        rows["panel"] = models + ", " + data if several else models
    headings = {**HEADINGS, "layer": "Layer", "depth": "Layer, from the input", "score": metric.title}
    headings |= {"low": "95 % from", "high": "to", "n": "Images"}
    note = (
        f"Mean {metric.title} over images at each layer, with its 95 % interval. Methods that explain in pixels have "
        "no layer and are left out. A fusion at a layer is made of all stages up to it."
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
