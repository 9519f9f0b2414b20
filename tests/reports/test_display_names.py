"""Reports show display names; what programs read keeps the names of study files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchbench.api.run import Run
from benchbench.reports.leaderboard.display_names import display_names, displayed, with_ids
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard_files import render_table
from benchbench.results.record import Record

TITLES = {
    "methods": {"cam": "CAM", "gradcam": "Grad-CAM", "layercam": "Layer-CAM"},
    "models": {"tinynet": "Tiny Net"},
    "datasets": {"photos": "Photographs"},
}


def titled(record: Record, titles: dict[str, dict[str, str]]) -> Record:
    info: dict[str, Any] = dict(record.info)
    for kind, named in titles.items():
        info[kind] = [{**entry, "title": named.get(entry["name"], entry["name"])} for entry in info[kind]]
    return Record(record.folder, info, record.results, record.curves, record.maps, record.photos)


@pytest.fixture(scope="module")
def record(plain: Record) -> Record:
    return titled(plain, TITLES)


def test_every_table_has_them(record: Record) -> None:
    shown = displayed(record)
    for table in (shown.results, shown.curves, shown.maps, shown.photos):
        assert set(table["model"]) == {"Tiny Net"}
        assert set(table["dataset"]) == {"Photographs"}
    for table in (shown.results, shown.curves, shown.maps):
        assert {"Grad-CAM", "Layer-CAM"} <= set(table["method"])
        assert not {"gradcam", "layercam", "cam"} & set(table["method"])
    assert {entry["name"]: entry["id"] for entry in shown.info["models"]} == {"Tiny Net": "tinynet"}
    assert {(row["model"], row["dataset"]) for row in shown.info["accuracy"]} == {("Tiny Net", "Photographs")}
    assert set(shown.info["work"]["batches"]) == {"Tiny Net"}
    assert [str(dtype) for dtype in shown.results.dtypes] == [str(dtype) for dtype in record.results.dtypes]


def test_no_number_depends_on_them(plain: Record, record: Record) -> None:
    """Intervals, tests and ranks of a displayed record are those of the record."""
    marked = Marked.of(record)
    pd.testing.assert_frame_equal(with_ids(marked.table(), marked.board.record.info), Marked.of(plain).table())


def test_what_programs_read_keeps_the_names_of_study_files(plain: Record, record: Record) -> None:
    assert render_table(Marked.of(record), "csv") == render_table(Marked.of(plain), "csv")
    run = Run(record)
    pd.testing.assert_frame_equal(run.leaderboard(), Run(plain).leaderboard())
    assert set(run.compare("gradcam")["method"]) == {"gradcam"}


@pytest.mark.parametrize("write", ["latex", "markdown", "notebook", "terminal", "html"])
def test_what_people_read_has_them(record: Record, write: str, tmp_path: Path) -> None:
    run = Run(record)
    if write == "html":
        from benchbench.reports.html import document

        text = document.write(Marked.of(record), tmp_path / "report.html").read_text(encoding="utf-8")
    elif write == "terminal":
        from benchbench.reports.rendering import rendered

        text = rendered(run.printed())
    else:
        writers: dict[str, Callable[[], str]]
        writers = {"latex": run.to_latex, "markdown": run.to_markdown, "notebook": run._repr_html_}
        text = writers[write]()
    text = text.replace(r"\allowbreak{}", "").replace("{-}", "-")
    assert "Grad-CAM" in text
    assert "Tiny Net" in text
    assert ("tinynet" in text) == (write == "html"), "the page has the study as it was requested"


@pytest.mark.parametrize(
    ("titles", "shown"),
    [
        ({"cam": "CAM", "gradcam": "CAM"}, {"cam": "cam", "gradcam": "gradcam"}),
        ({"cam": "gradcam"}, {"cam": "cam", "gradcam": "gradcam"}),
        ({"cam": ""}, {"cam": "cam"}),
        ({"cam": "CAM", "gradcam": "Grad-CAM"}, {"cam": "CAM", "gradcam": "Grad-CAM"}),
    ],
)
def test_two_never_share_one(plain: Record, titles: dict[str, str], shown: dict[str, str]) -> None:
    names = display_names(titled(plain, {"methods": titles}).info)["methods"]
    assert {name: names[name] for name in shown} == shown
    assert len(set(names.values())) == len(names)


def test_a_run_of_before_has_its_names(plain: Record) -> None:
    assert displayed(plain) is plain
