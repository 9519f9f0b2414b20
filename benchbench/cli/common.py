"""What commands have in common: an option stands once, ``~`` is the home folder; a study of options, and its run."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..console import plain_console
from ..errors import BenchError
from ..formatting import plural
from ..paths import expanded
from ..quick_imports import quick_imports
from ..remote.run_url import without_secrets
from ..study.item_text import items
from .again import is_run, keys_of
from .output import say, screen
from .parsing import as_option, number
from .url_places import META, at_hand, place_of, urls_among

_OTHER = "Give another --out"
_RUNS = (
    "run",
    "reliability",
)  # their exit codes, and those of check and audit, say something: it is never 0 unless they do


class StoppedInOneLine(TyperGroup):
    """All commands. A Ctrl-C before the chosen command has its handlers ends in one line; typer would say nothing."""

    def make_context(self, *args: Any, **named: Any) -> Any:
        """As the parent does."""
        with stopped_in_one_line():
            return super().make_context(*args, **named)

    def invoke(self, ctx: Any) -> Any:
        """As the parent does."""
        with stopped_in_one_line():
            return super().invoke(ctx)


@contextmanager
def stopped_in_one_line() -> Iterator[None]:
    """A Ctrl-C in the block ends the program in one line."""
    try:
        yield
    except KeyboardInterrupt:
        say("benchbench: stopped", error=True)
        sys.exit(130)


class Once(TyperCommand):
    """A command that refuses an option given twice, of which the last alone would count, and an output that is one of
    its inputs; it expands its paths, works on the copies of runs at URLs, and ends in one line when it is stopped.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the parent does.

        Raises:
            BenchError: an option that takes one value is given twice; both are shown. Or --out is what is read.
        """
        words, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for i, option in enumerate(order):
            if option in order[:i] and not getattr(option, "multiple", False) and option.nargs == 1:
                spellings = [*option.opts, *option.secondary_opts]
                hint = "Give it once, its values separated by commas" if _lists(option) else "Remove one of them"
                shown = without_secrets(_shown(args, spellings))
                raise BenchError(f"it is given twice: {shown}", where=spellings[0], hint=hint)
        rest = super().parse_args(ctx, args)
        ctx.meta[META] = urls_among(self.name or "", ctx.params, words)
        ctx.params = {name: _home(value) for name, value in ctx.params.items()}
        refuse_overwriting(ctx.params)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """As the parent does; signals, and a reader that has gone, end the command as they end others of the shell.

        The second signal ends the process, whatever it does.
        """
        from ..engine.stopping import Stopped, deadly_signals

        try:
            with deadly_signals(), at_hand(self.name or "", ctx.params, ctx.meta[META]):
                result = super().invoke(ctx)
                sys.stdout.flush()
        except KeyboardInterrupt as stop:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a thread that hangs keeps the interpreter from ending
            kept = "; finished work is kept, and the same command continues from there" if self.name in _RUNS else ""
            say(f"benchbench: {str(stop) or 'stopped'}{kept}", error=True)
            sys.exit(stop.exit_code if isinstance(stop, Stopped) else 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141 if self.name in (*_RUNS, "check", "audit") else 0)
        return result


def refuse_overwriting(params: Mapping[str, Any]) -> None:
    """Raises BenchError where ``out`` is a file or folder that the command reads, by whatever path, or a run's data."""
    out = params.get("out")
    if not isinstance(out, Path) or not out.exists():
        return
    for name, value in params.items():
        for path in () if name == "out" else _read_by(value):
            if _overwritten(out, path):
                raise BenchError(f"this command reads {out} and would overwrite it", where="--out", hint=_OTHER)


def _read_by(value: Any) -> Iterator[Path]:
    """The files and folders that an argument names: a path, a list of paths, or items such as folder:root=PATH."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _read_by(each)
    elif isinstance(value, str) and value:
        for item in items(value):
            for text in [item] if isinstance(item, str) else map(str, item.values()):
                yield from (expanded(part) for part in (text, text.rpartition(":")[0]) if part)


def _overwritten(out: Path, read: Path) -> bool:
    """Whether the output is what is read: the same file or folder, or one of the files of a run's data."""
    try:
        if not read.exists():
            return False
        if not (read / "run.json").is_file():
            return out.samefile(read)
        inside = out.resolve().relative_to(read.resolve()).parts
    except (OSError, ValueError):  # a name that is no path; not in the run's folder
        return False
    return bool(inside) and (inside[0] in ("cells", "maps", "photos", "run.json") or inside[0].endswith(".parquet"))


def _shown(args: list[str], spellings: list[str]) -> str:
    """The option as it stands in the arguments, each time with its value."""
    occurrences = []
    for i, word in enumerate(args):
        if word.partition("=")[0] in spellings:
            value = [] if "=" in word else args[i + 1 : i + 2]
            occurrences.append(" ".join([word, *(each for each in value if not each.startswith("--"))]))
    return " and ".join(occurrences)


def _lists(option: Any) -> bool:
    return "commas" in (getattr(option, "help", "") or "")


def _home(value: Any) -> Any:
    if isinstance(value, Path):
        return expanded(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_home(each) for each in value)
    return value


@quick_imports()
def study_of(
    file: Path | None,
    plugins: list[Path] | None,
    listed: dict[str, str | None],
    single: dict[str, str | None],
    overrides: dict[str, Any],
) -> Any:
    """The study of a file, or of a suite, or the embedded one, with the given options in place of its keys."""
    from ..api.study import Study
    from ..registry import load_file
    from ..study.spec import read_yaml

    for each in plugins or []:
        load_file(each)
    options = {key: items(text) for key, text in listed.items() if text is not None}
    options |= {key: number(text) for key, text in single.items() if text is not None} | overrides
    try:
        if file is not None and is_run(file):
            return Study(**keys_of(file, options))
        if file is not None:
            return Study.from_yaml(file, **options)
        embedded = {} if "suite" in options else read_yaml(Path(str(files("benchbench") / "default_study.yaml")))
        return Study(**{**embedded, **options})
    except BenchError as error:
        raise as_option(error, options, file) from None


def run_study(
    study: Any,
    out: Path,
    context: Any,
    *,
    verbose: bool = False,
    report: bool = True,
    budget: str | None = None,
    **how: bool,
) -> None:
    """Run the study, and print its answer, its work and where its report is.

    Args:
        context: of the command.
        verbose: print every number.
        report: whether the page is written.
        budget: a time to keep to.
        how: of ``Study.run``.
    """
    from ..api.run import Run
    from ..engine.progress import Terminal
    from ..engine.stopping import Stopped
    from ..reports.leaderboard.failed_rows import by_reason
    from ..reports.leaderboard.short_answer import work
    from ..results.run_folder import has_tables

    console = screen(highlight=False, markup=False)
    progress = Terminal(plain_console(stderr=True))
    try:
        done = study.run(out, progress=progress, report=report, budget=budget, **how)
        if not report:
            done.write_tables()
    except Stopped as stop:
        if not report and stop.orderly and has_tables(out):
            Run.load(out).write_tables()
        raise
    finally:
        progress.stop()
    console.print(done.printed(verbose=verbose))
    console.print(work(done.record.info))
    place = place_of(context, "out", out)
    page = f"{place}/report.html"
    shown = f"Report: {page}" if report else f"No report: benchbench report {place} writes it"
    if not report and (out / "report.html").exists():
        shown = f"{page} is as it was before this run: benchbench report {place} writes it anew"
    console.print(f"{shown}   Tables: {place}/tables", soft_wrap=True)
    if done.failed:
        where = "the report and in results.parquet" if report else "results.parquet"
        console.print(f"{plural(done.failed, 'row')} failed: the reasons are in {where}", style="bold red")
        for line in by_reason(done.record.info):
            console.print(f"  {line}", soft_wrap=True)
        raise typer.Exit(1)
