"""docs/rivals.md: what other tools have and benchbench has, from the checked list in rivals.yaml.

Run as ``python -m tests.docs.rivals_page``, or ``make pages``; the text is tested to be what it writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from benchbench.errors import BenchError
from benchbench.formatting import plural
from benchbench.metrics._quantus_support import RUNS
from benchbench.registry import METHODS, METRICS

from .pages import ROOT

FILE = ROOT / "docs" / "rivals.md"
SOURCE = Path(__file__).with_name("rivals.yaml")
NOTE = "note: "
_ADAPTERS = ("torchcam", "pytorch-grad-cam", "captum", "zennit")  # whose methods are methods here
TITLE = "# What other tools have\n"
INTRO = (
    "Which saliency methods, metrics and features other tools have, and which of them benchbench has. "
    "The code of each package was read, and not run, on {checked}:\n"
)
READING = (
    'A cell names the class or function; the last section says in which file it is. "–": the package has none of that '
    "name. A method may be in a package under a name that we did not look for. What a repository has beside its "
    "package is not counted. benchbench's own column is read from its registry; a name with a colon is the tool's own "
    "code, run by benchbench (`quantus:FaithfulnessEstimate`).\n"
)


@dataclass(frozen=True)
class Row:
    """A method, a metric or a feature.

    Attributes:
        name: as the page shows it.
        names: other spellings under which it was looked for.
        ours: candidates among benchbench's names; of a feature, its file.
        cells: by tool, FILE:NAME, or NOTE and a remark.
        search: of a feature, the pattern that its absence was looked for with.
    """

    name: str
    names: tuple[str, ...]
    ours: tuple[str, ...]
    cells: Mapping[str, str]
    search: str = ""

    @property
    def has(self) -> list[str]:
        """The tools that have it."""
        return [tool for tool, cell in self.cells.items() if not cell.startswith(NOTE)]

    @property
    def doubtful(self) -> bool:
        """Whether a tool has something like it, or was not checked."""
        return any(cell.startswith(NOTE) and not cell.startswith(f"{NOTE}no:") for cell in self.cells.values())


@cache
def source() -> dict[str, Any]:
    """The list as it is written."""
    plain: dict[str, Any] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return plain


def sections() -> dict[str, list[Row]]:
    """Rows of methods and metrics by section."""
    return {each["title"]: [_row(row) for row in each["rows"]] for each in source()["sections"]}


def features() -> list[Row]:
    return [_row(row) for row in source()["features"]]


def _row(plain: Mapping[str, Any]) -> Row:
    cells = {tool: plain[tool] for tool in source()["tools"] if tool in plain}
    ours = plain.get("benchbench", [])
    candidates = (ours,) if isinstance(ours, str) else tuple(ours)
    return Row(plain["name"], tuple(plain.get("names", ())), candidates, cells, plain.get("search", ""))


def symbol(cell: str) -> str:
    """The class or function of a cell."""
    return cell.rpartition(":")[2]


def ours(row: Row) -> str:
    """benchbench's name: its own method or metric, or the tool's that it runs; an empty text if there is none."""
    if row.search:
        return row.ours[0] if row.ours else ""
    for name in row.ours:
        for registry in (METHODS, METRICS):
            if name in registry:
                return registry[name].name
    quantus = symbol(row.cells.get("quantus", ""))
    if quantus in RUNS:
        return f"quantus:{quantus}"
    return next(filter(None, (_adapted(tool, row.cells[tool]) for tool in _ADAPTERS if tool in row.has)), "")


def _adapted(tool: str, cell: str) -> str:
    try:
        return METHODS[f"{tool}:{symbol(cell)}"].name
    except BenchError:  # it is no method of a study
        return ""


def text() -> str:
    """The page."""
    tools = source()["tools"]
    heads = ["| tool | package | version | what it is |", "|---|---|---|---|"]
    listed = [f"| {t['title']} | {t['package']} | {t['version']} | {t['what']} |" for t in tools.values()]
    parts = [TITLE, INTRO.format(checked=source()["checked"]), *heads, *listed, "", READING, *_summary()]
    parts += ["\n## Features\n", *_table(features())]
    for title, rows in sections().items():
        parts += [f"\n## {title}\n", *_table(rows)]
    parts += ["\n## Where each was seen\n", *_files()]
    return "\n".join(parts) + "\n"


def _summary() -> Iterator[str]:
    rows = [row for each in sections().values() for row in each]
    elsewhere = [row for row in rows if row.has]
    native = [row for row in elsewhere if ours(row) and ":" not in ours(row)]
    run = [row for row in elsewhere if ":" in ours(row)]
    lacking = [row.name for row in elsewhere if not ours(row)]
    alone = [row.name for row in rows if not row.has and ours(row)]
    yield "## In short\n"
    counted = plural(len(elsewhere), "method and metric", "methods and metrics")
    yield f"Of {counted} that at least one of these tools has, benchbench has {len(native)} of its own."
    yield f"It runs {len(run)} more as the tool has them.\n"
    yield f"- Not in benchbench: {'; '.join(lacking)}."
    yield f"- In none of these tools, but in benchbench: {'; '.join(alone)}."
    features_alone = [row.name for row in features() if not row.has and not row.doubtful and ours(row)]
    yield f"- Features that none of these tools has: {'; '.join(map(_lowered, features_alone))}."
    theirs = [row.name for row in features() if not ours(row)]
    yield f"- Features that benchbench does not have: {'; '.join(map(_lowered, theirs))}."


def _lowered(name: str) -> str:
    return name if name[:2].isupper() or name.startswith(("LaTeX", "TensorFlow")) else name[0].lower() + name[1:]


def _table(rows: list[Row]) -> Iterator[str]:
    tools = source()["tools"]
    yield f"| | benchbench | {' | '.join(tool['title'] for tool in tools.values())} |"
    yield "|---" * (len(tools) + 2) + "|"
    for row in rows:
        our_name = ours(row)
        shown = "–" if not our_name else "yes" if row.search else f"`{our_name}`"
        yield f"| {row.name} | {shown} | {' | '.join(_cell(row.cells.get(tool, '')) for tool in tools)} |"


def _cell(cell: str) -> str:
    if not cell:
        return "–"
    return cell.removeprefix(NOTE) if cell.startswith(NOTE) else f"`{symbol(cell)}`"


def _files() -> Iterator[str]:
    rows = [row for each in sections().values() for row in each] + features()
    for key, tool in source()["tools"].items():
        seen: dict[str, list[str]] = {}
        for row in rows:
            cell = row.cells.get(key, "")
            if cell and not cell.startswith(NOTE):
                file, _, name = cell.rpartition(":")
                seen.setdefault(file, []).append(f"`{name}`")
        listed = "; ".join(f"{file}: {', '.join(dict.fromkeys(names))}" for file, names in sorted(seen.items()))
        yield f"- {tool['title']} {tool['version']}: {listed}."


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
