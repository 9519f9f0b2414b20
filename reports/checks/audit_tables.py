"""An audit of a library's methods as a terminal's table, as Markdown, and as the cells of both and of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...formatting import join_words
from ...results.audit_rows import AuditCost, AuditFinding, AuditReport, AuditRow
from ..escape import markdown, one_line

FORMATS = ("table", "html", "markdown", "json")
HEADS = (
    "method",
    "benchbench's",
    "verdict",
    "largest difference",
    "lowest rank correlation",
    "alone or in a batch",
    "other order",
    "twice",
    "time (ours)",
    "memory (ours)",
    "forwards + backwards (ours)",
)
READING = (
    "Maps are compared at the images' size, each in 0 .. 1. Where the library keeps the positive part of a map, so "
    "does benchbench here. *Largest difference* is of one pixel; *rank correlation* is Spearman's, of the worst image. "
    "*Alone or in a batch*, *other order* and *twice* are the largest differences between an image's map alone and in "
    "a batch, between two orders of the batch (both under one seed), and between two calls. Time (median), peak memory "
    "and passes are of one call on one image; *partial* passes run only what is behind the layer. State is checked on "
    "a network as somebody trains it: in training mode as a whole, with a gradient in one weight, and another frozen."
)


@dataclass(frozen=True)
class AuditCells:
    """A row of the table as texts, by HEADS, and whether the method has findings."""

    texts: tuple[str, ...]
    findings: bool
    note: str


def cells_of(row: AuditRow) -> AuditCells:
    """The row's texts; an empty text stands for what is not known."""
    numbers = [small(each) for each in (row.difference, row.correlation, row.alone, row.permuted, row.repeated)]
    if row.correlation is not None:
        numbers[1] = f"{row.correlation:.4f}"
    costs = [_beside(row, each) for each in (_time, _memory, _passes)]
    return AuditCells((row.method, row.ours, row.verdict, *numbers, *costs), bool(row.findings), row.note)


def small(value: float | None) -> str:
    """``3e-07``, ``0.12``; 0 for no difference at all."""
    return "" if value is None else f"{value:.2g}"


def _time(cost: AuditCost) -> str:
    return f"{cost.seconds:.2f} s" if cost.seconds >= 1 else f"{1000 * cost.seconds:.3g} ms"


def _memory(cost: AuditCost) -> str:
    return f"{cost.peak_bytes / 2**20:.1f} MiB"


def _passes(cost: AuditCost) -> str:
    if cost.forwards is None or cost.backwards is None:
        return ""
    partial = f" + {cost.partial:g} partial" if cost.partial else ""
    return f"{cost.forwards:g} + {cost.backwards:g}{partial}"


def _beside(row: AuditRow, shown: object) -> str:
    assert callable(shown), "one of the three above"
    if row.cost is None:
        return ""
    return f"{shown(row.cost)} ({shown(row.our_cost)})" if row.our_cost is not None else str(shown(row.cost))


def other_lines(report: AuditReport) -> Iterator[str]:
    """What stands under the table."""
    if report.only_ours:
        yield f"Only benchbench has: {join_words(report.only_ours)}."
    versions = join_words(f"{name} {version}" for name, version in report.packages.items())
    yield f"Measured by benchbench {report.benchbench} with {versions}: {report.setting}."


def failing_lines(failing: Sequence[tuple[str, AuditFinding]], fixed: Sequence[str]) -> Iterator[str]:
    """What makes the audit fail, and what an earlier audit had and this one has not."""
    yield from (f"FAIL {method}: {finding.text}" for method, finding in failing)
    yield from (f"fixed: {text}" for text in fixed)


def renderable(report: AuditReport) -> Group:
    """For a terminal of 80 columns: method, counterpart and verdict."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for head, least in zip(HEADS[:3], (16, 14, 24), strict=True):
        table.add_column(head, overflow="fold", min_width=least)
    for row in report.rows:
        style = "yellow" if row.findings else "green" if row.difference is not None else ""
        table.add_row(*(Text(one_line(each), style=style) for each in cells_of(row).texts[:3]))
    parts: list[RenderableType] = [Text(one_line(report.summary), style="bold"), table]
    return Group(*parts, *(Text(one_line(line)) for line in other_lines(report)))


def markdown_page(report: AuditReport) -> str:
    """The audit as a page of GitHub's Markdown."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: AuditReport) -> Iterator[str]:
    yield f"# {markdown(report.library)} {markdown(report.version)}, audited\n"
    yield f"{markdown(report.summary)}\n"
    yield f"{READING}\n"
    yield f"| {' | '.join(HEADS)} |"
    yield "|---" * len(HEADS) + "|"
    rows = [cells_of(row) for row in report.rows]
    yield from (f"| {' | '.join(markdown(each) for each in row.texts)} |" for row in rows)
    notes = [f"- {markdown(row.texts[0])}: {markdown(row.note)}." for row in rows if row.note]
    if notes:
        yield "\n## Notes\n"
        yield from notes
    yield ""
    for line in other_lines(report):
        yield f"{markdown(line)}\n"
    yield "## Every layer\n"
    yield "| method | network | layer | largest difference | lowest rank correlation | why not |"
    yield "|---|---|---|---|---|---|"
    for row in report.rows:
        for place in row.places:
            correlation = "" if place.correlation is None else f"{place.correlation:.4f}"
            cells = (row.method, place.network, place.layer, small(place.difference), correlation, place.reason)
            yield f"| {' | '.join(markdown(each) for each in cells)} |"
