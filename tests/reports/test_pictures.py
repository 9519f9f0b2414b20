"""The figures as PDF files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchbench.errors import BenchError
from benchbench.reports.figures.pdf import pictures, write_figures
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .conftest import HOSTILE
from .fake import Fake, fake_record
from .shared import marked_of


def test_a_file_per_figure_the_same_each_time(tmp_path: Path) -> None:
    record = fake_record(tmp_path / "run", Fake(layers=["last"], quality=["deletion", "insertion"]))
    written = write_figures(Marked.of(record), tmp_path / "a")
    names = [path.name for path in written]
    assert names == ["main.pdf", "curves.pdf", "cost.pdf", "ranks-deletion.pdf", "ranks-insertion.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF-") for path in written)
    again = write_figures(Marked.of(record), tmp_path / "b")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_hostile_names_stay_in_the_folder_and_do_not_meet(tmp_path: Path) -> None:
    hostile = marked_of(fake_record(tmp_path / "run", replace(HOSTILE, quality=["deletion"])))
    written = write_figures(hostile, tmp_path / "figures")
    assert len({path.name.lower() for path in written}) == len(written) == len(list(pictures(hostile)))
    assert {path.parent for path in written} == {tmp_path / "figures"}
    assert all(path.is_file() for path in written)


def test_a_file_is_no_folder(single: Record, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(BenchError, match="Name a folder"):
        write_figures(marked_of(single), tmp_path / "x")
