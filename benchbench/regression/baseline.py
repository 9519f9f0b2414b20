"""A baseline: what a run said, small enough to be committed, and readable line by line in a diff."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import BenchError, nearest
from ..files import publish
from ..paths import expanded
from ..results.record import Record
from ..results.unfinished import progress_of
from . import extract
from .extract import ALONE
from .read_baseline import read
from .records import CostRecord, DatasetRecord, Images, MapRecord, MethodRecord, MetricRecord, ModelRecord, ScoreRecord
from .serialise import FORMAT, lines


@dataclass(frozen=True)
class Baseline:
    """What ``benchbench baseline`` stores: the numbers of a run, and all that they depend on.

    Neither a path of the machine, nor a user's name, nor the time is in it.

    Attributes:
        benchbench, versions: of the package and the libraries. device: kind, name and threads.
        models, datasets, methods, metrics: see their classes in ``records``.
        images, scores, maps, costs: see theirs.

    Example:
        >>> run = bb.Study(models={"mine": network}, datasets={"val": (images, labels)}, methods=["gradcam"],
        ...                metrics=["deletion"]).run("runs/mine", report=False)
        >>> path = run.baseline("baseline.json")
        >>> run.check(path).ok
        True
    """

    seed: int
    benchbench: str
    versions: dict[str, str]
    device: dict[str, str | int | None]
    models: tuple[ModelRecord, ...]
    datasets: tuple[DatasetRecord, ...]
    methods: tuple[MethodRecord, ...]
    metrics: tuple[MetricRecord, ...]
    images: tuple[Images, ...]
    scores: tuple[ScoreRecord, ...]
    maps: tuple[MapRecord, ...]
    costs: tuple[CostRecord, ...]

    @classmethod
    def of(cls, record: Record) -> Baseline:
        """Of a finished run.

        Args:
            record: the finished run.

        Returns:
            The baseline of the run.

        Raises:
            BenchError: the run is not finished, it has no score and no map to compare with, or is of a version that did
                not record digests.
        """
        if progress := progress_of(record.info):
            message = f"the run is not finished: {progress}"
            raise BenchError(message, where=str(record.folder), hint="Run it again: it continues from there")
        info, rows = record.info, extract.quality(record)
        try:
            models, data = tuple(extract.networks(info)), tuple(extract.data(info))
            methods, metrics = tuple(extract.ways(info)), tuple(extract.measures(info))
        except KeyError as missing:
            message = f"run.json does not say {missing}: an earlier version of benchbench wrote the run"
            raise BenchError(message, where=str(record.folder), hint="Run it again") from None
        images = tuple(extract.images(rows, record.maps))
        return cls(
            int(info["seed"]),
            str(info["benchbench"]),
            dict(info["versions"]),
            {key: info["device"].get(key) for key in ("kind", "name", "threads")},
            models,
            data,
            methods,
            metrics,
            images,
            tuple(extract.cells(rows, {group.key: group.samples for group in images})),
            tuple(extract.maps(record)),
            tuple(extract.costs(record)),
        )

    @classmethod
    def load(cls, path: str | Path) -> Baseline:
        """Read a file that ``save`` wrote.

        Args:
            path: the JSON file.

        Returns:
            The baseline in the file.

        Raises:
            BenchError: there is none, or it is none, or of another format, or an edit left it at odds with itself.
        """
        return read(expanded(path), cls)

    def narrowed(
        self, methods: Collection[str] = (), metrics: Collection[str] = (), *, strict: bool = False
    ) -> Baseline:
        """The baseline of some methods and metrics only.

        Args:
            methods: names of methods; all if empty.
            metrics: names of metrics, or ``name@protocol``; all if empty.
            strict: raise an error for a name that the baseline does not have.

        Returns:
            A smaller baseline.

        Raises:
            BenchError: ``strict``, and there is none of this name.
        """
        if strict:
            _known("method", methods, self.method_names)
            _known("metric", metrics, self.metric_names)

        def wanted(metric: str, protocol: str) -> bool:
            return not metrics or bool({metric, f"{metric}@{protocol}"} & set(metrics))

        def among(method: str) -> bool:
            return not methods or method in methods

        return replace(
            self,
            methods=tuple(method for method in self.methods if among(method.name)),
            metrics=tuple(metric for metric in self.metrics if wanted(*metric.key)),
            scores=tuple(cell for cell in self.scores if among(cell.method) and wanted(cell.metric, cell.protocol)),
            maps=tuple(maps for maps in self.maps if among(maps.method)),
            costs=tuple(cost for cost in self.costs if among(cost.method) and wanted(cost.metric, ALONE)),
        )

    @property
    def method_names(self) -> list[str]:
        return [method.name for method in self.methods]

    @property
    def metric_names(self) -> list[str]:
        """Each as ``name@protocol`` and as its name; those of cost too."""
        keys = [*(metric.key for metric in self.metrics), *((cost.metric, ALONE) for cost in self.costs)]
        return list(dict.fromkeys([*(f"{name}@{protocol}" for name, protocol in keys), *(name for name, _ in keys)]))

    @property
    def info(self) -> dict[str, Any]:
        """As run.json says it, of what the statistics ask: models, data, methods and metrics, seed and device."""
        listed = {name: getattr(self, name) for name in ("models", "datasets", "methods", "metrics")}
        plain = {name: [asdict(record) for record in records] for name, records in listed.items()}
        return {"seed": self.seed, "device": self.device, **plain}

    @cached_property
    def samples(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """By model and dataset, the images in the order of the cells' values."""
        return {group.key: group.samples for group in self.images}

    def text(self) -> str:
        """The content of the baseline's file.

        Returns:
            JSON with a line per cell, so that a diff names what changed.
        """
        return lines({"baseline": FORMAT, **asdict(self)})

    def save(self, path: str | Path) -> Path:
        """Write it; the same run gives the same bytes.

        Args:
            path: where the JSON file is written.

        Returns:
            The path of the file.

        Raises:
            BenchError: it cannot be written there.
        """
        return publish(expanded(path), self.text(), parents=True)


def _known(kind: str, selected: Collection[str], names: list[str]) -> None:
    for name in selected:
        if name not in names:
            raise BenchError(f"the baseline has no {kind} {name!r}", where=f"--{kind}s", hint=nearest(name, names))
