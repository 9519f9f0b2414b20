"""The tables and the chart of the suite ``sanity``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from ...maps.similarity import spearman
from ...results.record import Record, with_network_table
from ...results.suite_answer import SuiteChart, SuiteTable
from ...study.spec import StudySpec
from ..run_maps import run_maps
from .map_similarities import MEASURES, SETTING, TESTS, image_scores, settings_of
from .verdicts import TEST_QUESTIONS

PANELS = {"cascade": "Cascade", "independent": "One block"}


def test_table(study: StudySpec, record: Record, similarities: pd.DataFrame) -> SuiteTable:
    """Per method the mean similarity, with its sign, in each test by both measures.

    Args:
        study: which has run.
        record: of the run.
        similarities: of ``run_similarities``.
    """
    methods = [method.label for method in study.methods]
    places = [{**setting, "method": method} for setting in settings_of(study, record) for method in methods]
    rows = pd.DataFrame(places, columns=SETTING).astype("string")
    several = {key: word for key, word in (("dataset", "data"), ("layer", "layer")) if _several(rows, key)}
    headings = {"model": "network", **several, "method": "method"}
    tests = {question.name: question.title.lower() for question in TEST_QUESTIONS}
    for measure, word in MEASURES.items():
        for test in TESTS:
            means = image_scores(similarities, test, measure).groupby(SETTING, as_index=False)[["y"]].mean()
            rows = rows.merge(means.rename(columns={"y": f"{test}_{measure}"}), on=SETTING, how="left")
            headings[f"{test}_{measure}"] = f"{tests[test]}: {word}"
    rows = rows.merge(_other_images(record), on=SETTING, how="left")
    headings["other_image"] = "other image: |Spearman|"
    note = (
        "Mean similarity of the maps before and after, with its sign; 1 is the same map. “One block random” is the "
        "mean over all blocks. The last column compares the maps of each image and the next one, which have nothing "
        "in common but the method and the network."
    )
    return SuiteTable("similarity", "How similar maps stay", note, rows, headings)


def _several(rows: pd.DataFrame, key: str) -> bool:
    """Whether a network has several data sets or layers."""
    return bool(rows.groupby("model")[key].nunique().max() > 1)


def _other_images(record: Record) -> pd.DataFrame:
    """The mean |Spearman| of the stored maps of each image and the next one, where both have one size."""
    places = record.maps[SETTING].drop_duplicates()
    rows: list[dict[str, Any]] = []
    for place in places.itertuples(index=False, name=None):
        maps = list(run_maps(record, *map(str, place)).values())
        pairs = [(a, b) for a, b in zip(maps, maps[1:] + maps[:1], strict=True) if a.shape == b.shape and a is not b]
        if pairs:
            first, second = (torch.from_numpy(np.stack(each)) for each in zip(*pairs, strict=True))
            level = float(spearman(first, second).abs().nanmean())
            rows.append({**dict(zip(SETTING, place, strict=True)), "other_image": level})
    frame = pd.DataFrame(rows, columns=[*SETTING, "other_image"]).astype(dict.fromkeys(SETTING, "string"))
    return with_network_table(frame)


def stage_table(study: StudySpec, similarities: pd.DataFrame, similarity: str) -> SuiteTable:
    """Per method, stage and kind of randomisation the mean similarity with its sign.

    Args:
        study: which has run.
        similarities: of ``run_similarities``.
        similarity: spearman or ssim.
    """
    rows = similarities[similarities["test"].isin(["cascade", "independent"])]
    rows = rows[rows["similarity"] == similarity]
    keys = [*SETTING, "test", "x"]
    means = rows.groupby(keys, sort=False, as_index=False)[["y"]].mean().astype({"y": "float64"})
    titles = {choice.label: choice.title for choice in study.models}
    parts = [means["test"].map(PANELS)]  # of a panel's name: what tells the settings apart
    parts += [means["model"].map(titles)] if means["model"].nunique() > 1 else []
    parts += [means[key] for key in ("dataset", "layer") if _several(means, key)]
    means = means.assign(panel=[", ".join(map(str, names)) for names in zip(*parts, strict=True)])
    note = (
        f"Mean {MEASURES[similarity]} with its sign. The stage is the share of the blocks of layers, counted from the "
        "logits down to the input. In “cascade” all blocks up to the stage are random, in “one block” that block alone."
    )
    headings = {"panel": "random weights", "method": "method", "x": "stage", "y": "similarity"}
    return SuiteTable("stages", "Similarity over stages", note, means, headings)


def charts() -> tuple[SuiteChart, ...]:
    """The similarity over stages, a line per method, controls among them."""
    caption = (
        "How similar each method's map stays to the map of the trained network as blocks of layers are randomised: in "
        "“cascade” all blocks from the logits down to the stage, in “one block” the block at the stage alone. A line "
        "that stays at 1 is a map that does not depend on the weights, such as that of an edge detector."
    )
    title = "Maps under random weights"
    return (SuiteChart("stages-chart", title, caption, "stages", "lines", "x", "y", panels="panel"),)
