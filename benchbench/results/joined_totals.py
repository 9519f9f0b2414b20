"""Values that are no image's, of two runs: of all images together, and of what methods cost in the study."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from .record import Record
from .schema import POOLED, typed
from .whole_values import BLOCK, PLACE, Group, NotJoined, images_of, is_in, plain, sides, without

OTHER_WORK = "the joined runs did other work, so the shared work of the whole study was not measured"


def pooled_values(first: Record, second: Record, left: NotJoined) -> tuple[pd.DataFrame, list[str]]:
    """pooled.parquet of both runs, of values of all images; and the metrics that lose some."""
    tables = [without(record.pooled, left, run) for run, record in enumerate((first, second))]
    known = [set(_each(table, PLACE)) for table in tables]
    everything = known[0] | known[1]
    rows = [record.results[is_in(record.results, PLACE, everything)] for record in (first, second)]
    groups = [images_of(table, PLACE) for table in rows]
    blocks = [images_of(record.results, BLOCK) for record in (first, second)]
    lost: dict[str, None] = {}
    kept: tuple[set[Group], set[Group]] = (set(), set())
    for group in everything:
        has = [group in known[run] and side for run, side in enumerate(sides(group, groups, blocks))]
        if any(has):
            kept[has.index(True)].add(group)
        else:
            lost[group[4]] = None
    parts = [table[is_in(table, PLACE, kept[run])] for run, table in enumerate(tables)]
    return typed(pd.concat(parts, ignore_index=True), POOLED), sorted(lost)


def shared_work(first: Record, second: Record) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The results of both, where what methods cost in the study is only in a run that did all the work of both.

    Where none did, the rows say so.
    """
    names = {entry["name"] for r in (first, second) for entry in r.info["metrics"] if "shared" in entry["needs"]}
    tables = [first.results, second.results]
    work = [_work(rows) if names else {} for rows in tables]
    for model in work[0].keys() & work[1].keys():
        does_all = [work[run][model] >= work[1 - run][model] for run in (0, 1)]
        for run in (0, 1):
            here = (tables[run]["model"] == model) & plain(tables[run]["metric"]).isin(list(names))
            if not any(does_all):
                tables[run] = _unmeasured(tables[run], here)
            elif not does_all[run]:
                tables[run] = tables[run][~here].reset_index(drop=True)
    return tables[0], tables[1]


def _work(rows: pd.DataFrame) -> dict[str, set[tuple[Any, ...]]]:
    """By network, its methods and metrics at its layers, and its images."""
    known: dict[str, set[tuple[Any, ...]]] = {}
    whole = rows.assign(metric=plain(rows["metric"]))
    for columns in (PLACE, ["model", "dataset", "sample"]):
        for key in _each(whole.dropna(subset=columns), columns):
            known.setdefault(key[0], set()).add(key)
    return known


def _each(rows: pd.DataFrame, columns: list[str]) -> Iterator[tuple[str, ...]]:
    return rows[columns].drop_duplicates().itertuples(index=False, name=None)


def _unmeasured(rows: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    """The table, in which these rows say that nothing was measured; their parts are left out."""
    ok = here & (rows["status"] == "ok")
    rows = rows.assign(
        value=rows["value"].mask(ok),
        status=rows["status"].mask(ok, "not_applicable"),
        reason=rows["reason"].mask(ok, OTHER_WORK),
    )
    return rows[~(here & rows["metric"].str.contains(".", regex=False))].reset_index(drop=True)
