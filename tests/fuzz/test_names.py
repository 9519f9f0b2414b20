"""Names that are made to break out of what shows them: pages, tables, documents, terminals, file names."""

from __future__ import annotations

import csv as reading
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.console import plain_console, safe_lines
from benchbench.errors import UNSEEN, BenchError, safe, unicode
from benchbench.regression import Baseline
from benchbench.reports import escape
from benchbench.reports.checks.two_runs import RunComparison
from benchbench.reports.html import document
from benchbench.reports.html.environment import environment, file_name
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard_files import write_tables
from benchbench.reports.suite_files import file_of
from benchbench.reports.terminal.overview import Overview
from benchbench.results.record import Record

from ..reports.fake import Fake, fake_record
from ..reports.reading import Element, read
from ..reports.suite_answers import asked_record
from .outcomes import assert_clear
from .profile import COUNTS, TIMES, tries

pytestmark = pytest.mark.filterwarnings("ignore")
HARM = (
    '=zz"\'><zz1 zzattr="1" onzz=zz></script></style><zz2>\\zzinput{x}%zz$zz&zz#zz_zz|zz[zz](javascript:zz)^^5czz'
    "\x1b[31m\u202e\x9b\r\n@zz{{7*7}}{zz}`zz`$\\frac$ ../../zz "
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
COMMAND = re.compile(r"(?<!\\)(\\\\)*\\zz")  # behind an even number of backslashes, which are ends of lines
UNQUOTED = re.compile(r"(?<!\\)[%$&#_]zz")
NAMES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [HARM, "<!--", "]]>", "&lt;", "\\", "\\\\", "$$", "--", "\ud800", "a\0b", "=1", " =1", "\u00a0=1", "＝1"]
    ),
    st.lists(st.sampled_from([*"\\{}$&#%_~^<>|\"'`-[]*=+@\t\r\n\x1b\u202e\u2028\x85\x7fa .:/!?()é中"])).map("".join),
)


@tries(80)
@given(name=NAMES)
def test_what_writes_names(name: str) -> None:
    """Each writer of names, alone: nothing that it writes is markup, a command or a formula of the name's."""
    tex = escape.latex(name)
    assert tex.isascii()
    bare = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textperiodcentered)\{\}", "", tex
    )
    bare = re.sub(r"\\texttt\{(\\char34|U\+[0-9A-F]{4,6})\}|\{['`\-\[\]*]\}|\$\\(times|uparrow|downarrow)\$", "", bare)
    bare = re.sub(r"\\[`'^~\"rvc]\{[A-Za-z]\}|\\[{}$&#%_]", "", bare)
    assert not re.search(r"[\\{}$&#%_~^<>|\"]", bare), (name, tex)
    cell = escape.markdown(name)
    assert not re.search(r"<|>|(?<!\\)(?:\\\\)*[|`*_\[\]]", re.sub(r"\\[\\`*_\[\]|~$]", "", cell)), (name, cell)
    table = pd.DataFrame(
        {"a": [unicode(name)], unicode(name) if unicode(name) not in ("", "a") else "b": [1.0]}
    )  # as tables have it: pandas takes no other
    rows = list(reading.reader(io.StringIO(escape.csv(table), newline="")))
    assert len(rows) == 2
    for each in (rows[1][0], rows[0][1]):
        assert not each.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "＝")), (name, each)
    for text in (cell, escape.one_line(name), safe(name), safe_lines(name).replace("\n", "")):
        assert not UNSEEN.search(text), (name, text)
    page = environment().from_string("<p title='{{ a }}'>{{ a }}</p>").render(a=name)
    assert page.count("<") == 2
    assert page.count("'") == 2
    assert re.fullmatch(r"benchbench-[a-z0-9.-]*", file_name(name))
    assert re.fullmatch(r"[a-z0-9-]{1,80}", file_of(name))
    assert_clear(str(BenchError(f"it is {name}", where=name, hint=name)))


def forged(tree: Any, count: Iterator[int]) -> Any:
    """The tree of run.json with every text in it a harmful one of its own; what the code decides by is kept."""
    if isinstance(tree, dict):
        return {key: value if key in KEPT else forged(value, count) for key, value in tree.items()}
    if isinstance(tree, list):
        return [forged(value, count) for value in tree]
    return f"{HARM}{next(count)}" if isinstance(tree, str) else tree


KEPT: tuple[str, ...] = (
    "files",
    "created",
    "needs",
    "layers",
    "samples",
    "family",
    "name",
    "protocol",
    "batches",
    "plugin",
    "kind",
    "digest",
)
KEPT += (
    "table",
    "x",
    "y",
    "series",
    "panels",
    "low",
    "high",
    "model",
    "dataset",
    "study",
    "headings",
    "key",
    "unfinished",
)
HOSTILE = Fake(
    models=[f"{HARM}net"],
    datasets=[f"{HARM}data"],
    layers=[f"{HARM}layer"],
    methods=["cam", f"{HARM}m1", f"{HARM}m2(of={HARM})"],
    controls=["random"],
    quality=("deletion",),
    samples=[f"{HARM}{i}" for i in range(3)],
    failing=f"{HARM}m1",
    reason=f"ValueError: {HARM}",
    warning=HARM,
)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    forged_records = []
    for record in (
        fake_record(tmp_path_factory.mktemp("names"), HOSTILE),
        asked_record(tmp_path_factory.mktemp("suite")),
    ):
        numbers = iter(range(10_000))
        info = forged(record.info, numbers)
        photos = record.photos.assign(target_name=HARM, label_name=HARM)
        forged_records.append(replace(record, info=info, photos=photos))
        COUNTS[f"names.{record.folder.name}"] = next(numbers)
    return forged_records


def every(element: Element) -> Iterator[Element]:
    yield element
    for inner in element.inside:
        yield from every(inner)


def test_the_page(records: list[Record]) -> None:
    """No element, attribute or script of it came of a name, and nothing in it reorders a line."""
    for record in records[: 2 if TIMES > 1 else 1]:  # seconds for each
        page = document.render(Marked.of(record))
        assert not re.search("[\u202a-\u202e\x1b\x9b]", page)
        for element in every(read(page)):
            assert not element.tag.startswith("zz")
            assert not any(name.startswith(("zz", "on")) for name in element.attributes)
            places = [element.attributes.get(name, "") for name in ("href", "src", "action", "data")]
            addresses = [place for place in places if not place.startswith(("data:image/", "#"))]
            assert not any("zz" in address or address.startswith("javascript") for address in addresses)
            if element.tag in ("script", "style"):
                assert "<zz" not in element.text


def test_the_tables(records: list[Record], tmp_path: Path) -> None:
    for number, record in enumerate(records):
        folder = tmp_path / f"tables{number}"
        written = write_tables(Marked.of(record), folder)
        assert all(path.parent == folder for path in written)
        for path in written:
            text = path.read_text(encoding="utf-8")
            assert not re.search("[\u202a-\u202e\x1b\x9b\0]", text), path.name
            if path.suffix == ".csv":
                for row in reading.reader(io.StringIO(text, newline="")):
                    assert not any(cell.startswith(FORMULAS) and not _is_number(cell) for cell in row)
            if path.suffix == ".md":
                assert "<zz" not in text
                assert "](javascript" not in text.replace("\\]", "")
            if path.suffix in (".tex", ".bib"):
                assert not COMMAND.search(text), path.name
                assert "^^" not in text
                assert not UNQUOTED.search(text), (path.name, UNQUOTED.search(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_the_terminal(records: list[Record]) -> None:
    for record in records:
        for verbose in (False, True) if TIMES > 1 else (True,):
            out = io.StringIO()
            plain_console(file=out, width=120).print(Overview(Marked.of(record), verbose))
            assert not UNSEEN.search(out.getvalue().replace("\n", ""))
    compared = RunComparison.of(records[0], records[0])
    assert not UNSEEN.search("".join(compared.text(kind).replace("\n", "") for kind in ("markdown", "json")))


def test_the_baseline(records: list[Record], tmp_path: Path) -> None:
    path = Baseline.of(records[0]).save(tmp_path / "baseline.json")
    assert json.loads(path.read_text(encoding="utf-8"))["baseline"]
    assert Baseline.load(path).method_names


def test_the_console_lets_no_text_be_a_command() -> None:
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = plain_console(file=out, width=60, force_terminal=True, color_system=None)
    table = Table("a\x1b[2J")
    table.add_row(Text("b\x1b]0;title\x07"), "c\u202e")
    console.print(table, "d\x9b1m", Text("e\x1b[31m"))
    assert not UNSEEN.search(out.getvalue().replace("\n", ""))
