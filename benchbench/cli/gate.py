"""The commands ``benchbench baseline`` and ``benchbench check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BenchError, nearest
from ..reports.rendering import rendered
from .output import put, say
from .parsing import labels


def baseline_command(
    run: Annotated[Path, typer.Argument(help="A run's folder")],
    out: Annotated[Path, typer.Option(help="The JSON file to write, small enough to commit")],
) -> None:
    """Write a run's baseline for check: scores, maps, costs, and what they depend on."""
    from ..regression import Baseline
    from .read_run import read_record

    say(Baseline.of(read_record(run)).save(out))


def check_command(
    run: Annotated[Path, typer.Argument(help="A run's folder")],
    baseline: Annotated[Path, typer.Option(help="The file that benchbench baseline wrote")],
    methods: Annotated[
        str | None, typer.Option("--methods", "--method", help="Compare only these, separated by commas")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "--metric", help="Compare only these, separated by commas: names, or name@protocol"),
    ] = None,
    accept: Annotated[str | None, typer.Option(help="Methods whose maps may change, separated by commas")] = None,
    margin: Annotated[
        float, typer.Option("--margin", "--tolerance", help="Largest accepted loss of a mean, as a share of the range")
    ] = 0.01,
    map_tolerance: Annotated[
        float, typer.Option(help="Largest accepted change of a map, as a share of its range")
    ] = 5e-3,
    cost_ratio: Annotated[float, typer.Option(help="Largest accepted ratio of runtimes, run to baseline")] = 1.25,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on every change, improvements too")] = False,
    format: Annotated[str, typer.Option(help="table, markdown, junit or json")] = "table",
    out: Annotated[Path | None, typer.Option(help="Output file; default: the screen")] = None,
) -> None:
    """Compare a run with a baseline; exit code 1 if something got worse or cannot be compared."""
    from ..regression import Baseline, Tolerances, check
    from ..reports.checks.gate import FORMATS, render, renderable, verdict
    from .read_run import read_record

    if format not in FORMATS:
        raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, FORMATS))
    limits = Tolerances(margin, map=map_tolerance, cost=cost_ratio, accept=frozenset(labels(accept)), strict=strict)
    then = Baseline.load(baseline)
    result = check(read_record(run), then, limits, methods=labels(methods), metrics=labels(metrics))
    put(rendered(renderable(result)) if format == "table" else render(result, format), out)
    if out is not None:
        say(verdict(result))
    if not result.ok:
        raise typer.Exit(1)
