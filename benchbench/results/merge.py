"""Two runs joined to one: of other people, machines, methods or images, where protocols, weights and data agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import BenchError
from ..formatting import join_some
from .joined_info import joined_accuracy, joined_info
from .joined_rows import IMAGE, MAP, ROW, RowOrder, joined, joined_rows, lacking
from .joined_totals import pooled_values, shared_work
from .mergeable import refuse_gaps, refuse_other, refuse_other_values, unchecked_networks
from .picture_files import apart, copy_pictures
from .record import Record
from .row_counts import failures, status_counts
from .same_pictures import not_compared
from .schema import CURVES, MAPS, PHOTOS, RESULTS, typed
from .shared_entries import in_both
from .store import Store
from .two_names import maybe_under_two_names
from .unfinished import refuse_unfinished_part
from .whole_values import BLOCK, NotJoined, maps_without, whole_values, without

Info = Mapping[str, Any]


@dataclass(frozen=True)
class Merged:
    """What came of joining two runs: counts of the joined table, and what must be known of it."""

    rows: int
    images: int
    notes: list[str]


def merge_runs(first: Record, second: Record, out: Path) -> Merged:
    """Join two runs in a new folder: its tables are those of one run with everything that the two have.

    Of what both have, the first one's is kept, or the second one's where only that has a value. Values of all images
    (``whole_values``) are left out where neither run has all.

    Raises:
        BenchError: the runs do not agree in what both have, or have gaps together; or the folder is not empty.
    """
    for record in (first, second):
        refuse_unfinished_part(record.folder, record.info)
    refuse_other(first, second)
    if out.exists() and any(out.iterdir()):
        raise BenchError("the folder is not empty", where=str(out), hint="Give another --out")
    records, left = (first, second), whole_values(first, second)
    info = joined_info(first, second, left)
    order = RowOrder(info, records)
    results = order.of(_results(first, second, left))
    pooled, lost = pooled_values(first, second, left)
    curves = [without(record.curves, left, run) for run, record in enumerate(records)]
    maps, names = _maps(records, left)
    photos = joined(first.photos, second.photos, IMAGE, PHOTOS)
    tables = {
        "results.parquet": results,
        "pooled.parquet": order.of(pooled),
        "curves.parquet": order.of(joined(curves[0], curves[1], ROW, CURVES)),
        "maps/index.parquet": order.of(maps),
        "photos/index.parquet": order.of(photos),
    }
    accuracy, unknown = joined_accuracy(first, second)
    notes = [*_notes(first, second), *_unknown(first, second)]
    notes += [*_left_out(left, lost, unknown), *_missing_blocks(results)]
    counted = {"accuracy": accuracy, "failures": failures(results), "counts": status_counts(results)}
    _copy(records, names, out)
    Store(out).write_results(tables, {**info, **counted, "warnings": [*_warnings(first, second), *notes]})
    return Merged(len(results), int(results["sample"].nunique()), notes)


def _results(first: Record, second: Record, left: NotJoined) -> pd.DataFrame:
    """results.parquet of both.

    Raises:
        BenchError: values that both have differ, some are missing, or none is left.
    """
    folders = f"{first.folder} and {second.folder}"
    shared = shared_work(first, second)
    tables = without(shared[0], left, 0), without(shared[1], left, 1)
    refuse_other_values(tables, folders)
    results = typed(joined_rows(*tables), RESULTS)
    if results.empty:
        hint = "Join runs of the same images"
        raise BenchError("all that they have are values of all images, of other images each", where=folders, hint=hint)
    refuse_gaps(results, folders, maybe_under_two_names(first.info, second.info))
    return results


def _maps(records: tuple[Record, Record], left: NotJoined) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """maps/index.parquet of both; and of each run, by the names of its pictures, those in the new folder."""
    first, second = records
    tables = [maps_without(record.maps, left, run, records) for run, record in enumerate(records)]
    more = lacking(tables[1], tables[0], MAP)
    renamed = apart(more, tables[0])
    photos = first.photos, lacking(second.photos, first.photos, IMAGE)
    names = [
        {**dict(zip(old["file"], new["file"], strict=True)), **{file: file for file in seen["file"].dropna() if file}}
        for old, new, seen in ((tables[0], tables[0], photos[0]), (more, renamed, photos[1]))
    ]
    names[1] = {file: name for file, name in names[1].items() if file != name or file not in names[0]}
    return typed(pd.concat([tables[0], renamed], ignore_index=True), dict(MAPS)), names


def _copy(records: Sequence[Record], names: Sequence[Mapping[str, str]], out: Path) -> None:
    for record, files in zip(records, names, strict=True):
        copy_pictures(record, files, out)


def _warnings(first: Record, second: Record) -> list[str]:
    """Those of both; of runs of other images, with the folder of the run that alone has it: it may count images."""
    known = [record.info["warnings"] for record in (first, second)]
    data = [{d["name"]: d["samples"].keys() for d in record.info["datasets"]} for record in (first, second)]
    if all(data[0][name] == data[1][name] for name in data[0].keys() & data[1].keys()):
        return list(dict.fromkeys([*known[0], *known[1]]))
    both = [warning for warning in known[0] if warning in known[1]]
    alone = [
        f"of the images of {record.folder.name} alone: {warning}"
        for record, warnings in zip((first, second), known, strict=True)
        for warning in warnings
        if warning not in both
    ]
    return [*both, *alone]


def _notes(first: Record, second: Record) -> Iterator[str]:
    """What must be known of the joined run, because the two runs differ in it."""
    first_info, second_info = first.info, second.info
    if first_info["seed"] != second_info["seed"]:
        yield f"the joined runs have other seeds: {first_info['seed']} and {second_info['seed']}"
    costs = [record.results.loc[record.results["sample"].isna(), "method"] for record in (first, second)]
    if first_info["device"] != second_info["device"] and len(costs[0]) and len(costs[1]):
        there = join_some(dict.fromkeys(costs[1][~costs[1].isin(costs[0])]), 5)
        if there:
            yield f"what {there} costs was measured on another machine: do not compare costs with the others"
    versions = [{"benchbench": info["benchbench"], **info["versions"]} for info in (first_info, second_info)]
    if "system" in first_info and "system" in second_info:
        systems = (first_info["system"], second_info["system"])
        versions = [{**known, **system} for known, system in zip(versions, systems, strict=True)]
    names = dict.fromkeys([*versions[0], *versions[1]])
    differing = [name for name in names if versions[0].get(name) != versions[1].get(name)]
    if differing:
        yield f"the joined runs have other versions of {join_some(differing)}"
    yield from maybe_under_two_names(first_info, second_info)
    for name in unchecked_networks(first_info, second_info):
        yield f"{name} has the same weights in both runs; its code was not compared, as the runs are of other data"


def _unknown(first: Record, second: Record) -> Iterator[str]:
    """What the runs have not stored, or could not be compared."""
    for record in (first, second):
        if "engine_code" not in record.info:
            what = "was written by an older benchbench, or joined with a run of one"
            yield (
                f"{record.folder.name} {what}: that both runs have the same code of the engine, the same content of "
                "files among parameters and the same class names is not known"
            )
    for name, data, other in in_both(first.info, second.info, "datasets"):
        if not data["samples"].keys() & other["samples"].keys():
            named = data.get("class_names") and other.get("class_names")
            compared = "only the names of their classes were" if named else "nothing of them could be"
            yield (
                f"the two runs have no image of {name} in common: that both are parts of one data set is not known, "
                f"as {compared} compared"
            )
    for name in not_compared(first, second):
        yield (
            f"no network of one run saw the images of {name} as a network of the other run did: images that are the "
            "same picture in other files are not known as copies"
        )


def _left_out(left: NotJoined, pooled: Sequence[str], unknown: Sequence[str]) -> Iterator[str]:
    """What one run of all images would have, and the joined run has not."""
    names = [*left.methods, *(f"{metric}@{protocol}" for metric, protocol in left.metrics)]
    if names:
        yield f"{join_some(names)} left out: the values depend on all images of a run, and the runs are of other images"
    if pooled:
        yield f"{join_some(pooled)} has no value of all images together: the runs are of other images"
    if unknown:
        yield f"the accuracy of {join_some(unknown)} is not known: the runs have some images in common, but not all"


def _missing_blocks(results: pd.DataFrame) -> Iterator[str]:
    there = set(results[BLOCK].drop_duplicates().itertuples(index=False, name=None))
    for model in dict.fromkeys(results["model"]):
        missing = [data for data in dict.fromkeys(results["dataset"]) if (model, data) not in there]
        if missing:
            yield f"neither run has {model} on {join_some(missing)}"
