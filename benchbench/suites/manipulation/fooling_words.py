"""The sentences of ``fooling``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...formatting import join_words, plural
from ..shown_names import ShownNames
from .fooling_place import FooledPlace
from .retained import IDLE
from .usage import difference_of_accuracy

NOTES = (
    "This is one pair of networks and one manipulation. A method that passes here may be fooled by a manipulation that "
    "is made for it.",
    "A manipulation may raise the logits of all classes alike, so that the probabilities stay as they are. Maps that "
    "explain one logit show it; maps that explain the probability need not (arXiv:2506.08514).",
)


def sentence(place: FooledPlace, verdicts: Sequence[Mapping[str, Any]], names: ShownNames) -> str:
    """Whether the second network answers as the first, and which methods still show the object on it."""
    here = names.judged(verdicts)
    here = [v for v in here if (v["dataset"], v["layer"]) == (place.dataset, place.layers[1])]
    kept, lost = ([v["method"] for v in here if v["passes"] is want] for want in (True, False))
    unclear = [v["method"] for v in here if pd.isna(v["passes"])]
    honest, fooled = _networks(place, names)
    images = f"{plural(len(place.fooled.pairs), 'image')} of {names.datasets[place.dataset]}"
    kept_words = "still shows the object" if len(kept) < 2 else "still show the object"
    parts = [f"{len(kept)} {kept_words} ({names.listed(kept)})" if kept else "none still shows the object"]
    for labels, singular, many in ((lost, "does not", "do not"), (unclear, "is not clear", "are not clear")):
        parts += [f"{len(labels)} {singular if len(labels) == 1 else many} ({names.listed(labels)})"] if labels else []
    return (
        f"{fooled} answers the same class as {honest} on {place.agreement:.0%} of {images}. "
        f"Of {plural(len(here), 'method')} at {place.layers[1]}, {join_words(parts)}."
    )


def findings(
    place: FooledPlace, verdicts: Sequence[Mapping[str, Any]], names: ShownNames, seed: int
) -> tuple[str, ...]:
    """Whether the object is used as before, and what the best and the worst method keep."""
    change, low, high = difference_of_accuracy(place.honest.usage, place.fooled.usage, seed)
    honest, fooled = _networks(place, names)
    drops = [float(np.mean(side.usage.drop)) for side in (place.fooled, place.honest)]
    facts = [
        f"Without the object, the probability of the class falls by {drops[0]:.2f} on {fooled} and by {drops[1]:.2f} "
        f"on {honest}."
    ]
    if np.isfinite([change, low, high]).all():
        facts.append(
            f"The accuracy of {fooled} differs from that of {honest} by {change:+.3f} (95 % interval {low:+.3f} to "
            f"{high:+.3f})."
        )
    compared = [v for v in names.judged(verdicts) if not v["reason"].startswith(IDLE)]
    if len(compared) > 1:
        best, worst = (pick(compared, key=lambda v: float(v["score"])) for pick in (max, min))
        facts += [
            f"{names.methods[v['method']]} keeps {v['score']:.0%} of its accuracy: {v['reason']}."
            for v in (best, worst)
        ]
    return tuple(facts)


def _networks(place: FooledPlace, names: ShownNames) -> tuple[str, str]:
    return names.models[place.honest.plan.model.name], names.models[place.fooled.plan.model.name]
