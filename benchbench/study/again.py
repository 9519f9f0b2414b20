"""A study read back from run.json, so that a run can be done again."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import BenchError
from ..registry.importing import load_file
from ..results.run_folder import INFO, checked_info
from .choices import DatasetChoice, MethodChoice, MetricChoice, ModelChoice
from .extension import chosen_method, chosen_metric
from .spec import StudySpec

_USER = "benchbench_user_"  # the modules of users' files, see registry/importing.py
_NAMED = ("models", "datasets", "methods", "metrics")  # are read in another way than the other keys


def sources(study: StudySpec) -> dict[str, Any]:
    """What run.json says besides the study, so that it can be read again.

    Returns:
        ``plugins``: users' files that register what the study uses. ``models``, ``datasets``: as a study file would
        name them, with ``FILE.py:function`` in full. ``python``: labels of those that were given in Python, which no
        file can name.
    """
    choices: Sequence[ModelChoice | DatasetChoice | MethodChoice | MetricChoice] = (
        *study.models,
        *study.datasets,
        *study.methods,
        *study.metrics,
    )
    files = [_user_file(choice.plugin.function) for choice in choices if choice.plugin is not None]
    named = {kind: [(each.label, _item(each)) for each in getattr(study, kind)] for kind in ("models", "datasets")}
    return {
        "plugins": list(dict.fromkeys(file for file in files if file)),
        **{kind: [item for _, item in pairs if item] for kind, pairs in named.items()},
        "python": [label for pairs in named.values() for label, item in pairs if not item],
    }


def _item(choice: ModelChoice | DatasetChoice) -> dict[str, Any]:
    """The item of a study file that names it; empty where none can."""
    params = {key: _plain(value) for key, value in choice.params.items() if value is not None}
    if choice.plugin is not None:
        label = choice.own_label if isinstance(choice, DatasetChoice) else choice.plugin.label(choice.params)
        part = {"subset": choice.subset.chosen_keys} if isinstance(choice, DatasetChoice) and choice.subset else {}
        return {"name": choice.plugin.name, **params, **part, **({} if choice.label == label else {"as": choice.label})}
    file = _user_file(choice.value) if inspect.isfunction(choice.value) else ""
    return {"name": f"{file}:{choice.value.__name__}", **params, "as": choice.label} if file else {}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else getattr(value, "plain", value)


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
    if "merged" in info:
        hint = "Do each of them again from its own run.json, and join them: benchbench merge"
        raise BenchError("these are runs that were joined, and no study is all of them", where=str(path), hint=hint)
    known, study = info.get("again", {}), info["study"]
    if known.get("python"):
        message = f"{', '.join(known['python'])}: given in Python, and cannot be read from {INFO}"
        raise BenchError(message, where=str(path), hint="Run it again from Python")
    for file in known.get("plugins", ()):
        load_file(file)
    named = {kind: known.get(kind, study[kind]) for kind in ("models", "datasets")}
    methods = [chosen_method(entry) for entry in info["methods"]]
    metrics = [chosen_metric(entry) for entry in info["metrics"]]
    plain = {key: study[key] for key in StudySpec.model_fields if key in study and key not in _NAMED}
    return {**plain, **named, "methods": methods, "metrics": metrics}
