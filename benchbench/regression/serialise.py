"""A baseline's JSON: a line for each thing that may change by itself, so that a diff names it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FORMAT = 1


def lines(plain: Mapping[str, Any]) -> str:
    """The same data are the same bytes."""
    return "{\n" + ",\n".join(_entry(key, value) for key, value in plain.items()) + "\n}\n"


def _entry(key: str, value: Any) -> str:
    if key == "maps":
        each = ",\n".join(_map_lines(item) for item in value)
        return f'"maps": [\n{each}\n]' if value else '"maps": []'
    if isinstance(value, (list, tuple)) and value:
        each = ",\n".join(f"  {_json(item)}" for item in value)
        return f"{json.dumps(key)}: [\n{each}\n]"
    return f"{json.dumps(key)}: {_json(value)}"


def _map_lines(maps: Mapping[str, Any]) -> str:
    """A line per map."""
    head = ", ".join(f"{json.dumps(key)}: {_json(value)}" for key, value in maps.items() if key != "sketches")
    each = ",\n".join(f"    {json.dumps(name)}: {_json(sketch)}" for name, sketch in maps["sketches"].items())
    return f'  {{{head}, "sketches": {{\n{each}\n  }}}}'


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
