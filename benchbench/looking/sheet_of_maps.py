"""A sheet that can also be one HTML page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ..errors import BenchError
from ..files import publish
from ..paths import expanded
from ..reports.html.sheet_page import PagePicture, sheet_page
from ..viz.picture_grid import PICTURES, Panel, PictureGrid

PAGES = (".html", ".htm")
_SIDE = 448  # pixels of a picture of the page: twice its width there, for fine screens


@dataclass(frozen=True, eq=False, repr=False)
class MapSheet(PictureGrid):
    """Maps beside their pictures, as ``bb.show`` and ``benchbench explain`` make them.

    A notebook shows it; ``save`` writes it.

    Attributes:
        notes: sentences of the network and the pictures, such as a warning.

    Example:
        >>> sheet = bb.show(network, images[:1], methods=["gradcam", "layercam"], layers="features")
        >>> sheet.heads
        ('what the network sees', 'Grad-CAM', 'Layer-CAM')
        >>> sheet
        MapSheet of 1 x 3 pictures; .save('sheet.png') writes it
        >>> sheet.save("sheet.html").name
        'sheet.html'
    """

    notes: tuple[str, ...] = ()

    def save(self, path: str | Path) -> Path:
        """Write an HTML page that loads nothing, or a PNG, JPEG, WebP, SVG or PDF; returns the path.

        Args:
            path: the file to write; its suffix chooses the format.

        Returns:
            The path of the file.

        Raises:
            BenchError: another suffix, a folder that is not there, or a sheet that is too large for one picture.
        """
        path = expanded(path)
        check_file(path)
        if path.suffix.lower() not in PAGES:
            return super().save(path)
        return publish(path, self.page(), hint="Give another path")

    def page(self) -> str:
        """The sheet as an HTML page.

        Returns:
            HTML in which every text is escaped, and which loads nothing.
        """
        rows = [[_page_picture(panel) for panel in row] for row in self.rows]
        return sheet_page(
            self.title,
            self.heads,
            rows,
            colours=self.colours,
            notes=self.notes,
            version=version("benchbench-saliency"),
        )


def check_file(path: Path) -> None:
    """Refuse a file that no sheet can be written to, before anything is computed.

    Raises:
        BenchError: another suffix, or a folder that is not there.
    """
    known = (*PICTURES, *PAGES)
    if path.suffix.lower() not in known:
        hint = f"Name a file that ends in {', '.join(known)}"
        raise BenchError(f"cannot write {path.suffix or 'a file without suffix'!r}", where=str(path), hint=hint)
    if not path.parent.is_dir():
        raise BenchError("no such folder", where=str(path.parent), hint="Make it first")


def _page_picture(panel: Panel) -> PagePicture:
    if panel.picture is None:
        return PagePicture(b"", (0, 0), panel.says, panel.alt)
    picture, out = panel.picture.copy(), io.BytesIO()
    picture.thumbnail((_SIDE, _SIDE))
    picture.save(out, "PNG", optimize=True)
    return PagePicture(out.getvalue(), picture.size, panel.says, panel.alt)
