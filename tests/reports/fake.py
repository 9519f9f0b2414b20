"""A small, plausible run's folder, written by hand: what reports read, without an engine."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchbench.results.record import Record
from benchbench.results.schema import CURVES, MAPS, PHOTOS, POOLED, RESULTS, typed, validate
from benchbench.results.store import Draft, Store

QUALITY = ("deletion", "insertion", "average_drop", "increase", "average_gain")
TITLES = {"deletion": "deletion AUC", "insertion": "insertion AUC", "increase": "increase in confidence"}
HIGHER = {"insertion", "increase", "average_gain"}
UNITS = {"runtime": "ms", "peak_memory": "MB", "passes": "passes per image"}
COSTS = {"runtime": {"": 41.25, "q1": 40.5, "q3": 43.0, "repeats": 5, "reference": 1.25}, "peak_memory": {"": 12.5}}
CAM_REASON = "the head is not global average pooling and one linear layer"
PACK = "0" * 24


@dataclass(frozen=True)
class Fake:
    """What to write.

    Attributes:
        methods: names; ``controls`` come on top. ``cam`` is not applicable anywhere.
        quality: metrics with a value for each image.
        failing: a method that fails on the first two images, with ``reason``.
        dead: methods whose first three maps are the same everywhere.
        means: the deletion mean of a method, where a test needs a planted one.
    """

    models: Sequence[str] = ("tinynet",)
    datasets: Sequence[str] = ("photos",)
    layers: Sequence[str] = ("stage3", "stage4")
    methods: Sequence[str] = ("cam", "gradcam", "gradcam++", "scorecam(variant=torchcam)", "layercam")
    controls: Sequence[str] = ("random", "center")
    quality: Sequence[str] = QUALITY
    samples: Sequence[str] = tuple(f"photo-{i:02d}" for i in range(12))
    failing: str = ""
    reason: str = "RuntimeError: out of memory"
    dead: Sequence[str] = ()
    warning: str = ""
    photos: Sequence[Path] = ()
    seed: int = 0


def fake_record(folder: Path, fake: Fake | None = None) -> Record:
    """Write the folder of ``fake`` and read it back."""
    fake = fake or Fake()
    store = Store(folder)
    rng = np.random.default_rng(fake.seed)
    results = validate(typed(pd.DataFrame([*_scores(fake, rng), *_costs(fake, rng)]), RESULTS))
    with store.pack(PACK) as pack:
        maps = list(_maps(fake, pack, rng))
        photos = list(_photos(fake, pack, rng))
    tables = {
        "results.parquet": results,
        "curves.parquet": typed(pd.DataFrame(list(_curves(fake, results))), CURVES),
        "maps/index.parquet": typed(pd.DataFrame(maps), MAPS),
        "photos/index.parquet": typed(pd.DataFrame(photos), PHOTOS),
        "pooled.parquet": typed(pd.DataFrame(), POOLED),
    }
    store.write_results(tables, info_of(fake, results))
    return Record.load(folder)


def map_file(number: int) -> str:
    """The name, in the pack, of the maps of the method and layer of this number."""
    return f"{number:024x}-0.npy"


def _places(fake: Fake) -> Iterator[dict[str, Any]]:
    for model in fake.models:
        for dataset in fake.datasets:
            for layer in fake.layers:
                for method in (*fake.methods, *fake.controls):
                    yield {"model": model, "dataset": dataset, "layer": layer, "method": method}


def _scores(fake: Fake, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    hardness = rng.normal(0, 0.12, len(fake.samples))
    for number, place in enumerate(_places(fake)):
        level = rng.uniform(0.25, 0.6) if place["method"] not in fake.controls else 0.62 + 0.01 * (number % 3)
        for index, sample in enumerate(fake.samples):
            value = float(np.clip(level + hardness[index] + rng.normal(0, 0.05), 0, 1))
            for metric in fake.quality:
                row = {
                    **place,
                    "sample": sample,
                    "label": 1,
                    "target": 2,
                    "metric": metric,
                    "protocol": protocol(metric),
                }
                better = 1 - value if metric in HIGHER else value
                yield {
                    **row,
                    **_status(fake, place["method"], index, round(better) if metric == "increase" else better),
                }


def protocol(metric: str) -> str:
    if metric in COSTS or metric.startswith("passes"):
        return "alone-b1"
    return "rise-28" if metric in ("deletion", "insertion") else "masked-image"


def _status(fake: Fake, method: str, index: int, value: float) -> dict[str, Any]:
    if method == "cam":
        return {"value": None, "status": "not_applicable", "reason": CAM_REASON}
    if method == fake.failing and index < 2:
        return {"value": None, "status": "failed", "reason": fake.reason}
    return {"value": value, "status": "ok", "reason": ""}


def _costs(fake: Fake, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for place in _places(fake):
        slow = 12.0 if place["method"].startswith("scorecam") else 1 + float(rng.uniform(0, 0.2))
        passes = {"passes": {"": 65.0 if slow > 2 else 2.0, "forward": 65.0 if slow > 2 else 1.0, "backward": 1.0}}
        for metric, parts in {**COSTS, **passes}.items():
            for part, value in parts.items():
                if place["method"] == "cam" and part:
                    continue
                name = f"{metric}.{part}" if part else metric
                scaled = value * slow if metric in COSTS and part not in ("repeats", "reference") else value
                row = {**place, "sample": None, "label": None, "target": None, "metric": name}
                yield {**row, "protocol": protocol(metric), **_status(fake, place["method"], 99, scaled)}


def _curves(fake: Fake, results: pd.DataFrame) -> Iterator[dict[str, Any]]:
    x = np.linspace(0, 1, 29)
    scored = results[results["metric"].isin(["deletion", "insertion"]) & (results["status"] == "ok")]
    for row in scored.to_dict("records"):
        area = max(0.05, float(row["value"]))
        y = np.exp(-x / area) * 0.9 if row["metric"] == "deletion" else 0.9 * (1 - np.exp(-x / (1.02 - area)))
        keys = {key: row[key] for key in CURVES if key not in ("x", "y")}
        yield from ({**keys, "x": float(a), "y": float(b)} for a, b in zip(x, y, strict=True))


def _maps(fake: Fake, pack: Draft, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for number, place in enumerate(_places(fake)):
        if place["method"] == "cam":
            continue
        size = 7 if place["layer"] == fake.layers[-1] else 14
        y, x = np.mgrid[0:size, 0:size] / size
        stack = [
            np.exp(-((x - a) ** 2 + (y - b) ** 2) * 12) * 3 for a, b in rng.uniform(0.3, 0.7, (len(fake.samples), 2))
        ]
        pack.write_maps(map_file(number), np.stack(stack).astype(np.float32))
        for row, sample in enumerate(fake.samples):
            if not (place["method"] == fake.failing and row < 2):
                place_of = {
                    **place,
                    "sample": sample,
                    "target": 2,
                    "file": f"{PACK}.zip/{map_file(number)}",
                    "row": row,
                }
                dead = place["method"] in fake.dead and row < 3
                yield {**place_of, "cells": size * size, "distinct": 1 if dead else 40, "ties": 1.0 if dead else 0.1}


def _photos(fake: Fake, pack: Draft, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for model in fake.models:
        for dataset in fake.datasets:
            for index, sample in enumerate(fake.samples):
                file = f"{index}.jpg"
                if fake.photos:
                    picture = Image.open(fake.photos[index % len(fake.photos)]).convert("RGB").resize((224, 224))
                else:
                    picture = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((224, 224))
                out = io.BytesIO()
                picture.save(out, format="JPEG")
                pack.write_photo(file, out.getvalue())
                yield {
                    "model": model,
                    "dataset": dataset,
                    "sample": sample,
                    "target": 2,
                    "target_name": "tabby cat",
                    "label": 1,
                    "label_name": "tiger <cat>",
                    "probability": 0.5 + index / 40,
                    "file": f"{PACK}.zip/{file}",
                    "object_share": None,
                }


def info_of(fake: Fake, results: pd.DataFrame) -> dict[str, Any]:
    names = [*fake.methods, *fake.controls]
    counts = {status: int((results["status"] == status).sum()) for status in ("ok", "failed", "not_applicable")}
    return {
        "benchbench": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "seconds": 61.5,
        "study": {
            "models": list(fake.models),
            "datasets": list(fake.datasets),
            "layers": list(fake.layers),
            "methods": names,
            "metrics": [f"{name}@{protocol(name)}" for name in (*fake.quality, *COSTS, "passes")],
            "target": "predicted",
            "samples": 12,
            "seed": fake.seed,
        },
        "versions": {"python": "3.11.9", "torch": "2.9.0"},
        "device": {"kind": "cpu", "name": "Example CPU", "threads": 2},
        "models": [_model(fake, name) for name in fake.models],
        "datasets": [
            {
                "name": name,
                "available": 20,
                "used": len(fake.samples),
                "fingerprint": "fedcba9876543210",
                "samples": {sample: f"mark of {sample}" for sample in fake.samples},
                "about": {"licence": "CC0", "what": "a & b"},
            }
            for name in fake.datasets
        ],
        "accuracy": [
            {"model": m, "dataset": d, "right": 10, "labelled": 12} for m in fake.models for d in fake.datasets
        ],
        "methods": [_method(name, name in fake.controls) for name in names],
        "metrics": [_metric(name) for name in (*fake.quality, *COSTS, "passes")],
        "warnings": [fake.warning] if fake.warning else [],
        "counts": counts,
        "work": {
            "forwards": 1234,
            "backwards": 12,
            "probes_asked": 9000,
            "probes_scored": 8000,
            "maps_asked": 2016,
            "maps_scored": 1240,
            "batches": {
                model: {"batch": 16, "chosen": True, "bytes_per_image": 41_000_000, "at_end": 8}
                for model in fake.models
            },
            "cells_computed": 14,
            "cells_reused": 0,
        },
        "seed": fake.seed,
    }


def _model(fake: Fake, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "weights": "shipped with the tests",
        "fingerprint": "0123456789abcdef",
        "state": "89abcdef01234567",
        "warning": fake.warning,
        "preprocess": {"resize": 256, "crop": 224, "mean": [0.5, 0.5, 0.5], "interpolation": "bicubic"},
        "layers": list(fake.layers),
        "parameters": 4_652_008,
        "classes": 1000,
        "scoring": {
            "prepared": True,
            "captures": True,
            "difference": 3.2e-06,
            "probability_difference": 1.1e-07,
            "reason": "20 batch norms folded, channels-last",
            "precision": "float32",
            "compiled": False,
        },
    }


def _method(name: str, control: bool) -> dict[str, Any]:
    plugin, _, rest = name.partition("(")
    parameters = dict([rest.rstrip(")").split("=", 1)]) if "=" in rest else {}
    return {
        "name": name,
        "plugin": plugin,
        "summary": f"What {plugin} does.",
        "control": control,
        "paper": "" if control else "arXiv:1610.02391",
        "parameters": parameters,
        "needs": ["gradient"],
        "code": f"code of {plugin}",
    }


def _metric(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "protocol": protocol(name),
        "title": TITLES.get(name, name.replace("_", " ")),
        "summary": f"What {name} is.",
        "paper": "" if name in UNITS else "arXiv:1806.07421",
        "higher_is_better": name in HIGHER,
        "unit": UNITS.get(name, "probability"),
        "family": "cost" if name in UNITS else "localisation" if name == "increase" else "faithfulness",
        "range": [0.0, None if name in UNITS else 1.0],
        "parameters": {"steps": 28},
        "needs": ["cost"] if name in UNITS else ["probes"],
        "code": f"code of {name}",
    }
