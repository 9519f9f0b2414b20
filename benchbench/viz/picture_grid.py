"""A sheet of pictures in a grid, with what is said of each: drawn as PNG, JPEG, WebP, SVG or PDF."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ..errors import BenchError
from ..files import publish
from ..paths import expanded

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf")
PANEL = 2.6  # inches
DPI = 110
MOST_PIXELS = 60_000  # of one side; matplotlib's own limit is 2^16
PAGE_ROWS = 6  # of a PDF's page, where a sheet has more
_LINE, _GAP = 0.15, 0.12  # inches
_LETTERS = 14  # of an inch of a line
_SETTINGS: Any = {
    "text.parse_math": False,
    "font.size": 9,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "benchbench",
}
_NOTHING = "no map"
_SCALE = "each map by itself: its lowest value 0, its highest 1"


@dataclass(frozen=True, eq=False)
class Panel:
    """One place of a sheet.

    Attributes:
        picture: RGB; None where there is none, and ``says`` is the reason.
        says: below the picture, a line for each line.
        alt: what a screen reader says of the picture.
    """

    picture: Image.Image | None
    says: str = ""
    alt: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class PictureGrid:
    """Pictures in a grid, as ``bb.show`` and ``benchbench explain`` make them. A notebook shows it; ``save`` writes it.

    Attributes:
        rows: the panels, a tuple per row.
        heads: above the columns.
        colours: the colour map of the colour bar; empty for no bar.
        title: in the head of a page.
        panel: inches of a picture's longer side.

    Example:
        >>> sheet = bb.show(network, images[:1], methods=["gradcam"], layers="features")
        >>> sheet.save("sheet.png").name
        'sheet.png'
    """

    rows: tuple[tuple[Panel, ...], ...]
    heads: tuple[str, ...] = ()
    colours: str = ""
    title: str = ""
    panel: float = PANEL

    def save(self, path: str | Path) -> Path:
        """Write a PNG, JPEG, WebP, SVG or PDF, whole or not at all; returns the path. A long PDF has several pages.

        Raises:
            BenchError: another suffix, a folder that is not there, or a sheet that is too large for one picture.
        """
        path = expanded(path)
        suffix = path.suffix.lower()
        if suffix not in PICTURES:
            hint = f"Name a file that ends in {', '.join(PICTURES)}"
            raise BenchError(f"cannot write {path.suffix or 'a file without suffix'!r}", where=str(path), hint=hint)
        if not path.parent.is_dir():
            raise BenchError("no such folder", where=str(path.parent), hint="Make it first")
        return publish(path, self.drawn(suffix.removeprefix(".")), hint="Give another path")

    def __repr__(self) -> str:
        columns = max((len(row) for row in self.rows), default=0)
        return f"{type(self).__name__} of {len(self.rows)} x {columns} pictures; .save('sheet.png') writes it"

    def _repr_png_(self) -> bytes:
        return self.drawn("png")

    def drawn(self, format: str) -> bytes:
        """The sheet as a file's content.

        Args:
            format: ``png``, ``jpg``, ``jpeg``, ``webp``, ``svg`` or ``pdf``.

        Returns:
            The bytes of the file.

        Raises:
            BenchError: the sheet is too large for one picture.
        """
        out = io.BytesIO()
        with mpl.rc_context(_SETTINGS):
            if format == "pdf":
                self._write_pdf(out)
            else:
                figure = _figure(self)
                _refuse_large(figure)
                metadata = {"Date": None} if format == "svg" else None
                figure.savefig(out, format=format, dpi=DPI, metadata=metadata)
        return out.getvalue()

    def _write_pdf(self, out: io.BytesIO) -> None:
        from matplotlib.backends.backend_pdf import PdfPages

        with PdfPages(out, metadata={"CreationDate": None, "Title": self.title or "Saliency maps"}) as pages:
            for start in range(0, len(self.rows), PAGE_ROWS):
                pages.savefig(_figure(replace(self, rows=self.rows[start : start + PAGE_ROWS])))


def _refuse_large(figure: Figure) -> None:
    if max(figure.get_size_inches()) * DPI > MOST_PIXELS:
        hint = "Write a .pdf or .html file, or name fewer images"
        raise BenchError("the sheet is too large for one picture", where="explain", hint=hint)


@dataclass(frozen=True)
class _Grid:
    """The places of a sheet's parts, in inches from the top left."""

    columns: int
    width: float
    heights: tuple[float, ...]  # of the rows' pictures
    lines: tuple[int, ...]  # of the texts below each row

    @classmethod
    def of(cls, sheet: PictureGrid) -> _Grid:
        heights = tuple(sheet.panel * max([_aspect(panel) for panel in row]) for row in sheet.rows)
        lines = tuple(
            max([text.count("\n") + 1 for text in _texts(row, sheet.panel) if text], default=0) for row in sheet.rows
        )
        return cls(max(map(len, sheet.rows)), sheet.panel, heights, lines)

    @property
    def across(self) -> float:
        return self.columns * (self.width + _GAP) + _GAP

    def top(self, row: int, head: float) -> float:
        return head + sum(h + n * _LINE + 2 * _GAP for h, n in zip(self.heights[:row], self.lines[:row], strict=True))

    def down(self, head: float, foot: float) -> float:
        return self.top(len(self.heights), head) + foot


def _texts(row: Sequence[Panel], width: float) -> list[str]:
    """What stands below the pictures of a row, folded; a text runs on below the pictures that say nothing."""
    texts, room = list[str](), 0.0
    for panel in reversed(row):
        room += width
        says = panel.says if panel.picture else ""
        texts.append(folded(says, room) if says else "")
        room = 0.0 if says or panel.picture is None else room
    return texts[::-1]


def _aspect(panel: Panel) -> float:
    return panel.picture.height / panel.picture.width if panel.picture else 0.6


def _figure(sheet: PictureGrid) -> Figure:
    grid = _Grid.of(sheet)
    head = _GAP + _LINE * _most_lines(sheet.heads, sheet.panel)
    foot = 0.55 if sheet.colours else 0.0
    down = grid.down(head, foot)
    figure = Figure(figsize=(grid.across, down))

    def placed(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
        return x / grid.across, 1 - (y + height) / down, width / grid.across, height / down

    for y, row in enumerate(sheet.rows):
        for x, (panel, says) in enumerate(zip(row, _texts(row, sheet.panel), strict=True)):
            left, top = _GAP + x * (grid.width + _GAP), grid.top(y, head)
            _draw(figure, panel, sheet.panel, placed(left, top, grid.width, grid.heights[y]))
            below = 1 - (top + grid.heights[y] + 0.04) / down
            figure.text(left / grid.across, below, says, va="top", fontsize=8, linespacing=1.25)
    for x, text in enumerate(sheet.heads[: grid.columns]):
        middle = (_GAP + x * (grid.width + _GAP) + grid.width / 2) / grid.across
        figure.text(middle, 1 - (head - 0.06) / down, folded(text, sheet.panel), ha="center", va="bottom", fontsize=9)
    if sheet.colours:
        _draw_bar(figure, sheet.colours, placed(_GAP, down - 0.42, min(grid.width, 2.6), 0.1))
    return figure


def _draw(figure: Figure, panel: Panel, width: float, place: tuple[float, float, float, float]) -> None:
    axis = figure.add_axes(place)
    if panel.picture is not None:
        axis.imshow(np.asarray(panel.picture), aspect="equal")
        axis.set_axis_off()
        axis.set_anchor("N")
        return
    axis.set_xticks([])
    axis.set_yticks([])
    for edge in axis.spines.values():
        edge.set_color("0.75")
    reason = folded(panel.says or _NOTHING, width)
    axis.text(0.5, 0.5, reason, ha="center", va="center", fontsize=8, color="0.35", transform=axis.transAxes)


def _draw_bar(figure: Figure, colours: str, place: tuple[float, float, float, float]) -> None:
    axis = figure.add_axes(place)
    axis.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colours, extent=(0, 1, 0, 1))
    axis.set_yticks([])
    axis.set_xticks([0, 0.5, 1])
    axis.tick_params(labelsize=7, length=2, pad=1)
    axis.set_title(_SCALE, fontsize=7, loc="left", pad=2)


def folded(text: str, width: float, most: int = 8) -> str:
    """A text in lines that fit ``width`` inches; each line of the text is folded by itself, and a long text is cut."""
    letters = int(width * _LETTERS)
    lines = [piece for line in text.split("\n") for piece in textwrap.wrap(line, letters) or [""]]
    return "\n".join(lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][: letters - 1]}…"])


def _most_lines(texts: Sequence[str], width: float) -> int:
    return max([folded(text, width).count("\n") + 1 for text in texts if text], default=0)


def sheet_of(
    rows: Sequence[Sequence[Image.Image]], heads: Sequence[str], says: Sequence[str], panel: float
) -> PictureGrid:
    """A sheet of pictures alone; ``says`` stands below the first picture of each row."""
    texts = [*says, *[""] * (len(rows) - len(says))]
    panels = [
        tuple(Panel(picture, text if x == 0 else "") for x, picture in enumerate(row))
        for row, text in zip(rows, texts, strict=True)
    ]
    return PictureGrid(tuple(panels), tuple(heads), panel=panel)
