"""Whether two runs can be joined: what both of them have must be the same in both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import BenchError
from .record import Record
from .schema import KEYS

Info = Mapping[str, Any]
AGREE = 1e-3  # of the larger of two values: rounding on two machines
_PLACE = ["model", "dataset", "layer", "method", "metric", "protocol"]


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
            yield f"the network {name} is another one in the two runs: the weights are the same, and it is not"
        if one["preprocess"] != other["preprocess"]:
            yield f"the network {name} has other pre-processing in the two runs"
    for name, one, other in _common(first, second, "datasets"):
        changed = [s for s, mark in one["samples"].items() if other["samples"].get(s, mark) != mark]
        if changed:
            yield f"the image {changed[0]} of {name} is another one in the two runs"
    for kind, word in (("methods", "method"), ("metrics", "metric")):
        for name, one, other in _common(first, second, kind):
            for key, what in (("plugin", "code"), ("parameters", "parameters"), ("code", "code")):
                if one.get(key) != other.get(key):
                    yield f"the {word} {name} has other {what} in the two runs"


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


def refuse_other_values(first: Record, second: Record) -> None:
    """Raises BenchError where the two have different values of one image, beyond rounding."""
    keys = [key for key in KEYS if key != "label"]
    rows = [
        record.results[record.results["sample"].notna() & (record.results["status"] == "ok")]
        for record in (first, second)
    ]
    both = rows[0].merge(rows[1], on=keys, suffixes=("", "_other"))
    size = both[["value", "value_other"]].abs().max(axis=1)
    differing = both[(both["value"] - both["value_other"]).abs() > AGREE * size.clip(lower=1e-6)]
    for row in differing.head(1).to_dict("records"):
        what = f"{row['method']} under {row['metric']} on the image {row['sample']} of {row['dataset']}"
        values = f"{row['value']:.6g} in one run, and {row['value_other']:.6g} in the other"
        raise BenchError(
            f"{what} is {values}", where=f"{first.folder} and {second.folder}", hint="Join runs of the same code"
        )


def refuse_gaps(rows: Any, folders: str) -> None:
    """Raises BenchError where methods or metrics of one network and data set are not of the same images.

    Args:
        rows: the joined table of results.
    """
    images = rows[rows["sample"].notna()]
    counts = images.groupby(_PLACE, dropna=False, sort=False)["sample"].nunique().reset_index(name="images")
    for (model, dataset), group in counts.groupby(["model", "dataset"], sort=False):
        least = group.loc[group["images"].idxmin()]
        most = int(group["images"].max())
        if least["images"] < most:
            message = (
                f"together they have {most:,} images of {dataset} on {model}, and {least['metric']} of "
                f"{least['method']} at {least['layer']} of {least['images']:,} of them"
            )
            raise BenchError(message, where=folders, hint="Run what is missing first, with the same --out")
