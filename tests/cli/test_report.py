"""The options of ``benchbench report``: what they write, and mistakes as one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchbench.cli.app import app
from benchbench.cli.table_names import read_names
from benchbench.errors import BenchError
from tests.reports.fake import Fake, fake_record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    fake_record(folder, Fake(samples=["a", "b", "c", "d"]))
    return folder


def report(*words: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, words)])


def test_a_table_with_citations_and_names_of_the_user(run: Path, tmp_path: Path) -> None:
    (tmp_path / "names.yaml").write_text("gradcam: Ours\ndeletion AUC: Del.\n")
    words = ["--format", "latex", "--metrics", "deletion,average_drop", "--methods", "gradcam++, gradcam", "--cite"]
    done = report(run, *words, "--names", tmp_path / "names.yaml", "--out", tmp_path / "table.tex")
    assert done.exit_code == 0, done.exception
    assert done.stdout.split() == [str(tmp_path / "table.tex"), str(tmp_path / "table.bib")]
    text, bib = ((tmp_path / f"table.{suffix}").read_text() for suffix in ("tex", "bib"))
    assert r"Ours~\cite{selvaraju2017gradcam}" in text
    assert "layercam" not in text
    assert "insertion" not in text
    assert text.index("gradcam++") < text.index("Ours")
    assert "@inproceedings{selvaraju2017gradcam," in bib
    again = report(run, *words, "--names", tmp_path / "names.yaml", "--out", tmp_path / "table.tex")
    assert again.exit_code == 0
    assert (tmp_path / "table.tex").read_text() == text


def test_keys_in_place_of_display_names(run: Path) -> None:
    words = ["--format", "markdown", "--metrics", "deletion,average_drop", "--spread", "none"]
    shown, keys = report(run, *words).stdout, report(run, *words, "--names", "keys").stdout
    assert "deletion AUC" in shown
    assert "deletion AUC" not in keys
    assert "deletion" in keys
    assert r"average\_drop" in keys
    refused = report(run, "--format", "csv", "--names", "keys")
    assert "csv is for programs and keeps the names of study files" in str(refused.exception)


def test_methods_with_commas_in_their_names(run: Path) -> None:
    done = report(run, "--format", "markdown", "--methods", "scorecam(variant=torchcam),gradcam", "--spread", "none")
    assert done.exit_code == 0, done.exception
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows[2:4] == ["| scorecam(variant=torchcam)", "| gradcam"]


def test_figures_of_a_selection(run: Path, tmp_path: Path) -> None:
    done = report(
        run, "--format", "pdf", "--layers", "stage4", "--metrics", "deletion,runtime", "--out", tmp_path / "f"
    )
    assert done.exit_code == 0, done.exception
    written = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert written == ["cost.pdf", "curves.pdf", "main.pdf", "ranks-deletion.pdf"]
    report(run, "--format", "pdf", "--metrics", "deletion", "--out", tmp_path / "two")
    assert {"curves-stage3.pdf", "curves-stage4.pdf", "main.pdf"} <= {
        path.name for path in (tmp_path / "two").iterdir()
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "latex", "--methods", "gradcm"], "--methods: the run has no method 'gradcm'. Did you mean"),
        (["--format", "latex", "--layers", "stage9"], "--layers: the run has no layer 'stage9'. Did you mean 'stage"),
        (["--format", "latex", "--metrics", ","], "--metrics: it names nothing"),
        (["--format", "latex", "--cite"], "--cite: the .bib file has no place. Give --out FILE.tex"),
        (["--format", "latex", "--cite", "--out", "x.bib"], "--out: the table and the .bib file have one name"),
        (["--format", "latex", "--spread", "sd"], "unknown spread 'sd'. Did you mean 'se'"),
        (["--format", "latex", "--names", "absent.yaml"], "absent.yaml: no such file"),
        (["--format", "html", "--rank"], "--rank: html has no --rank"),
        (["--format", "csv", "--columns", "layers"], "--columns: csv has no --columns"),
        (["--format", "csv", "--share"], "--share: csv has no --share"),
        (["--format", "latex", "--share"], "--share: no number of the table has a share of a ceiling. Put random"),
        (["--format", "latx"], "unknown format 'latx'. Did you mean 'latex'"),
    ],
)
def test_a_mistake_is_one_line(run: Path, words: list[str], message: str) -> None:
    done = report(run, *words)
    assert isinstance(done.exception, BenchError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_bibliography_of_the_user_stays(run: Path, tmp_path: Path) -> None:
    (tmp_path / "paper.bib").write_text("@book{mine}\n")
    done = report(run, "--format", "latex", "--cite", "--out", tmp_path / "paper.tex")
    assert "paper.bib: this file was not written by benchbench" in str(done.exception)
    assert (tmp_path / "paper.bib").read_text() == "@book{mine}\n"
    assert not (tmp_path / "paper.tex").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "it is no mapping"),
        ("a: [b]\n", "line 1: a name is a text"),
        ("a: b\na: c\n", "line 2: 'a' has two names"),
        ("a: {b\n", "not readable as YAML"),
        (f"a: {'b' * 81}\n", "the name of 'a' is too long"),
    ],
)
def test_a_file_of_names_that_is_none(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "names.yaml").write_text(text)
    with pytest.raises(BenchError) as raised:
        read_names(tmp_path / "names.yaml")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_names_may_be_json(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('{"gradcam": "Ours", "no": "No, 1"}')
    assert read_names(tmp_path / "names.json") == {"gradcam": "Ours", "no": "No, 1"}
