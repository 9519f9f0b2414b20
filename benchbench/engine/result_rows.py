"""Cells to tables: one row for everything that was asked for, in the study's order; each cell is parsed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from ..containment.plugin_watch import PluginWatch
from ..cost.ledger import User
from ..evaluation.cell_reader import CellReader
from ..evaluation.held_out import Chosen, held_out_entries
from ..evaluation.pooled import pooled
from ..results.schema import CURVES, MAPS, MISSING, PHOTOS, RESULTS, typed, validate
from ..results.store import Store
from ..results.table_draft import TableDraft
from ..study.plan import CostCell, MapCell, Task
from ..study.spec import StudySpec
from ..types import CostShare
from .cost_tables import MapOutcome, cost_rows, map_outcome, share_rows
from .map_notes import MapNotes
from .prediction_tables import ShardAnswers, accuracy, label_cautions, photo_rows, units_of
from .provenance import titles_of
from .row_keys import Row, place, valued, which


@dataclass(frozen=True, eq=False)
class Tables:
    """What a run's cells say.

    Attributes:
        results, pooled, curves, maps, photos: the parquet files of these names (maps/index, photos/index).
        accuracy: for run.json, see prediction_tables.accuracy.
        label_cautions: what is unlikely to be meant in the labels, in words.
        remains: what other libraries' methods left in the network, and metrics of all images in the process, in words.
        units: by dataset, which samples depend on each other, see prediction_tables.units_of.
        lacking_shards, lacking_costs: of how many some work is not done yet.
        lacking_derived: whether maps of whole datasets, which are made last, or their metrics are not done.
    """

    results: pd.DataFrame
    pooled: pd.DataFrame
    curves: pd.DataFrame
    maps: pd.DataFrame
    photos: pd.DataFrame
    accuracy: list[Row]
    label_cautions: list[str]
    remains: list[str]
    units: dict[str, dict[str, dict[str, str]]]
    lacking_shards: int
    lacking_costs: int
    lacking_derived: bool


@dataclass(eq=False)
class _Rows:
    """Rows as they are collected over the tasks, with what later rows need of the cells."""

    store: Store
    scores: TableDraft = field(default_factory=partial(TableDraft, RESULTS))
    curves: TableDraft = field(default_factory=partial(TableDraft, CURVES))
    maps: TableDraft = field(default_factory=partial(TableDraft, MAPS))
    answers: list[ShardAnswers] = field(default_factory=list)
    outcomes: dict[str, MapOutcome] = field(default_factory=dict)  # by map cell
    notes: MapNotes = field(default_factory=MapNotes)


def tables(
    tasks: Sequence[Task],
    costs: Sequence[tuple[CostCell, int]],
    study: StudySpec,
    store: Store,
    shares: Mapping[str, Mapping[User, CostShare]],
) -> Tables:
    """Every table of a run. ``costs``: each with the scorer's batch. ``shares``: by model, what this run took."""
    read = CellReader(tasks, store)
    watch = PluginWatch(study.time_limit)
    rows, chosen = _Rows(store), held_out_entries(tasks, read, watch)
    for task in tasks:
        _collect(task, read, chosen, rows)
    rows.scores.extend(row for cell, batch in costs for row in cost_rows(cell, study, batch, store, watch))
    rows.scores.extend(share_rows(tasks, study, shares, rows.outcomes, watch))
    return Tables(
        validate(rows.scores.frame()),
        pooled(tasks, read, study.seed, watch),
        rows.curves.frame(),
        rows.maps.frame(),
        typed(pd.DataFrame(photo_rows(rows.answers, store.place)), PHOTOS),
        accuracy(rows.answers),
        label_cautions(rows.answers, *titles_of(study)),
        [*rows.notes.sentences(titles_of(study)[0]), *watch.told()],
        units_of(rows.answers),
        sum(not read.absent.isdisjoint(_cells(task, derived=False)) for task in tasks) if read.absent else 0,
        sum(not cell.skip and store.outcome(cell.name) is None for cell, _ in costs),
        any(not read.absent.isdisjoint(_cells(task, derived=True)) for task in tasks) if read.absent else False,
    )


def _cells(task: Task, derived: bool) -> Iterator[str]:
    """The cells of a task that rows are made of: those of its images, or those that are derived from all images."""
    if not derived:
        yield task.predictions
    yield from (cell.name for cell in task.maps if bool(cell.base) == derived)
    yield from (cell.name for cell in task.metrics if bool(cell.maps.base) == derived)


def scores(tasks: Sequence[Task], store: Store) -> pd.DataFrame:
    """The part of results.parquet that is about maps: a row per image, without costs."""
    read = CellReader(tasks, store)
    chosen = held_out_entries(tasks, read, PluginWatch())
    rows = TableDraft(RESULTS)
    for task in tasks:
        rows.extend(_metric_rows(task, read(task.predictions)["samples"], _metric_pages(task, read), chosen))
    return validate(rows.frame())


def _collect(task: Task, read: CellReader, chosen: Chosen, rows: _Rows) -> None:
    """The rows of one task, of cells that are read here and nowhere else."""
    predicted, pages = read(task.predictions)["samples"], _metric_pages(task, read)
    rows.scores.extend(_metric_rows(task, predicted, pages, chosen))
    rows.curves.extend(_curve_rows(task, pages))
    for cell in task.maps:
        samples = {} if cell.skip else read(cell.name)["samples"]
        rows.maps.extend(_map_rows(task, cell, samples, predicted, rows.store))
        rows.outcomes[cell.name] = map_outcome(samples)
        computed = {name: entry for name, entry in samples.items() if entry["status"] != MISSING}
        rows.notes.add(task.shard.model.name, cell.method.title, computed)
    rows.answers.append(ShardAnswers(task.shard, predicted))


def _metric_pages(task: Task, read: CellReader) -> dict[str, Row]:
    return {cell.name: {} if cell.maps.skip else read(cell.name) for cell in task.metrics}


def _metric_rows(task: Task, predicted: Mapping[str, Row], pages: Mapping[str, Row], chosen: Chosen) -> Iterator[Row]:
    for cell in task.metrics:
        samples = pages[cell.name].get("samples", {})
        for sample in task.shard.ids:
            known = predicted[sample]
            base = {
                **place(task.shard, cell.maps),
                **which(cell.metric),
                "sample": sample,
                "label": known["label"],
                "target": known["target"],
            }
            if known["reason"]:
                yield {**base, "value": None, "status": known.get("status", "failed"), "reason": known["reason"]}
            elif cell.maps.skip:
                yield {**base, "value": None, "status": "not_applicable", "reason": cell.maps.skip}
            else:
                yield from valued(base, chosen.get((cell.name, sample), samples[sample]))


def _curve_rows(task: Task, pages: Mapping[str, Row]) -> Iterator[Row]:
    """Of curves.parquet: one per point."""
    for cell in task.metrics:
        page = pages[cell.name]
        if "x" not in page:
            continue
        base = {**place(task.shard, cell.maps), **which(cell.metric)}
        for sample, entry in page.get("samples", {}).items():
            points = zip(page.get("x", ()), entry.get("y", ()), strict=False)
            yield from ({**base, "sample": sample, "x": x, "y": y} for x, y in points)


def _map_rows(
    task: Task, cell: MapCell, samples: Mapping[str, Row], predicted: Mapping[str, Row], store: Store
) -> Iterator[Row]:
    """Of maps/index.parquet: where each map is, and its health."""
    for sample, entry in samples.items():
        if entry["status"] == "ok":
            image = {"sample": sample, "target": predicted[sample]["target"]}
            file = {"file": store.place(entry["file"]), "row": entry["row"]}
            yield {**place(task.shard, cell), **image, **file, **entry["health"]}
