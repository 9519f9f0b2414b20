"""What a check found as JUnit's XML, which CI systems read: a test case for everything that was compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias
from xml.etree import ElementTree

from ...regression import Change, Checked, Compared, Location
from ..escape import visible

Describe: TypeAlias = Callable[[Change], str]
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def junit(checked: Checked, describe: Describe) -> str:
    """Failures are what fails the check; what else changed is a case's output. What could not be compared fails too."""
    suite = ElementTree.Element("testsuite", name="benchbench check")
    left = dict(enumerate(checked.changes))
    for compared in checked.compared:
        keys = [i for i, change in left.items() if _concerns(change, compared)]
        measure = _measure(compared.metric, compared.protocol)
        _case(suite, compared.place, f"{compared.what} {measure}".strip(), [left.pop(i) for i in keys], describe)
    for change in left.values():
        _case(
            suite, change.place, f"{change.kind} {_measure(change.metric, change.protocol)}".strip(), [change], describe
        )
    if not checked.compared:
        _case(suite, Location(), "compared", [Change("missing", True, "nothing was compared")], describe)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in suite)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _concerns(change: Change, compared: Compared) -> bool:
    if change.place != compared.place:
        return False
    if compared.what == "maps":
        return change.kind in ("map", "dead") or (change.kind == "failure" and not change.metric)
    return (change.metric, change.protocol) == (compared.metric, compared.protocol)


def _measure(metric: str, protocol: str) -> str:
    return f"{metric}@{protocol}" if metric else ""


def _case(
    suite: ElementTree.Element, place: Location, name: str, changes: Sequence[Change], describe: Describe
) -> None:
    where = ".".join(_safe(part).replace(".", "_") for part in place.parts if part) or "the run"
    case = ElementTree.SubElement(suite, "testcase", classname=where, name=_safe(name))
    failing = [_safe(describe(change)) for change in changes if change.fails]
    if failing:
        ElementTree.SubElement(case, "failure", message="; ".join(failing)).text = "\n".join(failing)
    rest = [_safe(describe(change)) for change in changes if not change.fails]
    if rest:
        ElementTree.SubElement(case, "system-out").text = "\n".join(rest)


def _safe(text: str) -> str:
    """Without what XML cannot hold, escaped or not."""
    return _NOT_XML.sub("\ufffd", visible(text))
