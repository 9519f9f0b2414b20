"""What failed is tried again at the next run, unless it failed the same way twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..files import Damaged

TRIES = "tries"  # of a cell that failed: how often it did so with the same reasons


@dataclass(frozen=True)
class Outcome:
    """What the engine has to know of a stored cell, without the cell.

    Attributes:
        reasons: by sample ("" of a cell of cost), why it failed.
        tries: how often it failed like this.
    """

    reasons: Mapping[str, str]
    tries: int

    def note(self) -> dict[str, Any]:
        """What a pack keeps of it beside the cell; nothing of a cell that did not fail."""
        return {"reasons": dict(self.reasons), TRIES: self.tries} if self.reasons else {}

    @classmethod
    def noted(cls, note: Mapping[str, Any] | None) -> Outcome:
        """Of what a pack keeps of a cell.

        Raises:
            Damaged: it is anything else.
        """
        if not note:
            return SOUND
        failed = note.get("reasons") if isinstance(note, Mapping) else None
        if not isinstance(failed, Mapping) or type(note.get(TRIES)) is not int:
            raise Damaged("what is noted of a cell is not what was written")
        return cls(failed, note[TRIES])


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
        self.written.add(name)
        now = reasons(cell)
        if not now:
            return cell
        before = find(name)
        return {**cell, TRIES: 1 + before.tries if before is not None and before.reasons == now else 1}


def outcome(cell: Mapping[str, Any]) -> Outcome:
    """Of a cell as it is stored."""
    failed = reasons(cell)
    return Outcome(failed, cell.get(TRIES, 1)) if failed else SOUND


def reasons(cell: Mapping[str, Any]) -> dict[str, str]:
    """By sample ("" of a cell of cost), why it failed."""
    if "samples" not in cell:
        return {"": str(cell["reason"])} if cell.get("status") == "failed" else {}
    entries = cell["samples"].items()
    return {
        name: str(e["reason"]) for name, e in entries if e.get("status", "failed" if e["reason"] else "") == "failed"
    }
