"""``bb.Study``: a study in Python, with the same words as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.progress import Progress, interactive
from ..engine.runner import run
from ..paths import expanded
from ..reports.checks import reliability
from ..reports.leaderboard.short_answer import work
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
        engine: ``local``.
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
    ) -> Run:
        """Compute whatever ``out`` does not hold yet, write its tables and its report, and read it back.

        A folder is one study's. If it holds results of a study with fewer methods, metrics, samples, layers, networks
        or datasets, this study extends them; methods and metrics that this study does not name are kept.

        Args:
            out: the run's folder.
            progress: where a bar and the warnings are shown. None (default) shows them where standard error is a
                terminal, and in a notebook; True shows the warnings anywhere; False shows nothing; or an object with
                the methods of ``benchbench.engine.progress.Progress``.
            report: write report.html and tables/ too.
            overwrite: the folder's results become this study's alone. What the folder holds of the same work is still
                not computed again.
            retry_failed: also try again what failed the same way twice. What failed once is always tried again.

        Raises:
            BenchError: the request cannot be met, another run writes into the folder, or the folder holds results of
                another study: other networks, data, target or seed.
        """
        how = {"overwrite": overwrite, "retry_failed": retry_failed}
        if progress is not None and not isinstance(progress, bool):
            return self._run(Path(out), progress, report, how)
        bar = interactive(progress)
        done = self._run(Path(out), bar, report, how)
        bar.tell(f"{work(done.record.info)}. print(run) shows the answer.")
        return done

    def _run(self, out: Path, told: Progress, report: bool, how: Mapping[str, bool]) -> Run:
        try:
            before = Store(expanded(out)).read_info() if self.suite else None
            run(self, expanded(out), told, **how)
            run_suite(self, expanded(out), told, before)
            done = Run.load(out)
            if report:
                told.say("writing the report")
                done.report(anew=False)
        finally:
            told.stop()
        return done

    def reliability(
        self,
        out: str | Path = "runs/reliability",
        *,
        disturbances: Disturbances | None = None,
        levels: Sequence[float] = LEVELS,
        progress: Progress | bool | None = None,
        overwrite: bool = False,
        retry_failed: bool = False,
    ) -> Run:
        """Study the study's metrics: whether each falls on maps that get worse, and what disturbances do to it.

        The study is run with each method's map blended with noise at every level, with controls and without metrics
        of cost; then all is scored again under disturbances. ``Run.reliability`` is the result; tables/reliability.csv
        and .md hold it. docs/reliability.md defines every number. What ``out`` holds already is not computed again;
        ``progress``, ``overwrite`` and ``retry_failed`` are those of ``run``.

        Raises:
            BenchError: the request cannot be met.
        """
        study = with_levels(self, levels)
        folder = expanded(out)
        told = interactive(progress) if progress is None or isinstance(progress, bool) else progress
        try:
            run(study, folder, told, overwrite=overwrite, retry_failed=retry_failed)
            disturb(study, folder, disturbances or Disturbances(), told)
        finally:
            told.stop()
        done = Run.load(folder)
        reliability.write_tables(done.reliability(), done.folder / "tables")
        return done
