"""What a run's check against its baseline found, for a terminal, as Markdown, as JUnit's XML and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from xml.etree import ElementTree

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..errors import BenchError, nearest
from ..regression import Change, Checked
from ..regression.changes import Compared, Place
from .text import markdown, one_line, visible

FORMATS = ("table", "markdown", "junit", "json")
MOST_IMAGES = 3


def render(checked: Checked, format: str) -> str:
    """``markdown`` is GitHub's, ``junit`` has a test case for everything that was compared.

    Raises:
        BenchError: an unknown format.
    """
    match format:
        case "markdown":
            return "\n".join(_markdown(checked)) + "\n"
        case "junit":
            return _junit(checked)
        case "json":
            return json.dumps(_plain(checked), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, FORMATS))


def verdict(checked: Checked) -> str:
    """PASS or FAIL, and the summary."""
    return f"{'PASS' if checked.ok else 'FAIL'}: {one_line(checked.summary)}"


def renderable(checked: Checked) -> Group:
    """For a terminal of 80 columns."""
    return Group(*_shown(checked))


def _shown(checked: Checked) -> Iterator[RenderableType]:
    yield Text(verdict(checked), style="bold green" if checked.ok else "bold red")
    if not checked.changes:
        return
    blocks = {change.place.parts[:3] for change in checked.changes if change.place.model}
    here = next(iter(blocks)) if len(blocks) == 1 else ()
    if here:
        yield Text(one_line(" · ".join(filter(None, here))))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("", "what", "where", "change"):
        table.add_column(head, overflow="fold")
    for change in checked.changes:
        style = "red" if change.fails else "green" if change.better else ""
        cells = (_mark(change), change.kind, _where(change, bool(here)), _said(change))
        table.add_row(*(Text(one_line(cell), style=style) for cell in cells))
    yield table


def _mark(change: Change) -> str:
    return "FAIL" if change.fails else "+" if change.better else ""


def _where(change: Change, short: bool = False) -> str:
    """``short``: without the model, the dataset and the layer."""
    place = change.place.parts[3:] if short else change.place.parts
    return " · ".join(filter(None, [*place, _measure(change.metric, change.protocol)])) or "the run"


def _measure(metric: str, protocol: str) -> str:
    return f"{metric}@{protocol}" if protocol else metric


def _said(change: Change) -> str:
    """With the images' names, where they are few; JSON has them all."""
    named = 0 < len(change.images) <= MOST_IMAGES
    return f"{change.said} ({', '.join(change.images)})" if named else change.said


def _markdown(checked: Checked) -> Iterator[str]:
    yield f"### benchbench check: {'passed' if checked.ok else 'failed'}\n"
    yield f"{markdown(checked.summary)}"
    if checked.changes:
        yield "\n| | what | where | change |\n| :-- | :-- | :-- | :-- |"
    for change in checked.changes:
        cells = ("FAIL" if change.fails else "", change.kind, _where(change), _said(change))
        yield f"| {' | '.join(markdown(cell) for cell in cells)} |"


def _junit(checked: Checked) -> str:
    suite = ElementTree.Element("testsuite", name="benchbench check")
    left = list(checked.changes)
    for one in checked.compared:
        mine = [change for change in left if _concerns(change, one)]
        left = [change for change in left if change not in mine]
        _case(suite, _place(one.place), f"{one.what} {_measure(one.metric, one.protocol)}".strip(), mine)
    for change in left:
        _case(
            suite, _place(change.place), f"{change.kind} {_measure(change.metric, change.protocol)}".strip(), [change]
        )
    if not checked.compared and not checked.changes:
        _fail(_case(suite, "the run", "compared", []), checked.summary)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in suite)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _concerns(change: Change, one: Compared) -> bool:
    if change.place != one.place:
        return False
    if one.what == "maps":
        return change.kind in ("map", "dead") or (change.kind == "failure" and not change.metric)
    return (change.metric, change.protocol) == (one.metric, one.protocol)


def _place(place: Place) -> str:
    return ".".join(visible(part).replace(".", "_") for part in place.parts if part) or "the run"


def _case(suite: ElementTree.Element, place: str, name: str, changes: list[Change]) -> ElementTree.Element:
    case = ElementTree.SubElement(suite, "testcase", classname=place, name=visible(name))
    failing = [visible(_said(change)) for change in changes if change.fails]
    if failing:
        _fail(case, "; ".join(failing))
    rest = [visible(_said(change)) for change in changes if not change.fails]
    if rest:
        ElementTree.SubElement(case, "system-out").text = "\n".join(rest)
    return case


def _fail(case: ElementTree.Element, said: str) -> None:
    ElementTree.SubElement(case, "failure", message=said)


def _plain(checked: Checked) -> dict[str, object]:
    changes = [{key: None if value != value else value for key, value in asdict(c).items()} for c in checked.changes]
    return {"ok": checked.ok, "summary": checked.summary, "compared": checked.counts, "changes": changes}
