"""How alike a method's maps stay under each test of the suite ``sanity``: a row per image, test and stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import pandas as pd

from ...metrics.randomisation import CONSTANT
from ...results.record import Record, with_network_table, with_units
from ...study.spec import MetricChoice, StudySpec
from .label_similarities import LabelSimilarities

Similarity: TypeAlias = Literal["spearman", "ssim"]
SETTING = ["model", "dataset", "layer", "method"]
COLUMNS = [*SETTING, "sample", "test", "similarity", "x", "y", "constant"]
MEASURES = {"spearman": "Spearman", "ssim": "SSIM"}  # by the word of parameters, the name in reports
TESTS = ("cascade", "independent", "labels", "classes")


def run_similarities(study: StudySpec, record: Record, labels: LabelSimilarities) -> pd.DataFrame:
    """The similarities of a run and of its label test.

    Returns:
        Rows by ``COLUMNS``: ``test`` is a word of TESTS, ``similarity`` spearman or ssim, ``x`` the stage as a share of
        all stages (1 for tests of one stage), and ``y`` the similarity, -1 to 1. A map that is constant on the trained
        network shows nothing that the network learned: ``constant`` is true, and its similarity is 1.
    """
    tables = [*_of_metrics(study, record), labels.rows[COLUMNS]]
    rows = pd.concat([table for table in tables if len(table)] or [labels.rows[COLUMNS]], ignore_index=True)
    rows = with_units(with_network_table(rows), record.info)
    return rows[rows["method"].isin([method.label for method in study.methods])]


def settings_of(study: StudySpec, record: Record) -> list[dict[str, str]]:
    """Each network, data set and layer of the study's methods in the run."""
    rows = record.results[record.results["method"].isin([method.label for method in study.methods])]
    places = with_network_table(rows)[SETTING[:3]].drop_duplicates()
    return [{str(key): str(value) for key, value in place.items()} for place in places.to_dict("records")]


def test_of(metric: MetricChoice) -> tuple[str, str] | None:
    """The test and the similarity that a metric of the study measures; None of any other metric."""
    if metric.name == "mprt" or metric.plugin.name == "mprt":
        return str(metric.params["kind"]), str(metric.params["similarity"])
    if metric.plugin.name == "random_logit" and metric.params["which"] == "random":
        return "classes", str(metric.params["similarity"])
    return None


def absences(study: StudySpec, record: Record, similarity: str) -> Mapping[tuple[str, ...], tuple[str, str]]:
    """By model, dataset, layer, method and test, the status and the reason of the first image without a similarity."""
    chosen = {metric.label: test for metric in study.metrics if (test := test_of(metric)) and test[1] == similarity}
    rows = with_network_table(record.results)
    rows = rows[(rows["status"] != "ok") & (rows["reason"] != CONSTANT)]
    reasons: dict[tuple[str, ...], tuple[str, str]] = {}
    for row in rows.to_dict("records"):
        test = chosen.get(f"{row['metric']}@{row['protocol']}")
        if test is not None:
            key = (*(str(row[name]) for name in SETTING), test[0])
            reasons.setdefault(key, (str(row["status"]), str(row["reason"])))
    return reasons


def _of_metrics(study: StudySpec, record: Record) -> Iterator[pd.DataFrame]:
    for metric in study.metrics:
        test = test_of(metric)
        if test is None:
            continue
        more: dict[str, Any] = {"test": test[0], "similarity": test[1], "constant": False}
        rows = record.results[
            (record.results["metric"] == metric.name) & (record.results["protocol"] == metric.protocol)
        ]
        if test[0] == "classes":
            yield rows[rows["status"] == "ok"].rename(columns={"value": "y"}).assign(x=1.0, **more)[COLUMNS]
        else:
            curves = record.curves
            here = curves[(curves["metric"] == metric.name) & (curves["protocol"] == metric.protocol)]
            yield here.assign(**more)[COLUMNS]
        constant = rows[rows["reason"] == CONSTANT].assign(y=1.0, **more).assign(constant=True)
        stages = int(metric.params.get("stages", 1))
        yield constant.merge(pd.DataFrame({"x": [(k + 1) / stages for k in range(stages)]}), how="cross")[COLUMNS]


def image_scores(rows: pd.DataFrame, test: str, similarity: str) -> pd.DataFrame:
    """The score of each image in one test: the mean over the test's stages of 1 - max(0, similarity).

    A map that turns upside down counts as another map: it says against where the first one says for.
    The test ``cascade`` counts the last stage alone, at which all weights are random: no order of layers is in it.

    Args:
        rows: of ``run_similarities``.
        test: a word of TESTS.
        similarity: spearman or ssim.

    Returns:
        ``SETTING``, ``sample``, ``score``, the mean similarity ``y`` with its sign, and whether the map is
        ``constant``. Images that are not independent are one row, the mean.
    """
    chosen = rows[(rows["test"] == test) & (rows["similarity"] == similarity)]
    if test == "cascade":
        chosen = chosen[chosen["x"] == 1.0]
    unit = "unit" if "unit" in chosen else "sample"
    alike = chosen["y"].astype("float64").round(9)  # so that the same map has a score of 0
    scored = chosen.assign(score=1 - alike.clip(0, 1), y=alike, sample=chosen[unit])
    return scored.groupby([*SETTING, "sample"], sort=False, as_index=False)[["score", "y", "constant"]].mean()
