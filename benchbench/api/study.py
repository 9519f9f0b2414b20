"""``bb.Study``: a study in Python, with the same words as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.budget import Budget, budget_seconds, fitted, record_budget, within
from ..engine.dry_run import DryRun, dry_run
from ..engine.estimate import Estimate, estimate
from ..engine.progress import Progress, interactive
from ..engine.runner import run
from ..engine.stopping import Stopped, stoppable
from ..remote.run_places import place_to_read, run_place
from ..reports.checks import reliability
from ..reports.leaderboard.short_answer import work
from ..results.run_folder import has_tables
from ..results.store import Store
from ..study.spec import StudySpec
from ..suites.reliability.disturbances import Disturbances, disturb
from ..suites.reliability.levels import LEVELS, with_levels
from ..suites.run_suite import run_suite
from .run import Run


class Study(StudySpec):
    """What to compare: networks x data x layers x methods x metrics. The keys are those of a study file.

    Args:
        models: registered names, ``FILE.py:function``, or a mapping of names to networks (nn.Module or ModelSpec).
        datasets: registered names, or a mapping of names to data: ``(images, labels)``, ``(images, labels, masks)``,
            ``(images, labels, masks, groups, boxes)``, a mapping of ``images``, ``labels``, ``masks``, ``boxes`` and
            ``subset``, a tensor (N, channels, H, W), a torch data set, or a Dataset.
        layers: ``last`` (the default), ``stages``, or paths of modules; a mapping gives layers for each network.
        methods, metrics: registered names; ``{"name": ..., key: value}`` sets parameters, and ``metric@protocol``
            chooses a protocol.
        target: what is explained: ``predicted`` (the default), ``label``, a class index, ``top-2``, or ``281-285``.
            Several targets in a list are reported separately.
        samples: how many images of each data set; 64 by default.
        seed: of the choice of images and of every random draw; 0 by default.
        device: ``auto`` (the default), ``cpu``, ``cuda`` or ``cuda:1``.
        batch: images in a forward pass; ``auto``, the default, measures how many fit.
        score: what is explained of the target: ``logit`` (the default), ``probability``, ``log-probability``, ``rest``,
            ``contrast`` or ``contrast-weighted``. With several in a list, each method that reads a gradient is in the
            study once for each. See docs/scores.md.
        probability: what makes probabilities of logits: ``softmax`` (the default), or ``sigmoid`` for images with
            several labels. ``score=sigmoid`` is the older spelling.
        precision: of scoring, ``float32`` (the default) or ``bf16``. compile: score with torch.compile.
        workers: threads that load images ahead; 2 by default.
        time_limit: seconds that a method or a metric may take for a batch; None, the default, is no limit. Rows of what
            takes longer are failed. See docs/faults.md.
        engine: ``local`` (the default), or ``ray`` for a Ray cluster. See docs/scale.md.
        processes: how many processes work on shards at the same time. Default: this one alone; with ``ray`` as many as
            fit into the cluster.
        num_cpus, num_gpus: what a worker takes of the Ray cluster; 1 and 0 by default. ray_address: the cluster's;
            RAY_ADDRESS by default, or else a cluster of this machine that ends with the run.
        signed: True sets ``sign: signed`` for every method that has the parameter and leaves it at its default, for
            metrics that need the sign of attributions.
        twins: controls that are made of a method's own map and added for each method: ``inverted``, ``blurred``,
            ``coarse`` or ``noised``. ``Run.gaps`` compares each method with them.
        suite: a named study, such as ``localisation``: its keys stand where none are given, and its tables are added to
            the run. See docs/suites.md.

    Raises:
        BenchError: an unknown name, a wrong type or value, or a missing file. The message names the key.

    Example:
        >>> study = bb.Study(models={"mine": network}, datasets={"val": (images, labels)},
        ...                  methods=["gradcam", "random"], metrics=["deletion"])
        >>> run = study.run("runs/mine", report=False)
        >>> sorted(set(run.table["method"]))
        ['gradcam', 'random']
    """

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)

    def run(
        self,
        out: str | Path = "runs/study",
        *,
        progress: Progress | bool | None = None,
        report: bool = True,
        overwrite: bool = False,
        retry_failed: bool = False,
        take_over: bool = False,
        budget: str | float | None = None,
    ) -> Run:
        """Compute whatever ``out`` does not hold yet, write its tables and its report, and read it back.

        A folder is one study's. If it holds results of a study with fewer methods, metrics, samples, layers, networks
        or datasets, this study extends them; methods and metrics that this study does not name are kept.

        Args:
            out: the run's folder, or the URL of one in a store (``s3://bucket/runs/a``; see docs/scale.md). Of a URL,
                ``Run.folder`` is the working copy on this machine.
            progress: where a bar and the warnings are shown. None (default) shows them where standard error is a
                terminal, and in a notebook; True shows the warnings anywhere; False shows nothing; or an object with
                the methods of ``benchbench.engine.progress.Progress``.
            report: write report.html and tables/ too.
            overwrite: the folder's results become this study's alone. What the folder holds of the same work is still
                not computed again.
            retry_failed: also try again what failed the same way twice. What failed once is always tried again.
            take_over: where the file system has no locks, take the folder from a run of another machine that is dead.
            budget: a time, such as "30m", "2h", "90s" or a number of seconds. Of each data set as many images are taken
                as fit by an estimate on this machine, the first of the seeded order; the run says how many.

        Returns:
            The finished run, read from ``out``.

        Raises:
            KeyboardInterrupt: of Ctrl-C. The shard that is worked on is finished first, and the tables and the report
                are written of what is there; a second Ctrl-C stops at once. SIGTERM and SIGHUP do the same, and are
                sent again at the end. The same study into the same folder continues. See docs/long-runs.md.
            BenchError: the request cannot be met, another run writes into the folder, or the folder holds results of
                another study: other networks, data, target or seed; or the budget does not suffice for the least
                number of images.
        """
        how = {"overwrite": overwrite, "retry_failed": retry_failed, "take_over": take_over}
        limit = None if budget is None else budget_seconds(budget)
        if progress is not None and not isinstance(progress, bool):
            return self._run(out, progress, report, how, limit)
        bar = interactive(progress)
        done = self._run(out, bar, report, how, limit)
        bar.tell(f"{work(done.record.info)}. print(run) shows the answer.")
        return done

    def _run(
        self, out: str | Path, told: Progress, report: bool, how: Mapping[str, bool], seconds: float | None
    ) -> Run:
        with stoppable(), run_place(out, told.warn, take_over=how["take_over"]) as folder:
            try:
                kept_to = None if seconds is None else self._within(folder, seconds, told, how)
                study = self if kept_to is None else fitted(self, kept_to)
                before = Store(folder).read_info() if self.suite else None
                run(study, folder, told, **how)
                run_suite(study, folder, told, before)
                if kept_to is not None:
                    record_budget(folder, kept_to)
                done = Run.load(folder)
                if report:
                    told.say("writing the report")
                    done.report(anew=False)
            except Stopped as stop:
                if report and stop.orderly and has_tables(folder):
                    Run.load(folder).report(anew=False)
                raise
            finally:
                told.stop()
        return done

    def _within(self, out: Path, seconds: float, told: Progress, how: Mapping[str, bool]) -> Budget:
        """What a budget leaves of the study, which is said."""
        same = {key: how[key] for key in ("overwrite", "retry_failed")}
        budget = within(estimate(self, out, told, **same), seconds)
        if budget.sentence:
            told.warn(budget.sentence)
        return budget

    def dry_run(self, out: str | Path = "runs/study", *, overwrite: bool = False, retry_failed: bool = False) -> DryRun:
        """What ``run`` would compute with the same arguments: cells, shards, rows, forwards, bytes.

        The networks and data are loaded. Nothing is computed, and nothing is written.

        Args:
            out: the folder of the run; cells that it holds already count as reused.
            overwrite: as in ``run``.
            retry_failed: as in ``run``.

        Returns:
            The counts of the work that is left, and of the work that is there.

        Raises:
            BenchError: as ``run`` would.

        Example:
            >>> study = bb.Study(models={"mine": network}, datasets={"val": (images, labels)},
            ...                  methods=["gradcam", "random"], metrics=["deletion"])
            >>> work = study.dry_run("runs/none").work
            >>> work.maps, work.maps_there, work.scores
            (2, 0, 2)
        """
        with place_to_read(out, new=True) as folder:
            return dry_run(self, folder, overwrite=overwrite, retry_failed=retry_failed)

    def estimate(
        self,
        out: str | Path = "runs/study",
        *,
        progress: Progress | None = None,
        overwrite: bool = False,
        retry_failed: bool = False,
    ) -> Estimate:
        """What ``run`` would take with the same arguments on this machine: seconds, with their doubt, and bytes.

        A batch of images is measured, in a folder that is thrown away: see ``benchbench.engine.estimate``.

        Args:
            out: the folder of the run; what it holds already costs nothing.
            progress: called while the batch is measured; None (default) for silence.
            overwrite: as in ``run``.
            retry_failed: as in ``run``.

        Returns:
            Seconds with their range, and bytes of disk space.

        Raises:
            BenchError: as ``run`` would.
        """
        with place_to_read(out, new=True) as folder:
            return estimate(self, folder, progress, overwrite=overwrite, retry_failed=retry_failed)

    def reliability(
        self,
        out: str | Path = "runs/reliability",
        *,
        disturbances: Disturbances | None = None,
        levels: Sequence[float] = LEVELS,
        progress: Progress | bool | None = None,
        overwrite: bool = False,
        retry_failed: bool = False,
        take_over: bool = False,
    ) -> Run:
        """Study the study's metrics: whether each falls on maps that get worse, and what disturbances do to it.

        The study is run with each method's map blended with noise at every level, with controls and without metrics
        of cost; then all is scored again under disturbances. ``Run.reliability`` is the result; tables/reliability.csv
        and .md hold it. docs/reliability.md defines every number. What ``out`` holds already is not computed again;
        ``progress``, ``overwrite``, ``retry_failed`` and ``take_over`` are those of ``run``, and Ctrl-C stops as there.

        Args:
            out: the folder of the run.
            disturbances: of what size the disturbances are; None for the default.
            levels: the shares of noise that are blended into each map, in [0, 1].
            progress: as in ``run``.
            overwrite: as in ``run``.
            retry_failed: as in ``run``.
            take_over: as in ``run``.

        Returns:
            The finished run, whose ``reliability`` is the result.

        Raises:
            BenchError: the request cannot be met.
        """
        study = with_levels(self, levels)
        told = interactive(progress) if progress is None or isinstance(progress, bool) else progress
        with stoppable(), run_place(out, told.warn, take_over=take_over) as folder:
            try:
                run(study, folder, told, overwrite=overwrite, retry_failed=retry_failed, take_over=take_over)
                disturb(study, folder, disturbances or Disturbances(), told)
            finally:
                told.stop()
            done = Run.load(folder)
            reliability.write_tables(done.reliability(), done.folder / "tables")
        return done
