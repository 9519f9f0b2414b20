"""Whether two runs can be joined: what both of them have must be the same in both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product, zip_longest
from typing import Any, TypeAlias

import pandas as pd

from ..errors import BenchError
from ..vocabulary import INPUT
from .joined_rows import IMAGE, ROW
from .record import Record
from .shared_entries import Entry, in_both, same_example
from .two_names import under_two_names
from .whole_values import BLOCK, PLACE

Info: TypeAlias = Mapping[str, Any]
AGREE = 1e-3  # of the larger of two values: rounding on two machines
_OF_PLUGINS = (
    ("plugin", "code"),
    ("code", "code"),
    ("library", "library version"),
    ("parameters", "parameters"),
)
_SAME_CODE = "Run one of them again with the code of the other: benchbench run RUN/run.json"


def refuse_other(first: Record, second: Record) -> None:
    """Raises BenchError where what both runs have is not the same, or is one thing under two names: the first such."""
    where, infos = f"{first.folder} and {second.folder}", (first.info, second.info)
    code = [info.get("engine_code") for info in infos]
    if all(code) and code[0] != code[1]:
        versions = " and ".join(info["benchbench"] for info in infos)
        what = f"the engine has other code in the two runs (benchbench {versions})"
        raise BenchError(what, where=where, hint=_SAME_CODE)
    for reason in _reasons(*infos):
        hint = f"Join runs that agree in it, or give {second.folder} other names (as: ...) and run it again"
        raise BenchError(reason, where=where, hint=hint)
    for reason, way_out in under_two_names(*infos):
        raise BenchError(reason, where=where, hint=way_out)


def _reasons(first: Info, second: Info) -> Iterator[str]:
    for key, default in (("target", None), ("precision", "float32"), ("probability", "softmax")):
        values = [info["study"].get(key, default) for info in (first, second)]
        if values[0] != values[1]:
            yield f"{key} is {values[0]} in one run, and {values[1]} in the other"
    yield from _other_networks(first, second)
    for name, entry, other in in_both(first, second, "datasets"):
        yield from _other_data(name, entry, other)
    for kind, word in (("methods", "method"), ("metrics", "metric")):
        for name, entry, other in in_both(first, second, kind):
            for what in other_in_plugin(entry, other):
                yield f"the {word} {name} has other {what} in the two runs"


def _other_networks(first: Info, second: Info) -> Iterator[str]:
    for name, entry, other in in_both(first, second, "models"):
        if entry["state"] != other["state"]:
            yield f"the network {name} has other weights in the two runs"
        elif entry["fingerprint"] != other["fingerprint"] and same_example(first, second):
            yield f"the network {name} has the same weights in both runs but different code or answers"
        if entry["preprocess"] != other["preprocess"]:
            yield f"the network {name} has other pre-processing in the two runs"
        for data, _, _ in in_both(first, second, "datasets"):
            if _matching(entry, data) != _matching(other, data):
                yield f"the classes of {data} are matched with those of {name} in another way in the two runs"


def _matching(network: Entry, data: str) -> str:
    """How the classes of a data set became outputs of the network, in words."""
    return str(network.get("data", {}).get(data, {}).get("classes", ""))


def _other_data(name: str, entry: Entry, other: Entry) -> Iterator[str]:
    changed = [s for s, mark in entry["samples"].items() if other["samples"].get(s, mark) != mark]
    if changed:
        yield f"the image {changed[0]} of {name} differs between the runs"
    groups = entry.get("groups", {}), other.get("groups", {})
    moved = [s for s, group in groups[0].items() if groups[1].get(s, group) != group]
    if moved:
        yield f"the image {moved[0]} of {name} is of another group in the two runs"
    yield from other_classes(name, entry, other)
    readers = [data.get("plugin") for data in (entry, other)]
    if None not in readers and readers[0] != readers[1] and not entry["samples"].keys() & other["samples"].keys():
        shown = [reader or "Python" for reader in readers]
        yield f"{name} is data of {shown[0]} in one run and of {shown[1]} in the other, and no image is in both"


def other_classes(name: str, entry: Entry, other: Entry) -> Iterator[str]:
    """The first class of a data set whose name differs, where both runs have stored the names; in words."""
    if "class_names" not in entry or "class_names" not in other:
        return
    for number, pair in enumerate(zip_longest(entry["class_names"], other["class_names"])):
        if pair[0] != pair[1]:
            shown = [each or "without a name" for each in pair]
            yield f"class {number} of {name} is {shown[0]} in one run, and {shown[1]} in the other"
            return


def other_in_plugin(entry: Entry, other: Entry) -> Iterator[str]:
    """What of a method or metric is not the same in two runs.

    Parameters that name the same file at two places are the same: its content is in the identity.
    """
    known = [each.get("identity") for each in (entry, other)]
    same = bool(known[0]) and known[0] == known[1]
    differing = [what for key, what in _OF_PLUGINS if entry.get(key) != other.get(key)]
    if same and differing == ["parameters"]:
        return
    yield from differing
    if all(known) and not same and not differing:
        yield "content of a file, or code of a method, among its parameters"


def unchecked_networks(first: Info, second: Info) -> list[str]:
    """Networks of both runs of which only the weights are known to be the same: their answers are to other data."""
    if same_example(first, second):
        return []
    pairs = in_both(first, second, "models")
    return [name for name, entry, other in pairs if entry["fingerprint"] != other["fingerprint"]]


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
        first_values, second_values = (rows[[*IMAGE, what]].dropna().drop_duplicates(IMAGE) for rows in (first, second))
        both = first_values.merge(second_values, on=IMAGE, suffixes=("", "_other"))
        for row in both[both[what] != both[f"{what}_other"]].head(1).to_dict("records"):
            yield {str(key): value for key, value in row.items()}, what


def refuse_gaps(results: pd.DataFrame, folders: str, maybe_twice: Sequence[str] = ()) -> None:
    """Raises BenchError where a method, metric or layer lacks images that others of one network and data set have.

    Args:
        results: the joined results.parquet.
        maybe_twice: sentences on what may be one thing under two names, which leaves such gaps.
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
        twice = [each[0].upper() + each[1:] for each in maybe_twice]
        hint = ". ".join([*twice, "Run what is missing first, with the same --out"])
        raise BenchError(message, where=folders, hint=hint)


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
