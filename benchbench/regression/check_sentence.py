"""What fails a check, in a sentence: by method, and then what concerns no method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..formatting import join_words, plural
from .changes import Change

_FIRST = ("quality", "score", "cost", "dead", "failure", "map")  # then the rest, as it comes


def sentence(failing: Sequence[Change]) -> str:
    methods = dict.fromkeys(change.place.method for change in failing)
    parts = [
        _of(method, [c for c in failing if c.place.method == method]) for method in sorted(methods, key=bool)[::-1]
    ]
    return f"{'; '.join(parts)}."


def _of(method: str, changes: Sequence[Change]) -> str:
    by_kind: dict[str, list[Change]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    order = [*(kind for kind in _FIRST if kind in by_kind), *(kind for kind in by_kind if kind not in _FIRST)]
    phrases = [phrase for kind in order for phrase in _phrases(kind, by_kind[kind])]
    return f"{method}: {join_words(phrases)}" if method else join_words(phrases)


def _phrases(kind: str, changes: Sequence[Change]) -> Iterator[str]:
    images = len({(change.place, image) for change in changes for image in change.images})
    metrics = plural(len({(change.metric, change.protocol) for change in changes}), "metric")
    match kind:
        case "quality":
            yield f"{'worse' if not any(change.better for change in changes) else 'changed'} on {metrics}"
        case "score":
            yield f"changed scores on {metrics} for unchanged maps"
        case "cost":
            for metric in dict.fromkeys(change.metric for change in changes):
                yield _cost(metric, [change for change in changes if change.metric == metric])
        case "map":
            yield f"{plural(images, 'map')} changed"
        case "dead":
            yield f"{plural(images, 'map')} became constant"
        case "failure":
            yield f"no value for {plural(images, 'image')}"
        case _:
            yield from dict.fromkeys(f"{_whose(change)}{change.sentence}" for change in changes)


def _whose(change: Change) -> str:
    """The metric, or the model and dataset, that a change is about; a method is said already."""
    if change.metric:
        return f"{change.metric}@{change.protocol}: "
    return "" if change.place.method or not change.place.model else f"{' '.join(filter(None, change.place.parts))}: "


def _cost(metric: str, changes: Sequence[Change]) -> str:
    worst = max(changes, key=lambda change: change.by)
    amount = f"{'up to ' if len(changes) > 1 else ''}{abs(worst.by - 1):.0%}".replace("%", " %")
    if worst.by == float("inf"):
        return f"{metric} that was 0"
    if metric == "runtime":
        return f"{'slower' if worst.by > 1 else 'faster'} by {amount}"
    return f"{amount} {'more' if worst.by > 1 else 'less'} {metric.replace('_', ' ')}"
