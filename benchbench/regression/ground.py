"""What of a run can be compared with its baseline, and what cannot, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .baseline import Baseline
from .changes import ANYWHERE, Change, Place

_MODEL = {"state": "weights", "preprocess": "preprocessing", "classes": "classes", "precision": "precision"}


@dataclass(frozen=True)
class Ground:
    """What both have, under the same conditions.

    Attributes:
        images: by model and dataset, those that are the same and are explained for the same class.
        methods: whose parameters are the same.
        metrics: name and protocol, whose parameters are the same.
        other_code: of the metrics, those whose own code is another.
        changes: why the rest cannot be compared, and notes.
    """

    images: Mapping[tuple[str, ...], frozenset[str]]
    methods: frozenset[str]
    metrics: frozenset[tuple[str, str]]
    other_code: frozenset[tuple[str, str]]
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, then: Baseline, now: Baseline) -> Ground:
        notes = tuple(_notes(then, now))
        if then.seed != now.seed:
            said = f"the seed was {then.seed} and is {now.seed}: other images and other draws"
            return cls({}, frozenset(), frozenset(), frozenset(), (_apart(said), *notes))
        models, images = list(_models(then, now)), dict(_images(then, now))
        lost = {change.place.model for change in models}
        common = {key: same for key, (same, _) in images.items() if key[0] not in lost}
        methods, metrics = list(_methods(then, now)), list(_metrics(then, now))
        other = [change for key, (_, each) in images.items() if key[0] not in lost for change in each]
        mine, theirs = (_by_measure(each.metrics) for each in (then, now))
        shared = mine.keys() & theirs.keys()
        odd = {(change.metric, change.protocol) for change in metrics}
        return cls(
            common,
            frozenset(_names(then.methods) & _names(now.methods)) - {change.place.method for change in methods},
            frozenset(shared - odd),
            frozenset(key for key in shared if mine[key].get("code") != theirs[key].get("code")),
            (*models, *other, *methods, *metrics, *notes),
        )


def _apart(
    said: str, place: Place = ANYWHERE, images: Sequence[str] = (), measure: tuple[str, str] = ("", "")
) -> Change:
    return Change("not comparable", True, said, place, *measure, images=tuple(images))


def _names(given: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(one["name"]) for one in given}


def _by_measure(given: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(str(one["name"]), str(one["protocol"])): one for one in given}


def _models(then: Baseline, now: Baseline) -> Iterator[Change]:
    known = {model["name"]: model for model in now.models}
    for model in then.models:
        other = known.get(model["name"])
        odd = [said for key, said in _MODEL.items() if other is not None and model.get(key) != other.get(key)]
        if odd:
            verb = "are others" if odd != ["precision"] and odd != ["preprocessing"] else "is another"
            yield _apart(f"its {' and '.join(odd)} {verb}", Place(str(model["name"])))


def _images(then: Baseline, now: Baseline) -> Iterator[tuple[tuple[str, ...], tuple[frozenset[str], list[Change]]]]:
    """By model and dataset: the comparable images, and what is otherwise."""
    mine, theirs = ({d["name"]: d["samples"] for d in each.datasets} for each in (then, now))
    known = {(one.model, one.dataset): one for one in now.images}
    for one in then.images:
        key, found = (one.model, one.dataset), known.get((one.model, one.dataset))
        if found is None:
            continue
        place, changes = Place(*key), []
        targets = dict(zip(found.samples, found.targets, strict=True))
        lost = [name for name in one.samples if name not in targets]
        had, has = mine.get(one.dataset, {}), theirs.get(one.dataset, {})
        other = [name for name in one.samples if name in targets and had.get(name) != has.get(name)]
        turned = [
            name
            for name, target in zip(one.samples, one.targets, strict=True)
            if name in targets and name not in other and targets[name] != target
        ]
        every = len(one.samples)
        if lost:
            changes.append(
                Change("missing", True, f"{len(lost)} of {every} images are not in the run", place, images=tuple(lost))
            )
        if other:
            changes.append(_apart(f"{len(other)} of {every} images have another content", place, other))
        if turned:
            changes.append(_apart(f"on {len(turned)} of {every} images another class is explained", place, turned))
        yield key, (frozenset(one.samples) - {*lost, *other, *turned}, changes)


def _methods(then: Baseline, now: Baseline) -> Iterator[Change]:
    known = {method["name"]: method for method in now.methods}
    for method in then.methods:
        other = known.get(method["name"])
        if other is not None and _asked(method) != _asked(other):
            yield _apart(f"its parameters are others: {_differ(method, other)}", Place(method=str(method["name"])))


def _metrics(then: Baseline, now: Baseline) -> Iterator[Change]:
    mine, theirs = (_by_measure(each.metrics) for each in (then, now))
    for key, metric in mine.items():
        other = theirs.get(key)
        if other is None:
            continue
        if _asked(metric) != _asked(other):
            said = f"its parameters are others: {_differ(metric, other)}"
        elif any(metric.get(name) != other.get(name) for name in ("higher_is_better", "range", "unit")):
            said = "its direction, range or unit is another"
        else:
            continue
        yield _apart(said, measure=key)


def _asked(plugin: Mapping[str, Any]) -> Any:
    return plugin.get("plugin"), plugin["parameters"]


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    mine, theirs = one["parameters"], other["parameters"]
    keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
    if not keys:
        return f"{one.get('plugin')}, {other.get('plugin')}"
    return ", ".join(f"{key} {mine.get(key)!r}, {theirs.get(key)!r}" for key in keys)


def _notes(then: Baseline, now: Baseline) -> Iterator[Change]:
    versions = {**then.versions, "benchbench": then.benchbench}, {**now.versions, "benchbench": now.benchbench}
    odd = [name for name in versions[0] if versions[0][name] != versions[1].get(name)]
    if odd:
        said = ", ".join(f"{name} {versions[0][name]}, {versions[1].get(name)}" for name in odd)
        yield Change("note", False, f"other versions: {said}")
    if then.device != now.device:
        said = "; ".join(", ".join(f"{value}" for value in each.device.values()) for each in (then, now))
        yield Change("note", False, f"another machine: {said}")
