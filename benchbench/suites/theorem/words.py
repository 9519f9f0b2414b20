"""The sentences of ``--suite theorem``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...formatting import join_some, join_words, plural
from ..shown_names import ShownNames
from .compared_maps import ComparedMaps
from .layer_facts import CAM, CLOSED_FORM, LOCAL, LayerFacts

CRITICISM = (
    "Maps are compared after ReLU and min-max, as metrics and readers see them. The size of a map and the linear "
    "layer's bias are not compared. An image on which CAM's positive part is the same everywhere is left out.",
    "The equalities are tested on the run's images, with one class each, in eval mode, where dropout does nothing. "
    "They are theorems where CAM is defined; elsewhere a small difference is a finding about these images.",
    "HiResCAM is gradient x activation by definition, so it passes the second question everywhere. A contribution is "
    "of first order: behind a non-linear head the logit may change by another amount if the cell is removed.",
    "Equality says that two maps are the same, not that they are right.",
)
FLAT = 1e-6  # of the gradient's energy: below it all cells have the same gradient, but for rounding
_NAMED = 3


def sentence(facts: Sequence[LayerFacts], pairs: Sequence[ComparedMaps], titles: ShownNames, tolerance: float) -> str:
    """The answer for Grad-CAM, or where the study lacks it for its first method that is not CAM.

    Args:
        titles: display names; of methods, those that are no controls.
    """
    subject = "gradcam" if "gradcam" in titles.methods else next((name for name in titles.methods if name != "cam"), "")
    defined = [each for each in facts if not (each.obstacle or each.broken)]
    places = _listed([_shown(titles, each.model, each.layer) for each in defined])
    images = max(len(each.truths) for each in facts)
    data = join_words(dict.fromkeys(titles.datasets[each.dataset] for each in facts))
    start = f"On {plural(images, 'image')} of {data}, CAM is defined at {len(defined)} of {plural(len(facts), 'layer')}"
    start += f" of {plural(len({each.model for each in facts}), 'network')}{places}"
    if not subject:
        return f"{start}; no other method was compared."
    title = titles.methods[subject]
    gaps = [p.gap for p in pairs if (p.question, p.method, p.status) == (CAM, subject, "ok")]
    equal = f", and {title} {_equal(gaps, tolerance)}" if gaps else ""
    return f"{start}{equal}.{_beyond(facts, pairs, subject, titles, tolerance)}"


def _equal(gaps: Sequence[float], tolerance: float) -> str:
    """At how many of the layers with a CAM a method is CAM."""
    same, rest = [gap for gap in gaps if gap < tolerance], [gap for gap in gaps if gap >= tolerance]
    differs = f"differs by {_span(rest)}" if rest else ""
    if not same:
        return f"does not equal CAM {'there' if len(gaps) == 1 else 'at any of them'} (it {differs})"
    everywhere = "there" if len(gaps) == 1 else "at both" if len(gaps) == 2 else f"at all {len(gaps)}"
    where = f"at {len(same)} of them" if rest else everywhere
    more = f"; elsewhere it {differs}" if rest else ""
    return f"equals CAM {where} (largest difference {max(same):.1g}, tolerance {tolerance:g}{more})"


def _beyond(
    facts: Sequence[LayerFacts], pairs: Sequence[ComparedMaps], subject: str, titles: ShownNames, tolerance: float
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
    title, what = titles.methods[subject], "each cell's contribution (gradient x activation)"
    by = f"by {_span(rest)} (maps in [0, 1])" if rest else ""
    start = f" At the {plural(len(gaps), 'layer')} without a CAM, {title}"
    if not same:
        return f"{start} differs from {what} {by}."
    shown = _listed([_shown(titles, model, layer) for model, _, layer in same])
    differs = f" and differs from it at the other {len(rest)}, {by}" if rest else ""
    return f"{start} equals {what} at {len(same)}{shown}{differs}."


def findings(
    facts: Sequence[LayerFacts], pairs: Sequence[ComparedMaps], titles: ShownNames, tolerance: float
) -> Iterator[str]:
    """A sentence per method, and one per last layer where CAM is not defined."""
    compared = [(method, title) for method, title in titles.methods.items() if method != "cam"]
    yield from (_of_method(pairs, method, title, tolerance) for method, title in compared)
    last = _last(facts)
    yield from (_of_layer(each, titles.models[each.model]) for each in facts if _place(each) in last and each.obstacle)


def _of_method(pairs: Sequence[ComparedMaps], method: str, title: str, tolerance: float) -> str:
    asked = {CAM: "CAM", LOCAL: "each cell's contribution", CLOSED_FORM: "Grad-CAM++'s closed form"}
    parts = []
    for question, words in asked.items():
        known = [p.gap for p in pairs if (p.question, p.method, p.status) == (question, method, "ok")]
        if known:
            misses = [gap for gap in known if gap >= tolerance]
            where = "" if len(misses) == len(known) else "elsewhere "
            by = f" (largest difference {where}{_span(misses)})" if misses else ""
            parts.append(f"{words} at {len(known) - len(misses)} of {plural(len(known), 'layer')}{by}")
    return f"{title} equals {join_words(parts)}." if parts else f"{title} has no map to compare."


def _of_layer(facts: LayerFacts, title: str) -> str:
    spread = sum(facts.spread.values()) / max(1, len(facts.spread))
    start = f"{title} has no CAM at its last layer, {facts.layer}: {facts.obstacle}."
    if spread < FLAT:
        return (
            f"{start} All cells have the same gradient there, so Grad-CAM, HiResCAM and XGrad-CAM are one map: CAM "
            "with the gradient in place of the linear layer's weights."
        )
    return (
        f"{start} The gradient differs from cell to cell: its mean over space, which Grad-CAM takes, lacks "
        f"{spread:.0%} of its energy."
    )


def _shown(titles: ShownNames, model: str, layer: str) -> str:
    return f"{titles.models[model]} at {layer}"


def _last(facts: Sequence[LayerFacts]) -> set[tuple[str, str, str]]:
    return {(model, data, layer) for (model, data), layer in {(f.model, f.dataset): f.layer for f in facts}.items()}


def _place(of: LayerFacts | ComparedMaps) -> tuple[str, str, str]:
    return of.model, of.dataset, of.layer


def _span(gaps: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{gap:.2g}" for gap in (min(gaps), max(gaps))))


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    return f" ({join_some(shown, _NAMED)})" if shown else ""
