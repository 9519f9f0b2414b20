"""What is known of another library's method, a fault or a convention: a footnote on its row in every format."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape
from typing import TypeAlias

import pandas as pd
import pytest
from rich.console import Console, RenderableType

from benchbench.reports import leaderboard_files as tables
from benchbench.reports.escape import latex_breaking, markdown
from benchbench.reports.html.notebook import notebook
from benchbench.reports.html.page import Page
from benchbench.reports.latex import leaderboard as latex
from benchbench.reports.latex.suite_table import suite_latex
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.costs import cost_tables
from benchbench.reports.leaderboard.footnotes import (
    Footnote,
    Gap,
    Notes,
    Remark,
    over_settings,
    remarks_of,
    remarks_over,
)
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.leaderboard.short_answer import missing
from benchbench.reports.leaderboard.summary import loud
from benchbench.reports.suite_files import suite_markdown
from benchbench.reports.table_options import TableOptions
from benchbench.reports.terminal.full_tables import FullTables
from benchbench.reports.terminal.overview import Overview
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .reading import Element, words
from .shared import elements_of, html_of, marked_of
from .test_suite_answer import section_of

METHODS = ("cam", "gradcam", "layercam", "scorecam")
NAMES = (*METHODS, "random")
SIGN = "in 1.5.7 the sign of the component is arbitrary"
ODD = "in 0.5.0 <script>window.hacked=1</script> its g^2 & 100 % of $x_1$ | \\ *two* `masks`"
FAULTS = {"gradcam": SIGN, "scorecam": SIGN}
CONVENTIONS = {"layercam": ODD}
TOLD = {name: f"known fault: {fault}" for name, fault in FAULTS.items()} | {"layercam": f"convention: {ODD}"}
TEXTS = {1: f"gradcam and scorecam: known fault: {SIGN}", 2: f"layercam: convention: {ODD}"}
Shown: TypeAlias = dict[str, str]  # by method, the text of its footnote


def with_faults(record: Record) -> Record:
    """The record as a run of these methods writes it: a fault is the entry's note and a warning of the run."""
    known = [
        {**m}
        | ({"note": FAULTS[m["name"]]} if m["name"] in FAULTS else {})
        | ({"convention": CONVENTIONS[m["name"]]} if m["name"] in CONVENTIONS else {})
        for m in record.info["methods"]
    ]
    told = [f"{name}: {fault}" for name, fault in FAULTS.items()]
    return replace(record, info={**record.info, "methods": known, "warnings": [*record.info["warnings"], *told]})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """One setting; cam has no value, so that cells have a footnote too."""
    fake = Fake(layers=["last"], methods=METHODS, controls=["random"], quality=["deletion"], samples=tuple("abcdef"))
    return with_faults(fake_record(tmp_path_factory.mktemp("alone"), fake))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Two networks."""
    fake = Fake(
        models=["tinynet", "othernet"],
        layers=["last"],
        methods=METHODS,
        controls=["random"],
        quality=["deletion", "increase"],
        samples=tuple("abcdef"),
    )
    return with_faults(fake_record(tmp_path_factory.mktemp("several"), fake))


WANTED = dict.fromkeys(("gradcam", "scorecam"), TEXTS[1]) | {"layercam": TEXTS[2]}


def test_two_methods_with_one_fault_share_a_footnote(alone: Record) -> None:
    (block,) = Board(alone).blocks
    numbers = {row.method: row.notes for row in block.rows}
    assert numbers["gradcam"] == numbers["scorecam"]
    assert len(numbers["layercam"]) == 1
    assert numbers["layercam"] != numbers["gradcam"]
    assert (numbers["cam"], numbers["random"]) == ((), ())
    for cost in (False, True):
        texts = dict(block.notes(cost))
        assert {row.method: texts[note] for row in block.rows for note in row.notes} == WANTED
    gaps = {note for row in block.rows for cell in row.cells for note in cell.notes}
    assert gaps.isdisjoint({note for row in block.rows for note in row.notes})


def test_the_cost_table_numbers_it_among_its_footnotes(several: Record) -> None:
    for table in cost_tables(Board(several).blocks):
        for group in table.groups:
            texts = {r.method: [table.notes[n - 1] for n in table.numbers(group, r)] for r in group.block.rows}
            assert {name: shown for name, (shown,) in ((n, t) for n, t in texts.items() if t)} == WANTED


def printed(shown: RenderableType) -> str:
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


def of_text(text: str, row: str, mark: str, note: str) -> list[Shown]:
    """By method, the text of its footnote, for every row of a text; the patterns are of a row, a mark and a note."""
    notes = {number: words(body) for number, body in re.findall(note, text, flags=re.MULTILINE)}
    rows = [(m[1], re.findall(mark, m[2] or "")) for m in re.finditer(row, text, flags=re.MULTILINE) if m[1] in NAMES]
    assert {name for name, _ in rows} >= set(METHODS)
    return [{name: notes[number]} if numbers else {name: ""} for name, numbers in rows for number in numbers or [""]]


def checked(rows: list[Shown], wanted: Shown) -> None:
    """Every row of a method with a fault has its text, and no other row has one."""
    for row in rows:
        ((name, text),) = row.items()
        assert text == wanted.get(name, ""), name


@pytest.mark.parametrize("fixture", ["alone", "several"])
@pytest.mark.parametrize("verbose", [False, True])
def test_the_terminal(fixture: str, verbose: bool, request: pytest.FixtureRequest) -> None:
    marked = marked_of(request.getfixturevalue(fixture))
    text = printed(Overview(marked, verbose))
    setting = printed(FullTables(marked)).partition("othernet")[0]  # a setting, which numbers its footnotes by itself
    part = setting if verbose else text
    rows = of_text(part, r"(?:^|(?<=   ))\s*(\w+)((?: \(\d+\))*)(?= )", r"\((\d+)\)", r"^\((\d+)\) (.*)$")
    checked([row for row in rows if "not applicable" not in next(iter(row.values()))], WANTED)
    assert "Warning: gradcam" not in text, "the footnote says it"
    assert words(text).count(f"known fault: {SIGN}") == (2 if verbose and fixture == "several" else 1)


def sheets_of(marked: Marked, **options: str) -> str:
    return tables.render_table(marked, "markdown", TableOptions(**options))  # type: ignore[arg-type]


def test_markdown(alone: Record, several: Record) -> None:
    wanted = {name: words(markdown(text)) for name, text in WANTED.items()}
    row, mark, note = r"^\| (\w+)((?:<sup>\d+</sup>)*) \|", r"<sup>(\d+)</sup>", r"^(\d+)\. (.*)$"
    checked(of_text(sheets_of(marked_of(alone)), row, mark, note), wanted)
    checked(of_text(sheets_of(marked_of(several), columns="networks"), row, mark, note), wanted)
    headings = sheets_of(marked_of(several), rows="networks")
    checked(of_text(headings, r"^\| \*(\w+)\*((?:<sup>\d+</sup>)*) \|", mark, note), wanted)
    columns = sheets_of(marked_of(several), rows="networks", columns="methods")
    checked(of_text(columns, r"(?<=\| )(\w+)((?:<sup>\d+</sup>)*)(?= \|)", mark, note), wanted)
    single = selected(marked_of(several), Selection(methods=("gradcam",)))
    assert f"gradcam: known fault: {SIGN}." in sheets_of(single, rows="networks")


def tex(marked: Marked, style: str = "full", **options: str) -> str:
    return latex.render(marked, style, "none", **options).replace(r"\allowbreak{}", "")  # type: ignore[arg-type]


def test_latex(alone: Record, several: Record) -> None:
    wanted = {name: words(latex_breaking(text).replace(r"\allowbreak{}", "")) for name, text in WANTED.items()}
    grey = r"(?:\\leavevmode\\color\{black!60\} )?"
    row, mark = rf"^{grey}(\w+)(\$\^\{{[\d,]+\}}\$)? &", r"\d+"
    note = r"\$\^\{(\d+)\}\$\\,(.*?)\.(?=\\\\ \$\^\{\d+\}\$|\}$|\\par$)"
    texts = [tex(marked_of(alone)), tex(marked_of(alone), "compact"), tex(marked_of(several), columns="networks")]
    for text in texts:
        checked(of_text(text, row, mark, note), wanted)
    whole = of_text(tex(marked_of(several), "supplementary"), row, mark, note)
    checked([each for each in whole if "not applicable" not in next(iter(each.values()))], wanted)
    headings = tex(marked_of(several), rows="networks")
    checked(of_text(headings, r"\\itshape (\w+)(\$\^\{\d+\}\$)?", mark, note), wanted)
    columns = tex(marked_of(several), rows="networks", columns="methods")
    checked(of_text(columns, r"\{@\{\}c@\{\}\}(\w+)(\$\^\{\d+\}\$)?\\end", mark, note), wanted)
    single = tex(selected(marked_of(several), Selection(methods=("gradcam",))), rows="networks")
    assert f"gradcam: known fault: {SIGN}." in single[: single.index(r"\label")], "the caption"


@pytest.mark.parametrize("fixture", ["alone", "several"])
def test_a_notebook(fixture: str, request: pytest.FixtureRequest) -> None:
    text = notebook(marked_of(request.getfixturevalue(fixture)))
    row = r"<tr><td>(?:<i>)?(\w+)(?:</i>)?((?:<sup>\d+</sup>)*)</td>"
    rows = of_text(text, row, r"<sup>(\d+)</sup>", r"<small>\((\d+)\) (.*?)</small>")
    checked([{name: unescape(text)} for each in rows for name, text in each.items()], WANTED)
    assert "Warning: gradcam" not in text, "the footnote says it"
    assert "<script" not in text


def rows_of(table: Element) -> list[tuple[str, Element]]:
    """The rows of a table of the page that have a method's name, and their headings."""
    heads = [head for head in table.all("th") if head.attributes.get("scope") == "row"]
    return [(head.all("bdi")[0].text, head) for head in heads if head.all("bdi")]


def test_the_page(alone: Record) -> None:
    root = elements_of(alone)
    notes = {e.attributes["id"]: words(e.text) for e in root.all("li") if "-note-" in e.attributes.get("id", "")}
    kinds = {"Quality: ": 1, "Cost: ": 1}
    for region in (e for e in root.all("div") if e.attributes.get("role") == "region"):
        kind = next((kind for kind in kinds if region.attributes["aria-label"].startswith(kind)), "")
        if not kind:
            continue
        kinds[kind] -= 1
        rows = rows_of(region)
        assert [name for name, _ in rows] == list(NAMES)
        for name, head in rows:
            linked = [notes[link.attributes["href"][1:]] for link in head.all("a")]
            assert linked == [text for method, text in WANTED.items() if method == name]
            assert head.attributes.get("title", "") == TOLD.get(name, "")
    assert kinds == {"Quality: ": 0, "Cost: ": 0}


def test_the_other_tables_of_the_page_name_the_fault_behind_the_method(alone: Record) -> None:
    root = elements_of(alone)
    marked = 0
    for table in root.all("table"):
        for name, head in rows_of(table):
            stars = [each.attributes["title"] for each in head.all("abbr")]
            assert stars in ([], [TOLD.get(name)]), name
            marked += len(stars)
            assert not (name not in TOLD and stars)
    assert marked > len(TOLD)
    ranking = next(e for e in root.all("div") if e.attributes.get("aria-label") == "Overall ranking")
    assert {name for name, head in rows_of(ranking) if head.all("abbr")} == {n for n, _ in rows_of(ranking)} & {*TOLD}
    (every,) = [table for table in root.all("table") if table.attributes.get("id") == "every-table"]
    assert [head.text for head in every.all("th")][-2:] == ["Known fault", "Convention"]
    last = {row.all("td")[3].text: [d.text for d in row.all("td")[-2:]] for row in every.all("tr") if row.all("td")}
    assert last == {name: [FAULTS.get(name, ""), CONVENTIONS.get(name, "")] for name in NAMES}
    assert "<script>window.hacked" not in html_of(alone)


def test_the_page_warns_of_it_before_all_numbers_too(several: Record) -> None:
    """Its footnotes are far below the answer, which may name the method."""
    board = Board(several)
    assert f"gradcam: {SIGN}" in loud(board)
    assert set(loud(board)) - set(loud(board, board.footnoted)) == {f"{name}: {FAULTS[name]}" for name in FAULTS}


def test_csv_has_a_column_where_a_method_has_a_fault(alone: Record) -> None:
    read = pd.read_csv(io.StringIO(tables.render_table(marked_of(alone), "csv")), keep_default_na=False)
    for kind, known in (("fault", FAULTS), ("convention", CONVENTIONS)):
        assert dict(zip(read["method"], read[kind], strict=True)) == {name: known.get(name, "") for name in NAMES}
    methods = [{key: value for key, value in m.items() if key != "note"} for m in alone.info["methods"]]
    sound = Marked.of(replace(alone, info={**alone.info, "methods": methods}))
    columns = tables.render_table(sound, "csv").splitlines()[0].split(",")
    assert ("fault" in columns, "convention" in columns) == (False, True)
    saved = Page(marked_of(alone)).downloads["block-1"]["csv"]
    assert list(pd.read_csv(io.StringIO(saved), keep_default_na=False)["fault"].unique()) == ["", SIGN]


def test_a_renamed_method_keeps_its_footnote(alone: Record) -> None:
    (block,) = selected(marked_of(alone), Selection(names={"gradcam": "Grad-CAM"})).board.blocks
    (row,) = [row for row in block.rows if row.method == "Grad-CAM"]
    assert [block.footnotes[note - 1].text for note in row.notes] == [f"Grad-CAM and scorecam: known fault: {SIGN}"]


def test_over_settings_a_fault_is_told_once_and_with_all_its_methods() -> None:
    fault, lost = Remark("the sign is lost."), Gap("no memory", "failed")
    settings = [
        [Footnote(("A",), fault), Footnote(("A",), lost)],
        [Footnote(("A", "B"), fault), Footnote(("C",), Remark("other"))],
    ]
    assert [note.text for note in remarks_over(settings)] == [
        "A and B: known fault: the sign is lost",
        "C: known fault: other",
    ]
    assert over_settings(settings) == ["A: failed: no memory (1 of 2 settings)"]
    notes = Notes()
    assert [notes.number("A", fault), notes.number("A", lost), notes.number("B", fault)] == [1, 2, 1]


def test_the_verdicts_of_a_suite(asked: Record) -> None:
    """gradcam and layercam have faults; cam and random have none."""
    record = with_faults(asked)
    marked = Marked.of(record)
    suite = marked.board.suite
    assert suite is not None
    lines = {line.method: line.notes for table in suite.tables for line in table.lines}
    assert lines == {"cam": (), "gradcam": (1,), "layercam": (2,), "random": ()}
    first, second = f"gradcam: known fault: {SIGN}", f"layercam: convention: {ODD}"
    terminal = printed(Overview(marked))
    assert [terminal.count(f"({number}) {text}") for number, text in ((1, first), (2, second))] == [1, 1]
    assert re.search(r"^\s*gradcam \(1\) ", terminal, re.MULTILINE)
    assert "Warning: gradcam" not in terminal
    texts = [suite_markdown(suite), suite_latex(suite).replace(r"\allowbreak{}", ""), notebook(marked)]
    names = ["| gradcam<sup>1</sup> |", "gradcam$^{1}$ &", "<td>gradcam<sup>1</sup></td>"]
    plain = ["| cam |", "cam &", "<td>cam</td>"]
    for text, name, other in zip(texts, names, plain, strict=True):
        assert name in text
        assert other in text
        assert f"gradcam: known fault: {SIGN}" in text.replace("$^{1}$\\,", "")
        assert ODD not in text, "escaped"
    (table, *_) = [e for e in section_of(record)[1].all("table") if "verdicts" in e.classes()]
    stars = {name: [each.attributes["title"] for each in head.all("abbr")] for name, head in rows_of(table)}
    assert stars == {name: [TOLD[name]] if name in TOLD else [] for name in lines}
    read = pd.read_csv(io.StringIO(tables.render_table(marked, "csv")), keep_default_na=False)
    verdicts = read[read["kind"] == "suite"]
    for kind, known in (("fault", FAULTS), ("convention", CONVENTIONS)):
        assert dict(zip(verdicts["method"], verdicts[kind], strict=True)) == {n: known.get(n, "") for n in lines}


@pytest.mark.parametrize("id", ["order", "duels-1", "method-agreement-1-1", "health", "suite"])
def test_the_small_tables_in_latex(alone: Record, asked: Record, id: str) -> None:
    """Those behind the buttons of the page: rows and columns alike, and no footnote without a remark."""
    if id == "suite":
        files = Page(Marked.of(with_faults(asked))).downloads
        id = next(name for name in files if name.startswith("suite-table-") and "gradcam" in files[name]["tex"])
    else:
        files = Page(marked_of(alone)).downloads
    text = files[id]["tex"].replace(r"\allowbreak{}", "")
    body, _, below = text.partition(r"\bottomrule")
    named = {
        (name, number)
        for name, number in re.findall(r"(?:^|& |\\midrule\n)(\w+)(?:\$\^\{(\d)\}\$)?(?= &| \\)", body, re.M)
    }
    numbers = {name: number for name, number in named if name in NAMES}
    notes = dict(re.findall(r"\$\^\{(\d)\}\$\\,(.*?)\.(?=\\\\ \$|\}\n)", below))
    assert {name for name, number in numbers.items() if number} == numbers.keys() & TOLD.keys() != set()
    for name, number in numbers.items():
        if number:
            kind, _, known = latex_breaking(TOLD[name]).replace(r"\allowbreak{}", "").partition(": ")
            assert name in notes[number].partition(kind)[0]
            assert notes[number].endswith(f"{kind}: {known}")


def test_a_method_may_have_both() -> None:
    info = {"methods": [{"name": "a", "note": "it errs.", "convention": "it sums"}, {"name": "b"}]}
    assert {name: remark.text for name, remark in remarks_of(info).items()} == {
        "a": "known fault: it errs; convention: it sums"
    }


def test_no_fault_is_cut_from_the_notes_below_a_table(alone: Record) -> None:
    """The names point to them; of the reasons for missing numbers there are three."""
    known = [{**m, "note": f"fault of {m['name']}"} for m in alone.info["methods"]]
    told = missing(Marked.of(replace(alone, info={**alone.info, "methods": known})))
    assert sum("known fault" in text for text in told) == len(NAMES)
