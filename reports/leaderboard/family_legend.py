"""What a reader of the tables of metric families must know: their title, their marks, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...formatting import join_words, plural
from .family_tables import FamilyTable
from .marks import DAGGER, Marked
from .short_answer import settings

SANITY = "‡"  # fails the sanity check
PARTIAL = "*"  # not ranked in all settings
MOST_METHODS = 20  # that a table shows, the best overall first


def title(marked: Marked, tables: Sequence[FamilyTable]) -> str:
    """``Mean ranks, 8 settings (2 networks × 2 data sets × 2 layers), 20 images each``."""
    what = "Means" if len(marked.board.blocks) == 1 else "Mean ranks"
    quality = any(not table.is_cost for table in tables)
    return f"{what if quality else 'Measured costs'}, {settings(marked)}"


def legend(marked: Marked, tables: Sequence[FamilyTable]) -> str:
    """The marks that the tables have."""
    return " ".join(_explained(marked, tables))


def _explained(marked: Marked, tables: Sequence[FamilyTable]) -> Iterator[str]:
    many = len(marked.board.blocks) > 1
    cells = [cell for table in tables for row in table.rows for cell in (row.rank, *row.cells)]
    if any(cell.best for cell in cells):
        yield "Best in bold, second underlined."
    if any(table.ranked for table in tables):
        yield "mean rank: over the family's metrics, 1 is best."
    if any(cell.worse for cell in cells):
        mark = (
            f"{DAGGER}3: significantly worse than the best in 3 settings" if many else f"{DAGGER} significantly worse"
        )
        yield f"{mark}{'' if many else ' than the best'} (paired tests, Holm, 5 %)."
    if any(cell.partial and cell.counts for cell in cells):
        yield f"{PARTIAL} not in all settings, so not comparable."
    failing = list(_failing(tables))
    if failing:
        yield f"{SANITY} fails the sanity check, as a control beats every method: {join_words(failing)}."
    if any(table.is_cost for table in tables) and many:
        yield "cost: range over settings."


def _failing(tables: Sequence[FamilyTable]) -> Iterator[str]:
    """Which metrics fail the sanity check, and where."""
    for table in tables:
        for column in table.columns:
            if column.gamed:
                where = f" in {column.gamed} of {column.settings} settings, left out" if column.settings > 1 else ""
                yield f"{column.metric.title} ({column.metric.protocol}){where}"
        yield from (
            f"{metric.title} ({metric.protocol}) in all settings that count, not shown" for metric in table.left_out
        )


def hidden(tables: Sequence[FamilyTable]) -> str:
    """How many methods the tables do not show; empty where they show all."""
    methods = max((sum(not row.control for row in table.rows) for table in tables), default=0)
    return f"{plural(methods - MOST_METHODS, 'more method')}: see the report" if methods > MOST_METHODS else ""
