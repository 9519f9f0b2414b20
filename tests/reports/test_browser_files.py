"""The files of each table, and what paper shows, in a real browser."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchbench.cli.app import app
from benchbench.cli.table_names import read_names
from benchbench.reports.html.page import Page
from benchbench.reports.latex.bibliography import bibliography
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .chromium import visit

pytestmark = pytest.mark.browser


def test_a_table_is_saved_as_csv_and_latex_by_one_click(
    browser: Any, page: Path, plain: Record, tmp_path: Path
) -> None:
    heard = visit(browser, page)
    tab = heard.tab
    tab.evaluate("document.querySelectorAll('details.fold').forEach((part) => (part.open = true))")
    files = Page(Marked.of(plain)).downloads
    for id, kind in (("block-2", "csv"), ("block-2", "tex"), ("health", "csv"), ("every", "tex")):
        with tab.expect_download() as download:
            tab.locator(f"[data-table={id}] [data-as={kind}]").click()
        saved = tmp_path / f"{id}.{kind}"
        download.value.save_as(saved)
        assert download.value.suggested_filename == f"{files[id]['name']}.{kind}"
        assert saved.read_text(encoding="utf-8") == files[id][kind]
    with (tmp_path / "block-2.csv").open(encoding="utf-8", newline="") as read:
        assert {row["layer"] for row in csv.DictReader(read)} == {"stage4"}
    assert heard.complaints == []
    assert heard.outside == [page.as_uri()]
    tab.close()


def test_latex_is_copied(browser: Any, page: Path, plain: Record) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.locator("[data-table=block-1] [data-as=copy-tex]").click()
    output = tab.locator("[data-table=block-1] output")
    output.filter(has_text="LaTeX copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == Page(Marked.of(plain)).downloads["block-1"]["tex"]
    context.close()


def test_the_command_of_a_chosen_table_writes_that_table(browser: Any, page: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    tab.locator("section[aria-labelledby=paper] summary").first.click()
    form, command = tab.locator("#paper-table"), tab.locator("#paper-command")
    assert command.inner_text() == "benchbench report RUN --format latex"
    methods = form.get_by_role("group", name="Methods").get_by_role("checkbox")
    group = form.get_by_role("group", name="Methods")
    group.get_by_role("button", name="None").click()
    assert [box.is_checked() for box in methods.all()] == [False] * 7
    assert form.get_by_label("stage3").is_checked(), "a button is of its list"
    assert command.inner_text() == "Choose at least one of --methods."
    group.get_by_role("button", name="All").click()
    assert command.inner_text() == "benchbench report RUN --format latex"
    form.get_by_label("layercam").uncheck()
    for title in ("average drop", "increase in confidence", "average gain"):
        form.get_by_label(title).uncheck()
    form.get_by_label("stage3").uncheck()
    form.get_by_label("Spread").select_option("standard error")
    form.get_by_label("mean rank").check()
    words = shlex.split(command.inner_text())
    assert words[:5] == ["benchbench", "report", "RUN", "--format", "latex"]
    done = CliRunner().invoke(app, ["report", str(plain.folder), *words[3:]])
    assert done.exit_code == 0, done.output
    text = done.output.replace(r"\allowbreak{}", "")
    assert "gradcam++" in text
    assert "scorecam(variant" in text
    assert "layercam" not in text
    assert "average gain" not in text
    assert "stage3" not in text
    assert r"\pm" in text
    tab.close()


def test_the_form_chooses_names(browser: Any, page: Path, plain: Record, tmp_path: Path) -> None:
    tab = visit(browser, page).tab
    tab.locator("section[aria-labelledby=paper] summary").first.click()
    names, command = tab.locator("#paper-table").get_by_label("Names"), tab.locator("#paper-command")
    names_field = tab.locator("#paper-names")
    names.select_option("keys of study files")
    assert command.inner_text() == "benchbench report RUN --format latex --names keys"
    assert not names_field.is_visible()
    names.select_option("yours, in names.yaml")
    assert command.inner_text() == "benchbench report RUN --format latex --names names.yaml"
    (tmp_path / "names.yaml").write_text(names_field.inner_text(), encoding="utf-8")
    listed = read_names(tmp_path / "names.yaml")
    assert {"gradcam": "gradcam", "deletion": "deletion AUC", "tinynet": "tinynet"}.items() <= listed.items()
    words = ["report", str(plain.folder), "--format", "latex"]
    usual, same = (CliRunner().invoke(app, [*words, *more]) for more in ([], ["--names", str(tmp_path / "names.yaml")]))
    assert same.output == usual.output
    tab.close()


def test_bibtex_is_saved(browser: Any, page: Path, tmp_path: Path, plain: Record) -> None:
    tab = visit(browser, page).tab
    tab.evaluate("document.querySelectorAll('details.fold').forEach((part) => (part.open = true))")
    with tab.expect_download() as download:
        tab.locator("[data-table=bibtex] [data-as=bib]").click()
    download.value.save_as(tmp_path / "x.bib")
    assert download.value.suggested_filename == "benchbench-references.bib"
    assert (tmp_path / "x.bib").read_text(encoding="utf-8") == bibliography(plain.info)
    tab.close()


def test_hostile_names_are_only_text_in_files(browser: Any, hostile_page: Path) -> None:
    heard = visit(browser, hostile_page)
    tab = heard.tab
    with tab.expect_download() as download:
        tab.locator("[data-table=block-1] [data-as=csv]").click()
    assert "/" not in download.value.suggested_filename
    assert tab.evaluate("window.hacked") is None
    assert heard.complaints == []
    tab.close()


def test_paper_opens_what_is_said_once(browser: Any, page: Path) -> None:
    """The study, and not the tables that repeat what a figure and the leaderboard say; by styles alone."""
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.as_uri())
    study = tab.locator("section[aria-labelledby=provenance] pre")
    assert not study.is_visible()
    tab.emulate_media(media="print")
    assert study.is_visible()
    assert study.bounding_box()["height"] > 100
    folded = tab.locator("section:not([aria-labelledby=paper]) details.fold > :not(summary, script, .save)")
    assert folded.count() > 5
    assert [part.inner_html()[:80] for part in folded.all() if part.bounding_box() is None] == []
    assert tab.locator("details.again").count() > 3
    assert tab.locator("details.again:visible").count() == 0
    context.close()
