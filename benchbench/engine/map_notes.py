"""What other libraries' methods left in the network while their maps were made, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class MapNotes:
    """By network, method and what was left: of how many maps."""

    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _maps: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, model: str, method: str, samples: Mapping[str, Mapping[str, Any]]) -> None:
        """The notes of a map cell.

        Args:
            model: the network's name. method: the method's title. samples: the cell's entries by image.
        """
        for entry in samples.values():
            self._maps[model, method] += 1
            if entry.get("note"):
                self._counts[model, method, entry["note"]] += 1

    def sentences(self, titles: Mapping[str, str]) -> list[str]:
        """One for each network, method and kind of leftover.

        Args:
            titles: by the networks' names, their display names.
        """
        return [
            f"{method} leaves in {titles.get(model, model)} ({count} of {self._maps[model, method]} maps): {note}. "
            "It runs on a copy, and benchbench removes what it left"
            for (model, method, note), count in self._counts.items()
        ]
