"""A sheet of maps as one HTML file that needs nothing else: a table of pictures, with what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from markupsafe import Markup

from .document import asset
from .embedded import png_file_uri
from .environment import environment

_STYLES = ("base.css", "sheet.css")
_STEPS = 16  # of the colour bar
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class PagePicture:
    """One place of the page.

    Attributes:
        png: the picture's content; empty where there is none, and ``says`` is the reason.
        size: width and height in pixels.
        alt: what a screen reader says of it.
    """

    png: bytes
    size: tuple[int, int]
    says: str
    alt: str

    @property
    def address(self) -> str:
        return png_file_uri(self.png)


def sheet_page(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[PagePicture]],
    *,
    colours: str = "",
    notes: Sequence[str] = (),
    version: str = "",
) -> str:
    """The page's HTML. Every text is escaped; a policy in the page forbids any request.

    Args:
        heads: above the columns; the first column is the pictures themselves.
        colours: the colour map of the colour bar; empty for none.
        notes: below the title, such as a warning of the network.
    """
    return (
        environment()
        .get_template("sheet.html.j2")
        .render(
            title=title,
            heads=heads,
            rows=rows,
            bar=Markup(_gradient(colours)) if colours else "",
            notes=notes,
            version=version,
            css=Markup("".join(map(asset, _STYLES))),
            policy=_POLICY,
        )
    )


def _gradient(colours: str) -> str:
    steps = (mpl.colormaps[colours](k / _STEPS) for k in range(_STEPS + 1))
    return ", ".join(mpl.colors.to_hex(step) for step in steps)
