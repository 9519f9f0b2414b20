"""Runs that visitors may open: those of the command line, and on a local app those that are typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image

from ..api.run import Run
from ..errors import BenchError
from ..paths import expanded
from ..reports.checks.two_runs import RunComparison, sections
from ..reports.escape import one_line, visible
from ..stats import is_part
from ..viz.style import Style, styled
from .map_cards import CardRow, MapCard, address_of, rendered_rows, templates

COLUMNS = ("model", "dataset", "layer", "method", "metric", "protocol", "mean", "low", "high", "rank", "groups", "n")
FILTERS = ("model", "dataset", "layer", "metric", "method")
MOST_CARDS = 24
_MOST_RUNS = 4  # that are kept in memory


@dataclass(eq=False)
class OpenRun:
    """A run that was read."""

    run: Run
    stamp: float

    @cached_property
    def board(self) -> pd.DataFrame:
        """The leaderboard, a row for each method in each setting under each metric."""
        table = self.run.leaderboard()
        return table[[column for column in COLUMNS if column in table]]

    def choices(self, column: str) -> list[str]:
        """The values of a column of the leaderboard."""
        return list(dict.fromkeys(self.board[column].map(str)))

    @property
    def samples(self) -> list[str]:
        """Images that have maps."""
        return list(dict.fromkeys(self.run.record.maps["sample"].map(str)))

    def filtered(self, chosen: Mapping[str, Sequence[str]]) -> pd.DataFrame:
        """The leaderboard's rows of what is chosen; of a column without a choice all."""
        plain = _fitting(self.board, chosen).copy()
        for column in plain.select_dtypes(include=["object", "string", "category"]):
            plain[column] = plain[column].map(lambda value: visible(str(value)))
        return plain.round(4)

    def maps_page(self, sample: str, chosen: Mapping[str, Sequence[str]]) -> str:
        """The stored maps of an image, as HTML.

        Raises:
            BenchError: the run has no map of it, or a file is not what the run wrote.
        """
        rows = self.run.record.maps
        rows = _fitting(rows[rows["sample"].map(str) == sample], chosen)
        if rows.empty:
            raise BenchError(f"no map of {sample!r} fits", where="runs", hint="Choose another image, or fewer filters")
        cut = rows.head(MOST_CARDS)
        groups = cut.groupby(["model", "dataset", "layer"], sort=False)
        page = [self._row(key, part) for key, part in groups]
        left = f"{len(rows) - len(cut)} more maps fit: choose fewer methods or layers" if len(rows) > len(cut) else ""
        return rendered_rows(None, page, [left] if left else [])

    def _row(self, key: Any, rows: pd.DataFrame) -> CardRow:
        model, dataset, layer = map(str, key)
        return CardRow(f"{model} · {dataset} · layer {layer}", tuple(map(self._card, rows.to_dict("records"))))

    def _card(self, row: Any) -> MapCard:
        seen = self._photo(row)
        if seen is None:
            return MapCard("", str(row["method"]), "", reason="the run stored no picture of it")
        saliency_map = torch.from_numpy(self.run.record.map(str(row["file"]), int(row["row"])))
        alt = f"map of {row['method']} at layer {row['layer']}"
        return MapCard(address_of(styled(seen, saliency_map, Style())), str(row["method"]), alt, self._scores(row))

    def _photo(self, row: Any) -> Image.Image | None:
        photos = self.run.record.photos
        same = photos[_same(photos, row, ("model", "dataset", "sample"))]
        if same.empty:
            return None
        return self.run.record.picture(str(same["file"].iloc[0]))

    def _scores(self, row: Any) -> tuple[str, ...]:
        rows = self._whole_scores
        same = rows[_same(rows, row, ("model", "dataset", "sample", "layer", "method"))]
        return tuple(f"{each['metric']} {float(each['value']):.3f}" for each in same.to_dict("records"))

    @cached_property
    def _whole_scores(self) -> pd.DataFrame:
        """Rows with a value, without those of a metric's parts."""
        rows = self.run.table
        return rows[(rows["status"] == "ok") & ~is_part(rows["metric"])]


def _fitting(rows: pd.DataFrame, chosen: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The rows of what is chosen; of a column without a choice, or that the table has not, all."""
    for column, names in chosen.items():
        if names and column in rows:
            rows = rows[rows[column].map(str).isin(list(names))]
    return rows


def _same(rows: pd.DataFrame, row: Any, columns: Sequence[str]) -> Any:
    fits = rows[columns[0]] == row[columns[0]]
    for column in columns[1:]:
        fits &= rows[column] == row[column]
    return fits


@dataclass(eq=False)
class RunLibrary:
    """The runs that were opened.

    Args:
        named: folders of the command line.
        typed: whether other folders may be opened: on an app that only this machine can reach.
    """

    named: tuple[Path, ...]
    typed: bool
    _open: dict[Path, OpenRun] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [str(folder) for folder in self.named]

    def opened(self, name: Any) -> OpenRun:
        """The run of a folder; it is read again where its run.json changed.

        Raises:
            BenchError: the folder may not be opened here, it holds no run, or a file is not what the run wrote.
        """
        text = str(name or "").strip()
        if not text:
            raise BenchError("no run is named", where="runs", hint="Choose one, or type the path of its folder")
        if text not in self.names and not self.typed:
            hint = "Start the app with --run FOLDER"
            raise BenchError("visitors may not open this folder", where="runs", hint=hint)
        folder = expanded(text)
        info = folder / "run.json"
        if not info.is_file():
            raise BenchError("it holds no run", where=text, hint="Name the folder that has a run.json")
        stamp = info.stat().st_mtime
        if folder not in self._open or self._open[folder].stamp != stamp:
            while len(self._open) >= _MOST_RUNS:
                del self._open[next(iter(self._open))]
            self._open[folder] = OpenRun(Run.load(folder), stamp)
        return self._open[folder]


def overview(opened: OpenRun) -> str:
    """What ``print(run)`` says, as HTML."""
    lines = [one_line(line) for line in str(opened.run).split("\n")]
    return templates().get_template("overview.html.j2").render(lines=lines)


def comparison(first: OpenRun, second: OpenRun, chosen: Mapping[str, Sequence[str]]) -> str:
    """What ``benchbench compare`` says of the second run beside the first, as HTML.

    Args:
        chosen: by column, the names to show; the tests and their corrections are over all rows.

    Raises:
        BenchError: they have no network or no data in common.
    """
    compared = RunComparison.of(first.run.record, second.run.record)
    shown = RunComparison(_fitting(compared.quality, chosen), _fitting(compared.costs, chosen))
    return (
        templates()
        .get_template("comparison.html.j2")
        .render(summary=compared.summary, sections=list(sections(shown)), first=first.run, second=second.run)
    )
