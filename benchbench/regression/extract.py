"""A finished run's record to the parts of a baseline."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ..errors import BenchError
from ..results.record import Record
from ..stats import is_part
from .map_sketch import Sketch
from .records import CostRecord, DatasetRecord, Images, MapRecord, MethodRecord, MetricRecord, ModelRecord, ScoreRecord

ALONE = "alone-b1"  # a batch's figures depend on its size, and what a study shared on what it was asked
_DIGITS = 7  # float32 carries no more
_PLACE = ["model", "dataset", "layer", "method"]
_PATH = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":,;()]+[/\\])+")


def networks(info: Mapping[str, Any]) -> Iterator[ModelRecord]:
    for model in info["models"]:
        yield ModelRecord(
            str(model["name"]),
            str(model["state"]),
            _plain(model["preprocess"]),
            int(model["classes"]),
            str(model["scoring"]["precision"]),
        )


def data(info: Mapping[str, Any]) -> Iterator[DatasetRecord]:
    for dataset in info["datasets"]:
        yield DatasetRecord(str(dataset["name"]), {str(name): str(mark) for name, mark in dataset["samples"].items()})


def ways(info: Mapping[str, Any]) -> Iterator[MethodRecord]:
    for method in info["methods"]:
        parameters = _plain(method["parameters"])
        yield MethodRecord(
            str(method["name"]), str(method["plugin"]), parameters, bool(method["control"]), str(method["code"])
        )


def measures(info: Mapping[str, Any]) -> Iterator[MetricRecord]:
    """The metrics of maps; those of cost say what they are beside each measurement."""
    for metric in info["metrics"]:
        if not _measured(metric):
            low, high = (None if side is None else float(side) for side in metric["range"])
            yield MetricRecord(
                str(metric["name"]),
                str(metric["protocol"]),
                _plain(metric["parameters"]),
                bool(metric["higher_is_better"]),
                str(metric["unit"]),
                str(metric["family"]),
                (low, high),
                str(metric["code"]),
            )


def quality(record: Record) -> pd.DataFrame:
    """The rows about images, without parts.

    Raises:
        BenchError: none has a value, and there is no map.
    """
    rows = record.results
    image_rows = rows[rows["sample"].notna() & ~is_part(rows["metric"])]
    if image_rows["status"].ne("ok").all() and record.maps.empty:
        hint = "Look into its report, and run it again"
        raise BenchError("the run has no scores and no maps to compare", where=str(record.folder), hint=hint)
    return image_rows


def images(rows: pd.DataFrame, mapped: pd.DataFrame) -> Iterator[Images]:
    """Those with a score, and those with a map alone, as in a study of costs."""
    keys = ["model", "dataset", "sample", "target"]
    every = pd.concat([rows[keys], mapped[keys]], ignore_index=True)
    for (model, dataset), group in every.groupby(["model", "dataset"], sort=False):
        known = group.drop_duplicates("sample")
        targets = (None if pd.isna(target) else int(target) for target in known["target"])
        yield Images(str(model), str(dataset), tuple(map(str, known["sample"])), tuple(targets))


def cells(rows: pd.DataFrame, samples: Mapping[tuple[str, ...], Sequence[str]]) -> Iterator[ScoreRecord]:
    for key, group in rows.groupby([*_PLACE, "metric", "protocol"], sort=False):
        model, dataset, layer, method, metric, protocol = map(str, key)
        each = zip(group["sample"], group["value"], group["status"], group["reason"], strict=True)
        results = {str(sample): (value, str(status), str(reason)) for sample, value, status, reason in each}
        order = samples[model, dataset]
        values = tuple(_rounded(results[name][0]) if name in results else None for name in order)
        reasons = {
            name: (results[name][1], without_folders(results[name][2]))
            for name in order
            if name in results and results[name][1] != "ok"
        }
        yield ScoreRecord(model, dataset, layer, method, metric, protocol, values, reasons)


def maps(record: Record) -> Iterator[MapRecord]:
    for key, rows in record.maps.groupby(_PLACE, sort=False):
        model, dataset, layer, method = map(str, key)
        entries = zip(rows["sample"], rows["file"], rows["row"], strict=True)
        sketches = {str(sample): Sketch.of(record.map(str(file), int(row))) for sample, file, row in entries}
        yield MapRecord(model, dataset, layer, method, sketches)


def costs(record: Record) -> Iterator[CostRecord]:
    """The measurements that can be compared with another run's: alone, on one image, of metrics that start at 0."""
    units = {m["name"]: m["unit"] for m in record.info["metrics"] if _measured(m) and m["range"][0] == 0}
    rows = record.results[record.results["sample"].isna() & (record.results["protocol"] == ALONE)]
    ok = rows[rows["status"] == "ok"]
    keys = [*_PLACE, "metric"]
    known = {tuple(map(str, key)): float(value) for *key, value in ok[[*keys, "value"]].itertuples(index=False)}
    whole = ok[~is_part(ok["metric"]) & ok["metric"].isin(list(units))]
    for key in map(tuple, whole[keys].astype(str).to_numpy()):
        parts = [known.get((*key[:-1], f"{key[-1]}.{part}")) for part in ("q1", "q3", "reference")]
        low, high, kernel = (None if figure is None else _short(figure) for figure in parts)
        model, dataset, layer, method, metric = key
        yield CostRecord(
            model, dataset, layer, method, metric, str(units[metric]), _short(known[key]), low, high, kernel
        )


def _measured(metric: Mapping[str, Any]) -> bool:
    """Whether it tells what a method takes, and has no value per image."""
    return metric["family"] == "cost" or not {"cost", "passes", "shared"}.isdisjoint(metric["needs"])


def without_folders(text: str) -> str:
    """A message with the names of files in place of their absolute paths, which tell of whoever ran it."""
    return _PATH.sub("", text)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON reads it back, so that what is stored and what is not compare equal."""
    return dict(json.loads(json.dumps(dict(values))))


def _rounded(value: Any) -> float | None:
    return None if pd.isna(value) or math.isnan(value) else float(f"{float(value):.{_DIGITS - 1}e}")


def _short(value: float) -> float:
    return float(f"{value:.4g}")
