"""The Python faces: Study, Run and explain, with the same words as the command line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from . import study as _study
from .capture import quiet
from .errors import BenchError, NotApplicable, nearest
from .given import check_images, check_maps, check_network, check_target, names_of
from .layers import resolve
from .perturb import saliency
from .plan import sample_seeds
from .progress import Progress
from .registry import METHODS
from .reports import html, latex, tables
from .reports.board import Board
from .reports.markdown import markdown_table
from .reports.marks import Marked
from .reports.notebook import notebook
from .reports.pictures import write_figures
from .reports.verdicts import Verdicts
from .runner import run
from .scoring import Scorer
from .services import look, run_method
from .stats import cost_ratios, health, seen_from, versus
from .table import Record
from .targets import chooser, is_scored, unharmed
from .types import INPUT


class Run:
    """A run's folder, read back."""

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

    @cached_property
    def _verdicts(self) -> Verdicts:
        return Verdicts(Board(self.record))

    @cached_property
    def _marked(self) -> Marked:
        return Marked(self._verdicts)

    def leaderboard(self) -> pd.DataFrame:
        """Mean, 95 % bootstrap interval, median, mean rank and groups of every method under every metric.

        See ``benchbench.stats.leaderboard``; methods that explain a network as a whole stand at every layer. ``rank``
        is the mean rank over images; methods that share a letter of ``groups`` are not told apart (Wilcoxon or McNemar,
        Holm over all pairs).
        """
        return self._verdicts.leaderboard()

    def compare(
        self, method: str | None = None, other: str | None = None, *, margin: float | None = None
    ) -> pd.DataFrame:
        """Two methods against each other under every metric, or one against all, or all pairs.

        Args:
            margin: a difference of the means that matters to nobody, in the metric's unit; None for 1 % of its range.

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

    def health(self) -> pd.DataFrame:
        """Per method: maps, failures, dead maps (the same everywhere), distinct values and ties."""
        return health(self.record.maps, self.record.results)

    def agreement(self) -> pd.DataFrame:
        """How alike every two metrics, and protocols of one, order the methods: Kendall's tau of their means."""
        return self._verdicts.board.agreement.copy()

    def to_latex(self, style: str = "full", spread: str = "interval") -> str:
        """The leaderboard for a paper: booktabs tables that stay within the page, and a paragraph on the statistics.

        Args:
            style: ``full`` (all metrics with their spread), ``compact`` (means and marks) or ``supplementary`` (every
                number, in a longtable).
            spread: ``interval`` (95 % bootstrap), ``se`` (standard error) or ``none``.

        Raises:
            BenchError: another style or spread.
        """
        return latex.render(self._marked, style, spread)

    def to_markdown(self, spread: str = "interval") -> str:
        """The leaderboard as Markdown, with the same marks."""
        return markdown_table(self._marked, spread)

    def figures(self, folder: str | Path) -> list[Path]:
        """Write curves, quality against cost and critical-difference diagrams as PDF; returns their paths."""
        return write_figures(self.record, Path(folder))

    def _repr_html_(self) -> str:
        """In a notebook: the leaderboard, without any script."""
        return notebook(self._marked)

    def report(self) -> Path:
        """Write report.html and tables/ into the folder; returns the page's path."""
        tables.write_tables(self.record, self.folder / "tables")
        return html.write(self.record, self.folder / "report.html")


class Study(_study.Study):
    """What to compare; see the study file's keys. ``models`` and ``datasets`` may be mappings of names to objects.

    Example:
        >>> Study(models={"mine": network}, datasets={"val": (images, labels)}, layers=["layer4"],
        ...       methods=["gradcam", "scorecam"], metrics=["deletion", "insertion"]).run("runs/mine")  # doctest: +SKIP
    """

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)

    def run(self, out: str | Path = "runs/study", *, progress: Progress | None = None, report: bool = True) -> Run:
        """Compute whatever ``out`` does not hold yet, write its tables and its report, and read it back.

        Raises:
            BenchError: the request cannot be met.
        """
        run(self, Path(out), progress)
        done = Run.load(out)
        if report:
            done.report()
        return done


def explain(
    network: nn.Module,
    images: Tensor,
    *,
    method: str = "gradcam",
    layer: str = "last",
    target: int | Tensor | None = None,
    seed: int = 0,
    **params: Any,
) -> Tensor:
    """Saliency maps (B, 1, H, W) in [0, 1] for images (B, 3, H, W), by one method at one layer.

    Args:
        network: returns logits (B, C); it is left as it was found.
        target: the class to explain, for all images or (B,) one each; None for the most likely one, or for the score
            of a network that ``scored`` made. With (B, T), several classes of each image: the maps are (B, T, H, W),
            and masked forwards, as of Score-CAM, are shared.
        params: the method's own parameters.

    Raises:
        BenchError: an unknown method, parameter, layer or target.
        NotApplicable: the method has no meaning on this network; the message says why.
    """
    if not isinstance(method, str):
        raise BenchError(f"method is {method!r}", where="explain", hint="Give a name: benchbench list methods")
    if not isinstance(layer, str) or layer == "stages":
        raise BenchError(f"layer is {layer!r}", where="explain", hint="Give a module path, or last")
    with torch.inference_mode(False):  # autograd is needed
        return _explain(check_network(network, "explain"), check_images(images), method, layer, target, seed, params)


def _explain(
    network: nn.Module,
    images: Tensor,
    method: str,
    layer: str,
    target: int | Tensor | None,
    seed: int,
    params: dict[str, Any],
) -> Tensor:
    check_target(target, len(images), only=is_scored(network))
    network = unharmed(network, images[:1])
    several = target.shape[1] if isinstance(target, Tensor) and target.ndim == 2 else 1
    if isinstance(target, Tensor) and target.ndim == 2:
        images, target = images.repeat_interleave(several, 0), target.flatten()
    plugin = METHODS[method]
    bound = plugin.bind(params)
    needs = plugin.needs_of(bound)
    if "dataset" in needs:
        raise NotApplicable(f"{method} is made of a whole dataset's maps: run a Study")
    name = INPUT if "input" in needs else resolve(network, images[:1], layer)[-1]
    seeds = sample_seeds(seed, f"{plugin.name}/{name}", names_of(images))
    with quiet(network):
        choose = _chooser(target, len(images), only=is_scored(network))
        batch = look(network, Scorer(network), images, [name], choose, gradient="gradient" in needs)
        if batch.captured.logits.shape[1] < 2:
            hint = "Give two logits, [0, z]; or bb.scored(network, lambda z: z[:, 0])"
            raise BenchError("the network has one output, and its softmax is always 1", where="explain", hint=hint)
        maps = run_method(plugin.function, batch.layer(name, seeds), bound)
        check_maps(maps, batch.sound(name), method)
    height, width = images.shape[2:]
    return saliency(maps, (height, width)).view(-1, several, height, width)


def _chooser(target: int | Tensor | None, count: int, *, only: bool) -> Any:
    if target is None:
        return chooser("predicted", [], only=only)

    def choose(logits: Tensor) -> Tensor:
        wanted = torch.as_tensor(target, device=logits.device).long().expand(count)
        if int(wanted.min()) < 0 or int(wanted.max()) >= logits.shape[1]:
            raise BenchError(f"target {target} is not one of the network's {logits.shape[1]} classes", where="explain")
        return wanted

    return choose
