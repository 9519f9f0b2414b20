"""The command line. Exit codes: 0 done, 1 finished with failed cells, 2 the request itself was wrong, 130, 143 or 129
stopped by a signal.

Nothing heavy is imported before a command runs, so that --help answers at once.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import plain_console
from ..errors import BenchError, folded
from ..processors import wait_asleep
from ..reports.rendering import rendered
from ..study.item_text import parse_item
from .again import compared_with, folder_again, is_run
from .audit import audit_command
from .common import Once, StoppedInOneLine, run_study, stopped_in_one_line, study_of
from .estimate import OUT, STUDY, Budget, DryRun, estimate_command, folder_of, show_dry_run
from .explain import NAMES, explain_command
from .export import export_command
from .gate import baseline_command, check_command
from .merge import merge_command
from .options import Layers, NumCpus, NumGpus, Processes, RayAddress, Score, TimeLimit
from .output import put, say, screen
from .parsing import named, number, two
from .report import report_command
from .status import status_command
from .validate import validate_command
from .web_app import app_command

app = typer.Typer(
    name="benchbench",
    cls=StoppedInOneLine,
    help="Benchmark saliency methods (Grad-CAM and its relatives) on your own networks and images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

Models = Annotated[str | None, typer.Option("--models", "--model", help=NAMES)]
Datasets = Annotated[str | None, typer.Option("--datasets", "--dataset", help=NAMES)]
Methods = Annotated[str | None, typer.Option("--methods", "--method", help=NAMES)]
Metrics = Annotated[str | None, typer.Option("--metrics", "--metric", help=NAMES)]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, or cuda:1 for the second GPU")]
_OVERWRITE = "Keep only this study's results, even if the folder holds another study's"
Overwrite = Annotated[bool, typer.Option("--overwrite", help=_OVERWRITE)]
_RETRY = "Also retry cells that failed twice in the same way; cells that failed once are always retried"
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help=_RETRY)]
_TAKE_OVER = "Take the folder from a dead run of another machine, on a file system without locks or in a store"
TakeOver = Annotated[bool, typer.Option("--take-over", help=_TAKE_OVER)]
_NO_REPORT = "Write results and tables, but no report.html; benchbench report RUN writes it from the results"
NoReport = Annotated[bool, typer.Option("--no-report", help=_NO_REPORT)]


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        say(f"benchbench {version('benchbench-saliency')}")
        raise typer.Exit


@app.callback()
def benchbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit")
    ] = False,
) -> None:
    """Benchmark saliency methods (Grad-CAM and its relatives) on your own networks and images."""


@app.command("run", cls=Once)
def run_command(
    context: typer.Context,
    study: Annotated[Path | None, typer.Argument(help=STUDY)] = None,
    suite: Annotated[
        str | None, typer.Option(help="A named study; options and the study file's keys take the place of its own")
    ] = None,
    models: Models = None,
    datasets: Datasets = None,
    layers: Layers = None,
    methods: Methods = None,
    metrics: Metrics = None,
    samples: Annotated[str | None, typer.Option(help="How many images of each dataset")] = None,
    seed: Annotated[str | None, typer.Option(help="Seed of the choice of images and of every random draw")] = None,
    target: Annotated[str | None, typer.Option(help="predicted, label, a class, top-2, 281-285; several: 3,7")] = None,
    device: Device = None,
    engine: Annotated[str | None, typer.Option(help="local, or ray for many machines")] = None,
    processes: Processes = None,
    num_cpus: NumCpus = None,
    num_gpus: NumGpus = None,
    ray_address: RayAddress = None,
    batch: Annotated[str | None, typer.Option(help="Images per forward pass; auto measures how many fit")] = None,
    score: Score = None,
    probability: Annotated[str | None, typer.Option(help="softmax, or sigmoid for images with several labels")] = None,
    precision: Annotated[str | None, typer.Option(help="Precision of scoring: float32 or bf16")] = None,
    compile: Annotated[bool | None, typer.Option(help="Score with torch.compile")] = None,
    workers: Annotated[str | None, typer.Option(help="Threads that load images ahead")] = None,
    time_limit: TimeLimit = None,
    signed: Annotated[bool | None, typer.Option(help="Methods keep the sign of their attributions")] = None,
    twins: Annotated[str | None, typer.Option(help="Controls made of each method's map: inverted,blurred")] = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", "--plugins", help="A Python file that registers methods or metrics"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help=OUT)] = None,
    overwrite: Overwrite = False,
    retry_failed: RetryFailed = False,
    take_over: TakeOver = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every number, with intervals and letters")] = False,
    no_report: NoReport = False,
    dry_run: DryRun = False,
    budget: Budget = None,
) -> None:
    """Run a study or a suite: maps, metrics, tables and the report. Results that the folder has are not recomputed."""
    listed = {"models": models, "datasets": datasets, "methods": methods, "metrics": metrics}
    single = {"samples": samples, "seed": seed, "target": target, "device": device, "engine": engine}
    single |= {"batch": batch, "score": score, "probability": probability}
    single |= {"precision": precision, "workers": workers, "processes": processes}
    single |= {"num_cpus": num_cpus, "num_gpus": num_gpus, "ray_address": ray_address}
    overrides: dict[str, Any] = {} if suite is None else {"suite": parse_item(suite)}
    flags = {"compile": compile, "time_limit": time_limit, "signed": signed}
    overrides |= {key: value for key, value in flags.items() if value is not None}
    overrides |= _listed(target, twins, layers)
    final_study = study_of(study, plugin, listed, single, overrides)
    name = final_study.suite.plugin.name if final_study.suite else "default"
    folder = out or (folder_again(study) if study and is_run(study) else folder_of(study, None, name))
    how = {"overwrite": overwrite, "retry_failed": retry_failed}
    if dry_run:
        show_dry_run(final_study, folder, **how)
        return
    how["take_over"] = take_over
    with compared_with(study, folder):
        run_study(final_study, folder, context, verbose=verbose, report=not no_report, budget=budget, **how)


def _listed(target: str | None, twins: str | None, layers: str | None) -> dict[str, Any]:
    """The keys of a study whose options are lists."""
    keys: dict[str, Any] = {}
    if target is not None and "," in target:
        keys["target"] = [number(part.strip()) for part in target.split(",")]
    if twins is not None:
        keys["twins"] = [name.strip() for name in twins.split(",")]
    if layers is not None:
        keys["layers"] = layers if layers in ("last", "stages") else [name.strip() for name in layers.split(",")]
    return keys


@app.command("reliability", cls=Once)
def reliability_command(
    study: Annotated[Path | None, typer.Argument(help="A study file; default: the embedded study")] = None,
    methods: Methods = None,
    metrics: Metrics = None,
    samples: Annotated[str | None, typer.Option(help="How many images of each dataset")] = None,
    seed: Annotated[str | None, typer.Option(help="Seed of the choice of images and of every random draw")] = None,
    device: Device = None,
    draws: Annotated[int, typer.Option(help="Draws of each disturbance")] = 5,
    input: Annotated[str, typer.Option(help="Minor and disruptive noise on pixels of [0, 1]")] = "0.001,1",
    weights: Annotated[str, typer.Option(help="Minor and disruptive noise, as a share of each weight")] = "0.001,0.5",
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", "--plugins", help="A Python file that registers methods or metrics"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; runs/NAME-reliability by default")] = None,
    overwrite: Overwrite = False,
    retry_failed: RetryFailed = False,
    take_over: TakeOver = False,
) -> None:
    """Test which metrics are reliable on a study's networks and data: noisy maps, controls and disturbances."""
    from ..engine.progress import Terminal
    from ..reports.checks import reliability
    from ..suites.reliability.disturbances import Disturbances

    disturbances = Disturbances(draws, two(input, "--input"), two(weights, "--weights"))
    listed = {"methods": methods, "metrics": metrics}
    single = {"samples": samples, "seed": seed, "device": device}
    final_study = study_of(study, plugin, listed, single, {})
    folder = out or Path("runs") / f"{study.stem if study else 'default'}-reliability"
    progress = Terminal(plain_console(stderr=True))
    try:
        how = {"overwrite": overwrite, "retry_failed": retry_failed, "take_over": take_over}
        done = final_study.reliability(folder, disturbances=disturbances, progress=progress, **how)
    finally:
        progress.stop()
    screen().print(reliability.terminal(done.reliability()))
    say(f"Tables: {folder / 'tables' / 'reliability.md'}")
    if done.failed:
        raise typer.Exit(1)


app.command("report", cls=Once)(report_command)


@app.command("compare", cls=Once)
def compare_command(
    run_a: Annotated[Path, typer.Argument(help="A run's folder")],
    run_b: Annotated[Path, typer.Argument(help="The folder of the run to compare with it, on the same images")],
    models: Annotated[str | None, typer.Option(help="Models that belong together: NAME_IN_A=NAME_IN_B, ...")] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Equivalence margin: smaller differences are practically equal; default: 1 % of the range"),
    ] = None,
    format: Annotated[str, typer.Option(help="table, csv, markdown or json")] = "table",
    out: Annotated[Path | None, typer.Option(help="Output file; default: the screen")] = None,
) -> None:
    """Compare two runs on their common images: other weights, other code or another machine."""
    from ..errors import nearest
    from ..reports.checks.two_runs import FORMATS, RunComparison
    from .read_run import read_record

    if format not in FORMATS:
        raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, FORMATS))
    if margin is not None and not 0 <= margin < math.inf:
        raise BenchError(f"margin is {margin}", where="--margin", hint="Give a difference, 0 or more")
    comparison = RunComparison.of(read_record(run_a), read_record(run_b), named(models), margin)
    put(rendered(comparison.renderable()) if format == "table" else comparison.text(format), out)


_FURTHER: dict[str, Callable[..., None]] = {
    "explain": explain_command,
    "app": app_command,
    "baseline": baseline_command,
    "check": check_command,
    "audit": audit_command,
    "validate": validate_command,
    "estimate": estimate_command,
    "status": status_command,
    "merge": merge_command,
    "export": export_command,
}
for _name, _command in _FURTHER.items():
    app.command(_name, cls=Once)(_command)


@app.command("list", cls=Once)
def list_command(
    kind: Annotated[str, typer.Argument(help="methods, metrics, models, datasets or suites")],
    name: Annotated[
        str, typer.Argument(help="Only this one, or those of another library such as torchcam", show_default=False)
    ] = "",
    short: Annotated[bool, typer.Option("--short", help="A line each: name, title, family, direction")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", "--plugins", help="A Python file that registers plugins")
    ] = None,
) -> None:
    """List methods, metrics, models, datasets or suites: name, title, summary, parameters, paper, needs, direction."""
    from ..errors import nearest
    from ..registry import registry
    from . import listing

    for file in plugin or []:
        registry.load_file(file)
    known: dict[str, registry.Registry[Any]] = {
        "methods": registry.METHODS,
        "metrics": registry.METRICS,
        "models": registry.MODELS,
        "datasets": registry.DATASETS,
        "suites": registry.SUITES,
    }
    if kind not in known:
        raise BenchError(f"cannot list {kind!r}", hint=nearest(kind, known))
    entries = listing.named_entries(known[kind], kind, name) if name else listing.entries(known[kind], kind)
    if as_json:
        plain = [listing.short_entry(entry) for entry in entries] if short else entries
        say(json.dumps(plain, indent=1, default=str))
        return
    if short:
        say(*listing.short_lines(entries))
        return
    for entry in entries:
        listing.show(entry)


@app.command("new", cls=Once)
def new_command(
    kind: Annotated[str, typer.Argument(help="method")],
    name: Annotated[str, typer.Argument(help="The method's name, such as contrast-cam")],
    folder: Annotated[Path, typer.Option(help="Where to write it")] = Path(),
    gate: Annotated[bool, typer.Option("--gate", help="Also write a study and its regression test")] = False,
) -> None:
    """Write a commented method file that runs with --plugin, and its test."""
    from ..registry import METHODS
    from .scaffold import new_method

    if kind != "method":
        raise BenchError(f"cannot make a new {kind!r}", hint="Use: benchbench new method NAME")
    if not folder.is_dir():
        raise BenchError("no such folder", where=str(folder), hint="Make it first, or leave --folder out")
    existing = next((method for method in METHODS.names() if folded(method) == folded(name)), None)
    if existing is not None:
        raise BenchError(f"there is a method {existing!r} already", hint="Take another name")
    file, test, *study = written = new_method(name, folder, gate=gate)
    say(*written)
    arguments = study[0] if study else f"--methods gradcam,{name}"
    say(f"Try it: benchbench run {arguments} --plugin {file}   Test it: pytest {test}")
    if study:
        say("Write its baseline, now and after each intended change: pytest --benchbench-update")


def main() -> None:
    """The entry point: a BenchError becomes one line and exit code 2."""
    wait_asleep(os.environ)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # or its allocator writes lines of its own
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no arrows shows question marks
    try:
        with stopped_in_one_line():  # also before the program reads its arguments
            app()
    except (BenchError, OSError) as error:  # an OSError says what and where: a full disk, a folder that is a file
        say(f"benchbench: {error}", error=True)
        sys.exit(2)
