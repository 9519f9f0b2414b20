"""Footnotes of a leaderboard: why a cell is not complete, and what is known of a method, each said once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ...formatting import join_words, plural
from .. import number_format

_UNFINISHED = (
    "the run is not finished, and has {} images of it: the mean is over different images, so it is not comparable and "
    "never marked best"
)


@dataclass(frozen=True)
class Gap:
    """Why a method has no number, or a number over fewer images.

    Attributes:
        reason: why a value is missing.
        status: ``failed`` or ``not applicable`` if no image has a value; else empty.
        images: how many images were asked for; 0 if none of them has a value.
        failed, not_applicable: how many of them have no value; 0 if no image has one.
        comparable: whether the mean is over the same images as those of other methods.
    """

    reason: str
    status: str = ""
    images: int = 0
    failed: int = 0
    not_applicable: int = 0
    comparable: bool = True

    @classmethod
    def of(cls, scored: int, failed: int, not_applicable: int, reason: str, *, comparable: bool) -> Gap | None:
        """The gap of a cell with so many images with a value, and without; None for a complete cell.

        A cell of a run that is not finished may have fewer images than others, and none that failed.
        """
        if not (failed or not_applicable):
            return None if comparable else cls(_UNFINISHED.format(scored))
        if not scored:
            return cls(reason, "not applicable" if not_applicable else "failed")
        return cls(reason, "", scored + failed + not_applicable, failed, not_applicable, comparable)

    @property
    def text(self) -> str:
        return _gap_text([self])

    @property
    def kind(self) -> Gap:
        """The gap with 1 in place of its counts: gaps of one kind differ in no more than how many images they lose."""
        return replace(self, failed=min(self.failed, 1), not_applicable=min(self.not_applicable, 1))


REMARK_KINDS = ("fault", "convention")  # attributes of a remark, and columns of tables


@dataclass(frozen=True)
class Remark:
    """What is known of a method's implementation: it holds of every number of the method's row.

    Attributes:
        fault: what is wrong with it, as run.json has it; empty if nothing is known.
        convention: where it follows another convention than the definition, which is no fault; empty if nowhere.
    """

    fault: str = ""
    convention: str = ""

    @property
    def text(self) -> str:
        parts = (("known fault", self.fault), ("convention", self.convention))
        return "; ".join(f"{kind}: {known.strip().rstrip('.')}" for kind, known in parts if known)


Cause: TypeAlias = Gap | Remark


@dataclass(frozen=True)
class Footnote:
    """A gap or a remark, and the methods that have it."""

    methods: tuple[str, ...]
    cause: Cause

    @property
    def names(self) -> str:
        return number_format.first_few(self.methods)

    @property
    def text(self) -> str:
        return f"{self.names}: {self.cause.text}"

    def without(self, methods: Collection[str]) -> Footnote | None:
        """The footnote without some methods; None where it holds of no other."""
        left = tuple(name for name in self.methods if name not in methods)
        return replace(self, methods=left) if left else None


def remarks_of(info: Mapping[str, Any]) -> dict[str, Remark]:
    """By method, what is known of its implementation; without the methods of which nothing is.

    Args:
        info: run.json.
    """
    remarks = {m["name"]: Remark(m.get("note") or "", m.get("convention") or "") for m in info["methods"]}
    return {name: remark for name, remark in remarks.items() if remark.text}


class Notes:
    """A block's footnotes as they come: what holds of several methods is one footnote."""

    def __init__(self) -> None:
        self.methods: dict[Cause, list[str]] = {}

    def number(self, method: str, cause: Cause) -> int:
        """The number of the cause's footnote, from 1, which now holds of the method too."""
        if method not in self.methods.setdefault(cause, []):
            self.methods[cause].append(method)
        return list(self.methods).index(cause) + 1

    @property
    def footnotes(self) -> tuple[Footnote, ...]:
        return tuple(Footnote(tuple(methods), cause) for cause, methods in self.methods.items())


def remarks_over(settings: Iterable[Sequence[Footnote]]) -> tuple[Footnote, ...]:
    """The remarks in the footnotes of several settings, each once, with every method that has it."""
    notes = Notes()
    for note in (note for footnotes in settings for note in footnotes if isinstance(note.cause, Remark)):
        for method in note.methods:
            notes.number(method, note.cause)
    return notes.footnotes


def over_settings(settings: Sequence[Sequence[Footnote]]) -> list[str]:
    """The footnotes on the gaps of several settings, each once, with the number of settings that have it.

    Footnotes that differ in no more than the number of images without a value are one.

    Args:
        settings: the footnotes of each setting.
    """
    alike: dict[tuple[str, Gap], list[tuple[int, Gap]]] = {}
    for setting, footnotes in enumerate(settings):
        for note in footnotes:
            if isinstance(note.cause, Gap):
                alike.setdefault((note.names, note.cause.kind), []).append((setting, note.cause))
    return [
        f"{names}: {_gap_text([gap for _, gap in gaps])} "
        f"({len({setting for setting, _ in gaps})} of {plural(len(settings), 'setting')})"
        for (names, _), gaps in alike.items()
    ]


def _gap_text(gaps: Sequence[Gap]) -> str:
    """What gaps of one kind say of their methods."""
    first = gaps[0]
    if not first.images:
        return f"{first.status}: {first.reason}" if first.status else first.reason
    words = [f"{_span([gap.failed for gap in gaps])} failed"] * bool(first.failed)
    words += [f"{_span([gap.not_applicable for gap in gaps])} not applicable"] * bool(first.not_applicable)
    so = (
        "the other methods have the same images, so means are comparable"
        if first.comparable
        else "the mean is over different images, so it is not comparable and never marked best"
    )
    return f"of {first.images} images {join_words(words)} ({first.reason}); {so}"


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
