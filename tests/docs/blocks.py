"""The code blocks of README.md and docs, and the marks that say what a test does with each.

A mark is an HTML comment on the line before a block: readers do not see it. ``<!-- test: output -->`` is what a command
printed, ``<!-- test: part, WHY -->`` a piece that is not whole by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .pages import ROOT

_MARK = re.compile(r"<!-- test: (output|part), (.+) -->|<!-- test: (output) -->")


@dataclass(frozen=True)
class Block:
    """One fenced block: its page, the line where it begins, its language ("" for a shell), its text and its mark."""

    page: str
    line: int
    language: str
    text: str
    mark: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks() -> list[Block]:
    return [block for page in pages() for block in _blocks(page)]


def _blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    opened: int | None = None
    for i, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if opened is None:
            opened = i
            continue
        match = _MARK.fullmatch(lines[opened - 1]) if opened else None
        mark = (match[1] or match[3]) if match else ""
        text = "\n".join(lines[opened + 1 : i]) + "\n"
        yield Block(page.relative_to(ROOT).as_posix(), opened + 1, lines[opened][3:].strip(), text, mark)
        opened = None


def commands(text: str) -> list[str]:
    """The lines of a shell block, with a backslash at the end joined to the next."""
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
