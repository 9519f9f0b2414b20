"""Which study, networks, data, methods, metrics and versions a run's numbers come from."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ..cost.allocator import keep_memory
from ..digests import digest
from ..errors import safe
from ..models.load import weights_digest
from ..network.fast_copy import Prepared
from ..study.again import sources
from ..study.identity import engine_code, identity
from ..study.plan import ReadyModel, Shard, named_targets
from ..study.spec import MethodChoice, MetricChoice, StudySpec
from ..types import Dataset, ModelSpec

PACKAGES = (
    *("torch", "torchvision", "timm", "numpy", "scipy", "pandas", "pillow"),
    *("captum", "scikit-image", "pycocotools"),
)
_TOLD = Path("/proc/driver/nvidia/version")
_DRIVER = re.compile(r"\b\d{3,}\.\d+(\.\d+)?\b")  # 535.129.03


def describe(
    study: StudySpec,
    models: Sequence[Mapping[str, Any]],
    datasets: Mapping[str, Dataset],
    shards: Sequence[Shard],
) -> dict[str, Any]:
    """The part of run.json that says what was compared, without warnings.

    Args:
        models: what ``describe_model`` says of each. datasets, shards: as the first model has them.
    """
    networks, data_titles = titles_of(study)
    readers = _readers(study)
    return {
        "benchbench": importlib.metadata.version("benchbench-saliency"),
        "study": study.plain(),
        "again": sources(study),
        "seed": study.seed,
        "engine_code": engine_code(),
        "versions": {"python": platform.python_version(), **_versions()},
        "system": _system(),
        "models": [{**model, "title": networks[model["name"]]} for model in models],
        "datasets": [
            {
                **_dataset(name, data, shards, models),
                **_references(name, shards, study),
                "plugin": readers[name],
                "title": data_titles[name],
            }
            for name, data in datasets.items()
        ],
        "methods": [_method(choice) for choice in study.methods],
        "metrics": [_metric(choice) for choice in study.metrics],
    }


def titles_of(study: StudySpec) -> tuple[dict[str, str], dict[str, str]]:
    """By the names of the networks, and of the data sets, in the tables: their names in reports.

    With several targets each of them is in the name of the data.
    """
    data = {
        name: f"{choice.title}{name.removeprefix(choice.label)}"
        for choice in study.datasets
        for name in named_targets(choice.label, study)
    }
    return {choice.label: choice.title for choice in study.models}, data


def earlier(info: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Of a run into a folder that had results: when these were written, and by what this run extends them.

    Args:
        info: of this run. before: run.json of the results that were there, if any.

    Returns:
        What ``before`` says of earlier results still, and, where this run extends ``before``: ``created``; ``images``,
        by dataset with more samples now, how many there were; ``added``, the methods, metrics, networks, layers and
        datasets that are new, in words.
    """
    if before is None:
        return []
    had = {data["name"]: data for data in before["datasets"]}
    images = {
        data["name"]: len(had[data["name"]]["samples"])
        for data in info["datasets"]
        if data["name"] in had and set(data["samples"]) - set(had[data["name"]]["samples"])
    }
    added = [
        f"{kind} {', '.join(new)}"
        for kind, names in _NAMES.items()
        if (new := [name for name in names(info) if name not in names(before)])
    ]
    grown = [{"created": before["created"], "images": images, "added": added}] if images or added else []
    return [*before.get("earlier", ()), *grown]


_NAMES: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "the methods": lambda info: [method["name"] for method in info["methods"]],
    "the metrics": lambda info: [f"{metric['name']}@{metric['protocol']}" for metric in info["metrics"]],
    "the networks": lambda info: [model["name"] for model in info["models"]],
    "the layers": lambda info: list(dict.fromkeys(layer for model in info["models"] for layer in model["layers"])),
    "the data": lambda info: [data["name"] for data in info["datasets"]],
}


def machine(device: torch.device) -> dict[str, Any]:
    """What the cost figures depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"kind": device.type, "name": name, "threads": torch.get_num_threads(), "memory_kept": keep_memory()}


def warnings(spec: ModelSpec, prepared: Prepared) -> tuple[str, ...]:
    """What must be said loudly of a network, and of the copy of it that scores."""
    scored = f"{spec.name} is {prepared.warning}" if prepared.warning else ""
    return tuple(text for text in (spec.warning, scored) if text)


def data_warnings(titles: Mapping[str, str], *models: Mapping[str, Dataset]) -> list[str]:
    """What must be said loudly of the data: what each dataset, as each model has it, says under ``warning``.

    Args:
        titles: by the datasets' names, their display names.
        models: of each network, its datasets by name.
    """
    texts = [(name, data.about.get("warning")) for datasets in models for name, data in datasets.items()]
    return list(dict.fromkeys(f"{titles.get(name, name)}: {warning}" for name, warning in texts if warning))


def describe_model(model: ReadyModel, spec: ModelSpec, prepared: Prepared) -> dict[str, Any]:
    """What run.json says of a network."""
    return {
        "name": spec.name,
        "weights": spec.weights,
        "fingerprint": model.fingerprint,
        "answers": [value if math.isfinite(value) else None for value in model.answers],
        "state": weights_digest(spec.network),
        "warning": spec.warning,
        "note": spec.note,
        "preprocess": vars(spec.preprocess),
        "layers": list(model.layers),
        "parameters": sum(p.numel() for p in spec.network.parameters()),
        "classes": model.classes,
        "scoring": {
            "prepared": prepared.used,
            "captures": model.settings.get("captures", False),
            **{key: value for key, value in vars(prepared).items() if key not in ("network", "used")},
        },
    }


def data_notes(datasets: Mapping[str, Dataset]) -> dict[str, dict[str, str]]:
    """By dataset, what depends on the network: how classes were matched, and which samples a subset left."""
    notes = {
        name: {key: data.about[key] for key in _OF_NETWORK if key in data.about} for name, data in datasets.items()
    }
    return {name: note for name, note in notes.items() if note}


_OF_NETWORK = ("classes", "subset", "usable")


def _about(name: str, data: Dataset, models: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the dataset says of itself; where networks differ in it, what it says for each of them."""
    about = dict(data.about)
    for key in _OF_NETWORK:
        notes = {model["name"]: model.get("data", {}).get(name, {}).get(key, "as they are") for model in models}
        if len(set(notes.values())) > 1:
            about[key] = "; ".join(f"{model}: {note}" for model, note in notes.items())
    return about


def _dataset(name: str, data: Dataset, shards: Sequence[Shard], models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    dataset_shards = [shard for shard in shards if shard.dataset_name == name]
    names = [sample for shard in dataset_shards for sample in shard.ids]
    used = [mark for shard in dataset_shards for mark in shard.fingerprints]
    return {
        "name": name,
        "available": len(data.ids),
        "used": len(used),
        "fingerprint": digest(used)[:16],
        "samples": dict(zip(names, (digest(mark)[:16] for mark in used), strict=True)),
        "class_names": [safe(str(each)) for each in getattr(data, "class_names", ()) or ()],
        "about": _about(name, data, models),
    }


def _references(name: str, shards: Sequence[Shard], study: StudySpec) -> dict[str, str]:
    """A digest of the images that methods may compare the dataset's with, where one of the methods does."""
    whole = next((shard.whole for shard in shards if shard.dataset_name == name), None)
    if whole is None or not any("references" in method.needs for method in study.methods):
        return {}
    return {"references": digest([mark[1:] for mark in whole.references(study.seed)])[:16]}


def _readers(study: StudySpec) -> dict[str, str]:
    """By the names of the data in the tables, the plugin that reads them; "" for data from Python."""
    return {
        name: "" if choice.plugin is None else choice.plugin.name
        for choice in study.datasets
        for name in named_targets(choice.label, study)
    }


def _identity(choice: MethodChoice | MetricChoice) -> str:
    """A digest of the code and the parameters: of a file among them its content, of a method its code too."""
    return digest("identity", *identity(choice.plugin, choice.params))[:16]


def _method(choice: MethodChoice) -> dict[str, Any]:
    plugin = choice.plugin
    return {
        "name": choice.label,
        "title": choice.title,
        "renamed": choice.renamed,
        **({"spelling": plugin.label(choice.params)} if choice.renamed else {}),
        "plugin": plugin.name,
        "summary": plugin.summary,
        "paper": plugin.paper,
        "control": plugin.control,
        **({"optimises": sorted(plugin.optimises)} if plugin.optimises else {}),
        "parameters": dict(choice.params),
        "needs": sorted(choice.needs),
        "code": plugin.source_digest,
        "identity": _identity(choice),
        **({"note": plugin.note} if plugin.note else {}),
        **({"convention": plugin.convention} if plugin.convention else {}),
        **({"library": plugin.library_version} if plugin.library_version else {}),
    }


def _metric(choice: MetricChoice) -> dict[str, Any]:
    plugin = choice.plugin
    reading = plugin.reading_of(choice.params)
    return {
        "name": choice.name,
        "protocol": choice.protocol,
        "title": choice.title,
        "user_title": choice.user_title,
        "summary": plugin.summary,
        "paper": plugin.paper,
        "higher_is_better": reading.higher_is_better,
        "unit": reading.unit,
        "family": plugin.family,
        "range": [side if math.isfinite(side) else None for side in reading.range],
        "parameters": dict(choice.params),
        "needs": sorted(plugin.needs),
        **({"truth": reading.truth} if reading.truth else {}),
        **({"held_out": True} if plugin.held_out is not None else {}),
        "code": plugin.source_digest,
        "identity": _identity(choice),
    }


@cache
def _versions() -> Mapping[str, str]:
    """Of the libraries, read once: what this process has imported stays as it is."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # timm is an extra
    return versions


def _system() -> dict[str, str]:
    """The operating system; and where a GPU can be used, the versions of what runs it."""
    known = {"os": platform.platform()}
    if torch.cuda.is_available():
        cudnn: int | None = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        known |= {"cuda": torch.version.cuda or "", "cudnn": str(cudnn or ""), "driver": _driver()}
    return {name: version for name, version in known.items() if version}


def _driver() -> str:
    """The version of NVIDIA's driver, where Linux tells it."""
    version = _DRIVER.search(_TOLD.read_text(errors="replace")) if _TOLD.is_file() else None
    return version[0] if version else ""


def _processor() -> str:
    """The processor's model name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
