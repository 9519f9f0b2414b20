"""What a command shows: text to the screen, or to a file that is then named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..console import plain_console, safe_lines
from ..files import publish


def screen(**options: Any) -> Any:
    """A rich Console on standard output that leaves it to the command how it ends where the reader has gone.

    Args:
        options: the Console's own.
    """

    def gone() -> None:
        raise BrokenPipeError  # rich would exit with code 1

    return plain_console(**options, closed=gone)


def say(*lines: object, error: bool = False) -> None:
    """Print lines, on standard error if they are ``error``; nothing in them is a command to the terminal."""
    print(safe_lines("\n".join(map(str, lines))), file=sys.stderr if error else sys.stdout)


def put(text: str, out: Path | None) -> None:
    """The text to the screen, or to a file whose path is then said.

    Raises:
        BenchError: it cannot be written there.
    """
    if out is None:
        sys.stdout.write(text)
        return
    say(publish(out, text))
