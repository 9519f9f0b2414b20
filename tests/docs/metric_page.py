"""docs/metrics.md: every metric from the registry, by family.

Run as ``python -m tests.docs.metric_page``; the text is tested to be what it writes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from benchbench.evaluation.probe_scores import forwards
from benchbench.registry import FAMILIES, METRIC_NEEDS, METRICS, TRUTHS, MetricPlugin, MetricReading
from benchbench.types.views import View, singles

from .pages import ROOT, _cell, _link, _paragraphs

FILE = ROOT / "docs" / "metrics.md"
INTRO = """# Metrics

Written from the registry. A number means nothing without its protocol: `deletion` in a study is
`deletion@rise-28`, the first protocol below; another is asked for by name (`deletion@torchcam-20`) or by its
parameters (`{name: deletion, steps: 14, fill: blur}`), and is in the table's column `protocol`. Every metric has
one value per image.

Maps are upsampled (bilinear, align_corners=False) and min-max normalised per image before any metric sees them. p is
the target's softmax probability, z its logit. Forwards: those that each map costs, and those that an image costs
whatever the number of its maps; equal pictures of an image are scored once, whichever maps they come from. Again: how
often every method is run again, on changed images, another target or other weights, each captured once for all."""


def _shown(views: Iterable[View]) -> int:
    """How many views are shown: each of an average's."""
    return sum(len(singles(view)) for view in views)


def text() -> str:
    """The page."""
    builtin = [p for p in METRICS.load().values() if p.function.__module__.startswith("benchbench.")]
    order = {name: i for i, name in enumerate(FAMILIES)}
    builtin.sort(key=lambda p: order[p.family])
    lines = [INTRO, "", *_summary(builtin)]
    for family, plugins in groupby(builtin, key=lambda p: p.family):
        lines += ["", f"## {family.capitalize()}: {FAMILIES[family]}"]
        for plugin in plugins:
            lines += ["", *_entry(plugin)]
    return "\n".join(lines) + "\n"


def _summary(plugins: list[MetricPlugin]) -> list[str]:
    lines = [
        "| metric | family | better | range | forwards per map | per image | again |",
        "|---|---|---|---|---|---|---|",
    ]
    for plugin in plugins:
        mapped, plain = forwards(plugin.probes(**plugin.bind({}))) if plugin.probes else (0, 0)
        reading = plugin.reading_of(plugin.bind(next(iter(plugin.protocols.values()))))
        name = f"[{plugin.name}](#{plugin.name})"
        cells = [name, plugin.family, _better(reading), _range(reading), mapped or "", plain or ""]
        cells.append(_shown(plugin.views(**plugin.bind({}))) if plugin.views else "")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _entry(plugin: MetricPlugin) -> list[str]:
    default = next(iter(plugin.protocols))
    reading = plugin.reading_of(plugin.bind(plugin.protocols[default]))
    ranks = "; reads only the order of the map's values" if plugin.ranks_only else ""
    lines = [
        f"### {plugin.name}",
        "",
        _paragraphs(plugin),
        "",
        f"**Value.** {reading.equation}" if reading.equation else "",
    ]
    lines += ["", f"**Reading.** {_better(reading)} is better; {_range(reading)}; unit: {reading.unit}{ranks}."]
    lines += [f"Under {reading_text}." for reading_text in _otherwise(plugin, reading)]
    lines += ["", "**Needs.** " + "; ".join(f"`{n}`: {METRIC_NEEDS[n]}" for n in sorted(plugin.needs)) + "."]
    lines += ["", f"**Truth.** `{reading.truth}`: {TRUTHS[reading.truth]}."] if reading.truth else []
    lines += ["", f"**Source.** {_link(plugin.paper)}" if plugin.paper else "**Source.** benchbench's own."]
    lines += ["", "| protocol | parameters | forwards per map | per image | again |", "|---|---|---|---|---|"]
    for name in plugin.protocols:
        params = plugin.bind(plugin.protocols[name])
        parameters = ", ".join(f"{key}={value}" for key, value in params.items()) or "none"
        mapped, plain = forwards(plugin.probes(**params)) if plugin.probes else (0, 0)
        mark = " (default)" if name == default else ""
        again = _shown(plugin.views(**params)) if plugin.views else 0
        lines.append(f"| `{name}`{mark} | {_cell(parameters)} | {mapped} | {plain} | {again} |")
    return lines


def _otherwise(plugin: MetricPlugin, default: MetricReading) -> list[str]:
    """Per reading that is not the default protocol's, the protocols that have it, and what it is."""
    alike: dict[MetricReading, list[str]] = {}
    for name, params in plugin.protocols.items():
        alike.setdefault(plugin.reading_of(plugin.bind(params)), []).append(f"`{name}`")
    return [
        f"{', '.join(names)}: {reading.equation}; {_better(reading)} is better; {_range(reading)}; unit: {reading.unit}"
        + (f"; truth: `{reading.truth}`" if reading.truth else "")
        for reading, names in alike.items()
        if reading != default
    ]


def _better(reading: MetricReading) -> str:
    return "higher" if reading.higher_is_better else "lower"


def _range(reading: MetricReading) -> str:
    low, high = (f"{side:g}" if math.isfinite(side) else "any" for side in reading.range)
    return f"{low} to {high}"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
