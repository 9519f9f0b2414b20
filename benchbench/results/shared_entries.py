"""What two run.json have under the same name, and what only one of them has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Info: TypeAlias = Mapping[str, Any]
Entry: TypeAlias = Mapping[str, Any]


def name_of(entry: Entry) -> str:
    """Of a network, data set, method or metric of run.json."""
    return f"{entry['name']}@{entry['protocol']}" if "protocol" in entry else str(entry["name"])


def in_both(first: Info, second: Info, kind: str) -> Iterator[tuple[str, Entry, Entry]]:
    """The entries of both runs, with their name.

    Args:
        kind: ``models``, ``datasets``, ``methods`` or ``metrics``.
    """
    entries, others = ({name_of(entry): entry for entry in info[kind]} for info in (first, second))
    return ((name, entries[name], others[name]) for name in entries if name in others)


def only_in_first(first: Info, second: Info, kind: str) -> list[Entry]:
    """The entries whose names the second run has not."""
    names = {name_of(entry) for entry in second[kind]}
    return [entry for entry in first[kind] if name_of(entry) not in names]


def same_example(first: Info, second: Info) -> bool:
    """Whether networks of the two runs were asked about the same example: what they answer is in their fingerprints."""
    entry, other = first["datasets"][0], second["datasets"][0]
    return all(entry[key] == other[key] for key in ("name", "available", "fingerprint"))
