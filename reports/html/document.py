"""The report: one HTML file that needs nothing else, offline and on any screen."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...files import publish
from ..leaderboard import summary
from ..leaderboard.marks import Marked
from . import libraries
from .embedded import COLOURS
from .environment import environment
from .gallery import MOST_BYTES, colour_steps, gallery
from .page import Page
from .page_key import page_key

SORTING = ("sort.js", "sortable.min.js")
SCRIPTS = (  # Alpine starts by itself: after what it calls, and before the first setting is told
    "unpack.js", *SORTING, "charts.js", "downloads.js", "images.js", "every.js", "paper.js", "alpine-csp.min.js",
    "selector.js",
)  # fmt: skip
# narrow screens and paper come last: they overrule the others
STYLES = (
    "base.css", "answer.css", "board.css", "selector.css", "charts.css", "points.css", "compared.css", "gallery.css",
    "every.css", "paper.css", "suite.css", "narrow.css", "print.css",
)  # fmt: skip
MOST = 15_000_000  # bytes of a page
_SLOT = "<!-- the gallery, of what is left of the page -->"  # no foreign text has a "<" in the page


def write(marked: Marked, out: Path, tables: str = "") -> Path:
    """Write the report to ``out``; returns the path. ``tables``: see ``render``."""
    return publish(out, render(marked, tables), parents=True)


def render(marked: Marked, tables: str = "") -> str:
    """The report as one HTML document: no request is made to show it, and a policy in the page forbids any.

    The gallery gets the bytes that the rest of the page leaves of ``MOST``, and says what it had to leave out.

    Args:
        tables: the digest of the tables that were written beside the page, which the page names for ``refresh``.
    """
    board, templates = marked.board, environment()
    shown: dict[str, Any] = {
        "page": Page(marked),
        "scripts": scripts_of(*SCRIPTS),
        "colours": COLOURS,
        "libraries": libraries,
    }
    shown["key"] = f"{page_key(board.record)} {tables}"
    page = templates.get_template("report.html.j2").render(
        **shown,
        summary=summary,
        css=Markup("".join(map(asset, STYLES))),
        policy=policy(scripts_of(*SCRIPTS)),
        slot=Markup(_SLOT),
    )
    left = max(0, min(MOST_BYTES, int(0.9 * (MOST - len(page.encode())))))
    drawn = gallery(board, left)
    shown |= {"curves": drawn.pop("curves"), "gallery": drawn, "colour_steps": colour_steps()}
    return page.replace(_SLOT, templates.get_template("_gallery.html.j2").render(**shown))


@dataclass(frozen=True)
class Script:
    """A script of the page, and the digest by which the page's policy lets it run."""

    code: str

    @property
    def markup(self) -> Markup:
        return Markup(self.code)

    @property
    def digest(self) -> str:
        return f"'sha256-{b64encode(sha256(self.code.encode()).digest()).decode()}'"


@cache
def scripts_of(*names: str) -> tuple[Script, ...]:
    """The scripts of a page, by the names of their files."""
    return tuple(Script(f"\n{asset(name)}") for name in names)


@cache
def policy(scripts: tuple[Script, ...]) -> str:
    """Content-Security-Policy: nothing is fetched, and only the page's own scripts run."""
    digests = " ".join(script.digest for script in scripts)
    return (
        f"default-src 'none'; script-src {digests} blob:; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def asset(name: str) -> str:
    """The text of a file among the templates, or of a library."""
    folder = "vendor" if name.endswith(".min.js") else "templates"
    return (files("benchbench.reports.html") / folder / name).read_text(encoding="utf-8")
