"""``benchbench list``: what is registered, as data and as a few lines each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BenchError, meant, nearest
from .output import screen

if TYPE_CHECKING:
    from ..registry import MetricPlugin, Parameter, Plugin, SuitePlugin
    from ..registry.registry import Group, OpenFamily, Registry


def entry(plugin: Plugin) -> dict[str, Any]:
    """All that is known of a plugin, as plain values."""
    from ..registry import MethodPlugin, MetricPlugin, SuitePlugin

    fields: dict[str, Any] = {
        "name": plugin.name,
        "display_name": _display_name(plugin),
        "summary": plugin.summary,
        "parameters": {p.name: _parameter(p) for p in plugin.parameters.values()},
        "paper": plugin.paper,
        "origin": plugin.origin,
    }
    for trait in ("needs", "control", "title"):
        if hasattr(plugin, trait):
            value = getattr(plugin, trait)
            fields[trait] = sorted(value) if isinstance(value, frozenset) else value
    if isinstance(plugin, MethodPlugin) and plugin.optimises:
        fields["optimises"] = sorted(plugin.optimises)
    if isinstance(plugin, SuitePlugin):
        fields["keys"] = _keys(plugin)
    if isinstance(plugin, MetricPlugin):
        fields["protocols"] = dict(plugin.protocols)
        fields["readings"] = {name: _reading(plugin, params) for name, params in plugin.protocols.items()}
        fields |= next(iter(fields["readings"].values()))  # of the default protocol
        fields["higher_is_better"] = fields["better"] == "higher"
        fields["family"] = plugin.family
        if plugin.probes:
            from ..evaluation.probe_scores import forwards

            fields["forwards_per_map"], fields["forwards_per_image"] = forwards(plugin.probes(**plugin.bind({})))
    return fields


def entries(registry: Registry[Any], kind: str) -> list[dict[str, Any]]:
    """Of every plugin, of every name that stands for several, and of every library whose code stands as plugins."""
    listed = [entry(plugin) for plugin in registry.load().values()]
    listed += [group_entry(group, kind) for group in registry.groups().values()]
    return listed + [family_entry(family, kind) for family in registry.open_families().values() if family.names]


def named_entries(registry: Registry[Any], kind: str, name: str) -> list[dict[str, Any]]:
    """Of every plugin of the library of this name, or of the plugin or the group of this name alone.

    Args:
        kind: methods, metrics, ...
        name: a library's prefix, a plugin's name or a group's.

    Raises:
        BenchError: nothing has the name, or the library is not installed.
    """
    families = registry.open_families()
    libraries = {prefix: family for prefix, family in families.items() if family.names}
    for prefix in meant(name, libraries):
        return family_members(libraries[prefix])
    for group in meant(name, registry.groups()):
        return [group_entry(registry.groups()[group], kind)]
    if name in registry or (":" in name and meant(name.partition(":")[0], families)):
        return [entry(registry[name])]
    for prefix in meant(name, families):
        message = f"{prefix} does not say which {kind} it has"
        raise BenchError(message, where=f"list {kind}", hint=f"Name one of them: {prefix}:NAME")
    message = f"no library and no {registry.kind} is called {name!r}"
    raise BenchError(message, where=f"list {kind}", hint=nearest(name, [*libraries, *registry.names()]))


def family_members(family: OpenFamily[Any]) -> list[dict[str, Any]]:
    """Of every plugin of another library that can say which it has.

    Raises:
        BenchError: the library is not installed.
    """
    names = family.names() if family.names else ()
    return [entry(family.make(name)) for name in sorted(names)]


def short_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The name, the name in reports, and what a plugin of this kind has of: family, direction, control."""
    keys = ("name", "display_name", "family", "better", "control")
    return {key: entry[key] for key in keys if key in entry}


def short_lines(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """An entry on a line: name, name in reports, family, direction, control."""
    rows = [
        (
            each["name"],
            "" if each["display_name"] == each["name"] else each["display_name"],
            each.get("family", ""),
            f"{each['better']} is better" if "better" in each else "",
            "control" if each.get("control") else "",
        )
        for each in entries
    ]
    filled = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in filled]
    padded = [[cell.ljust(width) for cell in column] for column, width in zip(filled, widths, strict=True)]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]


def family_entry(family: OpenFamily[Any], kind: str) -> dict[str, Any]:
    """A library whose code stands as plugins, with the keys of an entry. It is not imported."""
    name = f"{family.prefix}:NAME"
    fields = {"name": name, "display_name": name, "parameters": {}, "paper": "", "origin": "", "needs": []}
    summary = f"{family.summary}. All of them: benchbench list {kind} {family.prefix}"
    return {**fields, "summary": summary[0].upper() + summary[1:], "control": False}


def _keys(plugin: SuitePlugin) -> dict[str, Any]:
    """The keys of a suite under its default parameters; none where a parameter that it needs has no default."""
    parameters = plugin.parameters.values()
    if callable(plugin.keys) and any(parameter.required for parameter in parameters):
        return {}
    return dict(plugin.keys_of({parameter.name: parameter.default for parameter in parameters}))


def group_entry(group: Group, kind: str) -> dict[str, Any]:
    """A name that stands for several plugins, with the keys of an entry."""
    summary = f"{group.summary}: {', '.join(group.members)}"
    fields = {"name": group.name, "display_name": group.name, "summary": summary, "members": list(group.members)}
    of_methods = {"needs": [], "control": False} if kind == "methods" else {}
    return {**fields, "parameters": {}, "paper": "", "origin": "", **of_methods}


def _display_name(plugin: Plugin) -> str:
    """The name in reports with default parameters; ``<root>`` for a parameter that has no default."""
    parameters = list(plugin.parameters.values())
    missing = {p.name: Path(f"<{p.name}>") if p.type is Path else f"<{p.name}>" for p in parameters}
    return plugin.display_name({p.name: missing[p.name] if p.required else p.default for p in parameters})


def _sides(bounds: tuple[float, float]) -> list[float | None]:
    """A range as JSON has it: None on a side without a bound."""
    return [side if math.isfinite(side) else None for side in bounds]


def _reading(plugin: MetricPlugin, params: Mapping[str, Any]) -> dict[str, Any]:
    """How numbers under one protocol are read."""
    reading = plugin.reading_of(plugin.bind(params))
    better = "higher" if reading.higher_is_better else "lower"
    plain = {"better": better, "unit": reading.unit, "range": _sides(reading.range), "equation": reading.equation}
    return {**plain, "truth": reading.truth} if reading.truth else plain


def _others(entry: dict[str, Any]) -> list[str]:
    """A line for the protocols whose numbers are read otherwise than those of the first one."""
    first, *rest = entry.get("readings", {}).items() or [("", None)]
    alike: dict[str, list[str]] = {}
    for name, reading in rest:
        if reading != first[1]:
            low, high = reading["range"]
            bounds = f"{'-inf' if low is None else f'{low:g}'} to {'inf' if high is None else f'{high:g}'}"
            description = f"{reading['better']} is better, {reading['unit']}, {bounds}, {reading['equation']}"
            description += f", truth {reading['truth']}" if reading.get("truth") else ""
            alike.setdefault(description, []).append(name)
    return [f"@{', @'.join(names)}: {description}" for description, names in alike.items()]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    fields = {"type": parameter.type_name, "required": parameter.required}
    return fields if parameter.required else {**fields, "default": parameter.default}


def _default(parameter: Mapping[str, Any]) -> str:
    """The default as a listing says it."""
    if parameter["required"]:
        return "required"
    value = parameter["default"]
    return "none" if value in (None, ()) else str(value) or '""'


def _listed(value: Any) -> str:
    """A key's value as the command line writes it: ``gradcam, fusion:of=layercam``."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_listed, value))
    if isinstance(value, Mapping) and "name" in value:
        return ":".join([str(value["name"]), *(f"{k}={_listed(v)}" for k, v in value.items() if k != "name")])
    return ", ".join(f"{k}: {_listed(v)}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


def _suite_lines(entry: Mapping[str, Any], params: str) -> list[str]:
    """What ``--suite`` takes, and the keys of the study that it runs."""
    run = f"benchbench run --suite {entry['name']}" + "".join(f":{key}=..." for key in entry["parameters"])
    keys = [f"{key}: {_listed(value)}" for key, value in entry["keys"].items()]
    return [run, f"parameters: {params}" if params else "", *keys]


def _needs(needs: Sequence[str]) -> list[str]:
    """What a plugin reads, and that another library's method runs on a copy of the network."""
    read = [need for need in needs if need != "original"]
    copied = ["runs on a copy of the network"] if "original" in needs else []
    return [*([f"needs {', '.join(read)}"] if read else []), *copied]


def show(entry: dict[str, Any]) -> None:
    """An entry on a few lines: name and traits, the summary, the parameters."""
    from rich.padding import Padding
    from rich.text import Text

    traits = [
        entry.get("family", ""),
        f"{entry['better']} is better" if "better" in entry else "",
        f"{entry['forwards_per_map']} forwards per map" if entry.get("forwards_per_map") else "",
        f"{entry['forwards_per_image']} per image" if entry.get("forwards_per_image") else "",
        "control" if entry.get("control") else "",
        f"optimises {', '.join(entry['optimises'])}" if entry.get("optimises") else "",
        *_needs(entry.get("needs", ())),
        f"truth {entry['truth']}" if entry.get("truth") else "",
        f"protocols {', '.join(entry['protocols'])}" if entry.get("protocols") else "",
        entry["paper"],
    ]
    params = ", ".join(f"{k}: {p['type']} = {_default(p)}" for k, p in entry["parameters"].items())
    console = screen(highlight=False)
    shown = "" if entry["display_name"] == entry["name"] else f"{entry['display_name']}  "
    traits_line = (" · ".join(t for t in traits if t), "dim")
    console.print(Text.assemble((entry["name"], "bold"), "  ", shown, traits_line))
    lines = _suite_lines(entry, params) if "keys" in entry else [params]
    for line in filter(None, [entry["summary"].replace("``", ""), entry.get("equation", ""), *_others(entry), *lines]):
        console.print(Padding(Text(line), (0, 0, 0, 4)))
