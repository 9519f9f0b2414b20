"""A page that is brought up to date: the page that would be drawn, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import benchbench as bb
from benchbench.reports.html import document
from benchbench.reports.html.refresh import refresh
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard_files import TABLES, tables_digest, write_tables
from benchbench.results.record import Record

from ..networks import Pooled, seeded
from .fake import Fake, fake_record

TABLES_KEY = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(methods=["gradcam", "layercam"], layers=["last"], samples=["a", "b", "c"], quality=["deletion"])
    return fake_record(tmp_path_factory.mktemp("run"), fake)


@pytest.fixture
def page(record: Record, tmp_path: Path) -> Path:
    return document.write(Marked.of(record), tmp_path / "report.html", TABLES_KEY)


def later(record: Record, **changed: Any) -> Record:
    """What a run leaves that computed nothing."""
    work = {**record.info["work"], "cells_computed": 0, "cells_reused": 14, "forwards": 1}
    info = {**record.info, "created": "2027-05-06T07:08:09+00:00", "seconds": 2.4, "work": work, **changed}
    (record.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    return replace(record, info=info)


def test_it_is_the_page_that_would_be_drawn(record: Record, page: Path) -> None:
    after, before = later(record), page.read_text(encoding="utf-8")
    assert refresh(page, after, TABLES_KEY)
    text = page.read_text(encoding="utf-8")
    assert text == document.render(Marked.of(after), TABLES_KEY)
    assert text != before
    assert "2027-05-06" in text
    assert "2026-01-02" not in text
    assert "0 cells computed, 14 reused" in text


@pytest.mark.parametrize(
    "changed",
    [{"files": {"results.parquet": "another"}}, {"seed": 7}, {"warnings": ["one more"]}, {"accuracy": []}],
    ids=lambda changed: next(iter(changed)),
)
def test_other_data_is_drawn(record: Record, page: Path, changed: dict[str, Any]) -> None:
    before = page.read_bytes()
    assert not refresh(page, later(record, **changed), TABLES_KEY)
    assert page.read_bytes() == before


def test_a_page_of_other_code_or_tables_is_drawn(record: Record, page: Path) -> None:
    assert not refresh(page, later(record), TABLES_KEY.replace("0", "1"))
    assert not refresh(page, later(record), "")
    assert not refresh(page.with_name("absent.html"), later(record), TABLES_KEY)
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace('"benchbench-key" content="', '"benchbench-key" content="f', 1), encoding="utf-8")
    assert not refresh(page, later(record), TABLES_KEY)
    page.write_text("", encoding="utf-8")
    assert not refresh(page, later(record), TABLES_KEY)


def test_a_run_that_computes_nothing_draws_nothing(
    images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: dict[str, Any] = {"layers": ["relu"], "methods": ["gradcam"], "metrics": ["average_drop"]}
    study = bb.Study(models={"net": seeded(Pooled)}, datasets={"some": images[:2]}, **keys)
    study.run(tmp_path)
    drawn = []

    def render(*_args: object) -> str:
        drawn.append(True)
        return "<html></html>"

    monkeypatch.setattr(document, "render", render)
    again = study.run(tmp_path)
    assert not drawn
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"0 cells computed, {again.record.info['work']['cells_reused']} reused" in text
    assert again.record.info["created"] in text
    (tmp_path / "tables" / "leaderboard.md").unlink()
    study.run(tmp_path)
    assert drawn
    assert (tmp_path / "tables" / "leaderboard.md").is_file()


def test_a_link_is_not_written_through(record: Record, page: Path) -> None:
    link = page.with_name("link.html")
    link.symlink_to(page)
    assert not refresh(link, later(record), TABLES_KEY)


def test_tables_have_a_digest_while_they_are_all_there(record: Record, tmp_path: Path) -> None:
    assert tables_digest(tmp_path) == ""
    write_tables(Marked.of(record), tmp_path)
    first = tables_digest(tmp_path)
    assert len(first) == 64
    (tmp_path / TABLES[0]).write_text("edited", encoding="utf-8")
    assert tables_digest(tmp_path) not in (first, "")
    (tmp_path / TABLES[0]).unlink()
    assert tables_digest(tmp_path) == ""
