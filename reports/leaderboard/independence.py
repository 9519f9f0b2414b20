"""What a report says of images that are not independent, and of runs that grew after their results were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...formatting import join_words, plural
from ...results.record import units_of


def dependence(info: Mapping[str, Any]) -> list[str]:
    """A sentence or two for each dataset in which some images belong together."""
    return [sentence for data in info["datasets"] for sentence in _dependence(data)]


def _dependence(data: Mapping[str, Any]) -> Iterator[str]:
    samples, units = data.get("samples", {}), set(units_of(data).values())
    if len(units) == len(samples):
        return
    why = [f"{plural(count, 'image')} {word}" for count, word in _reasons(data) if count]
    images, independent = plural(len(samples), "image"), plural(len(units), "independent unit")
    yield (
        f"{data['name']}: {images}, {independent}: {join_words(why)}. Means, intervals and tests count each unit once."
    )


def _reasons(data: Mapping[str, Any]) -> Sequence[tuple[int, str]]:
    """How many images are of a group with others, and how many more repeat another one's content."""
    names = Counter(data.get("groups", {}).values())
    shared = sum(count for count in names.values() if count > 1)
    grouped = sum(count - 1 for count in names.values())
    copies = len(data["samples"]) - grouped - len(set(units_of(data).values()))
    verb = "is a copy of another" if copies == 1 else "are copies of others"
    return (shared, "share a group with others"), (copies, verb)


def extended(info: Mapping[str, Any]) -> list[str]:
    """That results of fewer images, or of less, existed before this run was extended."""
    return [sentence for earlier in info.get("earlier", ()) for sentence in _extended(earlier)]


def _extended(earlier: Mapping[str, Any]) -> Iterator[str]:
    when = str(earlier["created"])[:10]
    grown = [f"{plural(n, 'image')} of {name}" for name, n in earlier["images"].items()]
    if grown:
        yield (
            f"This run was extended after results existed ({when}: {join_words(grown)}). The tests assume a number of "
            "images that was fixed in advance; after a look at results their p values are too small."
        )
    if earlier["added"]:
        yield f"After results existed ({when}), this run was extended by {join_words(earlier['added'])}."
