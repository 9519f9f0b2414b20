"""What a table shows of a run: some of its methods, metrics, networks, data and layers, under the user's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from ...errors import BenchError, meant, nearest
from .board import Board

Key: TypeAlias = tuple[str, str]  # a metric's name and protocol
T = TypeVar("T", str, tuple[tuple[str, str], ...])
COLUMNS = {"methods": "method", "networks": "model", "datasets": "dataset", "layers": "layer"}
ENTRIES = {"methods": "methods", "networks": "models", "datasets": "datasets"}  # of run.json
METRICS = "metrics"
KEYS: Literal["keys"] = "keys"
Names: TypeAlias = Mapping[str, str] | Literal["keys"]


@dataclass(frozen=True)
class Selection:
    """What a table is to show, by key or display name; an empty tuple stands for all, in the order of the study.

    Args:
        methods, networks, datasets, layers: in the order in which the table shows them.
        metrics: a metric's key or title for all its protocols; ``deletion@rise-28`` for a single protocol.
        names: by key or display name of any of these, the name that the table shows; ``keys`` for the names of study
            files in place of display names.
    """

    methods: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    names: Names = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """The options that differ from their default: ``--methods``."""
        return tuple(f"--{kind}" for kind in (*COLUMNS, METRICS, "names") if getattr(self, kind))


@dataclass(frozen=True)
class RunSelection:
    """A selection that was found in a run.

    Attributes:
        shown: by kind, the names of the run in the table's order, each with the name that the table shows.
        metrics: by (name, protocol), in the table's order, the title that the table shows.
    """

    shown: Mapping[str, Mapping[str, str]]
    metrics: Mapping[Key, str]

    def taken(self, table: pd.DataFrame, sort: bool = False) -> pd.DataFrame:
        """The rows of a table that the selection shows, under its names.

        Args:
            sort: whether the rows stand in the selection's order; else they keep the table's.
        """
        columns = {column: self.shown[kind] for kind, column in COLUMNS.items() if column in table}
        keep = pd.Series(True, index=table.index)
        for column, names in columns.items():
            keep &= table[column].isin(list(names))
        if "metric" in table:
            keep &= self._of_metrics(table)
        rows = table[keep]
        if sort:
            rows = self._sorted(rows, columns)
        return rows.assign(**{column: _renamed(rows[column], names) for column, names in columns.items()})

    def _of_metrics(self, table: pd.DataFrame) -> pd.Series[bool]:
        """Which rows are of a chosen metric, or a part of it (``runtime.q1``)."""
        keys = table[["metric", "protocol"]].drop_duplicates().itertuples(index=False, name=None)
        chosen = [key in self.metrics or (key[0].split(".")[0], key[1]) in self.metrics for key in keys]
        numbers = table.groupby(["metric", "protocol"], sort=False, dropna=False).ngroup()
        return pd.Series(np.array(chosen, dtype=np.bool_)[numbers.to_numpy(dtype=np.int64)], index=table.index)

    def _sorted(self, rows: pd.DataFrame, columns: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
        ordered = ["model", "dataset", "layer", "method"]
        ranks = {column: {name: place for place, name in enumerate(columns[column])} for column in ordered}
        places = pd.DataFrame({column: rows[column].map(ranks[column]) for column in ordered})
        of_metric = {key: place for place, key in enumerate(self.metrics)}
        pairs = zip(rows["metric"], rows["protocol"], strict=True)
        places["metric"] = [of_metric.get(key, len(of_metric)) for key in pairs]
        return rows.loc[places.sort_values([*ordered, "metric"], kind="stable").index]

    def info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """run.json with what the selection shows, under its names."""
        listed = {entries: list(self._entries(info[entries], kind)) for kind, entries in ENTRIES.items()}
        metrics = {(entry["name"], entry["protocol"]): entry for entry in info["metrics"]}
        titled = [{**metrics[key], "title": title} for key, title in self.metrics.items()]
        return {**info, **listed, "metrics": titled}

    def _entries(self, entries: Sequence[Mapping[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
        by_name = {entry["name"]: entry for entry in entries}
        for name, shown in self.shown[kind].items():
            yield {**by_name[name], "id": by_name[name].get("id", name), "name": shown}


def chosen(board: Board, selection: Selection) -> RunSelection:
    """The selection as it is found in a board.

    Raises:
        BenchError: the run has nothing of a name, with the nearest; or two things would have one name.
    """
    known = {kind: _spellings(board, kind) for kind in COLUMNS}
    metrics = _metric_spellings(board)
    new_names: Mapping[str, str] = {} if isinstance(selection.names, str) else selection.names
    by_key = selection.names == KEYS
    _refuse_unknown(new_names, [*known.values(), metrics])
    shown = {}
    for kind, spellings in known.items():
        names = _picked(getattr(selection, kind), spellings, kind) or list(dict.fromkeys(spellings.values()))
        titles = _keys_of(board, kind) if by_key else new_names
        shown[kind] = _named(names, spellings, titles, kind)
    keys = _picked_metrics(selection.metrics, metrics) or list(dict.fromkeys(k for ks in metrics.values() for k in ks))
    renamed = {key: name for spelled, name in new_names.items() for key in metrics.get(spelled, ())}
    shown_titles = {(m.name, m.protocol): m.name if by_key else m.title for m in board.metrics}
    return RunSelection(shown, {key: renamed.get(key, shown_titles[key]) for key in keys})


def _keys_of(board: Board, kind: str) -> dict[str, str]:
    """By display name, the name of study files."""
    entries = board.record.info[ENTRIES[kind]] if kind in ENTRIES else ()
    return {entry["name"]: entry.get("id", entry["name"]) for entry in entries}


def _spellings(board: Board, kind: str) -> dict[str, str]:
    """By key and by display name, the name that the board's tables have."""
    names = [str(name) for name in dict.fromkeys(board.tidy[COLUMNS[kind]])]
    entries = board.record.info[ENTRIES[kind]] if kind in ENTRIES else ()
    ordered = [name for name in (entry["name"] for entry in entries) if name in names]
    ids = {entry["id"]: entry["name"] for entry in entries if "id" in entry and entry["name"] in names}
    return {**{name: name for name in (*ordered, *names)}, **ids}


def _metric_spellings(board: Board) -> dict[str, tuple[Key, ...]]:
    """By name, by title, and by ``name@protocol``, the metrics; one name stands for all its protocols."""
    spelled: dict[str, tuple[Key, ...]] = {}
    for metric in board.metrics:
        key = (metric.name, metric.protocol)
        for name in dict.fromkeys((metric.name, metric.title)):
            spelled[name] = (*spelled.get(name, ()), key)
        for name in dict.fromkeys((f"{metric.name}@{metric.protocol}", f"{metric.title}@{metric.protocol}")):
            spelled[name] = (key,)
    return spelled


def _picked(wanted: Iterable[str], spellings: Mapping[str, str], kind: str) -> list[str]:
    return list(dict.fromkeys(_spelled(name, spellings, kind) for name in wanted))


def _picked_metrics(wanted: Iterable[str], spellings: Mapping[str, tuple[Key, ...]]) -> list[Key]:
    return list(dict.fromkeys(key for name in wanted for key in _spelled(name, spellings, METRICS)))


def _spelled(name: str, spellings: Mapping[str, T], kind: str) -> T:
    """What a word stands for; ``Grad CAM`` stands for ``gradcam`` where nothing else is spelled so."""
    near = meant(name, spellings)
    values = list(dict.fromkeys(spellings[each] for each in near))
    if not values:
        valid = [each for each in spellings if kind != METRICS or "@" in name or "@" not in each]
        raise BenchError(f"the run has no {kind[:-1]} {name!r}", where=f"--{kind}", hint=nearest(name, valid))
    if len(values) > 1:
        raise BenchError(f"{name!r} has two meanings", where=f"--{kind}", hint=f"Write {' or '.join(near)}")
    return values[0]


def _named(names: Sequence[str], spellings: Mapping[str, str], titles: Mapping[str, str], kind: str) -> dict[str, str]:
    """By name of the run, the name that the table shows."""
    renamed = {spellings[spelled]: title for spelled, title in titles.items() if spelled in spellings}
    shown = {name: renamed.get(name, name) for name in names}
    twice = [title for title, times in Counter(shown.values()).items() if times > 1]
    if twice:
        raise BenchError(f"two {kind} are called {twice[0]!r}", where="--names", hint="Give each a name that differs")
    return shown


def _refuse_unknown(names: Mapping[str, str], known: Sequence[Iterable[str]]) -> None:
    valid = list(dict.fromkeys(name for spellings in known for name in spellings))
    for name, title in names.items():
        if name not in valid:
            hint = nearest(name, [each for each in valid if "@" in name or "@" not in each])
            what = f"the run has no method, metric, network, data or layer {name!r}"
            raise BenchError(what, where="--names", hint=hint)
        if not title.strip():
            raise BenchError(f"the name of {name!r} is empty", where="--names", hint="Give a name, or remove the line")


def _renamed(column: pd.Series[Any], names: Mapping[str, str]) -> pd.Series[Any]:
    differing = {name: shown for name, shown in names.items() if name != shown}
    return column.replace(differing) if differing else column
