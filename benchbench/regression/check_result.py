"""What a check found: the changes, what was compared, and a sentence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..formatting import plural
from .changes import Change, Compared
from .check_sentence import sentence


@dataclass(frozen=True)
class Checked:
    """What ``check`` found.

    Attributes:
        changes: the failing ones first.
        compared: all that was compared.
    """

    changes: tuple[Change, ...]
    compared: tuple[Compared, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Nothing fails, and something was compared."""
        return bool(self.compared) and not self.failing

    @property
    def failing(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.fails)

    @property
    def incomparable(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind == "not comparable")

    @property
    def counts(self) -> dict[str, int]:
        """How many ``scores``, ``maps`` and measurements of ``cost`` were compared."""
        totals = Counter({"scores": 0, "maps": 0, "cost": 0})
        for entry in self.compared:
            totals[entry.what] += entry.count
        return dict(totals)

    @property
    def summary(self) -> str:
        """A sentence: who got worse at what; or that nothing changed."""
        if self.failing:
            return sentence(self.failing)
        if not self.compared:
            return "Nothing was compared."
        scores, maps, costs = (plural(self.counts[what], what.rstrip("s")) for what in ("scores", "maps", "cost"))
        seen = f"{scores}, {maps} and {costs} compared."
        moved = sum(change.kind not in ("note", "new") for change in self.changes)
        return f"Nothing got worse ({plural(moved, 'change')}): {seen}" if moved else f"Nothing changed: {seen}"
