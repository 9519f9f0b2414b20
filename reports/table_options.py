"""What a table of a run is to be: its format, what it shows, and where."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from ..errors import BenchError
from .leaderboard.selection import Selection

TAKEN = {
    "latex": ("selection", "style", "spread", "rows", "columns", "rank", "share", "cite"),
    "markdown": ("selection", "spread", "rows", "columns", "rank", "share"),
    "csv": ("selection",),
    "pdf": ("selection",),
    "html": (),
}


@dataclass(frozen=True)
class TableOptions:
    """How a run's leaderboard is written as a table.

    Args:
        style, spread, rows, columns, rank, share, cite: see ``latex.leaderboard.render``.
        selection: what the table shows.
    """

    style: str = "full"
    spread: str = "auto"
    rows: str = "methods"
    columns: str = "auto"
    rank: bool = False
    share: bool = False
    cite: bool = False
    selection: Selection = field(default_factory=Selection)

    def refuse_for(self, format: str) -> None:
        """Nothing, if the format takes every option that is not left at its default.

        Raises:
            BenchError: it does not take one of them.
        """
        taken = TAKEN.get(format, TAKEN["latex"])
        default = TableOptions()
        for each in fields(self):
            if each.name not in taken and getattr(self, each.name) != getattr(default, each.name):
                options = self.selection.options if each.name == "selection" else (f"--{each.name}",)
                what = f"{format} has no {'style ' + repr(self.style) if each.name == 'style' else options[0]}"
                hint = f"Leave it out, or say {_formats(each.name)}"
                raise BenchError(what, where=options[0], hint=hint)
        if format == "csv" and self.selection.names:
            what = "csv is for programs and keeps the names of study files"
            raise BenchError(what, where="--names", hint="Leave it out, or say --format latex or markdown")


def _formats(option: str) -> str:
    """The formats that take an option."""
    return " or ".join(f"--format {name}" for name, taken in TAKEN.items() if option in taken)
