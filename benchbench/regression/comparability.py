"""What of a run can be compared with its baseline, and what cannot, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .baseline import Baseline
from .changes import ANYWHERE, Change, Location
from .records import Images, MethodRecord, MetricRecord

_NETWORK = {"state": "weights", "preprocess": "preprocessing", "classes": "number of classes", "precision": "precision"}
_MEASURE = {"higher_is_better": "direction", "range": "range", "unit": "unit"}


@dataclass(frozen=True)
class Comparability:
    """What both have, under the same conditions.

    Attributes:
        images: by model and dataset, those that are the same and are explained for the same class.
        methods: whose parameters are the same.
        metrics: name and protocol, whose parameters are the same.
        other_code: of the metrics, those whose own code changed.
        changes: why the rest cannot be compared, and notes.
    """

    images: Mapping[tuple[str, ...], frozenset[str]]
    methods: frozenset[str]
    metrics: frozenset[tuple[str, str]]
    other_code: frozenset[tuple[str, str]]
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, then: Baseline, now: Baseline) -> Comparability:
        notes = (*_notes(then, now), *_parameters(then, now))
        if then.seed != now.seed:
            reason = f"the seed changed from {then.seed} to {now.seed}: images and random draws differ"
            return cls({}, frozenset(), frozenset(), frozenset(), (_apart(reason), *notes))
        models, methods, metrics = list(_models(then, now)), list(_methods(then, now)), list(_metrics(then, now))
        lost = {change.place.model for change in models}
        images = {key: pair for key, pair in _images(then, now) if key[0] not in lost}
        before, after = ({metric.key: metric for metric in side.metrics} for side in (then, now))
        shared = before.keys() & after.keys()
        return cls(
            {key: same for key, (same, _) in images.items()},
            frozenset({*then.method_names} & {*now.method_names}) - {change.place.method for change in methods},
            frozenset(shared - {(change.metric, change.protocol) for change in metrics}),
            frozenset(key for key in shared if before[key].code != after[key].code),
            (*models, *(change for _, changes in images.values() for change in changes), *methods, *metrics, *notes),
        )


def _apart(
    reason: str, place: Location = ANYWHERE, images: Sequence[str] = (), measure: tuple[str, str] = ("", "")
) -> Change:
    return Change("not comparable", True, reason, place, *measure, images=tuple(images))


def _models(then: Baseline, now: Baseline) -> Iterator[Change]:
    known = {model.name: model for model in now.models}
    for model in then.models:
        other = known.get(model.name, model)
        odd = [label for key, label in _NETWORK.items() if getattr(model, key) != getattr(other, key)]
        if odd:
            yield _apart(f"its {' and '.join(odd)} changed", Location(model.name))


def _images(then: Baseline, now: Baseline) -> Iterator[tuple[tuple[str, ...], tuple[frozenset[str], list[Change]]]]:
    """By model and dataset: the comparable images, and what is otherwise."""
    before, after = ({data.name: data.samples for data in each.datasets} for each in (then, now))
    known = {group.key: group for group in now.images}
    for group in then.images:
        if group.key in known:
            yield group.key, _same(group, known[group.key], before[group.dataset], after[group.dataset])


def _same(
    then: Images, now: Images, marks: Mapping[str, str], others: Mapping[str, str]
) -> tuple[frozenset[str], list[Change]]:
    place, every = Location(*then.key), len(then.samples)
    targets = dict(zip(now.samples, now.targets, strict=True))
    lost = [name for name in then.samples if name not in targets]
    other = [name for name in then.samples if name in targets and marks[name] != others[name]]
    both = zip(then.samples, then.targets, strict=True)
    turned = [n for n, target in both if n in targets and n not in other and targets[n] != target]
    more = tuple(name for name in now.samples if name not in then.samples)
    changes = []
    if lost:
        message = f"{len(lost)} of {every} images are not in the run"
        changes.append(Change("missing", True, message, place, images=tuple(lost)))
    if other:
        changes.append(_apart(f"the content of {len(other)} of {every} images changed", place, other))
    if turned:
        changes.append(_apart(f"the explained class changed on {len(turned)} of {every} images", place, turned))
    if more:
        changes.append(Change("new", False, f"{len(more)} images are not in the baseline", place, images=more))
    return frozenset(then.samples) - {*lost, *other, *turned}, changes


def _methods(then: Baseline, now: Baseline) -> Iterator[Change]:
    known = {method.name: method for method in now.methods}
    for method in then.methods:
        odd = _differ(method, known.get(method.name, method))
        if odd:
            yield _apart(odd, Location(method=method.name))


def _metrics(then: Baseline, now: Baseline) -> Iterator[Change]:
    known = {metric.key: metric for metric in now.metrics}
    for metric in then.metrics:
        other = known.get(metric.key, metric)
        odd = [label for key, label in _MEASURE.items() if getattr(metric, key) != getattr(other, key)]
        reason = _differ(metric, other) or (f"its {' and '.join(odd)} changed" if odd else "")
        if reason:
            yield _apart(reason, measure=metric.key)


def _differ(was: MethodRecord | MetricRecord, now: MethodRecord | MetricRecord) -> str:
    """What was asked otherwise; empty where nothing was. A parameter that is new, or gone, asks nothing else."""
    if isinstance(was, MethodRecord) and isinstance(now, MethodRecord) and was.plugin != now.plugin:
        return f"the name stands for another method: {was.plugin} -> {now.plugin}"
    before, after = was.parameters, now.parameters
    keys = [key for key in before if key in after and before[key] != after[key]]
    each = ", ".join(f"{key} {before[key]!r} -> {after[key]!r}" for key in keys)
    return f"its parameters changed: {each}" if each else ""


def _parameters(then: Baseline, now: Baseline) -> Iterator[Change]:
    """Parameters that one side alone has: what they do is told by maps and scores, which are compared all the same."""
    methods, metrics = {method.name: method for method in now.methods}, {metric.key: metric for metric in now.metrics}
    pairs: list[tuple[MethodRecord | MetricRecord, MethodRecord | MetricRecord, Location, tuple[str, str]]] = [
        (method, methods[method.name], Location(method=method.name), ("", ""))
        for method in then.methods
        if method.name in methods
    ]
    pairs += [(metric, metrics[metric.key], ANYWHERE, metric.key) for metric in then.metrics if metric.key in metrics]
    for record, other, place, measure in pairs:
        before, after = record.parameters, other.parameters
        differences = [f"{key} is new ({after[key]!r})" for key in after if key not in before]
        differences += [f"{key} is gone (it was {before[key]!r})" for key in before if key not in after]
        if differences:
            yield Change("note", False, f"changed parameters: {', '.join(differences)}", place, *measure)


def _notes(then: Baseline, now: Baseline) -> Iterator[Change]:
    before, after = ({**each.versions, "benchbench": each.benchbench} for each in (then, now))
    odd = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if odd:
        versions = ", ".join(f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}" for name in odd)
        yield Change("note", False, f"versions changed: {versions}")
    if then.device != now.device:
        was, now_is = (", ".join(f"{value}" for value in each.device.values()) for each in (then, now))
        yield Change("note", False, f"the machine or its threads changed: {was} -> {now_is}")
