"""``benchbench report``: a run's page, its tables or its figures, written again from the folder."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BenchError
from .output import put, say
from .parsing import labels
from .table_names import read_names

if TYPE_CHECKING:
    from ..reports.leaderboard.selection import Names
    from ..reports.table_options import TableOptions

_LIST = "keys or display names, separated by commas; in this order"


def report_command(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a file that benchbench export wrote")],
    format: Annotated[str, typer.Option(help="html, latex, markdown, csv, or pdf (the figures)")] = "html",
    out: Annotated[
        Path | None,
        typer.Option(help="Output path; default: RUN/report.html for html, RUN/figures for pdf, else the screen"),
    ] = None,
    methods: Annotated[str | None, typer.Option("--methods", "--method", help=f"Methods to show: {_LIST}")] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "--metric", help=f"Metrics to show, such as deletion@rise-28: {_LIST}"),
    ] = None,
    networks: Annotated[
        str | None, typer.Option("--networks", "--network", "--models", "--model", help=f"Networks to show: {_LIST}")
    ] = None,
    datasets: Annotated[str | None, typer.Option("--datasets", "--dataset", help=f"Data to show: {_LIST}")] = None,
    layers: Annotated[str | None, typer.Option("--layers", "--layer", help=f"Layers to show: {_LIST}")] = None,
    rows: Annotated[str, typer.Option(help="Rows of a table: methods or networks")] = "methods",
    columns: Annotated[
        str, typer.Option(help="Columns: metrics, networks (with data), layers; methods if networks are the rows")
    ] = "auto",
    style: Annotated[str, typer.Option(help="Style of latex: full, compact or supplementary")] = "full",
    spread: Annotated[
        str,
        typer.Option(help="interval (95 %), se (standard error), pm (distances to the interval's ends), none or auto"),
    ] = "auto",
    rank: Annotated[bool, typer.Option("--rank", help="Add a column with the mean rank")] = False,
    share: Annotated[
        bool, typer.Option("--share", help="Add columns with the share of the ceiling, if the study has one")
    ] = False,
    cite: Annotated[
        bool, typer.Option("--cite", help="Cite papers after names, and write a .bib file beside --out")
    ] = False,
    names: Annotated[
        str | None,
        typer.Option(help="keys (those of study files), or a YAML or JSON file of names for this table: KEY: NAME"),
    ] = None,
) -> None:
    """Rebuild a report, its tables or its figures from a run's folder, without a network."""
    from ..reports.leaderboard.selection import Selection
    from ..reports.table_options import TableOptions

    listed = {"methods": methods, "metrics": metrics, "networks": networks, "datasets": datasets, "layers": layers}
    for option, text in listed.items():
        if text is not None and not labels(text):
            raise BenchError("it names nothing", where=f"--{option}", hint="Leave it out to show all")
    shown = {option: labels(text) for option, text in listed.items()}
    selection = Selection(**shown, names=_names(names))
    options = TableOptions(style, spread, rows, columns, rank, share, cite, selection)
    options.refuse_for(format)
    with _folder(run) as folder:
        _write(folder, format, out if folder == run else out or _beside(run, format), options)


def _names(text: str | None) -> Names:
    """What ``--names`` says: ``keys``, or a file of names; a file that is called so is ``./keys``."""
    from ..reports.leaderboard.selection import KEYS

    if text is None:
        return {}
    return KEYS if text == KEYS else read_names(Path(text))


def _folder(run: Path) -> AbstractContextManager[Path]:
    """The run's folder; of an exported run one that is there for as long as the block lasts."""
    from ..results.bundle import is_bundle, opened

    return opened(run) if is_bundle(run) else nullcontext(run)


def _beside(file: Path, format: str) -> Path | None:
    """Where the page or the figures of an exported run go: beside its file."""
    places = {"html": file.with_suffix(".html"), "pdf": file.with_name(f"{file.stem}-figures")}
    return places.get(format)


def _write(run: Path, format: str, out: Path | None, options: TableOptions) -> None:
    from ..reports import leaderboard_files as tables
    from ..reports.figures import pdf
    from ..reports.html import document
    from ..reports.leaderboard.marks import Marked
    from ..reports.leaderboard.selected import selected
    from .read_run import read_record

    bib = _bib(out) if options.cite else None
    marked = Marked.of(read_record(run))
    if format == "html":
        say(document.write(marked, out or run / "report.html", tables.tables_digest(run / "tables")))
        return
    if format == "pdf":
        shown = selected(marked, options.selection) if options.selection.options else marked
        say("\n".join(map(str, pdf.write_figures(shown, out or run / "figures"))))
        return
    put(tables.render_table(marked, format, options), out)
    if bib is not None:
        put(tables.references(marked, options), bib)


def _bib(out: Path | None) -> Path:
    """The file of the references beside the table; it replaces no bibliography of the user's.

    Raises:
        BenchError: the table has no file or the same one, or another file is there.
    """
    from ..reports.latex.bibliography import HEAD

    if out is None:
        raise BenchError("the .bib file has no place", where="--cite", hint="Give --out FILE.tex")
    path = out.with_suffix(".bib")
    if path == out:
        raise BenchError("the table and the .bib file have one name", where="--out", hint="Give --out FILE.tex")
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(HEAD):
        raise BenchError("this file was not written by benchbench", where=str(path), hint="Give another --out")
    return path
