"""The rows of two runs in one table, each row once, in the order in which one run has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from ..vocabulary import INPUT
from .record import Record
from .schema import typed
from .whole_values import BLOCK, plain

Info: TypeAlias = Mapping[str, Any]
IMAGE = ["model", "dataset", "sample"]
MAP = [*IMAGE, "layer", "method"]
ROW = [*MAP, "metric", "protocol"]


def joined_rows(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Results of both. Of what both have, the first one's are kept, but where only the second one has a value."""
    rows = pd.concat([first, second], ignore_index=True)
    lacks = (rows["status"] != "ok").sort_values(kind="stable")
    return rows.loc[lacks.index].drop_duplicates(ROW).sort_index().reset_index(drop=True)


def joined(first: pd.DataFrame, second: pd.DataFrame, keys: list[str], columns: Mapping[str, str]) -> pd.DataFrame:
    """The rows of another table, and of the second one those with keys that the first one has not."""
    return typed(pd.concat([first, lacking(second, first, keys)], ignore_index=True), dict(columns))


def lacking(rows: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows whose keys the others have not."""
    known = others[keys].drop_duplicates().assign(known=True)
    return rows[rows[keys].merge(known, on=keys, how="left")["known"].isna().to_numpy()]


class RowOrder:
    """The order of one run with everything that two runs have: networks, data, shards, layers, methods, metrics.

    Args:
        info: run.json of both.
        records: the two runs. Their rows tell which images are of one shard: one method and metric after the other.
    """

    def __init__(self, info: Info, records: Sequence[Record]) -> None:
        self._ranks = {
            "model": _ranks(entry["name"] for entry in info["models"]),
            "dataset": _ranks(entry["name"] for entry in info["datasets"]),
            "method": _ranks(entry["name"] for entry in info["methods"]),
        }
        self._layers = {e["name"]: _ranks([*(x for x in e["layers"] if x != INPUT), INPUT]) for e in info["models"]}
        self._metrics = _ranks((entry["name"], entry["protocol"]) for entry in info["metrics"])
        shared = {e["name"] for e in info["metrics"] if "shared" in e["needs"]}
        timed = [e for e in info["metrics"] if {"cost", "passes"} & set(e["needs"])]
        batches = _ranks(e["parameters"].get("images") == "largest" for e in timed)
        self._costs = {
            (e["name"], e["protocol"]): batches[e["parameters"].get("images") == "largest"] for e in timed
        } | {(e["name"], e["protocol"]): len(batches) for e in info["metrics"] if e["name"] in shared}
        self._shared = len(batches)
        self._images: dict[tuple[str, ...], tuple[int, int]] = {}
        for record in records:
            self._add_images(record.results)

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A table in this order."""
        keys = pd.DataFrame(index=rows.index)
        nobody = (-1, -1)
        if "sample" in rows:
            images = [self._images.get(key, nobody) for key in _tuples(rows, IMAGE)]
            keys["cost"] = rows["sample"].isna()
            keys["shard"], keys["image"] = [shard for shard, _ in images], [place for _, place in images]
        metrics = _tuples(rows.assign(metric=plain(rows["metric"])), ["metric", "protocol"]) if "metric" in rows else []
        keys["metric"] = [self._metrics.get(key, -1) for key in metrics] or 0
        keys["batch"] = [self._costs.get(key, -1) for key in metrics] or 0
        keys["shared"] = keys["batch"] == self._shared
        for name, ranks in self._ranks.items():
            keys[name] = rows[name].map(ranks) if name in rows else 0
        keys["layer"] = self._layer_ranks(rows) if "layer" in rows else 0
        wanted = ["cost", "shared", "model", "dataset", "batch", "shard", "layer", "method", "metric", "image"]
        columns = [name for name in wanted if name in keys]
        return rows.loc[keys.sort_values(columns, kind="stable").index].reset_index(drop=True)

    def _layer_ranks(self, rows: pd.DataFrame) -> list[int]:
        return [self._layers.get(model, {}).get(layer, -1) for model, layer in _tuples(rows, ["model", "layer"])]

    def _add_images(self, results: pd.DataFrame) -> None:
        rows = results[results["sample"].notna()].assign(metric=plain(results["metric"]))
        for names, group in rows.groupby(BLOCK, sort=False):
            block = tuple(map(str, names))
            after = 1 + max((shard for key, (shard, _) in self._images.items() if key[:2] == block), default=-1)
            places = group.groupby(["layer", "method", "metric", "protocol"], sort=False).ngroup()
            again = ((places != places.shift()) & (places == 0)).cumsum()
            first = group.assign(shard=after + again - 1).drop_duplicates("sample")
            for sample, shard in zip(first["sample"], first["shard"], strict=True):
                self._images.setdefault((*block, sample), (int(shard), len(self._images)))


def _ranks(names: Iterable[Any]) -> dict[Any, int]:
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}


def _tuples(rows: pd.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[column] for column in columns), strict=True))
