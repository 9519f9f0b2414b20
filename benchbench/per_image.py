"""Records that hold a row per image: how each of them is cut, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from torch import Tensor

SHARED = {"rows": "shared"}  # of a field: the same for every image
DERIVED = {"rows": "derived"}  # of a field: a cache of all rows, which is empty again in a part of them


@dataclass(frozen=True, eq=False)
class PerImage:
    """A record whose tensors, tuples, lists and inner records have a row per image: all are cut here."""

    def rows(self, start: int, stop: int) -> Self:
        """The record of the images from ``start`` to before ``stop``."""
        parts: dict[str, Any] = {}
        for each in fields(self):
            kind = each.metadata.get("rows")
            if kind == "derived":
                parts[each.name] = {}
            elif kind != "shared":
                parts[each.name] = _cut(getattr(self, each.name), start, stop)
        return replace(self, **parts)

    def row(self, i: int) -> Self:
        """The record of image ``i`` alone."""
        return self.rows(i, i + 1)


def _cut(value: Any, start: int, stop: int) -> Any:
    if isinstance(value, PerImage):
        return value.rows(start, stop)
    if isinstance(value, Mapping):
        return {key: _cut(part, start, stop) for key, part in value.items()}
    return value[start:stop] if isinstance(value, (Tensor, tuple, list)) else value
