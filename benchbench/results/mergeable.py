"""Whether two runs can be joined: what both of them have must be the same in both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pandas as pd

from ..errors import BenchError
from ..vocabulary import INPUT
from .joined_rows import IMAGE, ROW
from .record import Record
from .whole_values import BLOCK, PLACE

Info = Mapping[str, Any]
AGREE = 1e-3  # of the larger of two values: rounding on two machines
_OF_PLUGINS = (
    ("plugin", "code"),
    ("parameters", "parameters"),
    ("code", "code"),
    ("library", "library version"),
)


def refuse_other(first: Record, second: Record) -> None:
    """Raises BenchError where what both runs have is not the same: it names the first such thing."""
    for reason in _reasons(first.info, second.info):
        hint = f"Join runs that agree in it, or give {second.folder} other names (as: ...) and run it again"
        raise BenchError(reason, where=f"{first.folder} and {second.folder}", hint=hint)


def _reasons(first: Info, second: Info) -> Iterator[str]:
    for key, default in (("target", None), ("precision", "float32"), ("probability", "softmax")):
        values = [info["study"].get(key, default) for info in (first, second)]
        if values[0] != values[1]:
            yield f"{key} is {values[0]} in one run, and {values[1]} in the other"
    for name, one, other in _common(first, second, "models"):
        if one["state"] != other["state"]:
            yield f"the network {name} has other weights in the two runs"
        elif one["fingerprint"] != other["fingerprint"] and _same_data(first, second):
            yield f"the network {name} has the same weights in both runs but different code or answers"
        if one["preprocess"] != other["preprocess"]:
            yield f"the network {name} has other pre-processing in the two runs"
    for name, one, other in _common(first, second, "datasets"):
        changed = [s for s, mark in one["samples"].items() if other["samples"].get(s, mark) != mark]
        if changed:
            yield f"the image {changed[0]} of {name} differs between the runs"
        groups = one.get("groups", {}), other.get("groups", {})
        moved = [s for s, group in groups[0].items() if groups[1].get(s, group) != group]
        if moved:
            yield f"the image {moved[0]} of {name} is of another group in the two runs"
    for kind, word in (("methods", "method"), ("metrics", "metric")):
        for name, one, other in _common(first, second, kind):
            for key, what in _OF_PLUGINS:
                if one.get(key) != other.get(key):
                    yield f"the {word} {name} has other {what} in the two runs"


def unchecked_networks(first: Info, second: Info) -> list[str]:
    """Networks of both runs of which only the weights are known to be the same: their answers are to other data."""
    return (
        []
        if _same_data(first, second)
        else [
            name for name, one, other in _common(first, second, "models") if one["fingerprint"] != other["fingerprint"]
        ]
    )


def _same_data(first: Info, second: Info) -> bool:
    """Whether networks of the two runs were asked about the same example: what they answer is in their fingerprints."""
    one, other = first["datasets"][0], second["datasets"][0]
    return all(one[key] == other[key] for key in ("name", "available", "fingerprint"))


def _common(first: Info, second: Info, kind: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    one, other = ({name_of(entry): entry for entry in info[kind]} for info in (first, second))
    return ((name, one[name], other[name]) for name in one if name in other)


def name_of(entry: Mapping[str, Any]) -> str:
    """Of a network, data set, method or metric of run.json."""
    return f"{entry['name']}@{entry['protocol']}" if "protocol" in entry else str(entry["name"])


def refuse_other_values(results: tuple[pd.DataFrame, pd.DataFrame], folders: str) -> None:
    """Raises BenchError where the two have another target, label or value of one image, values beyond rounding.

    Args:
        results: results.parquet of each run, without the values that need not be the same.
        folders: of the runs, in words.
    """
    hint = "Join runs of the same code and labels"
    for row, what in _other_targets(*results):
        values = f"{row[what]} in one run and {row[f'{what}_other']} in the other"
        name = f"the {what} of the image {row['sample']} of {row['dataset']}"
        raise BenchError(f"{name} is {values}", where=folders, hint=hint)
    rows = [table[table["sample"].notna() & (table["status"] == "ok")] for table in results]
    both = rows[0].merge(rows[1], on=ROW, suffixes=("", "_other"))
    size = both[["value", "value_other"]].abs().max(axis=1)
    differing = both[(both["value"] - both["value_other"]).abs() > AGREE * size.clip(lower=1e-6)]
    for known in differing.head(1).to_dict("records"):
        row = {str(key): value for key, value in known.items()}
        what = f"{row['method']} under {row['metric']} on the image {row['sample']} of {row['dataset']}"
        values = f"{row['value']:.6g} in one run, and {row['value_other']:.6g} in the other"
        raise BenchError(f"{what} is {values}", where=folders, hint=hint)


def _other_targets(first: pd.DataFrame, second: pd.DataFrame) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Images that both runs explain for other targets, or with other labels, and which of the two it is."""
    for what in ("target", "label"):
        one, other = (rows[[*IMAGE, what]].dropna().drop_duplicates(IMAGE) for rows in (first, second))
        both = one.merge(other, on=IMAGE, suffixes=("", "_other"))
        for row in both[both[what] != both[f"{what}_other"]].head(1).to_dict("records"):
            yield {str(key): value for key, value in row.items()}, what


def refuse_gaps(results: pd.DataFrame, folders: str) -> None:
    """Raises BenchError where a method, metric or layer lacks images that others of one network and data set have.

    Args:
        results: the joined results.parquet.
    """
    rows = results[~results["metric"].str.contains(".", regex=False)]
    images, counts = _counts(rows, BLOCK), _counts(rows, PLACE)
    costs = set(rows.loc[rows["sample"].isna(), ["metric", "protocol"]].itertuples(index=False, name=None))
    short = [(count, place) for place, count in counts.items() if count < images[place[:2]] and place[4:] not in costs]
    short += [(0, place) for place in set(_wanted(rows)).difference(counts)]
    for count, place in sorted(short)[:1]:
        model, dataset, layer, method, metric, _ = place
        has = f"has only {count:,} of the {images[place[:2]]:,} images" if count else "is in neither run"
        message = f"{method} / {metric} at {layer} {has} of {dataset} on {model}"
        raise BenchError(message, where=folders, hint="Run what is missing first, with the same --out")


def _counts(rows: pd.DataFrame, columns: list[str]) -> dict[tuple[str, ...], int]:
    """By the values of the columns, how many images the rows are of."""
    counts = rows.groupby(columns, sort=False)["sample"].nunique()
    return dict(zip(counts.index, counts, strict=True))


def _wanted(rows: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """What one run with all that the rows have would have: every method and metric at each layer of a network.

    A method that explains networks as a whole has rows at the input image alone.
    """
    inner = rows[rows["layer"] != INPUT]
    by_layer, metrics = set(inner["method"]), rows[["metric", "protocol"]].drop_duplicates()
    whole = set(rows["method"]) - by_layer
    layers = inner.groupby("model")["layer"].unique()
    for model, dataset in rows[BLOCK].drop_duplicates().itertuples(index=False, name=None):
        places = [*product(layers.get(model, []), by_layer), *product([INPUT], whole)]
        for (layer, method), metric in product(places, metrics.itertuples(index=False, name=None)):
            yield (model, dataset, layer, method, *metric)
