"""The command ``benchbench audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BenchError, nearest
from ..files import publish
from ..reports.rendering import rendered
from ..study.item_text import items
from .output import put, say
from .parsing import labels

if TYPE_CHECKING:
    from ..results.audit_rows import AuditReport

_FILES = {"html": "audit.html", "markdown": "audit.md", "json": "audit.json"}
_FAIL_ON = "What makes the exit code 1, separated by commas: fails, formula, batch, state, random; or none"


def audit_command(
    library: Annotated[
        str, typer.Argument(help="Installed: torchcam, pytorch-grad-cam, captum, zennit, xplique-torch")
    ],
    models: Annotated[
        str | None, typer.Option("--models", "--model", help="Networks; default: four small ones of the package")
    ] = None,
    methods: Annotated[
        str | None, typer.Option("--methods", "--method", help="Names as the library spells them; default: all")
    ] = None,
    layers: Annotated[
        str | None, typer.Option("--layers", "--layer", help="Module paths; default: the last two resolutions")
    ] = None,
    images: Annotated[int, typer.Option(help="How many scenes, 2 to 64")] = 4,
    fail_on: Annotated[str, typer.Option("--fail-on", help=_FAIL_ON)] = "fails,formula,batch,state",
    known: Annotated[
        Path | None, typer.Option(help="An earlier audit's JSON: findings that it has do not count for --fail-on")
    ] = None,
    format: Annotated[str | None, typer.Option(help="table, html, markdown or json; default: table")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for audit.html, audit.md and audit.json; default: the screen")
    ] = None,
) -> None:
    """Compare each method of an installed library with benchbench's: maps, batches, state left behind, time, memory."""
    from ..audit import audit
    from ..reports.checks.audit_tables import FORMATS, failing_lines
    from ..results.audit_rows import AuditReport

    if format is not None and format not in FORMATS:
        raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, FORMATS))
    if format == "html" and out is None:
        raise BenchError("a page needs a folder", where="--format", hint="Give --out FOLDER")
    kinds, before = _kinds(fail_on), None if known is None else AuditReport.from_json(known)
    chosen = {"models": items(models)} if models is not None else {}
    report = audit(library, methods=labels(methods), layers=labels(layers), images=images, progress=_told, **chosen)
    _show(report, format, out)
    failing = report.failing(kinds, before)
    fixed = () if before is None else report.fixed_since(before)
    say(*failing_lines(failing, fixed), error=True)
    if failing:
        raise typer.Exit(1)


def _kinds(fail_on: str) -> tuple[str, ...]:
    from ..results.audit_rows import KINDS

    kinds = tuple(each for each in labels(fail_on) if each != "none")
    unknown = [each for each in kinds if each not in KINDS]
    if unknown:
        raise BenchError(
            f"unknown finding {unknown[0]!r}", where="--fail-on", hint=nearest(unknown[0], [*KINDS, "none"])
        )
    return kinds


def _told(what: str) -> None:
    say(what, error=True)


def _show(report: AuditReport, format: str | None, out: Path | None) -> None:
    """The report on the screen, or in files whose paths are then named."""
    from ..reports.checks.audit_tables import renderable

    if out is None:
        put(rendered(renderable(report)) if format in (None, "table") else text_of(report, format), None)
        return
    for each in _FILES if format in (None, "table") else (format,):
        say(publish(out / _FILES[each], text_of(report, each), parents=True))
    say(report.summary)


def text_of(report: AuditReport, format: str) -> str:
    """The report as HTML, Markdown or JSON."""
    from ..reports.checks.audit_tables import markdown_page
    from ..reports.html.audit_page import audit_page

    makers = {"html": audit_page, "markdown": markdown_page, "json": type(report).to_json}
    return makers[format](report)
