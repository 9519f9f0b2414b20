"""The leaderboard as people read it: one block per model, dataset and layer; methods down, metrics across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, nan
from typing import Any

import pandas as pd

from ...errors import BenchError
from ...results.record import Record, computed, with_network_rows, with_units
from ...results.unfinished import NOT_COMPUTED, progress_of
from ...stats import (
    CELL,
    CONTEST,
    COST,
    QUALITY,
    Contest,
    Scale,
    ScaleEnds,
    agreement,
    ceiling_shares,
    contests,
    health,
    leaderboard,
    method_agreement,
    scales,
    score_agreement,
    score_places,
    score_variants,
    standard_errors,
    trusted,
)
from .. import number_format
from .blocks import Block as Block
from .blocks import Cell as Cell
from .blocks import Metric as Metric
from .blocks import Row as Row
from .footnotes import Gap, Notes, Remark, remarks_of
from .suite_report import SuiteReport, suite_report

BLOCK = ["model", "dataset", "layer"]
MOST_CELLS = 8_000_000  # of the maps of a setting that are compared for a report: a second or two
MOST_IMAGES = 2_000  # as MOST_CELLS: small maps take time by their number


@dataclass(frozen=True, eq=False)
class Board:
    """A run's leaderboard, read once: the tidy table, the comparisons, and the blocks."""

    record: Record

    @cached_property
    def shown(self) -> Record:
        """The record as it is compared: what explains the network as a whole stands at every layer."""
        return with_network_rows(self.record)

    @cached_property
    def tidy(self) -> pd.DataFrame:
        """The leaderboard of ``shown``."""
        return leaderboard(self.shown.results, int(self.record.info["seed"]), self.scales)

    @cached_property
    def scales(self) -> dict[tuple[str, str], Scale]:
        """By (metric, protocol), what run.json says of each."""
        return scales(self.record.info)

    @cached_property
    def left_ranges(self) -> tuple[tuple[str, str], ...]:
        """Metrics and protocols with values outside the range that they state."""
        kept = trusted(self.scales, self.record.results)
        return tuple(key for key, scale in self.scales.items() if kept[key] != scale)

    @cached_property
    def plain(self) -> pd.DataFrame:
        """The leaderboard of the record as it is, each row once."""
        results = computed(self.record.results)
        same = len(self.shown.results) == len(results)
        rows = with_units(results, self.record.info)
        return self.tidy if same else leaderboard(rows, int(self.record.info["seed"]), self.scales)

    @cached_property
    def uninformed(self) -> frozenset[str]:
        """Controls that know neither the network's reasons nor the object: a metric that one of them wins is gamed."""
        methods = self.record.info["methods"]
        twins = {m["name"] for m in methods if "of" in m["parameters"] and "dataset" not in m["needs"]}
        knowing = {m["name"] for m in methods if "mask" in m["needs"] and "dataset" not in m["needs"]}
        informed = knowing | {m["name"] for m in methods if m.get("optimises")}
        return self.controls - twins - informed

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Every score as a share of a ceiling's, where the run has such a control: see ``ceiling_shares``."""
        info = self.record.info
        return ceiling_shares(self.shown.results, self.scales, ScaleEnds.of(info), int(info["seed"]))

    @cached_property
    def gamed(self) -> dict[tuple[Any, ...], list[str]]:
        """By comparison on a quality metric: the uninformed controls with a better mean than every method."""
        quality = {(metric.name, metric.protocol) for metric in self.of(QUALITY)}
        quality_contests = [c for c in self.contests if c.key[3:] in quality]
        return {c.key: names for c in quality_contests if (names := self._uninformed_at(c.above))}

    @cached_property
    def levelled(self) -> dict[tuple[Any, ...], list[str]]:
        """By comparison that no control wins: the uninformed controls with the mean of the best method."""
        fair = [c for c in self.contests if c.key not in self.gamed]
        return {c.key: names for c in fair if (names := self._uninformed_at(c.level))}

    @cached_property
    def guarded(self) -> frozenset[tuple[Any, ...]]:
        """Comparisons in which a method and an uninformed control have means over the same images."""
        return frozenset(c.key for c in self.contests if self._uninformed_at(c.guards))

    def _uninformed_at(self, rows: Sequence[int]) -> list[str]:
        """The uninformed controls in these rows of the leaderboard."""
        return [str(name) for name in self.tidy.loc[list(rows), "method"] if name in self.uninformed]

    @cached_property
    def health(self) -> pd.DataFrame:
        return health(self.record.maps, self.record.results)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Of every two quality metrics and protocols, how alike they order the methods, and the families of both."""
        taus = agreement(self.tidy, self._directions, self.controls)
        families = {(metric.name, metric.protocol): metric.family for metric in self.of(QUALITY)}
        for side in ("", "other_"):
            keys = zip(taus[f"{side}metric"], taus[f"{side}protocol"], strict=True)
            taus[f"{side}family"] = pd.Series([families[key] for key in keys], dtype="string")
        return taus

    @cached_property
    def score_agreement(self) -> pd.DataFrame:
        """Of every quality metric, how alike methods are ordered under each score and under the logit."""
        return score_agreement(self.tidy, self._directions, score_variants(self.record.info["methods"]))

    @cached_property
    def score_places(self) -> pd.DataFrame:
        """Of every quality metric, each method's place under each score."""
        return score_places(self.tidy, self._directions, score_variants(self.record.info["methods"]))

    @cached_property
    def _directions(self) -> dict[tuple[str, str], bool]:
        """Of the quality metrics, whether higher is better."""
        return {(metric.name, metric.protocol): metric.higher for metric in self.of(QUALITY)}

    @cached_property
    def method_agreement(self) -> pd.DataFrame:
        """how alike the maps of every two methods are; of many or large maps those of the first images."""
        return method_agreement(self.shown, most_cells=MOST_CELLS, most_images=MOST_IMAGES)

    @cached_property
    def controls(self) -> frozenset[str]:
        return frozenset(method["name"] for method in self.record.info["methods"] if method["control"])

    @cached_property
    def remarks(self) -> dict[str, Remark]:
        """By method, what is known of its implementation; see ``remarks_of``."""
        return remarks_of(self.record.info)

    @cached_property
    def footnoted(self) -> frozenset[str]:
        """The methods on which the footnotes of the blocks have a remark."""
        return frozenset(row.method for block in self.blocks for row in block.rows if row.notes)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """In the study's order.

        Raises:
            BenchError: the table has a metric that run.json does not describe.
        """
        entries = {(m["name"], m["protocol"]): m for m in self.record.info["metrics"]}
        kinds = dict(zip(zip(self.tidy["metric"], self.tidy["protocol"], strict=True), self.tidy["kind"], strict=True))
        unknown = [pair for pair in kinds if pair not in entries]
        if unknown:
            raise BenchError(
                f"results.parquet has the metric {unknown[0]}, which run.json does not describe",
                where=str(self.record.folder),
                hint="The folder mixes two runs: run the study again",
            )
        return tuple(_metric(entries[pair], kinds[pair]) for pair in entries if pair in kinds)

    @cached_property
    def contests(self) -> tuple[Contest, ...]:
        directions = {(metric.name, metric.protocol): metric.higher for metric in self.metrics}
        return tuple(contests(self.tidy, directions, self.controls, self.decimals))

    @cached_property
    def errors(self) -> dict[tuple[Any, ...], float]:
        """The standard error of each quality mean of ``shown``."""
        return standard_errors(self.shown.results)

    @cached_property
    def decimals(self) -> dict[tuple[Any, ...], int]:
        """Of each metric in each block, by (model, dataset, layer, metric, protocol)."""
        return {
            key: column_decimals(rows, self.errors)
            for key, rows in self.tidy.groupby(CONTEST, sort=False, dropna=False)
        }

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        groups = self.tidy.groupby(BLOCK, sort=False, dropna=False)
        return tuple(self._block(rows) for _, rows in groups)

    @cached_property
    def best(self) -> frozenset[int]:
        """Rows of the tidy table that are best in their comparison."""
        return frozenset(place for contest in self.contests for place in contest.best)

    @cached_property
    def incomparable(self) -> frozenset[int]:
        """Rows of the tidy table whose mean is over other images than their rivals'."""
        return frozenset(place for contest in self.contests for place in contest.incomparable)

    @cached_property
    def suite(self) -> SuiteReport | None:
        """What the run's suite found out; None where the run has no such answer."""
        return suite_report(self.record, self.controls)

    @cached_property
    def warned(self) -> dict[str, str]:
        """The warning of each network of the board that has one."""
        shown = dict.fromkeys(block.model for block in self.blocks)
        models = {str(model["name"]): str(model["warning"]) for model in self.record.info["models"]}
        return {name: models[name] for name in shown if models.get(name)}

    @property
    def disowned(self) -> frozenset[str]:
        """The networks with a warning, which no order and no mean over networks counts; none where all have one."""
        every = {block.model for block in self.blocks}
        return frozenset(self.warned) if set(self.warned) < every else frozenset()

    def of(self, kind: str = QUALITY) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.metrics if metric.kind == kind)

    def _block(self, rows: pd.DataFrame) -> Block:
        where = tuple(rows.iloc[0][BLOCK])
        keys = [(metric, (*where, metric.name, metric.protocol)) for metric in self.metrics]
        metrics = tuple(
            replace(
                metric,
                decimals=self.decimals[key],
                gamed=tuple(self.gamed.get(key, ())),
                ceiling=self._ceilings.get(key, ""),
            )
            for metric, key in keys
            if key in self.decimals
        )
        notes, places = Notes(), zip(rows.index, rows.to_dict("records"), strict=True)
        cells = {(row["method"], row["metric"], row["protocol"]): (int(place), row) for place, row in places}
        shown = tuple(self._row(name, cells, metrics, notes) for name in self._methods(rows))
        model, dataset, layer = (str(value) for value in where)
        return Block(model, dataset, layer, metrics, shown, notes.footnotes)

    @cached_property
    def _ceilings(self) -> dict[tuple[Any, ...], str]:
        """By comparison, the control that its shares are of."""
        rows = self.shares[[*CONTEST, "ceiling"]].drop_duplicates(CONTEST)
        return {tuple(key): str(name) for *key, name in rows.itertuples(index=False, name=None)}

    def _methods(self, rows: pd.DataFrame) -> list[str]:
        """Methods in the study's order, controls last."""
        return sorted(rows["method"].unique(), key=lambda name: name in self.controls)

    def _row(self, name: str, places: Mapping[Any, tuple[int, Any]], metrics: Sequence[Metric], notes: Notes) -> Row:
        remark = self.remarks.get(name)
        noted = (notes.number(name, remark),) if remark else ()
        cells = [self._cell(m, name, places.get((name, m.name, m.protocol)), notes) for m in metrics]
        return Row(name, name in self.controls, tuple(cells), noted)

    def _cell(self, metric: Metric, method: str, row_at: tuple[int, Any] | None, notes: Notes) -> Cell:
        if row_at is None:
            why_not = NOT_COMPUTED if progress_of(self.record.info) else "not in the results"
            return Cell(metric, 0, nan, nan, nan, 0, 0, why_not, notes=(notes.number(method, Gap(why_not)),))
        place, row = row_at
        n, failed, not_applicable = int(row["n"]), int(row["failed"]), int(row["not_applicable"])
        scored = int(row["scored"])
        comparable, reason = place not in self.incomparable, str(row["reason"])
        gap = Gap.of(scored, failed, not_applicable, reason, comparable=comparable)
        return Cell(
            metric,
            n,
            float(row["mean"]),
            float(row["low"]),
            float(row["high"]),
            failed,
            not_applicable,
            reason,
            best=place in self.best,
            notes=(notes.number(method, gap),) if gap else (),
            median=float(row["median"]),
            comparable=comparable,
            scored=scored,
        )


def _metric(entry: dict[str, Any], kind: str) -> Metric:
    title, unit, family = entry["title"] or entry["name"], entry["unit"] or "", entry.get("family", "")
    low, high = entry.get("range", (None, None))
    bounds = (-inf if low is None else low, inf if high is None else high)
    renamed = bool(entry.get("user_title"))
    key = (entry["name"], entry["protocol"])
    return Metric(*key, title, entry["higher_is_better"], unit, kind, family, range=bounds, renamed=renamed)


def column_decimals(column: pd.DataFrame, errors: Mapping[tuple[Any, ...], float]) -> int:
    """Of one metric, in one block or in several: by its standard errors, or the size of its measurements.

    Not by the intervals: those of few images are wide for what these images cannot have shown, and would hide digits
    in which methods differ on the same images.
    """
    if (column["kind"] == COST).all():
        return number_format.decimals_for_measurements(column["mean"].dropna())
    column_errors = [errors.get(key, 0.0) for key in column[CELL].itertuples(index=False, name=None)]
    return number_format.decimals_for_intervals(4 * error for error in column_errors)
