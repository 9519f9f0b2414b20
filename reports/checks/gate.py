"""What a run's check against its baseline found, for a terminal of 80 columns, as GitHub's Markdown and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...errors import BenchError, nearest, safe_json
from ...regression import Change, Checked
from ..escape import markdown, one_line
from .junit import junit

FORMATS = ("table", "markdown", "junit", "json")
MOST_IMAGES = 3
MOST_ROWS = 100  # the failing ones come first; a step's summary on GitHub holds a megabyte
MEANT = "If the change is intended, write the baseline again: benchbench baseline RUN --out FILE.json"
_KEYS = {"sentence": "said"}  # by field, the key in JSON


def render(checked: Checked, format: str) -> str:
    """``markdown`` is GitHub's, ``junit`` has a test case for everything that was compared.

    Raises:
        BenchError: an unknown format.
    """
    match format:
        case "markdown":
            return "\n".join(_markdown(checked)) + "\n"
        case "junit":
            return junit(checked, describe)
        case "json":
            text = json.dumps(_plain(checked), indent=1, allow_nan=False, ensure_ascii=False)
            return safe_json(text) + "\n"
    raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, FORMATS))


def verdict(checked: Checked) -> str:
    """PASS or FAIL, and the summary."""
    return f"{'PASS' if checked.ok else 'FAIL'}: {one_line(checked.summary)}"


def renderable(checked: Checked, meant: str = MEANT) -> Group:
    """For a terminal of 80 columns; ``meant``: what to do where a change is."""
    return Group(*_shown(checked, meant))


def _shown(checked: Checked, meant: str) -> Iterator[RenderableType]:
    yield Text(verdict(checked), style="bold green" if checked.ok else "bold red")
    if not checked.changes:
        return
    shared = _shared(checked)
    if any(shared):
        yield Text(f"At {one_line(_joined(shared))}:")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for head, least in (("", 4), ("kind", 7), ("where", 16), ("what", 24)):
        table.add_column(head, overflow="fold", min_width=least)
    for change in checked.changes[:MOST_ROWS]:
        style = "red" if change.fails else "green" if change.better else ""
        cells = (_mark(change), change.kind, _where(change, shared), describe(change))
        table.add_row(*(Text(one_line(cell), style=style) for cell in cells))
    yield table
    yield from (Text(line) for line in _footer(checked, meant))


def _footer(checked: Checked, meant: str = MEANT) -> Iterator[str]:
    if len(checked.changes) > MOST_ROWS:
        yield f"{len(checked.changes) - MOST_ROWS} more changes: --format json has them all."
    if not checked.ok:
        yield meant


def _mark(change: Change) -> str:
    return "FAIL" if change.fails else "+" if change.better else ""


def _shared(checked: Checked) -> tuple[str, ...]:
    """Model, dataset, layer and method, each where all changes that name one name the same; said once, not in a row."""
    if len(checked.changes) < 2:
        return ()
    named = [{part for part in parts if part} for parts in zip(*(c.place.parts for c in checked.changes), strict=True)]
    return tuple(next(iter(each)) if len(each) == 1 else "" for each in named)


def _where(change: Change, shared: tuple[str, ...] = ()) -> str:
    """The place, less what is shared, and the metric."""
    measure = f"{change.metric}@{change.protocol}" if change.metric else ""
    parts = [part for i, part in enumerate(change.place.parts) if part and part not in shared[i : i + 1]]
    return _joined([*parts, measure]) or ("" if any(change.place.parts) else "the run")


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(filter(None, parts))


def describe(change: Change) -> str:
    """With the images that it is about, where they are few; JSON has them all."""
    few = [name for name in change.images if name not in change.sentence] if len(change.images) <= MOST_IMAGES else []
    return f"{change.sentence} ({', '.join(few)})" if few else change.sentence


def _markdown(checked: Checked) -> Iterator[str]:
    yield f"### benchbench check: {'passed' if checked.ok else 'failed'}\n"
    yield markdown(checked.summary)
    shared = _shared(checked)
    if any(shared):
        yield f"\nAt {markdown(_joined(shared))}:"
    if checked.changes:
        yield "\n| | kind | where | what |\n| :-- | :-- | :-- | :-- |"
    for change in checked.changes[:MOST_ROWS]:
        cells = (_mark(change), change.kind, _where(change, shared), describe(change))
        yield f"| {' | '.join(markdown(cell) for cell in cells)} |"
    yield from (f"\n{markdown(line)}" for line in _footer(checked))


def _plain(checked: Checked) -> dict[str, object]:
    """Without numbers that JSON has none of; the sentence has the key ``said``, which scripts read."""
    changes = [
        {
            _KEYS.get(key, key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in fields.items()
        }
        for fields in map(asdict, checked.changes)
    ]
    return {"ok": checked.ok, "summary": checked.summary, "compared": checked.counts, "changes": changes}
