"""A study into a folder that holds one: the same study goes on, a larger one extends it, another one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BenchError
from .scores import older_score
from .spec import MethodChoice, MetricChoice, StudySpec, read_method, read_metric

_FIXED = {"target": None, "seed": None, "probability": "softmax", "precision": "float32"}  # with what older runs had
_OTHER_FOLDER = "Give another --out"
_WAY_OUT = f"{_OTHER_FOLDER}, or --overwrite to keep only this study's results"
_ROUNDING = 0.02  # of the largest logit: TensorFloat-32 rounds to a thousandth, several times
C = TypeVar("C", bound=MethodChoice | MetricChoice)


def extended(study: StudySpec, info: Mapping[str, Any] | None, folder: Path) -> tuple[StudySpec, list[str]]:
    """The study with the methods, metrics and samples that the folder's study has besides, and these in words.

    Args:
        info: run.json of the folder's results; None where there are none.

    Raises:
        BenchError: the folder's study differs in another way: it has other networks or data, target or seed. Or one
            of its methods or metrics is not there now.
    """
    if info is None:
        return study, []
    then, now = older_score({"score": "softmax", **info["study"]}), json.loads(json.dumps(study.plain(), default=str))
    for key, default in _FIXED.items():
        before = then.get(key, default)
        if before != now[key]:
            raise _refused(f"{key} is {before} in the folder's study, and {now[key]} in this study", folder)
    for key in ("models", "datasets"):
        missing = [each for each in then[key] if each not in now[key]]
        if missing:
            raise _refused(f"the folder's study has the {key} {_listed(missing)}, and this one has not", folder)
    methods, old_methods = _union(study.methods, info["methods"], chosen_method, folder)
    metrics, old_metrics = _union(study.metrics, info["metrics"], chosen_metric, folder)
    samples = max(study.samples, then["samples"])
    kept = [f"the methods {', '.join(old_methods)}"] if old_methods else []
    kept += [f"the metrics {', '.join(old_metrics)}"] if old_metrics else []
    kept += [f"{samples} images of each dataset"] if samples > study.samples else []
    return study.model_copy(update={"methods": methods, "metrics": metrics, "samples": samples}), kept


def refuse_changed(info: Mapping[str, Any] | None, described: Mapping[str, Any], folder: Path) -> None:
    """Raises BenchError where networks, layers or images that the folder's results are of have changed or are missing.

    Args:
        info: run.json of the folder's results; None where there are none.
        described: the part of run.json that says what is compared now.
    """
    for change in _changes(info, described) if info is not None else ():
        raise _refused(change, folder)


def refuse_other_answers(info: Mapping[str, Any] | None, described: Mapping[str, Any], folder: Path) -> None:
    """Raises BenchError where a network of the folder answers otherwise now though nothing of it has changed.

    Its stored maps would be taken for maps of the network as it is now, so this holds for --overwrite too.

    Args:
        info: run.json of the folder's results; None where there are none.
        described: the part of run.json that says what is compared now.
    """
    models = {model["name"]: model for model in described["models"]}
    for model in info["models"] if info is not None else ():
        current = models.get(model["name"])
        if current is None or model["fingerprint"] != current["fingerprint"] or "answers" not in model:
            continue
        if not _alike_answers(model["answers"], current["answers"]):
            message = f"the network {model['name']} answers otherwise than when the folder's results were made"
            hint = f"Something in it changed that is no weight, buffer or attribute. {_OTHER_FOLDER}"
            raise BenchError(message, where=str(folder), hint=hint)


def _alike_answers(then: Sequence[float | None], now: Sequence[float | None]) -> bool:
    """Whether the logits agree but for rounding, also that of a GPU or of bfloat16."""
    if len(then) != len(now) or [v is None for v in then] != [v is None for v in now]:
        return False
    pairs = [(a, b) for a, b in zip(then, now, strict=True) if a is not None and b is not None]
    largest = max((abs(a) for a, _ in pairs), default=0.0)
    return all(abs(a - b) <= _ROUNDING * largest for a, b in pairs)


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    datasets = {data["name"]: data["samples"] for data in now["datasets"]}
    for data in then["datasets"]:
        name, samples = data["name"], datasets[data["name"]]
        if any(samples.get(sample) != mark for sample, mark in data["samples"].items()):
            yield f"the images of {name} have changed since the folder's results were made"
    models = {model["name"]: model for model in now["models"]}
    for model in then["models"]:
        name, current = model["name"], models[model["name"]]
        missing = [layer for layer in model["layers"] if layer not in current["layers"]]
        if missing:
            yield f"the folder's study has the layers {', '.join(missing)} of {name}, and this one has not"
        if model["fingerprint"] != current["fingerprint"]:
            yield f"the network {name} has changed since the folder's results were made"
        if model["preprocess"] != json.loads(json.dumps(current["preprocess"], default=str)):
            yield f"the preprocessing of {name} has changed since the folder's results were made"


def _union(
    chosen: Sequence[C], earlier: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], C], folder: Path
) -> tuple[tuple[C, ...], list[str]]:
    """The earlier choices and the new ones, in this order; and the labels of the earlier ones that were not chosen.

    Where all earlier ones are chosen, their order is the study's. An earlier one with another name now takes this name.
    """
    labels = {choice.label for choice in chosen}
    try:
        before: list[C] = [read(entry) for entry in earlier]
    except BenchError as error:
        message = f"the folder's study needs something that is missing now: {error}"
        raise BenchError(message, where=str(folder), hint=f"Name its --plugin. {_WAY_OUT}") from None
    before = [next((each for each in chosen if _alike(each, choice)), choice) for choice in before]
    kept = [choice.label for choice in before if choice.label not in labels]
    if not kept:
        return tuple(chosen), []
    earlier_labels = {choice.label for choice in before}
    return (*before, *(choice for choice in chosen if choice.label not in earlier_labels)), kept


def _alike(choice: MethodChoice | MetricChoice, other: MethodChoice | MetricChoice) -> bool:
    """Whether the two are the same work, under any names."""
    return choice.plugin is other.plugin and choice.params == other.params


def chosen_method(entry: Mapping[str, Any]) -> MethodChoice:
    """A method of run.json.

    Raises:
        BenchError: it is not there any more, or would have another name.
    """
    named = {"as": entry["name"]} if entry.get("renamed") else {}
    return _same(read_method({"name": entry["plugin"], **entry["parameters"], **named}), str(entry["name"]))


def chosen_metric(entry: Mapping[str, Any]) -> MetricChoice:
    """A metric of run.json.

    Raises:
        BenchError: it is not there any more, or would have another name.
    """
    named = {"as": entry["user_title"]} if entry.get("user_title") else {}
    choice = read_metric({"name": entry["name"], **entry["parameters"], **named})
    return _same(choice, f"{entry['name']}@{entry['protocol']}")


def _same(choice: C, label: str) -> C:
    if choice.label != label:
        raise BenchError(f"{label} would be {choice.label} now")
    return choice


def _refused(message: str, folder: Path) -> BenchError:
    return BenchError(message, where=str(folder), hint=_WAY_OUT)


def _listed(items: Sequence[Any]) -> str:
    return ", ".join(str(each["name"]) if isinstance(each, dict) else str(each) for each in items)
