"""The libraries that live in the page: DataTables, as itables ships it, and Plotly."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import itables.options
from markupsafe import Markup

from .embedded import packed


def datatables() -> str:
    """DataTables' code: compressed, in base64."""
    return _packed(Path(itables.options.dt_bundle))


def datatables_css() -> Markup:
    return Markup(Path(itables.options.dt_bundle).with_suffix(".css").read_text(encoding="utf-8"))


def plotly() -> str:
    """The code of Plotly, which draws the charts: compressed, in base64."""
    return _packed(Path(str(files("benchbench.reports.html") / "vendor" / "plotly-basic.min.js")))


@cache
def _packed(library: Path) -> str:
    """Once in a process: the text is the same in every page."""
    return packed(library.read_bytes())
