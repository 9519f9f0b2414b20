"""Two runs joined to one: of other people, machines, methods or images, where protocols, weights and data agree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import BenchError
from ..formatting import join_some
from .mergeable import name_of, refuse_gaps, refuse_other, refuse_other_values
from .picture_files import copy_pictures
from .record import Record
from .schema import CURVES, KEYS, MAPS, PHOTOS, POOLED, RESULTS, typed
from .store import Store
from .unfinished import refuse_unfinished_part

Info = Mapping[str, Any]
_ROW = [key for key in KEYS if key != "label"]
_POINT = [key for key in CURVES if key != "y"]
_MAP = ["model", "dataset", "sample", "target", "layer", "method"]
_PHOTO = ["model", "dataset", "sample", "target"]
_POOL = ["model", "dataset", "layer", "method", "metric", "protocol"]


@dataclass(frozen=True)
class Merged:
    """What came of joining two runs: counts of the joined table, and what must be known of it."""

    rows: int
    images: int
    notes: list[str]


def merge_runs(first: Record, second: Record, out: Path) -> Merged:
    """Join two runs in a new folder. Of what both have, the first one's is kept.

    Raises:
        BenchError: the runs do not agree in what both have, or have gaps together; or the folder is not empty.
    """
    for record in (first, second):
        refuse_unfinished_part(record.folder, record.info)
    refuse_other(first, second)
    refuse_other_values(first, second)
    if out.exists() and any(out.iterdir()):
        raise BenchError("the folder is not empty", where=str(out), hint="Give another --out")
    results = _in_order(_joined(first.results, second.results, _ROW, RESULTS))
    refuse_gaps(results, f"{first.folder} and {second.folder}")
    pooled, lost = _pooled(first, second)
    maps, photos = _joined(first.maps, second.maps, _MAP, MAPS), _joined(first.photos, second.photos, _PHOTO, PHOTOS)
    notes = _notes(first, second, lost)
    info = _info(first, second, results, notes)
    copy_pictures((first, second), out)
    tables = {
        "results.parquet": results,
        "pooled.parquet": pooled,
        "curves.parquet": _joined(first.curves, second.curves, _POINT, CURVES),
        "maps/index.parquet": maps,
        "photos/index.parquet": photos,
    }
    Store(out).write_results(tables, info)
    return Merged(len(results), int(results["sample"].nunique()), notes)


def _joined(one: pd.DataFrame, other: pd.DataFrame, keys: list[str], columns: Mapping[str, str]) -> pd.DataFrame:
    """The rows of both; of those with equal keys, the first."""
    rows = pd.concat([one, other], ignore_index=True).drop_duplicates(keys, ignore_index=True)
    return typed(rows, dict(columns))


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """As a run has them: network after network, data set after data set, and costs last."""
    places = {name: {each: i for i, each in enumerate(dict.fromkeys(rows[name]))} for name in ("model", "dataset")}
    keys = {name: rows[name].map(known) for name, known in places.items()}
    order = pd.DataFrame({"cost": rows["sample"].isna(), **keys}).sort_values(["cost", *keys], kind="stable").index
    return rows.loc[order].reset_index(drop=True)


def _pooled(first: Record, second: Record) -> tuple[pd.DataFrame, list[str]]:
    """Values of all images together, where both runs have the same images; and the metrics that lose theirs."""
    images = [{data["name"]: set(data["samples"]) for data in record.info["datasets"]} for record in (first, second)]
    other = {name for name in images[0].keys() & images[1].keys() if images[0][name] != images[1][name]}
    rows = _joined(first.pooled, second.pooled, _POOL, POOLED)
    lost = rows["dataset"].isin(other)
    return rows[~lost].reset_index(drop=True), sorted(set(rows.loc[lost, "metric"]))


def _notes(first: Record, second: Record, lost: Sequence[str]) -> list[str]:
    """What must be known of the joined run."""
    notes = []
    if first.info["seed"] != second.info["seed"]:
        notes.append(f"the joined runs have other seeds: {first.info['seed']} and {second.info['seed']}")
    devices = [record.info["device"] for record in (first, second)]
    costs = [record.results.loc[record.results["sample"].isna(), "method"] for record in (first, second)]
    if devices[0] != devices[1] and len(costs[0]) and len(costs[1]):
        there = join_some(dict.fromkeys(costs[1][~costs[1].isin(costs[0])]), 5)
        if there:
            notes.append(f"what {there} costs was measured on another machine: do not compare costs with the others")
    versions = [record.info["versions"] for record in (first, second)]
    differing = [name for name in versions[0] if versions[0][name] != versions[1].get(name)]
    if differing:
        notes.append(f"the joined runs have other versions of {join_some(differing)}")
    if lost:
        notes.append(f"{join_some(lost)} has no value of all images together: the runs are of other images")
    return notes


def _info(first: Record, second: Record, results: pd.DataFrame, notes: Sequence[str]) -> dict[str, Any]:
    one, other = first.info, second.info
    counts = results["status"].value_counts()
    models = _union(one["models"], other["models"], _with_layers)
    study = {
        **one["study"],
        **{
            key: _all_of(one["study"][key], other["study"][key]) for key in ("models", "datasets", "methods", "metrics")
        },
        "layers": {model["name"]: model["layers"] for model in models},
    }
    datasets = _union(one["datasets"], other["datasets"], _with_images)
    parts = [
        {"created": info["created"], "device": info["device"], "versions": info["versions"]} for info in (one, other)
    ]
    kept = {key: value for key, value in one.items() if key not in ("suite", "again", "budget")}
    return {
        **kept,
        "study": {**study, "samples": max(data["used"] for data in datasets)},
        "models": models,
        "datasets": datasets,
        "methods": _union(one["methods"], other["methods"]),
        "metrics": _union(one["metrics"], other["metrics"]),
        "warnings": list(dict.fromkeys([*one["warnings"], *other["warnings"], *notes])),
        "failures": _all_of(one["failures"], other["failures"]),
        "accuracy": _accuracy(one, other),
        "counts": {status: int(counts.get(status, 0)) for status in ("ok", "failed", "not_applicable")},
        "work": _work(one["work"], other["work"]),
        "seconds": one["seconds"] + other["seconds"],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "merged": parts,
        "files": {},
    }


def _union(one: Sequence[Info], other: Sequence[Info], both: Any = lambda entry, _: entry) -> list[Any]:
    """The entries of both, by their names; ``both`` makes one of two of the same name."""
    more = {name_of(entry): entry for entry in other}
    joined = [both(entry, more[name_of(entry)]) if name_of(entry) in more else entry for entry in one]
    known = {name_of(entry) for entry in one}
    return [*joined, *(entry for name, entry in more.items() if name not in known)]


def _with_layers(one: Info, other: Info) -> dict[str, Any]:
    return {**one, "layers": _all_of(one["layers"], other["layers"])}


def _with_images(one: Info, other: Info) -> dict[str, Any]:
    samples = {**one["samples"], **other["samples"]}
    parts = {
        key: {**one.get(key, {}), **other.get(key, {})} for key in ("copies", "groups") if key in one or key in other
    }
    return {**one, **parts, "samples": samples, "used": len(samples), "available": max(one["available"], len(samples))}


def _all_of(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """The items of both, each once."""
    known = {json.dumps(item, sort_keys=True): item for item in (*one, *other)}
    return list(known.values())


def _accuracy(one: Info, other: Info) -> list[Any]:
    """Of each network and data set: the sum where the two runs have no image in common, else of the run with more."""
    images = [{data["name"]: data["samples"].keys() for data in info["datasets"]} for info in (one, other)]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in (*one["accuracy"], *other["accuracy"]):
        place = row["model"], row["dataset"]
        before = rows.get(place)
        if before is None:
            rows[place] = row
        elif not images[0][place[1]] & images[1][place[1]]:
            rows[place] = {**before, **{key: before[key] + row[key] for key in ("right", "labelled")}}
        elif row["labelled"] > before["labelled"]:
            rows[place] = row
    return list(rows.values())


def _work(one: Info, other: Info) -> dict[str, Any]:
    numbers = {key: value + other.get(key, 0) for key, value in one.items() if isinstance(value, int)}
    return {**numbers, "batches": {**other.get("batches", {}), **one.get("batches", {})}}
