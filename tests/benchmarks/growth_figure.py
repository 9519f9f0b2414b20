"""The figure of how a run's cost grows, and what it shows in words, from growth.py's results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from .growth import ALONE, AXES, NETWORK, SHARED, Point

Result = dict[str, Any]
TITLES = {
    "samples": "samples",
    "methods": "methods",
    "layers": "layers",
    "steps": "steps",
    "size": "pixels of an image",
}
FLAT, NEAR = 1.25, 0.25


def growth_section(results: Sequence[Result], figure: Path) -> list[str]:
    """The page's last section; draws the figure."""
    draw(results, figure)
    base = Point("samples")
    fixed = (
        f"{base.samples} images of {base.size} x {base.size} pixels, {base.methods} gradient methods, "
        f"{base.layers} layers and a deletion curve of {base.steps} steps"
    )
    return [
        "## How the cost grows",
        "",
        f"Runs of a whole study into new folders, on {NETWORK}, each in a process of its own.",
        f"What does not grow stays at {fixed}.",
        f"Maps alone ask for no score, of {ALONE} images. Forwards are those that the run counted.",
        "Memory is the peak of the process above what it held before its first pass. All are relative to the smallest.",
        "",
        f"![Time, forwards and peak memory against five sizes]({figure.name})",
        "",
        *(f"- {in_words(axis, results)}" for axis in AXES),
        "",
    ]


def of(results: Sequence[Result], axis: str, series: str) -> list[Result]:
    return sorted((r for r in results if r["axis"] == axis and r["series"] == series), key=lambda r: r["at"])


def draw(results: Sequence[Result], figure: Path) -> None:
    colours = sns.color_palette("colorblind")
    style: dict[Any, Any] = {
        "svg.hashsalt": "benchbench",
        "svg.fonttype": "path",
        "figure.facecolor": "white",
        "font.size": 9,
    }
    with mpl.rc_context(style), sns.axes_style("whitegrid"):
        canvas, panels = plt.subplots(2, 3, figsize=(10, 6.2), layout="constrained")
        *used, spare = panels.flat
        for axes, axis in zip(used, AXES, strict=True):
            _panel(axes, axis, results, colours)
        handles, labels = [], []
        for axes in used:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                if label not in labels:
                    handles.append(handle)
                    labels.append(label)
        spare.axis("off")
        spare.legend(handles, labels, loc="center", frameon=False)
        canvas.savefig(figure, metadata={"Date": None})
        plt.close(canvas)


def _panel(axes: Axes, axis: str, results: Sequence[Result], colours: Sequence[Any]) -> None:
    scores, maps = of(results, axis, "scores"), of(results, axis, "maps")
    at = [r["at"] for r in scores]
    axes.plot(at, [x / at[0] for x in at], color="0.45", linestyle=":", label="in proportion")
    for rows, key, label, colour, marker in (
        (scores, "seconds", "time", colours[0], "o"),
        (scores, "forwards", "forwards counted", colours[1], "s"),
        (maps, "seconds", "time of maps alone", colours[2], "^"),
        (scores, "peak_bytes", "peak memory", colours[4], "D"),
    ):
        if rows:
            line = "--" if key in ("forwards", "peak_bytes") else "-"
            axes.plot(
                [r["at"] for r in rows], relative(rows, key), color=colour, marker=marker, linestyle=line, label=label
            )
    axes.set(xlabel=TITLES[axis], ylabel="relative to the smallest", xticks=at, ylim=(0, None))
    if axis == "size":
        axes.set_xticklabels([f"{round(x**0.5)}²" for x in at])


def relative(rows: Sequence[Result], key: str) -> list[float]:
    return [r[key] / rows[0][key] for r in rows]


def in_words(axis: str, results: Sequence[Result]) -> str:
    """Two sentences of the first and last point."""
    rows, maps = of(results, axis, "scores"), of(results, axis, "maps")
    more, seconds, forwards, memory = (relative(rows, key)[-1] for key in ("at", "seconds", "forwards", "peak_bytes"))
    text = (
        f"**{TITLES[axis].capitalize()}**, {rows[0]['at']:,} to {rows[-1]['at']:,} ({more:.1f} times): "
        f"{seconds:.1f} times the time and {forwards:.1f} times the forwards, {_growth(seconds, more)} "
        f"and off a straight line by at most {_off_a_line(rows):.0%}. "
    )
    if axis in SHARED and maps:
        alone = relative(maps, "seconds")[-1]
        return (
            text + f"Maps alone took {alone:.2f} times the time, {_growth(alone, more)}; " + _memory(memory, more) + "."
        )
    memory_said = _memory(memory, more)
    return text + memory_said[0].upper() + memory_said[1:] + "."


def _off_a_line(rows: Sequence[Result]) -> float:
    """The largest distance of a time from the fitted line, as a share of the longest time."""
    at, seconds = (np.array([r[key] for r in rows], dtype=float) for key in ("at", "seconds"))
    line = np.polynomial.Polynomial.fit(at, seconds, 1)
    return float(np.abs(line(at) - seconds).max() / seconds.max())


def _memory(memory: float, more: float) -> str:
    return f"peak memory was {memory:.2f} times as much, {_growth(memory, more)}"


def _growth(ratio: float, proportion: float) -> str:
    if ratio <= FLAT:
        return "flat"
    if abs(ratio / proportion - 1) <= NEAR:
        return "in proportion"
    return "less than in proportion" if ratio < proportion else "more than in proportion"
