"""A record as reports show it: methods, networks and data under their display names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ...results.record import Record
from ...results.suite_answer import SuiteAnswer

_KINDS = {"methods": "method", "models": "model", "datasets": "dataset"}  # of run.json, and the column of the tables
_PLACE = {"models": "model", "datasets": "dataset"}


def displayed(record: Record) -> Record:
    """The record with display names in run.json's lists and in all tables; the same record where no name differs.

    An entry of a list keeps the name of study files as ``id``.
    """
    names = display_names(record.info)
    if all(name == shown for named in names.values() for name, shown in named.items()):
        return record
    info = _info(record.info, names)
    tables = (record.results, record.curves, record.maps, record.photos)
    results, curves, maps, photos = (_table(table, names) for table in tables)
    return _Displayed(record.folder, info, results, curves, maps, photos, names, record)


@dataclass(frozen=True, eq=False)
class _Displayed(Record):
    """A record under display names."""

    names: Mapping[str, Mapping[str, str]]
    source: Record

    @property
    def pooled(self) -> pd.DataFrame:
        return _table(self.source.pooled, self.names)

    @property
    def seeds(self) -> pd.DataFrame:
        return _table(self.source.seeds, self.names)


def _info(info: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """run.json under display names: its lists, and what it says of a network or of data by name."""
    shown = {**info, **{kind: _renamed(info[kind], names[kind]) for kind in _KINDS}}
    shown["accuracy"] = [_place(row, names) for row in info["accuracy"]]
    shown["work"] = {**info["work"], "batches": _by_name(info["work"]["batches"], names["models"])}
    if "earlier" in info:
        shown["earlier"] = [_earlier(entry, names["datasets"]) for entry in info["earlier"]]
    return shown


def display_names(info: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By kind and name, the display name.

    Two of a kind never share a display name: both keep their names of study files then. So does a run of a version
    that knew no display names.
    """
    return {kind: _unique(info[kind]) for kind in _KINDS}


def _unique(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    titles = {entry["name"]: entry.get("title") or entry["name"] for entry in entries}
    times = Counter(titles.values()) + Counter(name for name, title in titles.items() if title != name)
    return {name: title if times[title] == 1 else name for name, title in titles.items()}


def _renamed(entries: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{**entry, "id": entry["name"], "name": names[entry["name"]]} for entry in entries]


def _earlier(entry: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**entry, "images": {names.get(name, name): count for name, count in entry["images"].items()}}


def _place(row: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A row of run.json that is of a network and a data set."""
    return {**row, **{column: names[kind].get(row[column], row[column]) for kind, column in _PLACE.items()}}


def _by_name(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in values.items()}


def _table(table: pd.DataFrame, names: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    columns = {column: names[kind] for kind, column in _KINDS.items() if column in table}
    return table.assign(**{column: _shown(table[column], named) for column, named in columns.items()})


def _shown(column: pd.Series[Any], names: Mapping[str, str]) -> pd.Series[Any]:
    """A column under display names. Each different name is looked up once: a large table has few."""
    places, known = pd.factorize(column)
    shown = pd.Series(known).replace(dict(names))
    return shown.reindex(places).set_axis(column.index)  # missing where the column is: its place is -1


def displayed_answer(answer: SuiteAnswer, info: Mapping[str, Any]) -> SuiteAnswer:
    """A suite's answer whose verdicts and tables have display names.

    The answer stays as it is where the suite has a method or network of its own under another's display name.

    Args:
        info: run.json of a displayed record.
    """
    names = {kind: {entry.get("id", entry["name"]): entry["name"] for entry in info[kind]} for kind in _KINDS}
    unlisted = {kind: set(answer.verdicts[column]) - set(names[kind]) for kind, column in _KINDS.items()}
    if any(unlisted[kind] & set(names[kind].values()) for kind in _KINDS):
        return answer
    tables = tuple(replace(table, rows=_table(table.rows, names)) for table in answer.tables)
    return replace(answer, verdicts=_table(answer.verdicts, names), tables=tables)


def with_ids(table: pd.DataFrame, info: Mapping[str, Any]) -> pd.DataFrame:
    """A table of a displayed record with the names of study files in place of the display names.

    Args:
        info: run.json of the displayed record.
    """
    ids = {kind: {entry["name"]: entry.get("id", entry["name"]) for entry in info[kind]} for kind in _KINDS}
    return _table(table, ids)
