"""A run's figures as PDF files: one for a paper, curves, quality against cost, and critical-difference diagrams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import BenchError
from ...files import publish
from ...stats import curve_bands
from ..leaderboard.board import Block, Metric
from ..leaderboard.marks import Marked
from . import curves, style
from .critical_difference import critical_difference
from .main_figure import main_figure
from .pareto import fronts

LETTERS = 20  # of a part of a file's name
MARGIN = 0.03  # of the height of the data


def write_figures(marked: Marked, folder: Path) -> list[Path]:
    """Write main.pdf, and the figures of every network, dataset and layer into the folder; returns their paths.

    Raises:
        BenchError: the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise BenchError("not a folder", where=str(folder), hint="Name a folder: the figures are several files")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, picture in pictures(marked):
        path = _free(folder, _file_name(name), written)
        written.append(publish(path, picture.pdf()))
    return written


def pictures(marked: Marked) -> Iterator[tuple[str, style.Picture]]:
    """Each figure with a name: the kind, then what tells it from the others."""
    board = marked.board
    main = main_figure(marked, looks(marked))
    yield from [("main", main)] if main else []
    bands = curve_bands(board.shown.curves, int(board.record.info["seed"]), board.scales)
    look = looks(marked)
    for block in board.blocks:
        place, filled = _place(block, board.blocks), _with_numbers(block)
        costs = curves.scatter(filled, look, fronts(marked, filled))
        drawn = (("curves", _fitted(curves.curves(filled, bands, look))), ("cost", costs))
        yield from ((f"{kind}{place}", picture) for kind, picture in drawn if picture)
        for metric in block.quality:
            picture = _diagram(marked, block, metric)
            if picture:
                several = sum(other.name == metric.name for other in block.quality) > 1
                yield f"ranks{place}-{metric.name}{f'-{metric.protocol}' if several else ''}", picture


def _with_numbers(block: Block) -> Block:
    """The block without metrics that have no number, whose panels would be empty."""
    keys = {(c.metric.name, c.metric.protocol) for row in block.rows for c in row.cells if c.n}
    rows = tuple(
        replace(row, cells=tuple(c for c in row.cells if (c.metric.name, c.metric.protocol) in keys))
        for row in block.rows
    )
    return replace(block, metrics=tuple(m for m in block.metrics if (m.name, m.protocol) in keys), rows=rows)


def _fitted(picture: style.Picture | None) -> style.Picture | None:
    """Curves whose axes end where the data and their bands end."""
    for axis in picture.figure.axes if picture else ():
        low, high = axis.dataLim.intervaly
        axis.set_xlim(*axis.dataLim.intervalx)
        axis.set_ylim(low - MARGIN * (high - low), high + MARGIN * (high - low))
    return picture


def _place(block: Block, blocks: Sequence[Block]) -> str:
    """What tells a setting from the others, each part cut to a few letters: ``-resnet18-layer4``."""
    every = [(each.model, each.dataset, each.layer) for each in blocks]
    here = (block.model, block.dataset, block.layer)
    differing = [part for at, part in enumerate(here) if len({parts[at] for parts in every}) > 1]
    return "".join(f"-{_file_name(part).lower()[:LETTERS]}" for part in differing)


def looks(marked: Marked) -> dict[str, style.Look]:
    """By method, as in every figure of the run."""
    names, controls = [m["name"] for m in marked.board.record.info["methods"]], marked.board.controls
    return style.looks([n for n in names if n not in controls], [n for n in names if n in controls])


def _diagram(marked: Marked, block: Block, metric: Metric) -> style.Picture | None:
    ranked = marked.verdicts.ranked.get((block.model, block.dataset, block.layer, metric.name, metric.protocol))
    if ranked is None:
        return None
    title = f"{metric.title} {metric.arrow}  {metric.protocol} · {block.title}"
    return critical_difference(ranked, title, looks(marked))


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", name)[:120].strip("._") or "figure"


def _free(folder: Path, stem: str, written: list[Path]) -> Path:
    """A path that no other figure of this run has, also where names differ in case alone."""
    used = {path.name.lower() for path in written}
    names = (f"{stem}.pdf", *(f"{stem}-{number}.pdf" for number in range(2, len(written) + 3)))
    return folder / next(name for name in names if name.lower() not in used)
