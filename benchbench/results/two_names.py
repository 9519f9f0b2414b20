"""One thing under two names in two runs: joined, it would count as two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias

from ..formatting import plural
from .shared_entries import Entry, name_of, only_in_first, same_example

Info: TypeAlias = Mapping[str, Any]
NAME_ALIKE = "Name them alike in both studies ({name: ..., as: ...}), and run one of the two again"
SAME_PATH = "Put the files of its parameters at the same path for both studies, and run one of the two again"


def under_two_names(first: Info, second: Info) -> Iterator[tuple[str, str]]:
    """What is the same for sure: data of the same images, networks, methods and metrics; in words, with the way out."""
    for entry, other in _pairs(first, second, "datasets"):
        if _marks(entry) == _marks(other):
            yield f"the data sets {entry['name']} and {other['name']} have the same images", NAME_ALIKE
    for entry, other in _pairs(first, second, "models"):
        if _same_weights(entry, other) and entry["fingerprint"] == other["fingerprint"]:
            yield f"the networks {entry['name']} and {other['name']} are the same", NAME_ALIKE
    for kind, way_out in (("methods", NAME_ALIKE), ("metrics", SAME_PATH)):
        for entry, other in _pairs(first, second, kind):
            if entry.get("identity") and entry["identity"] == other.get("identity"):
                names = f"{name_of(entry)} and {name_of(other)}"
                yield f"the {kind} {names} are the same, with the same parameters", way_out


def maybe_under_two_names(first: Info, second: Info) -> list[str]:
    """What may be the same, in sentences: data that share some images, and networks of the same weights."""
    return [*_some_images(first, second), *_only_weights(first, second)]


def _some_images(first: Info, second: Info) -> Iterator[str]:
    for entry, other in _pairs(first, second, "datasets"):
        count = len(_marks(entry) & _marks(other))
        if count:
            what = f"the data sets {entry['name']} and {other['name']} have {plural(count, 'image')} in common"
            yield f"{what}: if they are one data set, name them alike (as: ...), or these images count twice"


def _only_weights(first: Info, second: Info) -> Iterator[str]:
    """Where the answers to the same example tell networks apart, nothing is said."""
    if same_example(first, second):
        return
    for entry, other in _pairs(first, second, "models"):
        if entry["parameters"] and _same_weights(entry, other) and entry["fingerprint"] != other["fingerprint"]:
            what = f"the networks {entry['name']} and {other['name']} have the same weights and pre-processing"
            yield f"{what}: if they are one network, name them alike (as: ...), or it counts twice"


def _pairs(first: Info, second: Info, kind: str) -> Iterator[tuple[Entry, Entry]]:
    """Every entry that only the first run has, with every entry that only the second one has."""
    return product(only_in_first(first, second, kind), only_in_first(second, first, kind))


def _marks(data: Entry) -> set[str]:
    return set(data["samples"].values())


def _same_weights(entry: Entry, other: Entry) -> bool:
    return bool(entry["state"] == other["state"] and entry["preprocess"] == other["preprocess"])
