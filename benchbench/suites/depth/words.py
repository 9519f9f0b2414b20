"""The sentences of ``--suite depth``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...formatting import join_some, join_words, plural
from .comparisons import CHANCE, FUSED, OTHER
from .tables import ComparedLayers

CRITICISM = (
    "A layer that localises best is not the layer that explains best: a map may mark the object while the network used "
    "something else. The bundled data leave the network nothing else to use.",
    "Earlier layers have finer maps, and overlap with a mask rewards fine maps.",
    "The layers compared are those of the study; a fusion takes the network's stages up to the last of them, whatever "
    "layers the study names.",
    "A layer is chosen by its mean over one half of the images. With few images the halves may choose differently; "
    "both layers are then named.",
)
_NAMED = 4


def sentence(results: Sequence[ComparedLayers], subjects: Sequence[str], titles: Mapping[str, str], metric: str) -> str:
    """What holds of the methods that are no controls."""
    here = [each for each in results if each.comparison.method in subjects]
    other = [each for each in here if each.comparison.question == OTHER and not each.comparison.absent]
    start = f"On {_data(results)}, scored by {metric}, "
    if not other:
        return f"{start}no method has several layers to compare."
    wins = [each for each in other if _passes(each)]
    parts = [f"another layer beats the last one in {len(wins)} of {plural(len(other), 'pair')} of method and network"]
    if wins:
        parts.append(_largest(max(wins, key=lambda each: float(each.row["score"])), titles))
    fused = [each for each in here if each.comparison.question == FUSED and not each.comparison.absent]
    ends = [f"{start}{': '.join(parts)}."]
    if fused:
        ends.append(
            f"Fusing all stages beats the best single layer in {sum(map(_passes, fused))} of {len(fused)} "
            f"and is worse in {sum(_worse(each) for each in fused)}."
        )
    return " ".join(ends)


def _largest(result: ComparedLayers, titles: Mapping[str, str]) -> str:
    each = result.comparison
    return (
        f"most for {titles[each.method]} on {each.model}, {each.left.mean():.2f} at {' or '.join(each.layers)} against "
        f"{each.right.mean():.2f} at {each.against_layers[0]}"
    )


def findings(results: Sequence[ComparedLayers], subjects: Sequence[str], titles: Mapping[str, str]) -> Iterator[str]:
    """A sentence per method, and one about those that are not above chance."""
    for method in subjects:
        of_method = [each for each in results if each.comparison.method == method and not each.comparison.absent]
        yield from (words for question in (OTHER, FUSED) if (words := _of(of_method, question, titles)))
    lost = [each for each in results if each.comparison.method in subjects and _fails_chance(each)]
    if lost:
        places = [f"{titles[each.comparison.method]} on {each.comparison.model}" for each in lost]
        yield f"Not above the best control at its chosen layer: {join_some(places, _NAMED)}."


def _of(results: Sequence[ComparedLayers], question: str, titles: Mapping[str, str]) -> str:
    asked = [each for each in results if each.comparison.question == question]
    if not asked:
        return ""
    title = titles[asked[0].comparison.method]
    if question == OTHER:
        places = [f"at {' or '.join(e.comparison.layers)} of {e.comparison.model} ({_gain(e)})" for e in asked]
        return f"{title} localises best {join_words(places)}; in brackets the difference from its last layer."
    places = [f"{_gain(each)} on {each.comparison.model}" for each in asked]
    base = titles[asked[0].comparison.against]
    return f"{title} differs from the best single layer of {base} by {join_words(places)}."


def _gain(result: ComparedLayers) -> str:
    """The difference, with its interval if it has one."""
    score, low, high = (float(result.row[key]) for key in ("score", "low", "high"))
    return f"{score:+.2f}" if low != low else f"{score:+.2f} [{low:+.2f}, {high:+.2f}]"


def _passes(result: ComparedLayers) -> bool:
    return result.row["passes"] is True


def _worse(result: ComparedLayers) -> bool:
    return float(result.row["high"]) < 0


def _fails_chance(result: ComparedLayers) -> bool:
    each = result.comparison
    return each.question == CHANCE and not each.absent and not _passes(result)


def _data(results: Sequence[ComparedLayers]) -> str:
    """``shapes (60 images, 3 networks)``."""
    known = [each.comparison for each in results if not each.comparison.absent]
    images = {each.dataset: max(len(c.left) for c in known if c.dataset == each.dataset) for each in known}
    networks = len({each.model for each in known})
    data = join_words(f"{name} ({plural(count, 'image')})" for name, count in images.items())
    return f"{data} and {plural(networks, 'network')}"
