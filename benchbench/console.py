"""What a terminal is sent: letters of whatever was said, and no command but those that benchbench draws with."""

from __future__ import annotations

from typing import Any

from .errors import safe


def safe_lines(text: str) -> str:
    """``safe`` in each line: the ends of lines stay.

    Example:
        >>> from benchbench.console import safe_lines
        >>> safe_lines("a\\x1b[2J")
        'a\\\\x1b[2J'
    """
    return "\n".join(map(safe, text.split("\n")))


def plain_console(**options: Any) -> Any:
    """A Console of rich's whose texts are ``safe_lines``, names and reasons of anyone's among them.

    Args:
        options: the Console's own, and ``closed``: called where the reader has gone, in place of rich's ending.
    """
    from rich.console import Console
    from rich.segment import Segment

    closed = options.pop("closed", None)

    class PlainConsole(Console):
        def render(self, renderable: Any, options: Any = None) -> Any:
            for each in super().render(renderable, options):
                yield each if each.control else Segment(safe_lines(each.text), each.style)

        def on_broken_pipe(self) -> None:
            if closed is None:
                super().on_broken_pipe()
            else:
                closed()

    return PlainConsole(**options)
