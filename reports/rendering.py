"""Rich's output as plain text."""

from __future__ import annotations

import sys
from typing import Any

from ..console import plain_console


def rendered(shown: Any) -> str:
    """As the terminal shows it, in 80 columns or the terminal's own; plain where there is none."""
    console = plain_console(width=None if sys.stdout.isatty() else 80)
    with console.capture() as captured:
        console.print(shown)
    return str(captured.get())
