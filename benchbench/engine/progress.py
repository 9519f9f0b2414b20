"""What a run tells while it runs: to a terminal by rich, to a notebook as HTML; elsewhere warnings, or nothing."""

from __future__ import annotations

import importlib
import time
from html import escape
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape as escaped
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from ..console import plain_console
from ..formatting import duration, plural
from .time_left import Outlook


class Progress(Protocol):
    """Told by the runner; ``advance`` counts images scored, of about the total given to ``start``.

    An object that has the method ``follow(outlook)`` too is told, about twice a second, where the run stands.
    """

    def say(self, what: str) -> None: ...
    def warn(self, what: str) -> None: ...
    def start(self, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def stop(self) -> None: ...


class Silent:
    """Says nothing."""

    def say(self, what: str) -> None: ...
    def tell(self, what: str) -> None: ...
    def warn(self, what: str) -> None: ...
    def start(self, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def stop(self) -> None: ...


class _Count(ProgressColumn):
    """Shards done of all; images scored of about so many, where nobody knows of shards."""

    def render(self, task: Task) -> Text:
        outlook: Outlook | None = task.fields.get("outlook")
        if task.fields.get("over"):
            return Text("")
        return Text(_counted(outlook, int(task.completed), task.total), style="progress.download")


class _TimeLeft(ProgressColumn):
    """The time left by the outlook, less what has passed since."""

    def render(self, task: Task) -> Text:
        left = _left(task.fields.get("outlook"), time.monotonic() - task.fields.get("at", 0.0))
        return Text(left, style="progress.remaining")


class Terminal:
    """A bar with what is running, what is done and the time left, where the console is a terminal; warnings always."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            _Count(),
            TimeElapsedColumn(),
            _TimeLeft(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("starting", total=None)
        self._followed = False
        self._bars.start()

    def say(self, what: str) -> None:
        self._bars.start()  # again, where it was stopped
        self._bars.update(self._task, description=escaped(what), refresh=True)

    def tell(self, what: str) -> None:
        """A line that stays."""
        self.console.print(what, markup=False, highlight=False)

    def warn(self, what: str) -> None:
        self.console.print(f"WARNING: {what}", style="bold red", markup=False, highlight=False)

    def start(self, total: int) -> None:
        self._followed = False
        self._bars.update(self._task, total=max(total, 1), completed=0, outlook=None, over=False)

    def advance(self, count: int) -> None:
        if not self._followed:
            self._bars.advance(self._task, count)

    def follow(self, outlook: Outlook) -> None:
        """Show where the run stands: from now on the bar is the part of the time that is over."""
        if outlook.seconds_left is None:
            return
        self._followed = True
        self._bars.update(self._task, total=1.0, completed=outlook.part, outlook=outlook, at=time.monotonic())

    def stop(self) -> None:
        self._bars.update(self._task, outlook=None, over=True)
        self._bars.stop()


class Notebook:
    """A bar with what is running and done / total, and warnings, as HTML that needs no widgets."""

    def __init__(self) -> None:
        self._shown: Any = importlib.import_module("IPython.display")
        self._handle = self._shown.display(self._shown.HTML(""), display_id=True)
        self._what, self._total, self._done, self._drawn = "starting", 0, 0, 0.0
        self._outlook: Outlook | None = None

    def say(self, what: str) -> None:
        self._what = what
        self._draw()

    def tell(self, what: str) -> None:
        """A line that stays."""
        self._shown.display(self._shown.HTML(f"<p>{escape(what)}</p>"))

    def warn(self, what: str) -> None:
        self._shown.display(self._shown.HTML(f"<p><b>WARNING: {escape(what)}</b></p>"))

    def start(self, total: int) -> None:
        self._total, self._done, self._outlook = max(total, 1), 0, None
        self._draw()

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._drawn > _REFRESH:
            self._draw()

    def follow(self, outlook: Outlook) -> None:
        """Show where the run stands."""
        self._outlook = outlook if outlook.seconds_left is not None else None
        if time.monotonic() - self._drawn > _REFRESH:
            self._draw()

    def stop(self) -> None:
        self._handle.update(self._shown.HTML(""))

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        done, total = min(self._done, self._total), self._total
        words = _counted(self._outlook, done, total)
        left = _left(self._outlook, 0.0)
        if self._outlook is not None:
            done, total = round(1000 * self._outlook.part), 1000
        bar = f'<progress value="{done}" max="{total}"></progress> {words}{", " if left else ""}{left}'
        self._handle.update(self._shown.HTML(f"<p>{escape(self._what)} {bar if self._total else ''}</p>"))


_REFRESH = 0.2  # seconds


def _counted(outlook: Outlook | None, done: int, total: float | None) -> str:
    if outlook is not None and outlook.shards:
        return f"{outlook.shards_done:,} of {plural(outlook.shards, 'shard')}"
    return f"{done:,} / {'?' if total is None else f'{int(total):,}'}"


def _left(outlook: Outlook | None, since: float) -> str:
    if outlook is None or outlook.seconds_left is None:
        return ""
    return f"about {duration(max(outlook.seconds_left - since, 0.0))} left"


def interactive(wanted: bool | None) -> Notebook | Terminal | Silent:
    """Where a run from Python tells of itself.

    Args:
        wanted: None tells it where standard error is a terminal, or in a notebook; True tells it anywhere, without a
            bar where there is no terminal; False tells nothing.
    """
    console: Console = plain_console(stderr=True)
    if wanted is False or (wanted is None and not (console.is_jupyter or console.is_terminal)):
        return Silent()
    return Notebook() if console.is_jupyter else Terminal(console)
