"""What a run's folder holds, and how it is shown: the tables, the leaderboard, the maps, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd
from rich.console import RenderableType

from ..reports.escape import one_line
from ..reports.html.notebook import notebook
from ..reports.leaderboard.board import Board
from ..reports.leaderboard.marks import Marked
from ..reports.leaderboard.short_answer import description
from ..reports.leaderboard.suite_report import verdict_matrix
from ..reports.leaderboard.verdicts import Verdicts
from ..reports.rendering import rendered
from ..reports.terminal.overview import Overview
from ..reports.terminal.verdicts import SuiteOverview
from ..results.record import Record
from ..results.schema import typed
from ..results.suite_answer import VERDICTS, SuiteAnswer, load_answer
from ..results.unfinished import progress_of
from .leaderboard_views import of_metrics, pivoted
from .stored_maps import StoredMaps, stored_maps


class RunContents:
    """The part of ``Run`` that reads and shows; ``Run`` has the statistics, the files and the checks."""

    def __init__(self, record: Record) -> None:
        self.record = record

    @property
    def folder(self) -> Path:
        return self.record.folder

    @property
    def table(self) -> pd.DataFrame:
        """results.parquet: one row per model x dataset x sample x layer x method x metric, or why there is none.

        ``status`` is ``ok``, ``failed``, ``not_applicable``, or in an unfinished run ``missing``.
        """
        return self.record.results

    @property
    def curves(self) -> pd.DataFrame:
        """curves.parquet: one row per point of every deletion and insertion curve."""
        return self.record.curves

    @property
    def failed(self) -> int:
        """Rows that failed."""
        return int((self.table["status"] == "failed").sum())

    @property
    def unfinished(self) -> str:
        """``312 of 1,563 shards``: how much there is of a run that is not finished; empty for a finished run."""
        return progress_of(self.record.info)

    @property
    def first_failure(self) -> str:
        """Of the first row that failed: the method, the metric and the reason; empty where none did."""
        for row in self.table[self.table["status"] == "failed"].head(1).to_dict("records"):
            return f"{row['method']} under {row['metric']}: {row['reason']}"
        return ""

    @cached_property
    def _verdicts(self) -> Verdicts:
        """Under the names of study files, for tables that programs read."""
        shown = self._marked.verdicts
        return shown if shown.board.record is self.record else Verdicts(Board(self.record))

    @cached_property
    def _marked(self) -> Marked:
        """Under display names, for what people read."""
        return Marked.of(self.record)

    def leaderboard(self, metric: str | Sequence[str] | None = None, pivot: str | None = None) -> pd.DataFrame:
        """Mean, 95 % interval, median, mean rank and groups of every method under every metric.

        See ``benchbench.stats.leaderboard``; methods that explain a network as a whole stand at every layer. ``rank``
        is the mean rank over images; two methods share a letter of ``groups`` if and only if they do not differ
        significantly (Wilcoxon or McNemar, Holm over all pairs). ``n`` counts independent images.

        Args:
            metric: a metric's name, ``name@protocol``, or several of these; all by default.
            pivot: ``metric``, ``model``, ``dataset`` or ``layer``: one row per method and one column for each of these,
                with means. What differs besides is in the index before the method, so that no mean is taken over it.

        Returns:
            One row per method, metric and setting; with ``pivot``, one row per method.

        Raises:
            BenchError: the run has no such metric or protocol, or there is no such pivot.
        """
        table = self._verdicts.leaderboard()
        table = table if metric is None else of_metrics(table, metric)
        return table if pivot is None else pivoted(table, pivot)

    def maps(
        self,
        method: str | Sequence[str] | None = None,
        sample: str | Sequence[str] | None = None,
        model: str | Sequence[str] | None = None,
        dataset: str | Sequence[str] | None = None,
        layer: str | Sequence[str] | None = None,
    ) -> StoredMaps:
        """The saliency maps that the run stored, float32 at the resolution of the layer and not normalised.

        Args:
            method, sample, model, dataset, layer: a name, or several; all by default. The names are those of ``table``.

        Returns:
            A sequence of arrays of the shape (rows, columns). ``keys`` is a data frame that says of each map its model,
            dataset, layer, method, sample and target; ``stack()`` is one array of all maps.

        Raises:
            BenchError: the run has no such name, or no map of this combination; the message says what there is.
        """
        return stored_maps(
            self.record, {"method": method, "sample": sample, "model": model, "dataset": dataset, "layer": layer}
        )

    def answer(self) -> SuiteAnswer | None:
        """What the run's suite found out: a sentence, verdicts, tables and pictures; None in a run without a suite.

        Returns:
            The answer of the suite, or None.

        Raises:
            BenchError: a file of the answer is not what the run wrote.
        """
        return load_answer(self.record)

    def verdicts(self, wide: bool = False) -> pd.DataFrame:
        """The verdicts of the run's suite, under the names of study files; no rows in a run without an answer.

        Args:
            wide: a row per setting and method, and for each question a column of verdicts: ``passes``, ``fails``,
                ``not clear``, ``failed`` or ``not applicable``.

        Returns:
            The columns of ``benchbench.results.suite_answer.VERDICTS``: a row per question, setting and method, with
            the ``score``, its 95 % interval (``low``, ``high``), whether the method ``passes``, and the ``reason``.

        Raises:
            BenchError: a file of the answer is not what the run wrote.
        """
        answer = self.answer()
        rows = typed(pd.DataFrame(), VERDICTS) if answer is None else answer.verdicts
        if not wide:
            return rows
        questions = [question.name for question in answer.questions] if answer else []
        return verdict_matrix(rows, questions)

    def printed(self, *, verbose: bool = False) -> RenderableType:
        """What ``benchbench run`` shows at its end, for rich to print in the width of its console.

        Args:
            verbose: show every number with its interval, mean rank and letters; default False, a table for each
                family of metrics.

        Returns:
            A renderable for ``rich.print``.
        """
        return Overview(self._marked, verbose)

    def __str__(self) -> str:
        """What was run, which method is best, what failed, and the folder; first the answer of a run's suite."""
        suite = self._marked.board.suite
        answered = [rendered(SuiteOverview(suite)).rstrip(), ""] if suite else []
        return "\n".join([*answered, *map(one_line, description(self._marked)), f"Folder: {self.folder}"])

    def __repr__(self) -> str:
        return f"Run.load({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """In a notebook: the answer and one table, without any script; of a run of a suite its verdicts first."""
        return notebook(self._marked)
