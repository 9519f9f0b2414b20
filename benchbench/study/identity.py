"""What numbers depend on besides images and seeds: the engine's code, libraries, plugins and their parameters."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..registry.plugin import Plugin

# No number comes from these: they ask, keep, compare and show. Whatever is not listed is in the engine's digest.
NO_NUMBERS = frozenset(
    {
        *(
            "__init__",
            "__main__",
            "api",
            "cli",
            "commands",
            "finished",
            "gating",
            "illustrating",
            "listing",
            "scaffold",
        ),
        *("screen", "spelling", "regression", "stats", "testing", "method_testing", "metric_testing", "contracts"),
        *("asserting", "snapshots", "session_runs", "costs_alone", "pytest_plugin", "weaknesses", "overlays"),
        *(
            "answers",
            "assemble",
            "cautions",
            "continuing",
            "cost_rows",
            "files",
            "lock",
            "pages",
            "preflight",
            "progress",
        ),
        *("provenance", "reliability", "retries", "rows", "runfolder", "runner", "store", "table", "wording"),
        # plugins and networks have digests of their own
        *("methods", "metrics", "reports", "models", "networks", "checkpoints"),
    }
)


def identity(plugin: Plugin, params: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a plugin's numbers depend on; of a parameter that is a file, its content."""
    said = {key: _content(value) for key, value in params.items()}
    return plugin.name, plugin.source_digest, said


def _content(value: Any) -> Any:
    if isinstance(value, Path):
        return hashlib.sha256(value.read_bytes()).hexdigest() if value.is_file() else str(value)
    return getattr(value, "identity", value)


@cache
def engine_digest() -> str:
    """Changes with the engine's own files and the libraries that numbers depend on: old results are not reused then."""
    versions = [importlib.metadata.version(name) for name in ("torch", "torchvision", "pillow", "numpy", "scipy")]
    state = hashlib.sha256(repr(versions).encode())
    for path in numeric_files():
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


def numeric_files() -> list[Path]:
    """The engine's files that a number can depend on, in a fixed order."""
    home = Path(__file__).parent.parent
    rooms = {path: path.relative_to(home).with_suffix("").parts[0] for path in home.rglob("*.py")}
    return sorted(path for path, room in rooms.items() if room not in NO_NUMBERS)
