"""``benchbench export``: a run in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BenchError
from ..formatting import size
from .output import say


def export_command(
    run: Annotated[Path, typer.Argument(help="A run's folder")],
    out: Annotated[Path, typer.Option(help="The zip file to write")],
) -> None:
    """Write a run into one file that others can check and rebuild the report from: benchbench report FILE.zip."""
    from ..results.bundle import write_bundle

    if out.suffix != ".zip":
        raise BenchError(f"{out} does not end in .zip", where="--out", hint="Give --out FILE.zip")
    digest = write_bundle(run, out)
    say(f"{out} ({size(out.stat().st_size)}, SHA-256 {digest})")
    say(f"Its report: benchbench report {out}")
