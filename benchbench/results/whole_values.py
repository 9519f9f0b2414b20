"""Values that a run makes of all its images: which of them a joined run can have.

A threshold that is chosen on the other half of the images, the mean map of a data set, and the comparison with images
that are drawn from a data set: a run of more images has others. So such values are taken whole from a run that has all
images, or left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pandas as pd

from .record import Record

Info: TypeAlias = Mapping[str, Any]
Group: TypeAlias = tuple[str, ...]
BLOCK = ["model", "dataset"]
PLACE = ["model", "dataset", "layer", "method", "metric", "protocol"]


@dataclass(frozen=True)
class RowImages:
    """The images of a group of rows, and those with a value."""

    all: frozenset[str]
    ok: frozenset[str]


@dataclass(frozen=True)
class NotJoined:
    """What a joined run leaves out of the values of all images.

    Attributes:
        dropped: of each of two runs, the groups that the other one has of more images.
        methods, metrics: names of those (metrics with their protocols) that neither run has of all images.
    """

    dropped: tuple[set[Group], set[Group]] = field(default_factory=lambda: (set(), set()))
    methods: dict[str, None] = field(default_factory=dict)
    metrics: dict[tuple[str, str], None] = field(default_factory=dict)


def plain(metric: pd.Series) -> pd.Series:
    """The names of metrics, without those of their parts (``metric.part``)."""
    return metric.map({name: name.partition(".")[0] for name in metric.unique()}).astype("string")


def is_in(rows: pd.DataFrame, columns: list[str], values: Collection[Group]) -> pd.Series:
    """Whether each row has, in these columns, one of these values."""
    if not values or rows.empty:
        return pd.Series(False, rows.index)
    keys = rows[columns].assign(metric=plain(rows["metric"])) if "metric" in columns else rows[columns]
    known = pd.DataFrame(sorted(values), columns=columns, dtype="string").assign(known=True)
    return keys.merge(known, on=columns, how="left")["known"].notna().set_axis(rows.index)


def images_of(results: pd.DataFrame, columns: list[str]) -> dict[Group, RowImages]:
    """By the values of the columns, the images of a run's rows; costs and parts of metrics are left out."""
    rows = results[results["sample"].notna() & ~results["metric"].str.contains(".", regex=False)]
    images: dict[Group, RowImages] = {}
    for key, group in rows.groupby(columns, sort=False)[["sample", "status"]]:
        ok = group.loc[group["status"] == "ok", "sample"]
        images[tuple(map(str, key))] = RowImages(frozenset(group["sample"]), frozenset(ok))
    return images


def whole_values(first: Record, second: Record) -> NotJoined:
    """Which of the values of all images stay, where the two runs are of other images or failed on others."""
    left, records = NotJoined(), (first, second)
    blocks = [images_of(record.results, BLOCK) for record in records]
    flagged = [record.results[_is_of_all(record.results, records)] for record in records]
    groups = [images_of(rows, PLACE) for rows in flagged]
    for group in dict.fromkeys([*groups[0], *groups[1]]):
        has = sides(group, groups, blocks)
        if any(has):
            for run in (0, 1):
                if not has[run] and group in groups[run]:
                    left.dropped[run].add(group)
        else:
            _, _, _, method, metric, protocol = group
            if method in _methods_of_all(records):
                left.methods[method] = None
            else:
                left.metrics[metric, protocol] = None
    return left


def sides(group: Group, groups: list[dict[Group, RowImages]], blocks: list[dict[Group, RowImages]]) -> list[bool]:
    """Of each of two runs, whether it has what a run of the images of both would have.

    Args:
        group: values of ``PLACE``.
        groups, blocks: of each run, the images by ``PLACE`` and by ``BLOCK``.
    """
    nothing = RowImages(frozenset(), frozenset())
    here = [known.get(group, nothing) for known in groups]
    ok = here[0].ok | here[1].ok
    block = group[0], group[1]
    everything = frozenset[str]().union(*(known[block].all for known in blocks if block in known))
    if not ok:
        return [group in known for known in groups]  # no value depends on the others
    return [images.all == everything and images.ok == ok for images in here]


def without(rows: pd.DataFrame, left: NotJoined, run: int) -> pd.DataFrame:
    """A table of one of the runs (0 or 1), of results, curves, maps or pooled values, without what does not stay."""
    lost = rows["method"].isin(list(left.methods))
    if "metric" in rows:
        pairs = set(left.metrics)
        lost |= is_in(rows, ["metric", "protocol"], pairs) | is_in(rows, PLACE, left.dropped[run])
    return rows[~lost].reset_index(drop=True)


def maps_without(maps: pd.DataFrame, left: NotJoined, run: int, records: tuple[Record, Record]) -> pd.DataFrame:
    """The maps of one of the runs, without those of values that do not stay and are of a map of all images."""
    methods = _methods_of_all(records)
    groups = {group[:4] for group in left.dropped[run] if group[3] in methods}
    kept = without(maps, left, run)
    return kept[~is_in(kept, PLACE[:4], groups)].reset_index(drop=True)


def _is_of_all(rows: pd.DataFrame, records: tuple[Record, Record]) -> pd.Series:
    """Whether the rows of one of the runs are of values of all images."""
    metrics = {
        (entry["name"], entry["protocol"])
        for record in records
        for entry in record.info["metrics"]
        if entry.get("held_out")
    }
    by_method = rows["method"].isin(_methods_of_all(records))
    return rows["sample"].notna() & (by_method | is_in(rows, ["metric", "protocol"], metrics))


def _methods_of_all(records: tuple[Record, Record]) -> list[str]:
    """Methods whose maps are made of a whole data set, or that compare with other references in the two runs."""
    marks = [{d["name"]: d.get("references") for d in record.info["datasets"]} for record in records]
    other = any(marks[0][name] != marks[1][name] for name in marks[0].keys() & marks[1].keys())
    return [
        entry["name"]
        for record in records
        for entry in record.info["methods"]
        if "dataset" in entry["needs"] or (other and _may_compare(entry))
    ]


def _may_compare(method: Info) -> bool:
    """Whether a method compares with references.

    The needs of a method are those of a method inside it too. Older runs, which have no identities, do not say what a
    method inside another one needs.
    """
    return "references" in method["needs"] or ("identity" not in method and "of" in method["parameters"])
