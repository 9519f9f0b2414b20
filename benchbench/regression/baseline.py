"""A baseline: what a run said, small enough to be committed, and readable line by line in a diff."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from ..errors import BenchError, nearest
from ..stats import is_part
from ..table import CURVES, MAPS, PHOTOS, RESULTS, Record, typed
from .costs import ALONE, Cost, costs_of
from .sketch import Sketch
from .text import lines

FORMAT = 1
_DIGITS = 7  # float32 carries no more
_MODEL = ("name", "weights", "state", "fingerprint", "preprocess", "classes", "precision")
_METHOD = ("name", "plugin", "parameters", "control", "code")
_AGAIN = "Make it again: benchbench baseline RUN --out FILE.json"
_METRIC = ("name", "protocol", "parameters", "higher_is_better", "unit", "family", "range", "code")


@dataclass(frozen=True)
class Cell:
    """One method's scores at one place under one metric and protocol: a value per image, or why there is none."""

    model: str
    dataset: str
    layer: str
    method: str
    metric: str
    protocol: str
    values: tuple[float | None, ...]
    reasons: dict[str, tuple[str, str]]  # by image: the status that is not ok, and its reason

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method, self.metric, self.protocol


@dataclass(frozen=True)
class Maps:
    """One method's maps at one place; an image without a map is absent."""

    model: str
    dataset: str
    layer: str
    method: str
    sketches: dict[str, Sketch]

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method


@dataclass(frozen=True)
class Images:
    """A dataset's images as one model has them, in the order of the cells' values, with the classes explained."""

    model: str
    dataset: str
    samples: tuple[str, ...]
    targets: tuple[int | None, ...]


@dataclass(frozen=True)
class Baseline:
    """What ``benchbench baseline`` stores; the records of models, datasets, methods and metrics are run.json's.

    Attributes:
        models, datasets, methods, metrics: name, fingerprints, protocol, parameters, and digests of the code.
        images, scores, maps, costs: see their classes.
    """

    seed: int
    benchbench: str
    versions: dict[str, str]
    device: dict[str, Any]
    models: tuple[dict[str, Any], ...]
    datasets: tuple[dict[str, Any], ...]
    methods: tuple[dict[str, Any], ...]
    metrics: tuple[dict[str, Any], ...]
    images: tuple[Images, ...]
    scores: tuple[Cell, ...]
    maps: tuple[Maps, ...]
    costs: tuple[Cost, ...]

    @classmethod
    def of(cls, record: Record) -> Baseline:
        """Of a finished run.

        Raises:
            BenchError: it has no score and no map to compare with.
        """
        info, rows = record.info, record.results
        quality = rows[rows["sample"].notna() & ~is_part(rows["metric"])]
        if quality["status"].ne("ok").all() and record.maps.empty:
            hint = "Look into its report, and run it again"
            raise BenchError("the run has no score and no map to compare with", where=str(record.folder), hint=hint)
        images = tuple(_images(quality))
        return cls(
            int(info["seed"]),
            str(info["benchbench"]),
            dict(info["versions"]),
            {key: info["device"].get(key) for key in ("kind", "name", "threads")},
            tuple(_only({**model, "precision": model["scoring"]["precision"]}, _MODEL) for model in info["models"]),
            tuple(_only(dataset, ("name", "samples")) for dataset in info["datasets"]),
            tuple(_only(method, _METHOD) for method in info["methods"]),
            tuple(_only(metric, _METRIC) for metric in info["metrics"] if metric["family"] != "cost"),
            images,
            tuple(_cells(quality, {(one.model, one.dataset): one.samples for one in images})),
            tuple(_maps(record)),
            tuple(costs_of(record)),
        )

    @classmethod
    def load(cls, path: str | Path) -> Baseline:
        """Read a file that ``save`` wrote.

        Raises:
            BenchError: there is none, or it is none, or of another format.
        """
        path = Path(path)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            hint = "Make it: benchbench baseline RUN --out FILE.json"
            raise BenchError("there is no such baseline", where=str(path), hint=hint) from None
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise BenchError(f"the baseline cannot be read: {said}", where=str(path), hint=_AGAIN) from None
        if not isinstance(found, dict) or "baseline" not in found:
            raise BenchError("this is no baseline", where=str(path), hint=_AGAIN)
        if found.pop("baseline") != FORMAT:
            raise BenchError("the baseline is of another version of benchbench", where=str(path), hint=_AGAIN)
        try:
            made: Baseline = TypeAdapter(cls).validate_python(found)
            made.check()
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise BenchError(f"{place}: {first['msg']}", where=str(path), hint=_AGAIN) from None
        except ValueError as error:
            raise BenchError(str(error), where=str(path), hint=_AGAIN) from None
        return made

    def check(self) -> None:
        """Raises: ValueError: a line does not fit the others, as after an edit by hand."""
        for cell in self.scores:
            known = self.samples.get(cell.key[:2])
            if known is None or len(known) != len(cell.values) or set(cell.reasons) - set(known):
                raise ValueError(f"the scores of {' '.join(cell.key)} do not fit the images")
        for one in self.maps:
            for name, sketch in one.sketches.items():
                try:
                    fits = sketch.flat or sketch.grid.size > 0
                except ValueError:
                    fits = False
                if not fits:
                    raise ValueError(f"the map of {name} by {one.method} does not fit its shape")

    def narrowed(
        self, methods: Collection[str] = (), metrics: Collection[str] = (), *, strict: bool = False
    ) -> Baseline:
        """With these methods and metrics alone; a metric by its name, or as ``name@protocol``. All, of nothing.

        Raises:
            BenchError: ``strict``, and there is none of this name.
        """
        measures = [(str(one["name"]), str(one["protocol"])) for one in self.metrics]
        measures += [(name, ALONE) for name in dict.fromkeys(cost.metric for cost in self.costs)]
        names = {"methods": [str(one["name"]) for one in self.methods]}
        names["metrics"] = [*(f"{name}@{protocol}" for name, protocol in measures), *(name for name, _ in measures)]
        for kind, asked in (("methods", methods), ("metrics", metrics)):
            for name in asked if strict else ():
                if name not in names[kind]:
                    said = f"the baseline has no {kind[:-1]} {name!r}"
                    raise BenchError(said, where=f"--{kind}", hint=nearest(name, dict.fromkeys(names[kind])))

        def kept(method: str, measure: tuple[str, str] | None = None) -> bool:
            wanted = not metrics or measure is None or bool({measure[0], "@".join(measure)} & set(metrics))
            return wanted and (not methods or method in methods)

        return replace(
            self,
            methods=tuple(one for one in self.methods if kept(str(one["name"]))),
            metrics=tuple(
                one
                for one in self.metrics
                if not metrics or {one["name"], f"{one['name']}@{one['protocol']}"} & set(metrics)
            ),
            scores=tuple(cell for cell in self.scores if kept(cell.method, (cell.metric, cell.protocol))),
            maps=tuple(one for one in self.maps if kept(one.method)),
            costs=tuple(cost for cost in self.costs if kept(cost.method, (cost.metric, ALONE))),
        )

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says of models, data, methods and metrics."""
        return {name: list(getattr(self, name)) for name in ("models", "datasets", "methods", "metrics")}

    @cached_property
    def samples(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """By model and dataset, the images in the order of the cells' values."""
        return {(one.model, one.dataset): one.samples for one in self.images}

    @cached_property
    def record(self) -> Record:
        """The scores as a run's record, for the statistics; it has no folder, curves, maps or photographs."""
        rows = typed(pd.DataFrame([row for cell in self.scores for row in self._rows(cell)]), RESULTS)
        empty = (typed(pd.DataFrame(), columns) for columns in (CURVES, MAPS, PHOTOS))
        return Record(Path("baseline"), {"seed": self.seed, "device": self.device, **self.info}, rows, *empty)

    def _rows(self, cell: Cell) -> Iterator[dict[str, Any]]:
        images = next(one for one in self.images if (one.model, one.dataset) == cell.key[:2])
        key = dict(zip(("model", "dataset", "layer", "method", "metric", "protocol"), cell.key, strict=True))
        for sample, target, value in zip(images.samples, images.targets, cell.values, strict=True):
            status, reason = (
                ("ok", "") if value is not None else cell.reasons.get(sample, ("not_applicable", "unknown"))
            )
            yield {
                **key,
                "sample": sample,
                "label": None,
                "target": target,
                "value": value,
                "status": status,
                "reason": reason,
            }

    def text(self) -> str:
        """JSON with a line per cell, so that a diff names what changed."""
        return lines({"baseline": FORMAT, **asdict(self)})

    def save(self, path: str | Path) -> Path:
        """Write it; the same run gives the same bytes.

        Raises:
            BenchError: it cannot be written there.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.text(), encoding="utf-8")
        except OSError as error:
            raise BenchError(f"cannot write it: {error.strerror}", where=str(path), hint="Give another --out") from None
        return path


def _only(given: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """These keys, of plain values; a run of before they were recorded lacks some."""
    return {key: json.loads(json.dumps(given[key], default=str)) for key in keys if key in given}


def _images(quality: pd.DataFrame) -> Iterator[Images]:
    for (model, dataset), rows in quality.groupby(["model", "dataset"], sort=False):
        known = rows.drop_duplicates("sample")
        targets = (None if pd.isna(target) else int(target) for target in known["target"])
        yield Images(str(model), str(dataset), tuple(map(str, known["sample"])), tuple(targets))


def _cells(quality: pd.DataFrame, samples: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[Cell]:
    for key, rows in quality.groupby(["model", "dataset", "layer", "method", "metric", "protocol"], sort=False):
        names = [str(part) for part in key]
        found = {str(row.sample): row for row in rows.itertuples(index=False)}
        order = samples[names[0], names[1]]
        values = tuple(_rounded(found[name].value) if name in found else None for name in order)
        reasons = {
            name: (str(found[name].status), str(found[name].reason))
            for name in order
            if name in found and found[name].status != "ok"
        }
        model, dataset, layer, method, metric, protocol = names
        yield Cell(model, dataset, layer, method, metric, protocol, values, reasons)


def _rounded(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(f"{float(value):.{_DIGITS - 1}e}")


def _maps(record: Record) -> Iterator[Maps]:
    for key, rows in record.maps.groupby(["model", "dataset", "layer", "method"], sort=False):
        names = [str(part) for part in key]
        found = zip(rows["sample"], rows["file"], rows["row"], strict=True)
        sketches = {str(sample): Sketch.of(record.map(str(file), int(row))) for sample, file, row in found}
        model, dataset, layer, method = names
        yield Maps(model, dataset, layer, method, sketches)
