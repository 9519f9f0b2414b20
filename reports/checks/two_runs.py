"""Two runs against each other, for a terminal of 80 columns and as CSV, Markdown or JSON."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...errors import BenchError, nearest
from ...formatting import join_words, plural
from ...results.record import Record
from ...stats import cost_ratios, versus
from ..escape import csv, markdown, one_line
from ..number_format import decimals_for_intervals, decimals_for_measurements, fixed, interval, p_value

FORMATS = ("table", "csv", "markdown", "json")
VERDICTS = ("better", "worse", "equivalent", "inconclusive", "incomparable")
PLACE = ["model", "dataset", "layer"]
STYLES = {"better": "green", "worse": "bold red", "incomparable": "yellow"}
HEADS = ("metric", "A", "B", "B - A [95 %]", "verdict of B")
COST_HEADS = ("cost", "A", "B", "B / A [quartiles]")


@dataclass(frozen=True, eq=False)
class RunComparison:
    """What ``versus`` and ``cost_ratios`` say of run B, the second, beside run A."""

    quality: pd.DataFrame
    costs: pd.DataFrame

    @classmethod
    def of(
        cls, first: Record, second: Record, models: Mapping[str, str] | None = None, margin: float | None = None
    ) -> RunComparison:
        """Raises: BenchError: the runs have nothing in common."""
        return cls(versus(first, second, models, margin), cost_ratios(first, second, models))

    @property
    def summary(self) -> str:
        """Of run B: how many comparisons are better, worse, equivalent, inconclusive, incomparable."""
        counts = Counter(map(str, self.quality["verdict"]))
        tally = join_words(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        return f"B compared with A in {plural(len(self.quality), 'quality comparison')}: {tally}."

    def text(self, format: str) -> str:
        """``csv``: both tables at full precision, the costs' rows last; ``json``: the same with the summary.

        Raises:
            BenchError: an unknown format.
        """
        if format == "csv":
            both = pd.concat([self.quality.assign(kind="quality"), self.costs.assign(kind="cost")], ignore_index=True)
            return csv(both)
        if format == "json":
            tables = {name: _records(table) for name, table in (("quality", self.quality), ("costs", self.costs))}
            return json.dumps({**tables, "summary": self.summary}, indent=1, allow_nan=False) + "\n"
        if format == "markdown":
            return "\n".join([*_markdown(self), self.summary]) + "\n"
        raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, FORMATS))

    def renderable(self) -> Group:
        """For a terminal."""
        return Group(*_tables(self), Text(self.summary, style="bold"))


def sections(compared: RunComparison) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, list[list[str]]]]]]:
    """A title, the heads, and by method the rows of cells, in lines; all of quality, then costs. Nothing is escaped."""
    for table, heads, row in ((compared.quality, HEADS, _quality), (compared.costs, COST_HEADS, _cost)):
        for place, rows in table.groupby(PLACE, sort=False):
            assert isinstance(place, tuple)
            other = str(rows["other_model"].iloc[0])
            model = str(place[0]) if other == place[0] else f"{place[0]} and {other}"
            digits = {key: _decimals(part) for key, part in rows.groupby(["metric", "protocol"], sort=False)}
            methods = [
                (str(name), [row(each, digits[each["metric"], each["protocol"]]) for each in part.to_dict("records")])
                for name, part in rows.groupby("method", sort=False)
            ]
            yield " · ".join([model, *map(str, place[1:])]), heads, methods


def _decimals(rows: pd.DataFrame) -> int:
    """Of a metric at one place: by the intervals of its median differences, which few images bound; or its costs."""
    if "ratio" in rows:
        return decimals_for_measurements([*rows["cost"], *rows["other_cost"]])
    medians, means = (rows[f"{side}high"].astype(float) - rows[f"{side}low"].astype(float) for side in ("median_", ""))
    return decimals_for_intervals(medians if (medians > 0).any() else means)


def _quality(row: Mapping[Any, Any], decimals: int) -> list[str]:
    name = f"{row['metric']} {row['protocol']}"
    numbers = [_number(row[side], decimals) for side in ("mean", "other_mean")]
    if row["verdict"] == "incomparable":
        return [name, *numbers, "", f"incomparable: {row['reason']}"]
    difference = "\n".join([_number(row["mean_difference"], decimals), interval(row["low"], row["high"], decimals)])
    notes = [f"{row['other_targets']} changed targets"] if row["other_targets"] else []
    notes += (
        [f"failed {row['other_failed']} in A, {row['failed']} in B"] if row["failed"] or row["other_failed"] else []
    )
    verdict = str(row["verdict"])
    verdict += ", within the margin" if row["equivalent"] and verdict != "equivalent" else ""
    return [name, *numbers, difference, "\n".join([verdict, p_value(row["p_holm"]), *notes])]


def _cost(row: Mapping[Any, Any], decimals: int) -> list[str]:
    numbers = [_number(row[side], decimals) for side in ("cost", "other_cost")]
    name = f"{row['metric']} {row['protocol']}"
    if row["reason"]:
        return [name, *numbers, str(row["reason"])]
    return [name, *numbers, " ".join(filter(None, [_number(row["ratio"], 2), interval(row["low"], row["high"], 2)]))]


def _number(value: Any, decimals: int) -> str:
    return "" if value is None or math.isnan(value) else fixed(float(value), decimals)


def _tables(compared: RunComparison) -> Iterator[RenderableType]:
    for title, heads, methods in sections(compared):
        yield Text(one_line(title), style="bold")
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for head, least in zip(("method", *heads), (11, 12, 0, 0, 14, 12), strict=False):
            right = head in ("A", "B")
            table.add_column(
                Text(head), justify="right" if right else "left", no_wrap=right, overflow="fold", min_width=least
            )
        for name, rows in methods:
            for number, cells in enumerate(rows):
                style = STYLES.get(re.split("[\n:,]", cells[-1])[0], "")
                texts = [Text(_lines(cell)) for cell in ("" if number else name, *cells)]
                texts[-1].stylize(style)
                table.add_row(*texts)
            table.add_section()
        yield table
        yield Text("")


def _lines(cell: str) -> str:
    return "\n".join(one_line(line) for line in cell.split("\n"))


def _markdown(compared: RunComparison) -> Iterator[str]:
    for title, heads, methods in sections(compared):
        yield f"### {markdown(title)}\n"
        yield f"| method | {' | '.join(heads)} |"
        yield f"| :-- | {' | '.join('--:' if head in ('A', 'B') else ':--' for head in heads)} |"
        for name, rows in methods:
            yield from (f"| {' | '.join(markdown(cell) for cell in (name, *cells))} |" for cells in rows)
        yield ""


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    return list(rows)
