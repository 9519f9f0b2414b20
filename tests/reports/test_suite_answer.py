"""A suite's answer in the report, the terminal, a notebook and files: every verdict, and no name that breaks out."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

import benchbench as bb
from benchbench.cli.app import app
from benchbench.reports.figures.style import looks
from benchbench.reports.figures.suite_charts import drawing_of
from benchbench.reports.html.environment import environment
from benchbench.reports.html.page import Page
from benchbench.reports.html.page_key import page_key
from benchbench.reports.html.paper_chart import drawing_uri
from benchbench.reports.html.suite_section import MOST_ROWS, suite_section
from benchbench.reports.latex.suite_table import suite_latex
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.leaderboard.suite_report import SuiteReport
from benchbench.reports.leaderboard_files import tables_digest, write_tables
from benchbench.reports.terminal.overview import Overview
from benchbench.reports.terminal.verdicts import SuiteOverview
from benchbench.results.record import Record
from benchbench.results.suite_answer import Question, SuiteAnswer, SuiteChart, SuitePicture, SuiteTable
from benchbench.suites.verdict_rows import absent_row, exact_row

from .conftest import HOSTILE, SCRIPT
from .fake import CAM_REASON, Fake
from .reading import Element, read, section, words
from .shared import elements_of, marked_of
from .suite_answers import ABOUT, QUESTIONS, SENTENCE, asked_record, planted_answer
from .test_latex import BAD
from .typesetting import compiled

ODD = "<b>&%_$#{}~^\\|`*</b>"


def report_of(record: Record) -> SuiteReport:
    report = marked_of(record).board.suite
    assert report is not None
    return report


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Every word of the answer tries to break out, and its picture is none."""
    folder = tmp_path_factory.mktemp("odd")
    record = asked_record(folder, replace(HOSTILE, quality=["deletion"], samples=["a", "b", "c"]))
    questions = tuple(replace(q, title=f"{q.title} {ODD}", text=SCRIPT, source=SCRIPT) for q in QUESTIONS)
    answer = planted_answer(record, questions, findings=(SCRIPT,), notes=(SCRIPT,))
    table = replace(answer.tables[0], title=SCRIPT, note=SCRIPT, headings={"method": SCRIPT, "score": ODD})
    chart = SuiteChart("lines", SCRIPT, SCRIPT, "by-layer", "lines", "layer", "score", panels="method")
    parts: dict[str, Any] = {"tables": (table,), "charts": (chart,), "sentence": f"{SCRIPT} {ODD}"}
    parts["pictures"] = (SuitePicture("sheet", SCRIPT, SCRIPT, b"no picture"),)
    about = {"title": f"{SCRIPT} {ODD}", "summary": ODD, "paper": "javascript:alert(1)"}
    fake = replace(HOSTILE, quality=["deletion"], samples=["a", "b", "c"])
    return asked_record(folder, fake, answer=replace(answer, **parts), about=about, suite={"name": f"x{ODD}"})


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Fifty methods and nine questions."""
    fake = Fake(methods=[f"method-{i}" for i in range(50)], samples=["a", "b"], quality=["deletion"])
    folder = tmp_path_factory.mktemp("many")
    questions = tuple(replace(QUESTIONS[0], name=f"q{i}", title=f"Question number {i}") for i in range(9))
    return asked_record(folder, fake, answer=planted_answer(asked_record(folder, fake), questions))


def section_of(record: Record) -> tuple[str, Element]:
    """The section of the page alone, which is quicker than the page."""
    part = suite_section(marked_of(record).board, looks([m["name"] for m in record.info["methods"]], []))
    assert part is not None
    text = '{% import "_macros.html.j2" as draw with context %}{% include "_suite.html.j2" %}'
    page = SimpleNamespace(
        suite=part, downloads=part.downloads, filters=(), mark=lambda _key, _name: 0, drawing=drawing_uri
    )
    html = environment().from_string(text).render(page=page)
    return html, section(read(html), "suite")


def test_the_section_comes_first_and_says_all(asked: Record) -> None:
    root = elements_of(asked)
    ids = [e.attributes["aria-labelledby"] for e in root.all("section") if "aria-labelledby" in e.attributes]
    assert ids[:3] == ["suite", "answer", "findings"]
    part = section(root, "suite")
    text = words(part.text)
    for phrase in (f"Suite: {ABOUT['title']}", ABOUT["summary"], SENTENCE, "passes above 0.75", "The share of slopes."):
        assert phrase in text
    for phrase in ("Layer-CAM repairs saturation.", "The constructions are small.", "interval of its score", "1e-07"):
        assert phrase in text
    assert f"Not applicable (2 scores): {CAM_REASON}" in text
    (quote,) = part.all("blockquote")
    assert words(quote.text) == SENTENCE
    assert ("suite", f"Suite: {ABOUT['title']}") in Page(marked_of(asked)).contents
    (picture,) = [img for img in part.all("img") if img.attributes["src"].startswith("data:image/png")]
    assert (picture.attributes["alt"], picture.attributes["width"]) == ("A photograph beside its map.", "60")
    assert f"The first {MOST_ROWS} of 80 rows" in text
    header = next(e for e in root.all("header"))
    assert f"suite {ABOUT['title']}" in words(header.text)


def test_every_verdict_is_in_its_cell(asked: Record) -> None:
    verdicts = report_of(asked).answer.verdicts
    verdicts = verdicts.astype(object).where(verdicts.notna(), "")
    tables = [t for t in section(elements_of(asked), "suite").all("table") if "verdicts" in t.classes()]
    settings = verdicts[["model", "dataset", "layer"]].drop_duplicates().to_numpy().tolist()
    assert len(tables) == len(settings) == 3
    for table, (model, dataset, layer) in zip(tables, settings, strict=True):
        here = verdicts[(verdicts["model"] == model) & (verdicts["dataset"] == dataset) & (verdicts["layer"] == layer)]
        seen = [check_row(tr, here) for tr in table.all("tr") if tr.all("td")]
        assert seen == ["cam", "gradcam", "layercam", "random"], "the control last"


def check_row(tr: Element, rows: pd.DataFrame) -> str:
    method = tr.all("th")[0].attributes["data-sort"]
    for question, td in zip(QUESTIONS, tr.all("td"), strict=True):
        (row,) = rows[(rows["method"] == method) & (rows["question"] == question.name)].to_dict("records")
        text = words(td.text)
        if row["status"] == "not_applicable":
            assert (text, td.attributes["title"], td.attributes["data-sort"]) == ("not applicable", CAM_REASON, "")
            continue
        assert float(td.attributes["data-sort"]) == row["score"]
        verdict = {True: "✓ passes", False: "✗ fails"}.get(row["passes"], "? not clear")
        assert text.startswith(f"{row['score']:.2f} {verdict}")
        if row["low"] != "":
            assert f"[{row['low']:.2f}, {row['high']:.2f}]" in text
    return method


def test_a_score_that_looks_like_the_threshold_has_a_digit_more(tmp_path: Path) -> None:
    wide = Question("wide", "Wide", "In per cent.", 50, range=(0, 100))
    rows = [exact_row(QUESTIONS[0], "gradcam", 0.504), exact_row(QUESTIONS[0], "layercam", 0.5)]
    rows += [exact_row(wide, "gradcam", 71.26), exact_row(wide, "layercam", 12)]
    answer = SuiteAnswer(SENTENCE, (QUESTIONS[0], wide), pd.DataFrame(rows))
    report = report_of(asked_record(tmp_path, answer=answer))
    (table,) = report.tables
    assert [[cell.short for cell in line.cells] for line in table.lines] == [["0.504 ✓", "71 ✓"], ["0.500 ✗", "12 ✗"]]
    assert table.exact


def test_display_names_stand_for_keys_and_files_keep_the_keys(asked: Record, tmp_path: Path) -> None:
    titles = {"gradcam": "Grad-CAM", "tinynet": "Tiny Net"}
    info = {
        **asked.info,
        **{
            kind: [{**entry, "title": titles.get(entry["name"], entry["name"])} for entry in asked.info[kind]]
            for kind in ("methods", "models")
        },
    }
    marked = Marked.of(replace(asked, info=info))
    report = marked.board.suite
    assert report is not None
    assert {line.method for line in report.tables[0].lines} == {"cam", "Grad-CAM", "layercam", "random"}
    assert report.tables[1].model == "Tiny Net"
    assert "Grad-CAM" in set(report.answer.tables[0].rows["method"])
    write_tables(marked, tmp_path)
    rows = pd.read_csv(tmp_path / "suite-verdicts.csv")
    assert set(rows["method"]) == {"cam", "gradcam", "layercam", "random"}
    assert set(rows["model"].dropna()) == {"tinynet"}
    assert "| Grad-CAM |" in (tmp_path / "suite-verdicts.md").read_text(encoding="utf-8")


def test_files_are_the_answer_and_those_of_another_answer_go(asked: Record, single: Record, tmp_path: Path) -> None:
    written = write_tables(marked_of(asked), tmp_path)
    names = {path.name for path in written}
    assert {
        "suite-verdicts.csv",
        "suite-verdicts.md",
        "suite-verdicts.tex",
        "suite-by-layer.csv",
        "suite-shares.csv",
    } < names
    digest = tables_digest(tmp_path)
    assert digest
    answer = report_of(asked).stored
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "suite-shares.csv"), answer.tables[1].rows, check_dtype=False)
    read_back = pd.read_csv(tmp_path / "suite-verdicts.csv", keep_default_na=False)
    assert read_back["score"].tolist() == [("" if pd.isna(s) else repr(float(s))) for s in answer.verdicts["score"]]
    (tmp_path / "suite-shares.csv").unlink()
    assert tables_digest(tmp_path) not in ("", digest)
    (tmp_path / "suite notes.txt").write_text("the user's")
    write_tables(marked_of(single), tmp_path)
    assert [path.name for path in tmp_path.glob("suite*")] == ["suite notes.txt"]


def test_every_download_of_the_page_has_its_buttons(asked: Record) -> None:
    bars = [p.attributes["data-table"] for p in elements_of(asked).all("p") if "data-table" in p.attributes]
    files = Page(marked_of(asked)).downloads
    assert sorted(bars) == sorted(files)
    assert files["suite-sentence"]["txt"] == SENTENCE
    assert files["suite-verdicts"]["name"] == "benchbench-suite-weaknesses-verdicts"


def test_a_page_depends_on_the_words_and_files_of_the_answer(asked: Record) -> None:
    suite, files = asked.info["suite"], asked.info["files"]
    keys = {page_key(asked), page_key(replace(asked, info={key: v for key, v in asked.info.items() if key != "suite"}))}
    changes: list[dict[str, Any]] = [{"sentence": "Other."}, {"key": "1" * 64}, {"title": "Other"}, {"findings": []}]
    for change in changes:
        keys.add(page_key(replace(asked, info={**asked.info, "suite": {**suite, **change}})))
    for name in ("suite/verdicts.parquet", "suite/shares.parquet", "suite/sheet.png"):
        assert name in files
        keys.add(page_key(replace(asked, info={**asked.info, "files": {**files, name: "other"}})))
    assert len(keys) == 9


def test_every_format_of_the_report_has_the_verdicts(asked: Record) -> None:
    texts = {}
    for format in ("csv", "markdown", "latex"):
        done = CliRunner().invoke(app, ["report", str(asked.folder), "--format", format])
        assert done.exit_code == 0, done.output
        texts[format] = done.stdout
    rows = pd.read_csv(io.StringIO(texts["csv"]))
    suite = rows[rows["kind"] == "suite"]
    verdicts = bb.Run(asked).verdicts()
    assert len(suite) == len(verdicts) == 3 * 4 * 2
    assert suite["mean"].tolist() == pytest.approx(verdicts["score"].astype(float).tolist(), nan_ok=True)
    assert set(suite["verdict"]) == {"passes", "fails", "not clear", "not applicable"}
    assert set(suite["metric"]) == {"small", "saturated"}
    assert len(rows) > len(suite)
    assert texts["markdown"].startswith(f"## Suite: {ABOUT['title']}\n\n> {SENTENCE}\n".replace("-", "-"))
    assert "| gradcam | **0.55** ✓ passes | 0.55 ✗ fails |" in texts["markdown"]
    assert r"\label{tab:suite-weaknesses}" in texts["latex"]
    assert texts["latex"].count(r"\begin{table") > 1, "and the leaderboard"


def test_a_selection_of_methods_selects_verdicts_and_one_of_metrics_leaves_them_out(asked: Record) -> None:
    marked = marked_of(asked)
    board = selected(
        marked, Selection(methods=("layercam", "gradcam"), layers=("stage4",), names={"gradcam": "Ours"})
    ).board
    assert board.suite is not None
    titles = [table.title for table in board.suite.tables]
    assert titles == ["", "tinynet · photos · stage4"]
    assert [line.method for line in board.suite.tables[1].lines] == ["layercam", "Ours"]
    assert set(board.suite.stored.verdicts["method"]) == {"gradcam", "layercam"}
    assert selected(marked, Selection(metrics=("deletion",))).board.suite is None
    assert selected(marked).board.suite is not None


def test_latex_compiles_whatever_the_names_and_splits_what_is_high(
    asked: Record, odd: Record, many: Record, tmp_path: Path
) -> None:
    texts = {
        "plain": suite_latex(report_of(asked)),
        "odd": suite_latex(report_of(odd)),
        "many": suite_latex(report_of(many)),
    }
    assert texts["plain"].count(r"\begin{table}") == 1
    assert texts["many"].count(r"continued.") == texts["many"].count(r"\begin{table") - 1 > 2
    assert r"\textbf{0.55}" in texts["plain"]
    log = compiled("two-column article", "\n\\clearpage\n".join(texts.values()), tmp_path, "suites")
    assert BAD.findall(log) == []


def printed(record: Record, width: int = 80, verbose: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(Overview(marked_of(record), verbose))
    return out.getvalue()


def test_the_terminal_says_the_sentence_first_and_the_verdicts(asked: Record) -> None:
    text = printed(asked)
    assert text.startswith(SENTENCE)
    assert re.search(r"gradcam +0\.55 ✓ +0\.55 ✗", text)
    assert re.search(r"cam +n/a +n/a", text)
    assert "- Layer-CAM repairs saturation." in text
    assert f"not applicable: cam: {CAM_REASON}" in words(text)
    assert "Best overall" not in text
    verbose = printed(asked, verbose=True)
    assert "Limit: The constructions are small." in verbose
    assert "0.47 0.63" in verbose
    assert "tinynet · photos · stage4" in verbose
    assert str(bb.Run(asked)).startswith(SENTENCE)


def test_many_methods_and_questions_fit_into_sixty_lines(many: Record) -> None:
    for width in (44, 80, 200):
        out = io.StringIO()
        Console(file=out, width=width).print(SuiteOverview(report_of(many)))
        lines = out.getvalue().splitlines()
        assert len(lines) <= 50 or width < 80, "and the accuracy and warnings of the run"
        assert max(map(len, lines)) <= width
        assert "more methods: see the report" in " ".join(lines)
        assert all(any(str(number) in line.split() for line in lines) for number in range(9))
    out = io.StringIO()
    Console(file=out, width=80).print(SuiteOverview(report_of(many), verbose=True))
    assert all(f"method-{number} " in out.getvalue() for number in range(50))


def test_a_notebook_shows_the_verdicts_first(asked: Record, odd: Record) -> None:
    for record in (asked, odd):
        html = bb.Run(record)._repr_html_()
        root = ElementTree.fromstring(html.replace("<br>", "<br/>"))
        assert {name for element in root.iter() for name in element.attrib} <= {"colspan"}
        tables = list(root.iter("table"))
        assert len(tables) == 4, "no setting, two settings, the leaderboard" if record is asked else "cut at three"
        assert "".join(next(root.iter("p")).itertext()) == report_of(record).answer.sentence
    rows = [["".join(cell.itertext()) for cell in row] for row in next(root.iter("table")).iter("tr")]
    assert rows[1][1:] == ["n/a", "n/a"]


def test_hostile_words_are_text(odd: Record) -> None:
    html, part = section_of(odd)
    assert SCRIPT not in html
    assert {e.attributes.get("type") for e in part.all("script")} == {"text/plain"}
    assert not part.all("b")
    assert [a.attributes["href"] for a in part.all("a")] == [], "a paper that is no address is no link"
    assert "cannot be read as a picture" in words(part.text)
    assert "\u202e" not in printed(odd, verbose=True)


def test_nothing_applicable_one_question_and_no_verdicts(tmp_path: Path) -> None:
    rows = pd.DataFrame([absent_row(QUESTIONS[0], name, "no such layer") for name in ("cam", "gradcam", "random")])
    record = asked_record(tmp_path / "none", answer=SuiteAnswer(SENTENCE, QUESTIONS, rows))
    _, part = section_of(record)
    (table,) = part.all("table")
    assert [words(td.text) for td in table.all("td")] == ["not applicable"] * 3
    assert "Not applicable (3 scores): no such layer cam, gradcam and random" in words(part.text)
    assert r"n/a" in suite_latex(report_of(record))
    empty = asked_record(tmp_path / "empty", answer=SuiteAnswer(SENTENCE, QUESTIONS, rows.head(0)))
    assert "The suite gave no verdicts." in words(section_of(empty)[1].text)
    assert bb.Run(empty).verdicts(wide=True).empty


def test_verdicts_of_a_run_as_a_frame(asked: Record, single: Record) -> None:
    wide = bb.Run(asked).verdicts(wide=True)
    assert list(wide) == ["model", "dataset", "layer", "method", "small", "saturated"]
    assert len(wide) == 3 * 4
    first = wide[wide["method"] == "gradcam"].iloc[0]
    assert (first["small"], first["saturated"]) == ("passes", "fails")
    assert len(bb.Run(single).verdicts()) == len(bb.Run(single).verdicts(wide=True)) == 0


def test_charts_draw_the_numbers_of_their_tables(asked: Record) -> None:
    answer = report_of(asked).answer
    tables = {table.name: table for table in answer.tables}
    lines, bars, points = (drawing_of(chart, tables[chart.table]) for chart in answer.charts)
    assert lines is not None
    assert bars is not None
    assert points is not None
    assert lines.words == ("layer1", "layer2", "layer3", "layer4")
    assert lines.series == ("cam", "gradcam", "layercam", "random")
    assert [trace.y for trace in lines.panels[0][1]] == [pytest.approx((0.2, 0.4, 0.6, 0.8))] * 4
    assert bars.panels[0][1][0].high[2] == pytest.approx(2 / 40)
    assert not bars.alone
    assert [title for title, _ in points.panels] == ["biased", "repaired"]
    assert points.words == ()
    assert points.panels[1][1][3].x == (3 / 40,)
    section_of_page = Page(marked_of(asked)).suite
    assert section_of_page is not None
    live = [each.live.json for each in section_of_page.charts]
    assert {line.get("type") for line in live[1]["views"][0]["lines"]} == {"bar"}
    assert live[1]["views"][0]["lines"][0]["y"] == [i / 50 for i in range(40)]
    assert live[0]["views"][0]["lines"][1]["y"] == [0.2, 0.4, 0.6, 0.8]


def test_a_chart_without_numbers_is_not_drawn() -> None:
    rows = pd.DataFrame({"method": ["a"], "x": [1], "y": [float("nan")]})
    table = SuiteTable("t", "T", "", rows, {"x": "X"})
    assert drawing_of(SuiteChart("c", "C", "C", "t", "lines", "x", "y"), table) is None


def test_a_chart_without_series_is_one() -> None:
    table = SuiteTable("t", "T", "", pd.DataFrame({"x": [2, 1], "y": [0.5, 0.25]}), {})
    drawn = drawing_of(SuiteChart("c", "C", "C", "t", "lines", "x", "y", series=""), table)
    assert drawn is not None
    assert drawn.series == ("C",)
    assert (drawn.panels[0][1][0].x, drawn.panels[0][1][0].y) == ((1, 2), (0.25, 0.5))
