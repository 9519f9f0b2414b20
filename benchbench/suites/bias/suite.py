"""``--suite bias``: does a map uncover a network that looks at a spurious cue? The doctor / nurse case."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from ...engine.device import device_of
from ...engine.progress import Progress
from ...engine.setup import load
from ...errors import BenchError
from ...formatting import join_words, plural
from ...models.bias_networks import rho_of
from ...registry import suite
from ...results.record import Record
from ...results.suite_answer import SuiteAnswer, SuiteChart, SuiteTable
from ...study.plan import named_targets
from ...study.spec import ModelChoice, StudySpec
from ..shown_names import ShownNames, shown_names
from .cue_shares import TRUTH, Readings, read_shares
from .picture_sheet import bias_sheet
from .verdicts import QUESTIONS, Cuts, network_rows, verdict_rows
from .words import NOTES, findings, sentence

KEYS = {
    "models": ["bias"],
    "datasets": [{"name": "cued", "mask": "cue"}],
    "layers": "last",
    "methods": [
        *("cam", "gradcam", "gradcam++", "layercam", "scorecam", "eigencam", "saliency", "occlusion"),
        *("mean-activation", "sobel", "center", "random", "uniform"),
    ],
    "metrics": ["energy_pointing_game"],
    "target": ["predicted", "top-2"],
    "samples": 60,
}
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, eq=False)
class _Network:
    """A network of the study with what was read of it."""

    choice: ModelChoice
    readings: Readings


@suite("bias", keys=KEYS, title="reliance on a spurious cue", paper="arXiv:1610.02391")
def uncover_bias(
    study: StudySpec, folder: Path, progress: Progress, *, biased: Share = 0.25, unbiased: Share = 0.1
) -> SuiteAnswer:
    """Does a map uncover a network that relies on a spurious cue: reliance by counterfactual twins against maps.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        biased: a network is biased if swapping the cue changes the probability by this much or more, on average.
        unbiased: a network is unbiased if the swap changes the probability by this much or less.

    Raises:
        BenchError: the data have no known cues, a network has no probabilities, or ``unbiased`` is not below
            ``biased``.
    """
    if unbiased >= biased:
        message = f"unbiased is {unbiased:g} and biased {biased:g}"
        raise BenchError(message, where="suite: bias", hint="Give biased the larger number")
    device, record, networks = device_of(study), Record.load(folder), []
    for choice in study.models:
        progress.say(f"swapping the cues for {choice.label}")
        networks.append(_Network(choice, read_shares(load(choice, study, device), record, device, study.seed)))
        gc.collect()  # one network in memory at a time
    both = _with_targets(_with_common_layers(_maps_of(networks)), study)
    maps = both[both["target"] == both["target"].iloc[0]]
    names, cuts = shown_names(record.info), Cuts(biased, unbiased)
    rows = verdict_rows(maps, both, _methods(study, record), names.models, cuts, study.seed)
    verdicts, means = pd.DataFrame(rows), network_rows(maps)
    return SuiteAnswer(
        sentence(verdicts, means, names, join_words(choice.title for choice in study.datasets)),
        QUESTIONS,
        verdicts.assign(model=""),
        findings(verdicts, names),
        (*NOTES, *_left_out(networks)),
        (_network_table(means, networks, names), _share_table(means, names)),
        (_chart(means),),
        bias_sheet(record, maps, names),
    )


def _maps_of(networks: Iterable[_Network]) -> pd.DataFrame:
    """A row per map of all networks.

    Raises:
        BenchError: no method made a map.
    """
    rows = [row for each in networks for row in each.readings.rows]
    if not rows:
        raise BenchError("no method made a map", where="suite: bias", hint="The rows of the run have the reasons")
    return pd.DataFrame(rows)


def _with_targets(maps: pd.DataFrame, study: StudySpec) -> pd.DataFrame:
    """With the data set as the study calls it, ``data``, and which class was explained, ``target``."""
    names = {
        name: (choice.label, str(target))
        for choice in study.datasets
        for name, target in named_targets(choice.label, study).items()
    }
    known = [names[name] for name in maps["dataset"]]
    order = [str(target) for target in study.targets]
    rows = maps.assign(data=[data for data, _ in known], target=[target for _, target in known])
    return rows.iloc[np.argsort([order.index(target) for target in rows["target"]], kind="stable")]


def _methods(study: StudySpec, record: Record) -> dict[str, str]:
    """By label, why a method has no map; the suite's oracle too."""
    rows = record.results[record.results["status"] != "ok"]
    reasons = rows.drop_duplicates("method").set_index("method")["reason"].to_dict()
    known = {method.label: str(reasons.get(method.label, "")) for method in study.methods}
    return {**known, TRUTH: "the data do not say where the object is: give them object_mask(i)"}


def _with_common_layers(maps: pd.DataFrame) -> pd.DataFrame:
    """The rows with layers that networks share: by name where all have the same, else by their order."""
    of_network = {str(model): tuple(rows["layer"].unique()) for model, rows in maps.groupby("model", sort=False)}
    if len(set(of_network.values())) == 1:
        return maps
    places = {(m, layer): _place(k, len(layers)) for m, layers in of_network.items() for k, layer in enumerate(layers)}
    named = [places[model, layer] for model, layer in zip(maps["model"], maps["layer"], strict=True)]
    return maps.assign(layer=named)


def _place(number: int, count: int) -> str:
    return "each network's layer" if count == 1 else f"each network's layer {number + 1} of {count}"


def _network_table(means: pd.DataFrame, networks: Iterable[_Network], names: ShownNames) -> SuiteTable:
    """A row per network, data set and layer; each method's share is a column of the files alone."""
    keys = ["dataset", "layer", "model"]
    wide = means.pivot(index=keys, columns="method", values="excess").reset_index()
    facts = means.groupby(keys, sort=False)[["reliance", "signed", "n"]].first().reset_index()
    rows = facts.merge(wide, on=keys)
    known = {each.choice.label: each for each in networks}
    rows.insert(0, "network", [names.models[name] for name in rows["model"]])
    rows.insert(1, "rho", [math.nan if (rho := rho_of(name)) is None else rho for name in rows["model"]])
    right = [known[m].readings.accuracy(d) for m, d in zip(rows["model"], rows["dataset"], strict=True)]
    rows.insert(2, "accuracy", right)
    headings = {"network": "Network", "rho": "rho", "n": "Images", "accuracy": "Accuracy", "reliance": "Reliance"}
    headings |= {"signed": "Signed change", **_several(rows)}
    note = (
        "rho: how often cue and class agreed in training, known of the networks in the package. Accuracy: on the run's "
        "images. Reliance: mean absolute change of the explained class's probability when the cue is swapped. Signed "
        "change: positive where the cue speaks for the explained class."
    )
    return SuiteTable("networks", "How much each network relies on the cue", note, rows, headings)


def _share_table(means: pd.DataFrame, names: ShownNames) -> SuiteTable:
    """A row per network and method, for the chart."""
    rows = means.assign(network=means["model"].map(names.models))
    headings = {"network": "Network", "method": "Method", "reliance": "Reliance", "share": "Share on the cue"}
    headings |= {"excess": "Share less area", **_several(rows)}
    note = (
        "Share on the cue: the share of the map's mass on the cue's pixels, the mean over images. Share less area: "
        "less the cue's share of the image, which is what a constant map has."
    )
    return SuiteTable("shares", "Share on the cue", note, rows, headings)


def _several(rows: pd.DataFrame) -> dict[str, str]:
    """The headings of data and layer, where there is more than one."""
    return {key: title for key, title in (("dataset", "Data"), ("layer", "Layer")) if rows[key].nunique() > 1}


def _chart(means: pd.DataFrame) -> SuiteChart:
    caption = (
        "Each point is a method on one network. Along x: the network's reliance on the cue. Along y: the mean share of "
        "the map's mass on the cue, less the cue's area. Points of a method that uncovers bias rise from left to right."
    )
    panels = next((key for key in ("layer", "dataset") if means[key].nunique() > 1), "")
    return SuiteChart(
        "share-against-reliance",
        "Share on the cue against reliance",
        caption,
        "shares",
        "points",
        "reliance",
        "excess",
        "method",
        panels,
    )


def _left_out(networks: Iterable[_Network]) -> tuple[str, ...]:
    reasons = {key: why for each in networks for key, why in each.readings.left_out.items()}
    if not reasons:
        return ()
    return (
        f"{plural(len(reasons), 'image is', 'images are')} left out. The first reason: {next(iter(reasons.values()))}.",
    )
