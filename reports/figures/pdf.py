"""A run's figures as PDF files: curves, quality against cost, and critical-difference diagrams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import BenchError
from ...files import publish
from ...stats import curve_bands
from ..leaderboard.board import Block, Metric
from ..leaderboard.marks import Marked
from . import curves, style
from .critical_difference import critical_difference
from .pareto import fronts


def write_figures(marked: Marked, folder: Path) -> list[Path]:
    """Write the figures of every network, dataset and layer into the folder; returns their paths.

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
    bands = curve_bands(board.shown.curves, int(board.record.info["seed"]), board.scales)
    look = looks(marked)
    for block in board.blocks:
        place = f"{block.model}-{block.dataset}-{block.layer}"
        costs = curves.scatter(block, look, fronts(marked, block))
        drawn = (("curves", curves.curves(block, bands, look)), ("cost", costs))
        yield from ((f"{kind}-{place}", picture) for kind, picture in drawn if picture)
        for metric in block.quality:
            picture = _diagram(marked, block, metric)
            if picture:
                yield f"ranks-{place}-{metric.name}-{metric.protocol}", picture


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
