"""``benchbench status``: how a run is getting on, from another terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .output import say
from .url_places import place_of


def status_command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run's folder")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Show how a run is getting on: shards and rows so far, time left, failures. The run is not disturbed.

    The exit code is 0 of a run that runs or is finished, and 1 of one that was interrupted, failed or died.
    """
    from ..results.run_status import run_status

    status = replace(run_status(run), folder=place_of(context, "run", run))
    say(json.dumps(status.plain(), indent=1) if as_json else "\n".join(status.lines()))
    if status.state not in ("running", "finished"):
        raise typer.Exit(1)
