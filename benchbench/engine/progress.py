"""What a run tells while it runs: to a terminal by rich, to no one else anything but warnings."""

from __future__ import annotations

from typing import Protocol

from rich.console import Console
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
        self._bars.update(self._task, description=what)

    def warn(self, what: str) -> None:
        self.console.print(f"WARNING: {what}", style="bold red", markup=False, highlight=False)

    def start(self, total: int) -> None:
        self._bars.update(self._task, total=max(total, 1))

    def advance(self, count: int) -> None:
        self._bars.advance(self._task, count)

    def stop(self) -> None:
        self._bars.stop()
