"""What a metric sees: what it declared in ``needs``, and nothing else, whatever the data and the study have besides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any, Self, cast

from ..errors import BenchError
from ..types import Seen

ANSWERS = ("probability", "logit", "correct", "whole_probability", "whole_logit")
LENT: dict[str, tuple[str, ...]] = {  # by attribute of Seen the needs that lend it: any of them does
    **dict.fromkeys(ANSWERS, ("probes",)),
    "rival_probability": ("rivals",),
    "map": ("map",),
    "raw": ("map",),
    "signed_map": ("signed-map",),
    "mask": ("mask",),
    "boxes": ("boxes",),
    "label_place": ("label",),
    "label_explained": ("label",),
    "pixels": ("pixels", "probes", "network"),
    "reexplained": ("reexplain",),
    "explainer": ("network",),
}


class NotLent(BenchError):  # noqa: N818 - what the metric reads
    """A metric reads what it did not declare."""

    final = True


class _Lent(Seen):
    """A Seen that holds what was declared; the rest raises NotLent."""

    def __getattribute__(self, name: str) -> Any:
        if name in LENT and name not in object.__getattribute__(self, "_lent"):
            metric = object.__getattribute__(self, "_metric")
            raise NotLent(
                f"metric {metric} reads seen.{name} and does not declare it", hint=f'Add "{LENT[name][0]}" to its needs'
            )
        return super().__getattribute__(name)

    def rows(self, start: int, stop: int) -> Self:
        """Some of the images, with what was lent of them."""
        whole = {each.name: object.__getattribute__(self, each.name) for each in fields(Seen)}
        metric, needs = object.__getattribute__(self, "_metric"), object.__getattribute__(self, "_needs")
        return cast(Self, lend(Seen(**whole).rows(start, stop), metric, needs))


def lend(seen: Seen, metric: str, needs: Collection[str]) -> Seen:
    """The Seen that a metric with these needs is given.

    Returns:
        A Seen whose other attributes raise NotLent, which names the need that is missing.
    """
    lent = {name for name, lending in LENT.items() if set(lending) & set(needs)}
    names = [each.name for each in fields(Seen)]
    values: dict[str, Any] = {name: getattr(seen, name) if name in lent else None for name in names}
    restricted = _Lent(**values)
    object.__setattr__(restricted, "_lent", frozenset(lent))
    object.__setattr__(restricted, "_metric", metric)
    object.__setattr__(restricted, "_needs", frozenset(needs))
    return restricted
