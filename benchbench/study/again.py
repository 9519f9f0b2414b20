"""A study read back from run.json, so that a run can be done again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BenchError
from ..registry.importing import load_file
from ..results.run_folder import INFO, checked_info
from .choices import DatasetChoice, MethodChoice, MetricChoice, ModelChoice
from .extension import chosen_method, chosen_metric
from .spec import StudySpec

_USER = "benchbench_user_"  # the modules of users' files, see registry/importing.py
_KEYS = (
    *("layers", "target", "score", "probability", "samples", "seed", "device", "engine", "batch", "precision"),
    *("compile", "workers", "signed", "suite"),
)


def sources(study: StudySpec) -> dict[str, Any]:
    """What run.json says besides the study, so that it can be read again.

    Returns:
        ``plugins``: files that register what the study uses. ``networks``: by label, ``FILE.py:function`` of networks
        that a function of a user's file builds. ``python``: labels of networks and data that were given in Python.
    """
    choices: Sequence[ModelChoice | DatasetChoice | MethodChoice | MetricChoice] = (
        *study.models,
        *study.datasets,
        *study.methods,
        *study.metrics,
    )
    plugins = [_user_file(choice.plugin.function) for choice in choices if choice.plugin is not None]
    given = [choice for choice in (*study.models, *study.datasets) if choice.plugin is None]
    files = {choice.label: _user_file(choice.value) for choice in given if inspect.isfunction(choice.value)}
    networks = {
        choice.label: f"{files[choice.label]}:{choice.value.__name__}" for choice in given if files.get(choice.label)
    }
    return {
        "plugins": list(dict.fromkeys(file for file in plugins if file)),
        "networks": networks,
        "python": [choice.label for choice in given if choice.label not in networks],
    }


def _user_file(function: Any) -> str:
    """The user's file that a function stands in, or ""."""
    plain = inspect.unwrap(function)
    named = str(getattr(plain, "__module__", "")).startswith(_USER)
    return str(Path(inspect.getfile(plain)).resolve()) if named else ""


def keys_again(path: Path) -> dict[str, Any]:
    """The keys of the study that a run.json holds. The users' files that it names are imported.

    Raises:
        BenchError: it is no run.json, a network or data were given in Python, or something is not there any more.
    """
    info = checked_info(path.parent)
    known, study = info.get("again", {}), info["study"]
    if known.get("python"):
        message = f"{', '.join(known['python'])}: given in Python, and cannot be read from {INFO}"
        raise BenchError(message, where=str(path), hint="Run it again from Python")
    for file in known.get("plugins", ()):
        load_file(file)
    keys = {key: study[key] for key in _KEYS if key in study}
    models = [_model(item, known.get("networks", {})) for item in study["models"]]
    methods = [chosen_method(entry) for entry in info["methods"]]
    metrics = [chosen_metric(entry) for entry in info["metrics"]]
    return {**keys, "models": models, "datasets": study["datasets"], "methods": methods, "metrics": metrics}


def _model(item: Any, networks: Mapping[str, str]) -> Any:
    """The network of the study's list, with the file of one that a user's function builds."""
    label = item["name"] if isinstance(item, Mapping) else item
    if label not in networks:
        return item
    parameters = {key: value for key, value in item.items() if key != "name"} if isinstance(item, Mapping) else {}
    return {"name": networks[label], **parameters, "as": label}
