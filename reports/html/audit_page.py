"""The page of an audit: one HTML file that needs nothing else, in the look of the report."""

from __future__ import annotations

from markupsafe import Markup

from ...results.audit_rows import AuditReport
from ..checks.audit_tables import HEADS, READING, cells_of, other_lines, small
from .document import SORTING, asset, policy, scripts_of
from .environment import environment

_STYLES = ("base.css", "board.css", "audit.css", "narrow.css", "print.css")


def audit_page(report: AuditReport) -> str:
    """The page's HTML. Every text is escaped; a policy in the page forbids any request."""
    scripts = scripts_of(*SORTING)
    rows = [(row, cells_of(row)) for row in report.rows]
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            report=report,
            rows=rows,
            heads=HEADS,
            numbers=[
                _numbers(row.difference, row.correlation, row.alone, row.permuted, row.repeated) for row, _ in rows
            ],
            costs=[
                (row.cost.seconds, row.cost.peak_bytes, row.cost.forwards) if row.cost else ("",) * 3 for row, _ in rows
            ],
            small=small,
            reading=READING.replace("*", ""),
            lines=list(other_lines(report)),
            css=Markup("".join(map(asset, _STYLES))),
            policy=policy(scripts),
            scripts=scripts,
        )
    )


def _numbers(*values: float | None) -> tuple[float | str, ...]:
    return tuple("" if value is None else value for value in values)
