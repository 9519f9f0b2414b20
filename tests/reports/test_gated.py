"""A check as a terminal, a pull request and a test runner show it; hostile names harm none of them."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from benchbench.errors import BenchError
from benchbench.regression import Change, Checked, Location
from benchbench.regression.changes import Compared
from benchbench.reports.checks.gate import render, renderable, verdict
from benchbench.reports.rendering import rendered

HOSTILE = "<script>alert(1)</script>|`\x1b[31m\u202e&\"'"
HERE = Location("net", "photos", "layer4", HOSTILE)
COMPARED = (
    Compared("maps", HERE, count=3),
    Compared("scores", HERE, "deletion", "rise-28", 3),
    Compared("scores", Location("net", "photos", "layer4", "gradcam"), "deletion", "rise-28", 3),
    Compared("cost", HERE, "runtime", "alone-b1"),
)
CHANGES = (
    Change("dead", True, "3 of 3 maps became constant", HERE, images=("a", "b", "c")),
    Change("quality", True, "worse: 0.1 -> 0.2", HERE, "deletion", "rise-28", 0.1, 0.2, ("a",)),
    Change("cost", True, "slower by 12 %: 10 -> 11.2 ms", HERE, "runtime", "alone-b1", 10.0, 11.2, by=1.12),
    Change("not comparable", True, "its weights changed", Location("other")),
    Change("note", False, "versions changed: torch 2.4, 2.5"),
)
BAD, GOOD = Checked(CHANGES, COMPARED), Checked((), COMPARED)


def test_the_first_line_says_who_got_worse_at_what() -> None:
    line = verdict(BAD)
    assert line.startswith("FAIL: ")
    assert "worse on 1 metric, slower by 12 % and 3 maps became constant; other: its weights changed." in line
    assert verdict(GOOD) == "PASS: Nothing changed: 6 scores, 3 maps and 1 cost compared."


def test_a_terminal_of_80_columns() -> None:
    shown = rendered(renderable(BAD))
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("FAIL") == 1 + 4


def test_what_all_changes_share_is_said_once() -> None:
    """And a change of all of it stands with an empty place, beside one of the run."""
    place = Location("net", "photos", "layer4", "mine")
    checked = Checked(
        (Change("dead", True, "3 maps", place), Change("quality", True, "worse", place, "deletion", "rise-28")), ()
    )
    shown = [" ".join(line.split()) for line in rendered(renderable(checked)).splitlines()]
    assert "At net · photos · layer4 · mine:" in shown
    assert "FAIL dead 3 maps" in shown
    assert "FAIL quality deletion@rise-28 worse" in shown
    text = render(checked, "markdown")
    assert "\nAt net · photos · layer4 · mine:\n" in text
    assert text.count("net") == 1
    apart = Checked((*checked.changes, Change("dead", True, "1 map", Location("net", "photos", "layer3", "other"))), ())
    assert "At net · photos:" in rendered(renderable(apart))
    assert "layer3 · other" in rendered(renderable(apart))


def test_markdown_is_one_table_that_no_name_breaks() -> None:
    text = render(BAD, "markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(CHANGES)
    unescaped = [row.replace("\\|", "").count("|") for row in rows]
    assert set(unescaped) == {5}
    assert "<script>" not in text


def test_junit_has_a_case_for_everything_compared_and_for_what_could_not_be() -> None:
    suite = ElementTree.fromstring(render(BAD, "junit"))
    cases = list(suite)
    assert suite.get("tests") == str(len(cases)) == str(len(COMPARED) + 2)
    assert suite.get("failures") == "4"
    outcomes = ((case.get("name"), case.find("failure")) for case in cases)
    failing = {name: failure.get("message") for name, failure in outcomes if failure is not None}
    assert set(failing) == {"maps", "scores deletion@rise-28", "cost runtime@alone-b1", "not comparable"}
    assert failing["scores deletion@rise-28"] == "worse: 0.1 -> 0.2 (a)"
    good = ElementTree.fromstring(render(GOOD, "junit"))
    assert (good.get("tests"), good.get("failures")) == ("4", "0")


def test_a_check_that_compared_nothing_fails_in_junit_too() -> None:
    suite = ElementTree.fromstring(render(Checked(()), "junit"))
    assert suite.get("failures") == "1"


def test_junit_takes_what_xml_cannot_hold() -> None:
    """Half a surrogate pair and the two code points that are no characters are no XML, escaped or not."""
    odd = Location("a\x00b", "c.d", "\ufffe\uffff", "\ud800]]>&'\"")
    suite = ElementTree.fromstring(render(Checked((Change("dead", True, "\x1b<", odd),), ()), "junit").encode())
    assert suite[0].get("classname") == "a\ufffdb.c_d.\ufffd\ufffd.\ufffd]]>&'\""


def test_thousands_of_changes_are_cut_and_counted() -> None:
    """A step's summary on GitHub holds a megabyte; the failing ones come first."""
    many = Checked(tuple(Change("quality", True, f"worse {i}", HERE) for i in range(3000)), COMPARED)
    text = render(many, "markdown")
    assert sum(line.startswith("| FAIL") for line in text.splitlines()) == 100
    assert "2900 more changes" in text
    assert len(json.loads(render(many, "json"))["changes"]) == 3000


def test_json_has_every_image_and_no_nan() -> None:
    report = json.loads(render(BAD, "json"))
    assert report["ok"] is False
    assert report["compared"] == {"scores": 6, "maps": 3, "cost": 1}
    assert report["changes"][0]["images"] == ["a", "b", "c"]
    assert report["changes"][0]["was"] is None
    assert report["changes"][0]["said"] == "3 of 3 maps became constant"
    assert "sentence" not in report["changes"][0]
    assert report["changes"][1]["now"] == 0.2


def test_an_unknown_format() -> None:
    with pytest.raises(BenchError, match="unknown format 'xml'"):
        render(GOOD, "xml")
