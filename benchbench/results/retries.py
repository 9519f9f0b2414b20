"""What failed is tried again at the next run, unless it failed the same way twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TRIES = "tries"  # of a cell that failed: how often it did so with the same reasons
PHOTOS = "photos"  # of a cell of predictions: its photographs


@dataclass(frozen=True)
class Outcome:
    """What the engine has to know of a stored cell, without the cell.

    Attributes:
        reasons: by sample ("" of a cell of cost), why it failed.
        tries: how often it failed like this.
        photos: of a cell of predictions, by the name of a photograph, whether it has a mask; None of other cells.
    """

    reasons: Mapping[str, str]
    tries: int
    photos: Mapping[str, bool] | None = None

    def note(self) -> dict[str, Any]:
        """What a pack keeps of it beside the cell; nothing of a cell that did not fail and names no photographs."""
        failed = {"reasons": dict(self.reasons), TRIES: self.tries} if self.reasons else {}
        return failed if self.photos is None else {**failed, PHOTOS: dict(self.photos)}

    @classmethod
    def noted(cls, note: Any) -> Outcome | None:
        """Of what a pack keeps of a cell; None where that is nothing that ``note`` gives."""
        if not note:
            return SOUND
        if not isinstance(note, Mapping):
            return None
        photos = note.get(PHOTOS)
        if PHOTOS in note and not (isinstance(photos, Mapping) and all(type(each) is bool for each in photos.values())):
            return None
        if note.keys() == {PHOTOS}:
            return cls({}, 1, photos)
        failed, tries = note.get("reasons"), note.get(TRIES)
        if not isinstance(failed, Mapping) or not all(isinstance(reason, str) for reason in failed.values()):
            return None
        return cls(dict(failed), tries, photos) if type(tries) is int and tries >= 1 else None


SOUND = Outcome({}, 1)


@dataclass(frozen=True)
class Retries:
    """The rule of one run.

    Attributes:
        forced: try again however often it failed.
        written: the cells that this run wrote: each is tried once a run.
        settled: the cells that failed the same way twice and are left as they are.
    """

    forced: bool = False
    written: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)

    def due(self, name: str, cell: Outcome) -> bool:
        """Whether a cell that is there failed and is to be tried again."""
        if name in self.written or not cell.reasons:
            return False
        if self.forced or cell.tries < 2:
            return True
        self.settled.add(name)
        return False

    def counted(self, name: str, cell: dict[str, Any], find: Callable[[str], Outcome | None]) -> dict[str, Any]:
        """The cell to be written, with how often it failed like this; ``find`` tells of the cell that was there."""
        again = name in self.written  # as what a shard lacks is computed in two sweeps: one try of this run
        self.written.add(name)
        now = reasons(cell)
        if not now:
            return cell
        before = find(name)
        return {**cell, TRIES: before.tries + (not again) if before is not None and before.reasons == now else 1}


def outcome(cell: Mapping[str, Any]) -> Outcome:
    """Of a cell as it is stored."""
    failed, photos = reasons(cell), _photos(cell)
    if photos is None and not failed:
        return SOUND
    return Outcome(failed, cell.get(TRIES, 1) if failed else 1, photos)


def _photos(cell: Mapping[str, Any]) -> dict[str, bool] | None:
    """By the name of a photograph, whether it has a mask; None of a cell that is not of predictions."""
    entries = cell.get("samples", {}).values()
    if not any("photo" in entry for entry in entries):
        return None
    return {entry["photo"]: entry["object_share"] is not None for entry in entries if entry["photo"]}


def reasons(cell: Mapping[str, Any]) -> dict[str, str]:
    """By sample ("" of a cell of cost), why it failed."""
    if "samples" not in cell:
        return {"": str(cell["reason"])} if cell.get("status") == "failed" else {}
    entries = cell["samples"].items()
    return {
        name: str(e["reason"]) for name, e in entries if e.get("status", "failed" if e["reason"] else "") == "failed"
    }
