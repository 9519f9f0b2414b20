"""``benchbench estimate`` and ``run --dry-run``: what a run would compute, and what it would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import plain_console
from .common import study_of
from .output import say, screen

STUDY = "A study file, or RUN/run.json to do a run again; default: the embedded study"
OUT = "The run's folder, or a URL such as s3://bucket/run; runs/NAME by default"
_DRY_RUN = "Load and plan, and say what would be computed; compute and write nothing"
DryRun = Annotated[bool, typer.Option("--dry-run", help=_DRY_RUN)]
_BUDGET = "A time such as 30m, 2h or 90s: take as many images as fit, by an estimate on this machine"
Budget = Annotated[str | None, typer.Option(help=_BUDGET)]
_OUT = "The run's folder, whose results are not counted; runs/NAME by default"


def estimate_command(
    study: Annotated[Path | None, typer.Argument(help="A study file; default: the embedded study")] = None,
    samples: Annotated[str | None, typer.Option(help="How many images of each dataset")] = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", "--plugins", help="A Python file that registers methods or metrics"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help=_OUT)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Estimate a run's forward passes, time and disk space on this machine, from a measured batch; nothing is kept."""
    from ..engine.progress import Terminal

    final_study = study_of(study, plugin, {}, {"samples": samples}, {})
    progress = Terminal(plain_console(stderr=True))
    try:
        estimate = final_study.estimate(folder_of(study, out), progress=progress)
    finally:
        progress.stop()
    show(estimate, as_json)


def folder_of(study: Path | None, out: Path | None, default: str = "default") -> Path:
    """The folder of a run: as it was asked for, or named after the study's file."""
    return out or Path("runs") / (study.stem if study else default)


def show_dry_run(study: Any, folder: Path, **how: bool) -> None:
    """Print what a run would compute.

    Args:
        study: a Study.
        how: of ``Study.dry_run``.
    """
    plan = study.dry_run(folder, **how)
    say("Dry run: nothing is computed, and nothing is written.")
    show(plan, as_json=False)
    for caution in plan.cautions:
        say(f"WARNING: {caution}")


def show(plan: Any, as_json: bool) -> None:
    """Print a plan or an estimate, as lines or as JSON."""
    if as_json:
        say(json.dumps(plan.plain(), indent=1))
        return
    screen(highlight=False, markup=False, soft_wrap=True).print("\n".join(plan.lines()))
