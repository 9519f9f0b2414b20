"""What a command shows: text to the screen, or to a file that is then named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..files import publish


def screen(**options: Any) -> Any:
    """A rich Console on standard output that leaves it to the command how it ends where the reader has gone.

    Args:
        options: the Console's own.
    """
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with code 1

    return Screen(**options)


def put(text: str, out: Path | None) -> None:
    """The text to the screen, or to a file whose path is then said.

    Raises:
        BenchError: it cannot be written there.
    """
    if out is None:
        sys.stdout.write(text)
        return
    print(publish(out, text))
