"""A finished run: its tables, what the tests say of them, and the ways to show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd
from rich.console import RenderableType

from ..errors import BenchError, nearest
from ..paths import expanded
from ..regression import Baseline, Checked, Tolerances, check
from ..reports import leaderboard_files as tables
from ..reports import terminal
from ..reports.figures.pdf import write_figures
from ..reports.html import document
from ..reports.html.notebook import notebook
from ..reports.latex import leaderboard
from ..reports.leaderboard.marks import Marked
from ..reports.leaderboard.verdicts import Verdicts
from ..reports.markdown import markdown_table
from ..results.disturbance_scores import read_trials
from ..results.record import Record, with_network_rows, with_network_table
from ..stats import (
    Bands,
    by_group,
    consistency,
    cost_ratios,
    decay,
    health,
    overview,
    scales,
    seen_from,
    versus,
)
from ..stats.metric_reliability import levels_of


class Run:
    """The results of a run, read back from its folder.

    Raises:
        BenchError: from ``load``, if the folder holds no run, or a file of the run is not as it was written.

    Example:
        >>> _ = bb.Study(models={"mine": network}, datasets={"val": (images, labels)},
        ...              methods=["gradcam", "layercam"], metrics=["deletion"]).run("runs/mine", report=False)
        >>> run = bb.Run.load("runs/mine")
        >>> list(run.leaderboard()["method"])
        ['gradcam', 'layercam']
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a folder that ``benchbench run`` or ``Study.run`` wrote.

        Raises:
            BenchError: it is not one.
        """
        return cls(Record.load(folder))

    @property
    def folder(self) -> Path:
        return self.record.folder

    @property
    def table(self) -> pd.DataFrame:
        """results.parquet: one row per model x dataset x sample x layer x method x metric, or why there is none."""
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
    def first_failure(self) -> str:
        """Of the first row that failed: the method, the metric and the reason; empty where none did."""
        for row in self.table[self.table["status"] == "failed"].head(1).to_dict("records"):
            return f"{row['method']} under {row['metric']}: {row['reason']}"
        return ""

    @property
    def _verdicts(self) -> Verdicts:
        return self._marked.verdicts

    @cached_property
    def _marked(self) -> Marked:
        return Marked.of(self.record)

    def leaderboard(self) -> pd.DataFrame:
        """Mean, 95 % interval, median, mean rank and groups of every method under every metric.

        See ``benchbench.stats.leaderboard``; methods that explain a network as a whole stand at every layer. ``rank``
        is the mean rank over images; two methods share a letter of ``groups`` if and only if they do not differ
        significantly (Wilcoxon or McNemar, Holm over all pairs). ``n`` counts independent images.
        """
        return self._verdicts.leaderboard()

    def compare(
        self, method: str | None = None, other: str | None = None, *, margin: float | None = None
    ) -> pd.DataFrame:
        """Two methods against each other under every metric, or one against all, or all pairs.

        Args:
            margin: the equivalence margin, in the metric's unit; None for 1 % of its range.

        Returns:
            See ``benchbench.stats.pairs``: differences with intervals, p values, effects and a verdict of ``method``.

        Raises:
            BenchError: the run has no such method.
        """
        known = [m["name"] for m in self.record.info["methods"]]
        for name in filter(None, [method, other]):
            if name not in known:
                raise BenchError(f"the run has no method {name!r}", where="compare", hint=nearest(name, known))
        table = self._verdicts.pairs if margin is None else self._verdicts.with_margin(margin)
        if method is not None:
            table = seen_from(table, method)
        if other is not None:
            table = table[table["other"] == other] if method is not None else seen_from(table, other)
        return table.reset_index(drop=True)

    def versus(
        self, other: Run, *, models: Mapping[str, str] | None = None, margin: float | None = None
    ) -> pd.DataFrame:
        """Another run against this one, on the images that both have: see ``benchbench.stats.versus``.

        Raises:
            BenchError: the runs have no model or no dataset in common.
        """
        return versus(self.record, other.record, models, margin)

    def cost_ratios(self, other: Run, *, models: Mapping[str, str] | None = None) -> pd.DataFrame:
        """What another run's methods cost beside this one's: see ``benchbench.stats.cost_ratios``.

        Raises:
            BenchError: the runs have no model or no dataset in common.
        """
        return cost_ratios(self.record, other.record, models)

    def baseline(self, path: str | Path) -> Path:
        """Keep what the run says in a JSON file, for ``check``: see docs/gate.md.

        Raises:
            BenchError: there is nothing to keep, or it cannot be written there.
        """
        return Baseline.of(self.record).save(path)

    def check(
        self,
        baseline: str | Path | Run,
        tolerances: Tolerances | None = None,
        *,
        methods: Collection[str] = (),
        metrics: Collection[str] = (),
    ) -> Checked:
        """The run against a baseline's file, or against another run: see ``benchbench.regression.check``.

        Raises:
            BenchError: no such file, no method or metric of that name, or nothing to compare.
        """
        then = Baseline.of(baseline.record) if isinstance(baseline, Run) else Baseline.load(baseline)
        return check(self.record, then, tolerances, methods=methods, metrics=metrics)

    def ranking(self) -> pd.DataFrame:
        """One order over all metrics that no control wins here: mean ranks and Bradley-Terry strengths with intervals.

        See ``benchbench.stats.overall``.
        """
        return self._verdicts.overall.copy()

    def power(self) -> pd.DataFrame:
        """Which difference this many images can show, and how many more would separate two methods.

        See ``benchbench.stats.power``.
        """
        return self._verdicts.power.copy()

    def split_half(self) -> pd.DataFrame:
        """Whether two halves of the images order the methods alike: see ``benchbench.stats.split_half``."""
        return self._verdicts.halves.copy()

    def by_group(self, by: str, *, bands: Bands = "thirds") -> pd.DataFrame:
        """Mean and 95 % interval of every method under every metric, for each group of images by itself.

        Args:
            by: "size" of the object that the mask shows, or "class", the image's label.
            bands: of sizes: "thirds" of the data's images, "coco", or shares of the image to cut at, as (0.1, 0.3).

        See ``benchbench.stats.by_group``.

        Raises:
            BenchError: no image has a mask, or a label; or there is no such grouping.
        """
        return by_group(with_network_rows(self.record), by, bands)

    def pooled(self) -> pd.DataFrame:
        """Values of all images together, as PxAP by its authors: value, n and the 95 % bootstrap interval over images.

        A row per model, dataset, layer, method and metric that has one; ``reason`` where there is none.
        """
        return self.record.pooled

    def decay(self) -> pd.DataFrame:
        """Whether each metric falls as maps are blended with noise: the run's methods ``noised`` at several shares.

        See ``benchbench.stats.decay``.
        """
        levels = levels_of(self.record.info)
        return decay(
            self._verdicts.board.shown.results, levels, scales(self.record.info), int(self.record.info["seed"])
        )

    def consistency(self) -> pd.DataFrame:
        """Noise resilience and adversary reactivity of each metric: see ``benchbench.stats.consistency``.

        Raises:
            BenchError: the run was not made by ``Study.reliability``.
        """
        shown, trials = self._verdicts.board.shown.results, with_network_table(read_trials(self.folder))
        return consistency(shown, trials, scales(self.record.info), int(self.record.info["seed"]))

    def reliability(self) -> pd.DataFrame:
        """Which metrics are to be trusted on this network and data: see ``benchbench.stats.overview``.

        Raises:
            BenchError: the run was not made by ``Study.reliability``.
        """
        return overview(self.decay(), self.consistency(), self._verdicts.board.gamed)

    def health(self) -> pd.DataFrame:
        """Per method: maps, failures, dead maps (the same everywhere), distinct values and ties."""
        return health(self.record.maps, self.record.results)

    def agreement(self) -> pd.DataFrame:
        """How alike every two metrics, and protocols of one, order the methods: Kendall's tau of their means.

        See ``benchbench.stats.agreement``; ``family`` and ``other_family`` are the metrics' families.
        """
        return self._verdicts.board.agreement.copy()

    def to_latex(self, style: str = "full", spread: str = "interval") -> str:
        """The leaderboard for a paper: booktabs tables that stay within the page, and a paragraph on the statistics.

        Args:
            style: ``full`` (all metrics with their spread), ``compact`` (means and marks) or ``supplementary`` (every
                number, in a longtable).
            spread: ``interval`` (95 %), ``se`` (standard error) or ``none``.

        Raises:
            BenchError: another style or spread.
        """
        return leaderboard.render(self._marked, style, spread)

    def to_markdown(self, spread: str = "interval") -> str:
        """The leaderboard as Markdown, with the same marks."""
        return markdown_table(self._marked, spread)

    def figures(self, folder: str | Path) -> list[Path]:
        """Write curves, quality against cost and critical-difference diagrams as PDF; returns their paths."""
        return write_figures(self._marked, expanded(folder))

    def printed(self) -> list[RenderableType]:
        """The leaderboard for a terminal of 80 columns, part by part, for rich to print."""
        return terminal.leaderboard(self._marked)

    def _repr_html_(self) -> str:
        """In a notebook: the leaderboard, without any script."""
        return notebook(self._marked)

    def report(self) -> Path:
        """Write report.html and tables/ into the folder; returns the page's path.

        Raises:
            BenchError: they cannot be written there, or a link stands in their place, which may lead anywhere.
        """
        page = self._no_link("report.html")
        self.write_tables()
        return document.write(self._marked, page)

    def write_tables(self) -> list[Path]:
        """Write tables/ into the folder: the leaderboard as CSV, Markdown and LaTeX; returns the files' paths.

        Raises:
            BenchError: as ``report``.
        """
        return tables.write_tables(self._marked, self._no_link("tables"))

    def _no_link(self, name: str) -> Path:
        path = self.folder / name
        if path.is_symlink():
            raise BenchError("it is a link; the report is written to this path", where=str(path), hint="Remove it")
        return path
