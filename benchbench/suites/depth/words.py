"""The sentences of ``--suite depth``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...formatting import join_some, join_words, plural
from ..shown_names import ShownNames
from .comparisons import CHANCE, FUSED, OTHER
from .tables import ComparedLayers

CRITICISM = (
    "The layer that localises best is not always the layer that explains best: a map may mark the object while the "
    "network used something else. The bundled data leave the network nothing else to use.",
    "Earlier layers have finer maps, and overlap with a mask rewards fine maps.",
    "The layers compared are those of the study. A fusion takes the network's stages up to the last one, whatever "
    "layers the study names.",
    "With few images the two halves may choose different layers: then the tables name both.",
)
_NAMED = 4  # networks, or pairs of method and network


def sentence(results: Sequence[ComparedLayers], names: ShownNames, metric: str) -> str:
    """What holds of the methods that are no controls."""
    here = [each for each in results if each.comparison.method not in names.controls]
    other = [each for each in here if each.comparison.question == OTHER and not each.comparison.absent]
    if all(each.comparison.absent for each in results):
        return "No method has scores of two layers on both halves of the images, so that nothing could be compared."
    start = f"On {_data(results, names)}, "
    if not other:
        return f"{start}no method has several layers to compare."
    wins = [each for each in other if _passes(each)]
    parts = [
        f"{start}another layer localises better than the last one in {len(wins)} of {plural(len(other), 'pair')} of "
        "method and network"
    ]
    if wins:
        parts.append(_largest(max(wins, key=lambda each: float(each.row["score"])), names, metric))
    fused = [each for each in here if each.comparison.question == FUSED and not each.comparison.absent]
    sentences = [f"{', most for '.join(parts)}."]
    if fused:
        sentences.append(
            f"Fusing all stages beats the best single layer in {sum(map(_passes, fused))} of "
            f"{plural(len(fused), 'pair')} and is worse in {sum(_worse(each) for each in fused)}."
        )
    return " ".join(sentences)


def _largest(result: ComparedLayers, names: ShownNames, metric: str) -> str:
    each = result.comparison
    return (
        f"{names.methods[each.method]} on {names.models[each.model]}: {metric} is {each.left.mean():.2f} at "
        f"{' or '.join(each.layers)} and {each.right.mean():.2f} at {each.against_layers[0]}, the last layer"
    )


def findings(results: Sequence[ComparedLayers], names: ShownNames) -> Iterator[str]:
    """A sentence per method, and one about those that are not above chance."""
    subjects = [label for label in names.methods if label not in names.controls]
    for method in subjects:
        of_method = [each for each in results if each.comparison.method == method and not each.comparison.absent]
        yield from (words for question in (OTHER, FUSED) if (words := _of(of_method, question, names)))
    lost = [each for each in results if each.comparison.method in subjects and _fails_chance(each)]
    if lost:
        places = [f"{names.methods[e.comparison.method]} on {names.models[e.comparison.model]}" for e in lost]
        yield f"Not clearly above the best control: {join_some(places, _NAMED)}."


def _of(results: Sequence[ComparedLayers], question: str, names: ShownNames) -> str:
    asked = [each for each in results if each.comparison.question == question]
    if not asked:
        return ""
    title = names.methods[asked[0].comparison.method]
    if question == OTHER:
        places = [
            f"at {' or '.join(each.comparison.layers)} of {names.models[each.comparison.model]} ({_gain(each)})"
            for each in asked
        ]
        return f"{title} localises best {join_words(places)}; in brackets the difference from its last layer."
    places = [f"{_gain(each)} on {names.models[each.comparison.model]}" for each in asked]
    return f"{title} less the best single layer of {asked[0].comparison.against}: {join_words(places)}."


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


def _data(results: Sequence[ComparedLayers], names: ShownNames) -> str:
    """``60 images of Shapes, with Zoo ResNet and Zoo VGG``."""
    known = [each.comparison for each in results if not each.comparison.absent]
    images = {each.dataset: max(len(c.left) for c in known if c.dataset == each.dataset) for each in known}
    networks = [names.models[model] for model in dict.fromkeys(each.model for each in known)]
    data = join_words(f"{plural(count, 'image')} of {names.datasets[name]}" for name, count in images.items())
    return f"{data}, with {join_words(networks) if len(networks) <= _NAMED else plural(len(networks), 'network')}"
