"""``benchbench merge``: two runs joined to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..formatting import plural
from .output import say
from .url_places import place_of


def merge_command(
    context: typer.Context,
    run_a: Annotated[Path, typer.Argument(help="A run's folder")],
    run_b: Annotated[Path, typer.Argument(help="The folder of the run to join with it")],
    out: Annotated[Path, typer.Option(help="The folder of the joined run, which must be new")],
) -> None:
    """Join two runs of other people, machines, methods or images, if protocols, data and weights agree."""
    from ..results.merge import merge_runs
    from ..results.record import Record

    merged = merge_runs(Record.load(run_a), Record.load(run_b), out)
    place = place_of(context, "out", out)
    say(f"{place}: {plural(merged.rows, 'row')} of {plural(merged.images, 'image')}")
    for note in merged.notes:
        say(f"WARNING: {note}")
    say(f"Its report: benchbench report {place}")
