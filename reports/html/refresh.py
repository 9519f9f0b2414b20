"""A page that was written from the same data by the same code, brought up to date without drawing it again."""

from __future__ import annotations

import re
from pathlib import Path

from ...files import publish
from ...results.record import Record
from .environment import environment
from .page_key import page_key, source_files

_KEY = re.compile(r'<meta name="benchbench-key" content="([0-9a-f]{64}) ([0-9a-f]*)">')
_NOW = re.compile(r"<!--now:([a-z]+)(?:-(\d+))?-->.*?<!--/now-->", re.DOTALL)  # no foreign text has a "<" in a page


def refresh(page: Path, record: Record, tables: str) -> bool:
    """Write into a page what a run that computed nothing says of itself; whether the page could be kept.

    Args:
        page: report.html of an earlier run of the same study.
        record: as reports show it.
        tables: the digest of the files beside the page, which the page names.

    Returns:
        False where there is no page of this data, code and tables: it is to be drawn.
    """
    if not tables or page.is_symlink() or not page.is_file():
        return False
    text = page.read_text(encoding="utf-8", errors="replace")
    keys = _KEY.search(text[:4096])
    if keys is None or keys.groups() != (page_key(record), tables):
        return False
    publish(page, _NOW.sub(lambda match: _now(match, record), text))
    return True


def _now(match: re.Match[str], record: Record) -> str:
    name, number = match.groups()
    macro = getattr(environment().get_template("_now.html.j2").module, name)
    info = record.info
    if name == "digests":
        text = macro(source_files(record))
    elif number is None:
        text = macro(info)
    else:
        text = macro(info, info["models"][int(number)])
    return f"{match[0][: match[0].index('-->') + 3]}{text}<!--/now-->"
