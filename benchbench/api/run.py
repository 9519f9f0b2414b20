"""A run: its tables, what the tests say of them, and the ways to show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Unpack

import pandas as pd

from ..engine.read_run import read_run
from ..errors import BenchError, nearest
from ..paths import expanded
from ..regression import Baseline, Checked, Tolerances, check
from ..remote.run_places import local_copy
from ..reports import leaderboard_files as tables
from ..reports.html.refresh import refresh
from ..results.record import with_network_rows
from ..stats import (
    Bands,
    by_group,
    cost_ratios,
    seen_from,
    versus,
)
from .run_comparisons import RunComparisons
from .tables import Shown, options_of


class Run(RunComparisons):
    """The results of a run, read back from its folder.

    ``print(run)`` says what was run, which method is best, what failed and where the results are. A notebook shows the
    same with one table.

    Raises:
        BenchError: from ``load``, if the folder holds no run, or a file of the run is not as it was written.

    Example:
        >>> _ = bb.Study(models={"mine": network}, datasets={"val": (images, labels)},
        ...              methods=["gradcam", "layercam"], metrics=["deletion"]).run("runs/mine", report=False)
        >>> run = bb.Run.load("runs/mine")
        >>> list(run.leaderboard()["method"])
        ['gradcam', 'layercam']
    """

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a folder that ``benchbench run`` or ``Study.run`` wrote, or writes into now.

        A run that goes on, was stopped or was killed has what is finished; ``unfinished`` says how much that is.

        Args:
            folder: a path, or the URL of a run in a store, of which a working copy is fetched: see docs/scale.md.

        Returns:
            The run, also if it is unfinished.

        Raises:
            BenchError: it is not one, or no shard of it is finished; or the store cannot be read.
        """
        return cls(read_run(local_copy(folder)))

    def compare(
        self, method: str | None = None, other: str | None = None, *, margin: float | None = None
    ) -> pd.DataFrame:
        """Two methods against each other under every metric, or one against all, or all pairs.

        Args:
            method: a method of the run; None for all pairs.
            other: the method to compare with; None for all others.
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
        table = self._verdicts.whole_pairs if margin is None else self._verdicts.with_margin(margin)
        if method is not None:
            table = seen_from(table, method)
        if other is not None:
            table = table[table["other"] == other] if method is not None else seen_from(table, other)
        return table.reset_index(drop=True)

    def versus(
        self, other: Run, *, models: Mapping[str, str] | None = None, margin: float | None = None
    ) -> pd.DataFrame:
        """Another run against this one, on the images that both have: see ``benchbench.stats.versus``.

        Args:
            other: the run to compare with this run.
            models: maps a network of this run to the network of the other run that it is compared with; None compares
                equal names.
            margin: the equivalence margin in units of the metric; 1 % of the metric's range if None.

        Returns:
            One row per method, metric and setting.

        Raises:
            BenchError: the runs have no model or no dataset in common.
        """
        return versus(self.record, other.record, models, margin)

    def cost_ratios(self, other: Run, *, models: Mapping[str, str] | None = None) -> pd.DataFrame:
        """What another run's methods cost beside this one's: see ``benchbench.stats.cost_ratios``.

        Args:
            other: the run whose costs are divided by the costs of this run.
            models: maps a network of this run to the network of the other run that it is compared with; None compares
                equal names.

        Returns:
            One row per method, setting and cost.

        Raises:
            BenchError: the runs have no model or no dataset in common.
        """
        return cost_ratios(self.record, other.record, models)

    def baseline(self, path: str | Path) -> Path:
        """Keep what the run says in a JSON file, for ``check``: see docs/gate.md.

        Args:
            path: the JSON file to write.

        Returns:
            The path of the file.

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

        Args:
            baseline: the path of a baseline or of a run's folder, or a run.
            tolerances: how much may change; None for the default tolerances.
            methods: the methods to compare; all if empty.
            metrics: the metrics to compare; all if empty.

        Returns:
            What changed; ``ok`` is true if nothing got worse.

        Raises:
            BenchError: no such file, no method or metric of that name, or nothing to compare.
        """
        then = Baseline.of(baseline.record) if isinstance(baseline, Run) else Baseline.load(baseline)
        return check(self.record, then, tolerances, methods=methods, metrics=metrics)

    def power(self) -> pd.DataFrame:
        """Which difference this many images can show, and how many more would separate two methods.

        See ``benchbench.stats.power``.

        Returns:
            One row per pair of methods, metric and setting.
        """
        return self._verdicts.power.copy()

    def split_half(self) -> pd.DataFrame:
        """Whether two halves of the images order the methods alike: see ``benchbench.stats.split_half``.

        Returns:
            One row per metric and setting.
        """
        return self._verdicts.halves.copy()

    def by_group(self, by: str, *, bands: Bands = "thirds") -> pd.DataFrame:
        """Mean and 95 % interval of every method under every metric, for each group of images by itself.

        Args:
            by: "size" of the object that the mask shows, or "class", the image's label.
            bands: of sizes: "thirds" of the data's images, "coco", or shares of the image to cut at, as (0.1, 0.3).

        Returns:
            One row per group, method, metric and setting: see ``benchbench.stats.by_group``.

        Raises:
            BenchError: no image has a mask, or a label; or there is no such grouping.
        """
        return by_group(with_network_rows(self.record), by, bands)

    def pooled(self) -> pd.DataFrame:
        """Values of all images together, as PxAP by its authors: value, n and the 95 % bootstrap interval over images.

        Returns:
            One row per model, dataset, layer, method and metric of this kind; ``reason`` says why a value is missing.
        """
        return self.record.pooled

    def seeds(self) -> pd.DataFrame:
        """Seeds of weakly supervised segmentation, of a run of the suite ``localisation``: see docs/localisation.md.

        Returns:
            One row per model, dataset, layer, method, scaling of the maps and class (``mean`` over the classes,
            ``background``, then each class): ``value`` is the IoU at the background score that is best on the other
            half of the images, ``best`` at the score that is best on these very images. No rows in any other run.
        """
        return self.record.seeds

    def to_latex(self, style: str = "full", spread: str = "auto", **shown: Unpack[Shown]) -> str:
        """The leaderboard for a paper: booktabs tables that stay within the page, and a paragraph on the statistics.

        Before it, of a run of a suite, a table of the suite's verdicts; a choice of ``metrics`` leaves it out.

        Args:
            style: ``full``, ``compact`` (means and marks; the settings side by side where that takes no more pages) or
                ``supplementary`` (every number, in a longtable).
            spread: ``interval`` (95 %), ``se`` (standard error), ``pm`` (distances from the mean to the ends of the
                interval) or ``none``; ``auto`` is ``interval`` where it fits on two pages, else ``none``.
            shown: ``methods``, ``metrics``, ``networks``, ``datasets``, ``layers``, ``names``, ``rows``, ``columns``,
                ``rank``, ``share`` and ``cite``: see ``benchbench.api.tables.Shown`` and docs/paper-tables.md.

        Returns:
            LaTeX code for ``\\input``.

        Raises:
            BenchError: the run has nothing of a name, an unknown word, or options that do not go together.
        """
        return tables.render_table(self._marked, "latex", options_of(style, spread, shown))

    def to_markdown(self, spread: str = "auto", **shown: Unpack[Shown]) -> str:
        """The leaderboard as Markdown, with the same marks; ``shown`` as in ``to_latex``.

        Args:
            spread: as in ``to_latex``.
            shown: as in ``to_latex``.

        Returns:
            Markdown tables.
        """
        return tables.render_table(self._marked, "markdown", options_of("full", spread, shown))

    def bibtex(self) -> str:
        """BibTeX of the papers behind the run's methods and metrics.

        Returns:
            One entry per paper, as the text of a .bib file.
        """
        return tables.references(self._marked)

    def figures(self, folder: str | Path) -> list[Path]:
        """Write curves, quality against cost and critical-difference diagrams as PDF; returns their paths.

        Args:
            folder: where the files are written; it is created.

        Returns:
            The paths of the files.
        """
        from ..reports.figures.pdf import write_figures  # matplotlib takes seconds to import

        return write_figures(self._marked, expanded(folder))

    def report(self, anew: bool = True) -> Path:
        """Write report.html and tables/ into the folder; returns the page's path.

        Args:
            anew: draw the page even where the folder has a page of the same data. False keeps that page, and writes
                into it what this run says of itself: its end, its span and its work.

        Returns:
            The path of report.html.

        Raises:
            BenchError: they cannot be written there, or a link stands in their place, which may lead anywhere.
        """
        page, folder = self._no_link("report.html"), self._no_link("tables")
        if not anew and refresh(page, self._marked.board.record, tables.tables_digest(folder)):
            return page
        from ..reports.html import document  # what draws takes seconds to import

        self.write_tables()
        return document.write(self._marked, page, tables.tables_digest(folder))

    def write_tables(self) -> list[Path]:
        """Write tables/ into the folder: the leaderboard as CSV, Markdown and LaTeX; returns the files' paths.

        Returns:
            The paths of the files.

        Raises:
            BenchError: as ``report``.
        """
        return tables.write_tables(self._marked, self._no_link("tables"))

    def _no_link(self, name: str) -> Path:
        path = self.folder / name
        if path.is_symlink():
            raise BenchError("it is a link; the report is written to this path", where=str(path), hint="Remove it")
        return path
