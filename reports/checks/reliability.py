"""Which metrics can be trusted: the table of ``Run.reliability`` for a terminal, as Markdown and as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ...files import publish
from ..escape import csv, markdown, one_line
from ..number_format import fixed, interval

PLACE = ["model", "dataset", "layer"]
COLUMNS = ("MC, input", "MC, weights", "tau, noisy maps", "monotone", "won by")
MEANING = (
    "MC: the mean of noise resilience and adversary reactivity under disturbances of the input, or of the weights, in "
    "[0, 1], with its 95 % interval over draws; 0.5 for a metric that never changes. tau: Kendall's tau between the "
    "share of noise in a map and how bad the metric rates it (1 is best), with its 95 % interval over images. "
    "monotone: the share of images whose score never gets better as noise is added. won by: sanity-check controls "
    "that beat every method."
)


def terminal(reliability: pd.DataFrame) -> Group:
    """One table per model, dataset and layer."""
    return Group(*_tables(reliability))


def _tables(reliability: pd.DataFrame) -> Iterator[Any]:
    for place, rows in reliability.groupby(PLACE, sort=False):
        yield Text(one_line(" · ".join(map(str, place))), style="bold")
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for name in ("metric", *COLUMNS):
            table.add_column(name, justify="left" if name in ("metric", "won by") else "right", vertical="top")
        for row in rows.to_dict("records"):
            table.add_row(f"{one_line(row['metric'])}\n{one_line(row['protocol'])}", *_cells(row, "\n"))
        yield table
        yield from (Text(f"({name}) {one_line(why)}", style="yellow") for name, why in _reasons(rows))
        yield Text("")
    yield Text(MEANING, style="dim")


def render(reliability: pd.DataFrame) -> str:
    """The same as Markdown."""
    lines = []
    for place, rows in reliability.groupby(PLACE, sort=False):
        lines += [f"### {' · '.join(markdown(str(part)) for part in place)}", ""]
        lines += [_line(["Metric", "Protocol", *COLUMNS]), _line([":--", ":--", *["--:"] * 4, ":--"])]
        for row in rows.to_dict("records"):
            cells = (markdown(cell) for cell in _cells(row, " "))
            lines.append(_line([markdown(row["metric"]), markdown(row["protocol"]), *cells]))
        lines += ["", *(f"- {markdown(name)}: {markdown(why)}" for name, why in _reasons(rows)), ""]
    return "\n".join([*lines, MEANING, ""])


def write_tables(reliability: pd.DataFrame, folder: Path) -> None:
    """Write reliability.csv, at full precision, and reliability.md into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    publish(folder / "reliability.csv", csv(reliability))
    publish(folder / "reliability.md", render(reliability))


def _cells(row: dict[Any, Any], between: str) -> list[str]:
    return [
        *(_with_interval(row, name, between) for name in ("mc_input", "mc_weights", "tau")),
        _number(row["monotone"]),
        row["gamed_by"],
    ]


def _with_interval(row: dict[Any, Any], name: str, between: str) -> str:
    span = interval(row[f"{name}_low"], row[f"{name}_high"], 2)
    return between.join(filter(None, [_number(row[name]), span]))


def _number(value: float) -> str:
    return fixed(value, 2) if math.isfinite(value) else "n/a"


def _reasons(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Each reason once, with the metrics that it holds of."""
    for why, some in rows[rows["reason"] != ""].groupby("reason", sort=False):
        names = (f"{metric}@{protocol}" for metric, protocol in zip(some["metric"], some["protocol"], strict=True))
        yield ", ".join(names), str(why)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
