"""``benchbench list``: what is registered, as data and as a few lines each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .registry import Parameter, Plugin


def entry(plugin: Plugin) -> dict[str, Any]:
    """All that is known of a plugin, as plain values."""
    from .registry import MetricPlugin

    told: dict[str, Any] = {
        "name": plugin.name,
        "summary": plugin.summary,
        "parameters": {p.name: _parameter(p) for p in plugin.parameters.values()},
        "paper": plugin.paper,
        "origin": plugin.origin,
    }
    for trait in ("needs", "control", "higher_is_better", "unit", "title"):
        if hasattr(plugin, trait):
            value = getattr(plugin, trait)
            told[trait] = sorted(value) if isinstance(value, frozenset) else value
    if isinstance(plugin, MetricPlugin):
        told["better"] = "higher" if plugin.higher_is_better else "lower"
        told["protocols"] = dict(plugin.protocols)
        told["family"], told["equation"] = plugin.family, plugin.equation
        told["range"] = [side if math.isfinite(side) else None for side in plugin.range]
        if plugin.probes:
            from .probing import forwards

            told["forwards_per_map"], told["forwards_per_image"] = forwards(plugin.probes(**plugin.bind({})))
    return told


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told = {"type": parameter.type_name, "required": parameter.required}
    return told if parameter.required else {**told, "default": parameter.default}


def show(entry: dict[str, Any]) -> None:
    """An entry on a few lines: name and traits, the summary, the parameters."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    traits = [
        entry.get("family", ""),
        f"{entry['better']} is better" if "better" in entry else "",
        f"{entry['forwards_per_map']} forwards per map" if entry.get("forwards_per_map") else "",
        f"{entry['forwards_per_image']} per image" if entry.get("forwards_per_image") else "",
        "control" if entry.get("control") else "",
        f"needs {', '.join(entry['needs'])}" if entry.get("needs") else "",
        f"protocols {', '.join(entry['protocols'])}" if entry.get("protocols") else "",
        entry["paper"],
    ]
    params = ", ".join(f"{k}: {p['type']} = {p.get('default', 'required')}" for k, p in entry["parameters"].items())
    console = Console(highlight=False)
    console.print(Text.assemble((entry["name"], "bold"), "  ", (" · ".join(t for t in traits if t), "dim")))
    for line in filter(None, [entry["summary"], entry.get("equation", ""), params]):
        console.print(Padding(Text(line), (0, 0, 0, 4)))
