"""docs/audit: torch-cam and pytorch-grad-cam at the installed versions, as ``benchbench audit`` writes them.

Run as ``python -m tests.docs.audit_pages``, or ``make audit``: two to ten minutes.
"""

from __future__ import annotations

from benchbench.audit import audit
from benchbench.reports.checks.audit_tables import markdown_page

from .pages import ROOT

FOLDER = ROOT / "docs" / "audit"
LIBRARIES = {"torch-cam": "torchcam", "pytorch-grad-cam": "pytorch-grad-cam"}


def text_of(library: str) -> str:
    """The page of a library, all methods on all networks."""
    heading, rest = markdown_page(audit(library, progress=print)).split("\n\n", 1)
    origin = f"Written by `benchbench audit {library} --format markdown`; `make audit` writes it again."
    return f"{heading}\n\n{origin} What it means for maintainers: [audit.md](../audit.md).\n\n{rest}"


if __name__ == "__main__":
    for page, library in LIBRARIES.items():
        (FOLDER / f"{page}.md").write_text(text_of(library), encoding="utf-8")
