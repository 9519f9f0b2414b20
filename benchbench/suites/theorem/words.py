"""The sentences of ``--suite theorem``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...formatting import join_some, join_words, plural
from .compared_maps import ComparedMaps
from .layer_facts import CAM, CLOSED_FORM, LOCAL, LayerFacts

CRITICISM = (
    "Maps are compared after ReLU and min-max, as metrics and readers see them: the size of a map and the linear "
    "layer's bias are not in them. An image on which CAM's positive part is the same everywhere is left out.",
    "The equalities are tried on some images, with one class each, in eval mode, where dropout does nothing. They are "
    "theorems where CAM is defined; elsewhere a small difference is a finding about these images.",
    "HiResCAM is gradient x activation by definition, so it passes the second question everywhere. A contribution is "
    "of first order: behind a non-linear head it is not what the logit loses if the cell is removed.",
    "Equality says that two maps are the same, not that they are right.",
)
FLAT = 1e-6  # of the gradient's energy: below it all cells have the same gradient, but for rounding
_NAMED = 3


def sentence(
    facts: Sequence[LayerFacts], pairs: Sequence[ComparedMaps], titles: Mapping[str, str], tolerance: float
) -> str:
    """The answer for Grad-CAM, or where the study lacks it for its first method that is not CAM."""
    subject = "gradcam" if "gradcam" in titles else next((name for name in titles if name != "cam"), "")
    if not subject:
        return f"CAM is defined at {_defined(facts)} of {plural(len(facts), 'layer')}; no other method was compared."
    title, last = titles[subject], _last(facts)
    equal = _places(pairs, subject, CAM, tolerance)
    at_last, networks = [place for place in equal if place in last], list(dict.fromkeys(place[0] for place in last))
    elsewhere = len(equal) - len(at_last)
    where = (
        f"on {len({place[0] for place in at_last})} of {plural(len(networks), 'network')} at the last layer"
        f"{_listed(place[0] for place in at_last)}, and at {elsewhere or 'no'} other of the {len(facts)} layers"
    )
    here = [pair.gap for pair in pairs if (pair.question, pair.method) == (CAM, subject) and _place(pair) in equal]
    exact = f" The largest difference there is {max(here):.1g}." if here else ""
    defined = f" CAM is defined at {plural(_defined(facts), 'layer')}."
    start = f"{title} equals CAM to {tolerance:g} {where}.{exact}{defined}"
    return start + _beyond(facts, pairs, subject, title, tolerance)


def _beyond(
    facts: Sequence[LayerFacts], pairs: Sequence[ComparedMaps], subject: str, title: str, tolerance: float
) -> str:
    """Of the layers where CAM is not defined: what the method is there."""
    undefined = {_place(each) for each in facts if each.obstacle}
    gaps = {
        _place(pair): pair.gap
        for pair in pairs
        if (pair.question, pair.method, pair.status) == (LOCAL, subject, "ok") and _place(pair) in undefined
    }
    if not gaps:
        return ""
    same = [place for place, gap in gaps.items() if gap < tolerance]
    rest = [gap for gap in gaps.values() if gap >= tolerance]
    shown = [f"{network} at {layer}" for network, _, layer in same]
    least = f", by {_span(rest)}" if rest else ""
    return (
        f" Where CAM is not defined, {title} is each cell's contribution (gradient x activation) at {len(same)} of "
        f"{plural(len(gaps), 'layer')}{_listed(shown)} and differs from it at {len(rest)}{least}."
    )


def findings(
    facts: Sequence[LayerFacts], pairs: Sequence[ComparedMaps], titles: Mapping[str, str], tolerance: float
) -> Iterator[str]:
    """A sentence per method, and one per last layer where CAM is not defined."""
    yield from (_of_method(pairs, method, title, tolerance) for method, title in titles.items())
    last = _last(facts)
    yield from (_of_layer(each) for each in facts if _place(each) in last and each.obstacle)


def _of_method(pairs: Sequence[ComparedMaps], method: str, title: str, tolerance: float) -> str:
    asked = {CAM: "CAM", LOCAL: "each cell's contribution", CLOSED_FORM: "Grad-CAM++'s closed form"}
    parts = []
    for question, words in asked.items():
        known = [p.gap for p in pairs if (p.question, p.method, p.status) == (question, method, "ok")]
        if known:
            misses = [gap for gap in known if gap >= tolerance]
            by = f" (else differs by {_span(misses)})" if misses else ""
            parts.append(f"{words} at {len(known) - len(misses)} of {plural(len(known), 'layer')}{by}")
    return f"{title} equals {join_words(parts)}." if parts else f"{title} has no map to compare."


def _of_layer(facts: LayerFacts) -> str:
    spread = sum(facts.spread.values()) / max(1, len(facts.spread))
    start = f"{facts.model} has no CAM at its last layer, {facts.layer}: {facts.obstacle}."
    if spread < FLAT:
        return (
            f"{start} But all cells have the same gradient. Grad-CAM, HiResCAM and XGrad-CAM are one map there, with "
            "the gradient in place of the linear layer's weights."
        )
    return (
        f"{start} The gradient differs from cell to cell: averaging it over space, as Grad-CAM does, drops "
        f"{spread:.0%} of its energy."
    )


def _places(pairs: Sequence[ComparedMaps], method: str, question: str, tolerance: float) -> list[tuple[str, str, str]]:
    asked = (question, method, "ok")
    return [_place(p) for p in pairs if (p.question, p.method, p.status) == asked and p.gap < tolerance]


def _last(facts: Sequence[LayerFacts]) -> set[tuple[str, str, str]]:
    return {(model, data, layer) for (model, data), layer in {(f.model, f.dataset): f.layer for f in facts}.items()}


def _defined(facts: Sequence[LayerFacts]) -> int:
    return sum(not (each.obstacle or each.broken) for each in facts)


def _place(of: LayerFacts | ComparedMaps) -> tuple[str, str, str]:
    return of.model, of.dataset, of.layer


def _span(gaps: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{gap:.2g}" for gap in (min(gaps), max(gaps))))


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    return f" ({join_some(shown, _NAMED)})" if shown else ""
