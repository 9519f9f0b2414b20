"""run.json of two runs that are joined: what one run says that has the networks, data, methods and metrics of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from .record import Record
from .same_pictures import Pair, joined_copies, seen_in_both
from .shared_entries import name_of
from .whole_values import NotJoined

Info = Mapping[str, Any]
_OF_ONE_FOLDER = ("suite", "again", "budget")
_LISTS = ("models", "datasets", "methods", "metrics")
_OF_BOTH = ("engine_code", "identity", "class_names")  # what one run does not know, both do not


def joined_info(first: Record, second: Record, left: NotJoined) -> dict[str, Any]:
    """All but what is counted in the joined tables, and the notes.

    Args:
        left: names the methods and metrics that are left out.
    """
    info, other = first.info, second.info
    models = _union(info["models"], other["models"], _with_layers)
    pairs = seen_in_both(first, second)
    datasets = _union(info["datasets"], other["datasets"], partial(_with_images, pairs=pairs))
    metrics = _union(info["metrics"], other["metrics"], _known)
    return {
        **{key: value for key, value in _known(info, other).items() if key not in _OF_ONE_FOLDER},
        "study": _study(info, other, models, datasets, left),
        "models": models,
        "datasets": datasets,
        "methods": [e for e in _union(info["methods"], other["methods"], _known) if e["name"] not in left.methods],
        "metrics": [e for e in metrics if (e["name"], e["protocol"]) not in left.metrics],
        "earlier": _all_of(info.get("earlier", ()), other.get("earlier", ())),
        "work": _work(info["work"], other["work"]),
        "seconds": info["seconds"] + other["seconds"],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "merged": [*_parts(info), *_parts(other)],
        "files": {},
    }


def _study(
    info: Info, other: Info, models: Sequence[Info], datasets: Sequence[Info], left: NotJoined
) -> dict[str, Any]:
    lists = {key: _all_of(info["study"][key], other["study"][key]) for key in _LISTS}
    lost = {*left.methods, *_labels(info, left), *_labels(other, left)}
    lists |= {key: [label for label in lists[key] if label not in lost] for key in ("methods", "metrics")}
    study = {key: value for key, value in info["study"].items() if key != "suite"} | lists
    if info["study"]["layers"] != other["study"]["layers"]:
        study["layers"] = {model["name"]: model["layers"] for model in models}
    if info["study"]["samples"] != other["study"]["samples"]:
        study["samples"] = max(data["used"] for data in datasets)
    return study


def _labels(info: Info, left: NotJoined) -> list[str]:
    """What the study calls the metrics that are left out."""
    pairs = zip(info["study"]["metrics"], info["metrics"], strict=False)
    return [label for label, entry in pairs if (entry["name"], entry["protocol"]) in left.metrics]


def _parts(info: Info) -> list[Any]:
    """What is kept of each run, also of one that was joined before."""
    keys = ("created", "device", "versions", "system")
    return info.get("merged") or [{key: info[key] for key in keys if key in info}]


def _union(
    entries: Sequence[Info], other: Sequence[Info], both: Callable[[Info, Info], Info] = lambda entry, _: entry
) -> list[Any]:
    """The entries of both, by their names; ``both`` makes one of two of the same name."""
    more = {name_of(entry): entry for entry in other}
    shared = [both(entry, more.pop(name_of(entry))) if name_of(entry) in more else entry for entry in entries]
    return [*shared, *more.values()]


def _known(info: Info, other: Info) -> dict[str, Any]:
    """The first run's entry, without what an older run, the other one, has not stored."""
    return {key: value for key, value in info.items() if key not in _OF_BOTH or key in other}


def _with_layers(info: Info, other: Info) -> dict[str, Any]:
    return {**info, "layers": _all_of(info["layers"], other["layers"])}


def _with_images(info: Info, other: Info, pairs: Mapping[str, Sequence[Pair]]) -> dict[str, Any]:
    samples = {**info["samples"], **other["samples"]}
    counts = {"used": len(samples), "available": max(info["available"], len(samples))}
    entry = {**_known(info, other), "samples": samples, **counts}
    entry["about"] = {
        key: "; ".join(dict.fromkeys(data["about"][key] for data in (info, other) if key in data["about"]))
        for key in {**info["about"], **other["about"]}
    }
    if len(samples) > len(info["samples"]):
        entry["fingerprint"] = hashlib.sha256(json.dumps(samples).encode()).hexdigest()[:16]
    references = [data["references"] for data in (info, other) if "references" in data]
    if references:
        entry["references"] = "+".join(dict.fromkeys(references))  # two of them are those of no other run
    groups = {**other.get("groups", {}), **info.get("groups", {})}
    copies = joined_copies(info, other, samples, pairs.get(info["name"], ()))
    for key, known in (("copies", copies), ("groups", groups)):
        entry.pop(key, None)
        entry |= {key: known} if known else {}
    return entry


def _all_of(items: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """The items of both, each once."""
    known = {json.dumps(item, sort_keys=True): item for item in (*items, *other)}
    return list(known.values())


def joined_accuracy(first: Record, second: Record) -> tuple[list[Any], list[str]]:
    """Of each network and data set how often the network was right; and where that is not known, in words.

    It is known where the two runs read no image both, and where one read all that the other read.
    """
    answered = [_answered(record) for record in (first, second)]
    entries = [{(e["model"], e["dataset"]): e for e in record.info["accuracy"]} for record in (first, second)]
    rows, lost = [], []
    for place in dict.fromkeys([*entries[0], *entries[1]]):
        known = [by_place[place] for by_place in entries if place in by_place]
        images = [by_place.get(place, set()) for by_place in answered]
        if len(known) == 1 or images[0] >= images[1]:
            rows.append(known[0])
        elif images[1] > images[0]:
            rows.append(known[1])
        elif not images[0] & images[1]:
            rows.append(_sum(*known))
        else:
            lost.append(f"{place[0]} on {place[1]}")
    return rows, lost


def _answered(record: Record) -> dict[tuple[str, str], set[str]]:
    """By network and data set, the images that could be read."""
    rows = record.results[record.results["target"].notna() & record.results["sample"].notna()]
    groups = rows.groupby(["model", "dataset"], sort=False)["sample"]
    return {(str(model), str(dataset)): set(group) for (model, dataset), group in groups}


def _sum(entry: Info, other: Info) -> dict[str, Any]:
    total = {**entry, **{key: entry[key] + other[key] for key in ("right", "labelled")}}
    total.pop("pictures", None)  # the two runs may have the labels of one picture in parts
    readings = entry.get("readings", {})
    if readings:
        total["readings"] = {name: count + other.get("readings", {}).get(name, 0) for name, count in readings.items()}
    return total


def _work(counts: Info, other: Info) -> dict[str, Any]:
    numbers = {
        key: value + other[key] if isinstance(other.get(key), int) else value
        for key, value in counts.items()
        if isinstance(value, int)
    }
    return {**numbers, "batches": {**other.get("batches", {}), **counts.get("batches", {})}}
