"""The command line. Exit codes: 0 done, 1 finished with failed cells, 2 the request itself was wrong.

Nothing heavy is imported before a command runs, so that --help answers at once.
"""

from __future__ import annotations

import json
import math
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import BenchError

if TYPE_CHECKING:
    from .registry import Parameter, Plugin

app = typer.Typer(
    name="benchbench",
    help="A referee for saliency methods: every CAM under one interface, every number under a named protocol.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

Items = Annotated[str | None, typer.Option(help="Names, separated by commas; with parameters: name:key=value")]


@app.command("run")
def run_command(
    study: Annotated[Path | None, typer.Argument(help="A study file; the embedded default study without one")] = None,
    models: Items = None,
    datasets: Items = None,
    layers: Annotated[str | None, typer.Option(help="last, stages, or module paths separated by commas")] = None,
    methods: Items = None,
    metrics: Items = None,
    samples: Annotated[str | None, typer.Option(help="How many images of each dataset")] = None,
    seed: Annotated[str | None, typer.Option(help="Of the samples' choice and of every random draw")] = None,
    target: Annotated[str | None, typer.Option(help="predicted, label, a class, top-2, 281-285; several: 3,7")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda")] = None,
    engine: Annotated[str | None, typer.Option(help="local")] = None,
    batch: Annotated[str | None, typer.Option(help="Images per forward; auto measures what fits")] = None,
    precision: Annotated[str | None, typer.Option(help="What scoring computes in: float32 or bf16")] = None,
    compile: Annotated[bool | None, typer.Option(help="Score with torch.compile")] = None,
    workers: Annotated[str | None, typer.Option(help="Threads that load the images to come")] = None,
    plugin: Annotated[list[Path] | None, typer.Option(help="A Python file that registers methods or metrics")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/NAME by default")] = None,
) -> None:
    """Run a study: maps, metrics, tables and the report. What the folder already holds is not computed again."""
    listed = {"models": models, "datasets": datasets, "methods": methods, "metrics": metrics}
    single = {"samples": samples, "seed": seed, "target": target, "device": device, "engine": engine}
    single |= {"batch": batch, "precision": precision, "workers": workers}
    overrides: dict[str, Any] = {}
    if target is not None and "," in target:
        overrides["target"] = [_number(part.strip()) for part in target.split(",")]
    if compile is not None:
        overrides["compile"] = compile
    if layers is not None:
        overrides["layers"] = layers if layers in ("last", "stages") else [name.strip() for name in layers.split(",")]
    asked = _study(study, plugin, listed, single, overrides)
    _run(asked, out or Path("runs") / (study.stem if study else "default"))


@app.command("reliability")
def reliability_command(
    study: Annotated[Path | None, typer.Argument(help="A study file; the embedded default study without one")] = None,
    methods: Items = None,
    metrics: Items = None,
    samples: Annotated[str | None, typer.Option(help="How many images of each dataset")] = None,
    seed: Annotated[str | None, typer.Option(help="Of the samples' choice and of every random draw")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda")] = None,
    draws: Annotated[int, typer.Option(help="Of each disturbance")] = 5,
    input: Annotated[str, typer.Option(help="Minor and disruptive noise on pixels of [0, 1]")] = "0.001,1",
    weights: Annotated[str, typer.Option(help="Minor and disruptive noise, as a share of each weight")] = "0.001,0.5",
    plugin: Annotated[list[Path] | None, typer.Option(help="A Python file that registers methods or metrics")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; runs/NAME-reliability by default")] = None,
) -> None:
    """Which metrics can be trusted on a study's networks and data: noisy maps, controls and disturbances."""
    from rich.console import Console

    from .disturbing import Disturbances
    from .progress import Terminal
    from .reports import reliability

    given = Disturbances(draws, _two(input, "--input"), _two(weights, "--weights"))
    listed = {"methods": methods, "metrics": metrics}
    single = {"samples": samples, "seed": seed, "device": device}
    asked = _study(study, plugin, listed, single, {})
    folder = out or Path("runs") / f"{study.stem if study else 'default'}-reliability"
    progress = Terminal(Console(stderr=True))
    try:
        done = asked.reliability(folder, disturbances=given, progress=progress)
    finally:
        progress.stop()
    Console().print(reliability.terminal(done.reliability()))
    print(f"Tables: {folder / 'tables' / 'reliability.md'}")
    if done.failed:
        raise typer.Exit(1)


def _two(text: str, option: str) -> tuple[float, float]:
    try:
        minor, disruptive = map(float, text.split(","))
    except ValueError:
        raise BenchError(f"cannot read {text!r}", where=option, hint="Give two numbers: 0.001,0.5") from None
    return minor, disruptive


@app.command("report")
def report_command(
    run: Annotated[Path, typer.Argument(help="A run's folder")],
    format: Annotated[str, typer.Option(help="html, latex, markdown or csv")] = "html",
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; html goes to RUN/report.html, others to the screen")
    ] = None,
) -> None:
    """Rebuild a report or a table from a run's folder, without a network."""
    from .reports import html, tables
    from .table import Record

    record = Record.load(run)
    if format == "html":
        print(html.write(record, out or run / "report.html"))
        return
    text = tables.render_table(record, format)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        print(out)


@app.command("list")
def list_command(
    kind: Annotated[str, typer.Argument(help="methods, metrics, models or datasets")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
    plugin: Annotated[list[Path] | None, typer.Option(help="A Python file that registers more")] = None,
) -> None:
    """List what is registered: name, one line, parameters, paper, needs, direction."""
    from . import registry
    from .errors import nearest

    for file in plugin or []:
        registry.load_file(file)
    known: dict[str, registry.Registry[Any]] = {
        "methods": registry.METHODS,
        "metrics": registry.METRICS,
        "models": registry.MODELS,
        "datasets": registry.DATASETS,
    }
    if kind not in known:
        raise BenchError(f"cannot list {kind!r}", hint=nearest(kind, known))
    entries = [_entry(p) for p in known[kind].load().values()]
    if as_json:
        print(json.dumps(entries, indent=1, default=str))
        return
    for entry in entries:
        _show(entry)


@app.command("new")
def new_command(
    kind: Annotated[str, typer.Argument(help="method")],
    name: Annotated[str, typer.Argument(help="The method's name, such as contrast-cam")],
    folder: Annotated[Path, typer.Option(help="Where to write it")] = Path(),
) -> None:
    """Write one commented file that runs at once with --plugin, and its test."""
    from .scaffold import new_method

    if kind != "method":
        raise BenchError(f"cannot make a new {kind!r}", hint="Say benchbench new method NAME")
    if not folder.is_dir():
        raise BenchError("no such folder", where=str(folder), hint="Make it first, or leave --folder out")
    file, test = new_method(name, folder)
    print(f"{file}\n{test}")
    print(f"Try it: benchbench run --plugin {file} --methods gradcam,{name}   Test it: pytest {test}")


def main() -> None:
    """The entry point: a BenchError becomes one line and exit code 2."""
    try:
        app()
    except BenchError as error:
        print(f"benchbench: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("benchbench: stopped; what is done is kept, and the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _study(
    file: Path | None,
    plugins: list[Path] | None,
    listed: dict[str, str | None],
    single: dict[str, str | None],
    overrides: dict[str, Any],
) -> Any:
    """The study of a file, or the embedded one, with the options that were given in place of its keys."""
    from .api import Study
    from .registry import load_file
    from .study import read_yaml

    for each in plugins or []:
        load_file(each)
    given = {key: _items(text) for key, text in listed.items() if text is not None}
    given |= {key: _number(text) for key, text in single.items() if text is not None} | overrides
    if file is not None:
        return Study.from_yaml(file, **given)
    return Study(**{**read_yaml(Path(str(files("benchbench") / "default_study.yaml"))), **given})


def _run(study: Any, out: Path) -> None:
    from rich.console import Console

    from .progress import Terminal
    from .reports import terminal
    from .reports.numbers import merged

    console = Console()
    progress = Terminal(Console(stderr=True))
    try:
        done = study.run(out, progress=progress)
    finally:
        progress.stop()
    for shown in terminal.leaderboard(done.record):
        console.print(shown)
    info = done.record.info
    work = info["work"]
    console.print(
        f"{work['cells_computed']} cells computed, {work['cells_reused']} reused; "
        f"{merged(work)}; {work['forwards']:,} forwards in {info['seconds']:.0f} s",
        highlight=False,
    )
    console.print(
        f"Report: {out / 'report.html'}   Tables: {out / 'tables'}", highlight=False, markup=False, soft_wrap=True
    )
    if done.failed:
        console.print(
            f"{done.failed} rows failed: their reasons are in the report and in results.parquet", style="bold red"
        )
        raise typer.Exit(1)


def parse_item(text: str) -> str | dict[str, Any]:
    """``name:key=value:key=value``, as the command line spells an item with parameters."""
    parts = text.split(":")
    first = next((i for i, part in enumerate(parts) if i and "=" in part), len(parts))
    name, pairs = ":".join(parts[:first]), [part.split("=", 1) for part in parts[first:]]
    if any(len(pair) != 2 for pair in pairs):
        raise BenchError(f"cannot read {text!r}", hint="Spell it name:key=value:key=value")
    given = {pair[0]: pair[1] for pair in pairs}  # as text: the parameter's own type reads it
    if "name" in given:
        raise BenchError(f"cannot read {text!r}", hint="The name comes first: name:key=value")
    return {"name": name, **given} if given else name


def _items(text: str) -> list[Any]:
    return [parse_item(item.strip()) for item in text.split(",") if item.strip()]


def _number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _entry(plugin: Plugin) -> dict[str, Any]:
    from .registry import MetricPlugin

    entry: dict[str, Any] = {
        "name": plugin.name,
        "summary": plugin.summary,
        "parameters": {p.name: _parameter(p) for p in plugin.parameters.values()},
        "paper": plugin.paper,
        "origin": plugin.origin,
    }
    for trait in ("needs", "control", "higher_is_better", "unit", "title"):
        if hasattr(plugin, trait):
            value = getattr(plugin, trait)
            entry[trait] = sorted(value) if isinstance(value, frozenset) else value
    if isinstance(plugin, MetricPlugin):
        entry["better"] = "higher" if plugin.higher_is_better else "lower"
        entry["protocols"] = dict(plugin.protocols)
        entry["family"], entry["equation"] = plugin.family, plugin.equation
        entry["range"] = [side if math.isfinite(side) else None for side in plugin.range]
        if plugin.probes:
            from .probing import forwards

            entry["forwards_per_map"], entry["forwards_per_image"] = forwards(plugin.probes(**plugin.bind({})))
    return entry


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told = {"type": parameter.type_name, "required": parameter.required}
    return told if parameter.required else {**told, "default": parameter.default}


def _show(entry: dict[str, Any]) -> None:
    """An entry on a few lines: name and traits, the summary, the parameters."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    traits = [
        entry.get("family", ""),
        f"{entry['better']} is better" if "better" in entry else "",
        f"{entry['forwards_per_map']} forwards per map" if entry.get("forwards_per_map") else "",
        f"{entry['forwards_per_image']} per image" if entry.get("forwards_per_image") else "",
        "control" if entry.get("control") else "",
        f"needs {', '.join(entry['needs'])}" if entry.get("needs") else "",
        f"protocols {', '.join(entry['protocols'])}" if entry.get("protocols") else "",
        entry["paper"],
    ]
    params = ", ".join(f"{k}: {p['type']} = {p.get('default', 'required')}" for k, p in entry["parameters"].items())
    console = Console(highlight=False)
    console.print(Text.assemble((entry["name"], "bold"), "  ", (" · ".join(t for t in traits if t), "dim")))
    for line in filter(None, [entry["summary"], entry.get("equation", ""), params]):
        console.print(Padding(Text(line), (0, 0, 0, 4)))
