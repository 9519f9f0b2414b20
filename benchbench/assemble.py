"""Cells to tables: one row for everything that was asked for, in the study's order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from .across import Chosen, across
from .cautions import Answer, of_labels
from .containing import contained
from .errors import raised, safe
from .plan import NO_COST, CostCell, MapCell, Shard, Task, images_asked
from .sharing import User
from .store import Store
from .study import MetricChoice, Study
from .table import CURVES, MAPS, PHOTOS, RESULTS, typed, validate
from .types import Cost, Count, Share

Row = dict[str, Any]
NOT_IN_THIS_RUN = "some maps are from an earlier run, so the shared work of the whole study was not measured"


def results(
    tasks: Sequence[Task],
    costs: Sequence[tuple[CostCell, int]],
    study: Study,
    store: Store,
    shares: Mapping[str, Mapping[User, Share]],
) -> pd.DataFrame:
    """results.parquet. ``costs``: each with the scorer's batch. ``shares``: by model, what this run's maps took."""
    rows = _score_rows(tasks, store)
    rows += [row for cell, batch in costs for row in _cost_rows(cell, study, batch, store)]
    rows += list(_share_rows(tasks, study, store, shares))
    return validate(typed(pd.DataFrame(rows), RESULTS))


def scores(tasks: Sequence[Task], store: Store) -> pd.DataFrame:
    """The part of results.parquet that is about maps: a row per image, without costs."""
    return validate(typed(pd.DataFrame(_score_rows(tasks, store)), RESULTS))


def _score_rows(tasks: Sequence[Task], store: Store) -> list[Row]:
    chosen = across(tasks, store)
    return [row for task in tasks for row in _metric_rows(task, store, chosen)]


def curves(tasks: Sequence[Task], store: Store) -> pd.DataFrame:
    """curves.parquet: one row per point."""
    rows = []
    for task in tasks:
        for cell in task.metrics:
            page = {} if cell.maps.skip else store.read_cell(cell.name)
            base = {**_place(task.shard, cell.maps), **_which(cell.metric)}
            for sample, entry in page.get("samples", {}).items():
                points = zip(page.get("x", ()), entry.get("y", ()), strict=False)
                rows += [{**base, "sample": sample, "x": x, "y": y} for x, y in points]
    return typed(pd.DataFrame(rows), CURVES)


def map_index(tasks: Sequence[Task], store: Store) -> pd.DataFrame:
    """maps/index.parquet: where each map lies, and its health."""
    rows = []
    for task in tasks:
        predicted = store.read_cell(task.predictions)["samples"]
        for cell in task.maps:
            samples = {} if cell.skip else store.read_cell(cell.name)["samples"]
            for sample, entry in samples.items():
                if entry["status"] == "ok":
                    target = predicted[sample]["target"]
                    place = {**_place(task.shard, cell), "sample": sample, "target": target}
                    rows.append({**place, **_file(entry), **entry["health"]})
    return typed(pd.DataFrame(rows), MAPS)


def photo_index(tasks: Sequence[Task], store: Store) -> pd.DataFrame:
    """photos/index.parquet: what the network saw, and what it said."""
    rows = []
    for task in tasks:
        names = task.shard.model.spec.classes
        for sample, entry in store.read_cell(task.predictions)["samples"].items():
            if not entry["photo"]:
                continue
            rows.append(
                {
                    "model": task.shard.model.spec.name,
                    "dataset": task.shard.dataset_name,
                    "sample": sample,
                    "target": entry["target"],
                    "target_name": _class_name(names, entry["target"]),
                    "label": entry["label"],
                    "label_name": _class_name(names, entry["label"]),
                    "probability": entry["probability"],
                    "file": entry["photo"],
                    "object_share": entry["object_share"],
                }
            )
    return typed(pd.DataFrame(rows), PHOTOS)


def accuracy(tasks: Sequence[Task], store: Store) -> list[Row]:
    """Per model and dataset how often the most likely class was the label: a check of weights and preprocessing.

    ``readings``: how often it would be, were the classes numbered in the dataset's other ways.
    """
    found: dict[tuple[str, str], Row] = {}
    for task in tasks:
        others = getattr(task.shard.dataset, "readings", {})
        key = {"model": task.shard.model.spec.name, "dataset": task.shard.dataset_name}
        row = found.setdefault((key["model"], key["dataset"]), {**key, "right": 0, "labelled": 0})
        if others:
            row.setdefault("readings", dict.fromkeys(others, 0))
        for entry in store.read_cell(task.predictions)["samples"].values():
            if entry["label"] is not None and not entry["reason"] and not task.shard.model.settings["scored"]:
                row["right"] += entry["predicted"] == entry["label"]
                row["labelled"] += 1
                for name, labels in others.items():
                    row["readings"][name] += entry["predicted"] == labels.get(entry["label"])
    return list(found.values())


def label_cautions(tasks: Sequence[Task], store: Store) -> list[str]:
    """What is unlikely to be meant in the labels, per model and dataset, by the network's answers."""
    found: dict[tuple[str, str], list[Answer]] = {}
    classes: dict[tuple[str, str], int] = {}
    for task in tasks:
        key = (task.shard.model.spec.name, task.shard.dataset_name)
        classes[key] = task.shard.model.classes
        for entry in store.read_cell(task.predictions)["samples"].values():
            if not entry["reason"] and not task.shard.model.settings["scored"]:
                found.setdefault(key, []).append(Answer(entry["label"], entry["predicted"]))
    return [said for key, answers in found.items() for said in of_labels(*key, answers, classes[key])]


def with_units(described: Sequence[Row], tasks: Sequence[Task], store: Store) -> list[Row]:
    """The datasets of run.json with what makes images dependent, where something does.

    ``copies``: by sample, the first sample with the same picture; ``groups``: by sample, its group.
    """
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    first: dict[tuple[str, str], str] = {}
    for task in tasks:
        data = task.shard.dataset_name
        copies, groups = found.setdefault(data, ({}, {}))
        for sample, entry in store.read_cell(task.predictions)["samples"].items():
            known = task.shard.groups
            group = entry.get("group") if known is None else known.get(sample)
            if group is not None:
                groups[sample] = str(group)
            if entry.get("picture"):
                original = first.setdefault((data, entry["picture"]), sample)
                if original != sample:
                    copies[sample] = original
    named = {name: {"copies": copies, "groups": groups} for name, (copies, groups) in found.items()}
    return [{**data, **{key: own for key, own in named.get(data["name"], {}).items() if own}} for data in described]


def failures(results: pd.DataFrame) -> list[Row]:
    """Every distinct reason why rows failed, with the first sample and how many rows: for run.json."""
    failed = results[results["status"] == "failed"]
    keys = ["model", "dataset", "layer", "method", "metric", "reason"]
    groups = failed.groupby(keys, sort=False)["sample"].agg(["first", "size"]).reset_index()
    return [
        {**{key: str(row[key]) for key in keys}, "first_sample": _or_none(row["first"]), "rows": int(row["size"])}
        for _, row in groups.iterrows()
    ]


def _or_none(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _metric_rows(task: Task, store: Store, chosen: Chosen) -> Iterator[Row]:
    predicted = store.read_cell(task.predictions)["samples"]
    for cell in task.metrics:
        samples = {} if cell.maps.skip else store.read_cell(cell.name)["samples"]
        for sample in task.shard.ids:
            known = predicted[sample]
            base = {
                **_place(task.shard, cell.maps),
                **_which(cell.metric),
                "sample": sample,
                "label": known["label"],
                "target": known["target"],
            }
            if known["reason"]:
                yield {**base, "value": None, "status": "failed", "reason": known["reason"]}
            elif cell.maps.skip:
                yield {**base, "value": None, "status": "not_applicable", "reason": cell.maps.skip}
            else:
                yield from _valued(base, chosen.get((cell.name, sample), samples[sample]))


def _cost_rows(cell: CostCell, study: Study, batch: int, store: Store) -> Iterator[Row]:
    entry: Row = {} if cell.skip else store.read_cell(cell.name)
    for metric in study.metrics:
        if not metric.plugin.alone or images_asked(metric, batch) != cell.images:
            continue
        base = {
            "model": cell.shard.model.spec.name,
            "dataset": cell.shard.dataset_name,
            "layer": cell.layer,
            "method": cell.method.label,
            **_which(metric),
            "sample": None,
            "label": None,
            "target": None,
        }
        if cell.skip:
            yield {**base, "value": None, "status": "not_applicable", "reason": cell.skip}
        elif entry["reason"]:
            yield {**base, "value": None, "status": entry["status"], "reason": entry["reason"]}
        else:
            yield from _valued(base, _cost_entry(metric, entry["cost"]))


def _share_rows(
    tasks: Sequence[Task], study: Study, store: Store, shares: Mapping[str, Mapping[User, Share]]
) -> Iterator[Row]:
    """What each method's maps took in this run, once for all shards of a dataset."""
    metrics = [metric for metric in study.metrics if "shared" in metric.plugin.needs]
    groups: dict[tuple[str, User], list[tuple[Task, MapCell]]] = {}
    for task in tasks if metrics else ():
        for cell in task.maps:
            user = (task.shard.dataset_name, cell.layer, cell.method.label)
            groups.setdefault((task.shard.model.spec.name, user), []).append((task, cell))
    for (model, user), cells in groups.items():
        share, none = shares.get(model, {}).get(user), _no_share([cell for _, cell in cells], store)
        for metric in metrics:
            nobody = {"sample": None, "label": None, "target": None}
            base = {**_place(cells[0][0].shard, cells[0][1]), **_which(metric), **nobody}
            if none or share is None:
                yield {**base, "value": None, **(none or {"status": "not_applicable", "reason": NOT_IN_THIS_RUN})}
            else:
                yield from _valued(base, _read(metric, share))


def _no_share(cells: Sequence[MapCell], store: Store) -> Row | None:
    """Status and reason, where the method has no map at all that this network made."""
    if cells[0].skip or cells[0].base:
        return {"status": "not_applicable", "reason": cells[0].skip or NO_COST}
    entries = [entry for cell in cells for entry in store.read_cell(cell.name)["samples"].values()]
    if not entries or any(entry["status"] == "ok" for entry in entries):
        return None
    return {"status": entries[0]["status"], "reason": entries[0]["reason"]}


def _cost_entry(metric: MetricChoice, cost: Row) -> Row:
    """A metric's reading of a stored cost, or of passes alone."""
    if "cost" not in metric.plugin.needs:
        return _read(metric, Count(**{name: cost[name] for name in ("forwards", "backwards", "rests", "images")}))
    listed = {key: tuple(cost.get(key, ())) for key in ("seconds", "forward_seconds", "reference_seconds")}
    return _read(metric, Cost(**{**cost, **listed}))


def _read(metric: MetricChoice, measured: Cost | Count | Share) -> Row:
    """The entry that a metric makes of what was measured."""
    try:
        with contained(f"metric {metric.name}"):
            scored = metric.plugin.function(measured, **metric.params)
        value, parts = float(scored.value), {key: float(part) for key, part in scored.parts.items()}
    except Exception as error:  # a metric of someone's own
        return {"value": None, "status": "failed", "reason": raised(error)}
    if not all(map(math.isfinite, [value, *parts.values()])):
        return {"value": None, "status": "failed", "reason": f"{metric.name} is not a finite number here"}
    return {"value": value, "status": "ok", "reason": "", "parts": parts}


def _valued(base: Row, entry: Row) -> Iterator[Row]:
    """The row of a value, and one for each further part of it."""
    yield {**base, "value": entry["value"], "status": entry["status"], "reason": entry["reason"]}
    for part, value in entry.get("parts", {}).items():
        yield {**base, "metric": f"{base['metric']}.{part}", "value": value, "status": "ok", "reason": ""}


def _place(shard: Shard, cell: MapCell) -> Row:
    return {
        "model": shard.model.spec.name,
        "dataset": shard.dataset_name,
        "layer": cell.layer,
        "method": cell.method.label,
    }


def _which(metric: MetricChoice) -> Row:
    return {"metric": metric.name, "protocol": metric.protocol}


def _file(entry: Row) -> Row:
    return {"file": entry["file"], "row": entry["row"]}


def _class_name(names: tuple[str, ...], index: int | None) -> str:
    if index is None:
        return ""
    return safe(names[index]) if 0 <= index < len(names) else f"class {index}"
