"""What a run tells while it runs: to a terminal by rich, to a notebook as HTML; elsewhere warnings, or nothing."""

from __future__ import annotations

import importlib
import time
from html import escape
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape as escaped
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress(Protocol):
    """Told by the runner; ``advance`` counts images scored, of about the total given to ``start``."""

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


class Terminal:
    """A bar with what is running, done / total and the time left, where the console is a terminal; warnings always."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("starting", total=None)
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
        self._bars.update(self._task, total=max(total, 1))

    def advance(self, count: int) -> None:
        self._bars.advance(self._task, count)

    def stop(self) -> None:
        self._bars.stop()


class Notebook:
    """A bar with what is running and done / total, and warnings, as HTML that needs no widgets."""

    def __init__(self) -> None:
        self._shown: Any = importlib.import_module("IPython.display")
        self._handle = self._shown.display(self._shown.HTML(""), display_id=True)
        self._what, self._total, self._done, self._drawn = "starting", 0, 0, 0.0

    def say(self, what: str) -> None:
        self._what = what
        self._draw()

    def tell(self, what: str) -> None:
        """A line that stays."""
        self._shown.display(self._shown.HTML(f"<p>{escape(what)}</p>"))

    def warn(self, what: str) -> None:
        self._shown.display(self._shown.HTML(f"<p><b>WARNING: {escape(what)}</b></p>"))

    def start(self, total: int) -> None:
        self._total, self._done = max(total, 1), 0
        self._draw()

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._drawn > _REFRESH:
            self._draw()

    def stop(self) -> None:
        self._handle.update(self._shown.HTML(""))

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        done = min(self._done, self._total)
        bar = f'<progress value="{done}" max="{self._total}"></progress> {done:,} / {self._total:,}'
        self._handle.update(self._shown.HTML(f"<p>{escape(self._what)} {bar if self._total else ''}</p>"))


_REFRESH = 0.2  # seconds


def interactive(wanted: bool | None) -> Notebook | Terminal | Silent:
    """Where a run from Python tells of itself.

    Args:
        wanted: None tells it where standard error is a terminal, or in a notebook; True tells it anywhere, without a
            bar where there is no terminal; False tells nothing.
    """
    console = Console(stderr=True)
    if wanted is False or (wanted is None and not (console.is_jupyter or console.is_terminal)):
        return Silent()
    return Notebook() if console.is_jupyter else Terminal(console)
