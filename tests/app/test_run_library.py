"""Runs in the app: who may open which, and that what is shown is what the run and benchbench compare say."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from benchbench import BenchError, Run
from benchbench.app.run_library import OpenRun, RunLibrary, comparison, overview
from benchbench.reports.checks.two_runs import RunComparison

from ..reports.conftest import HOSTILE, SCRIPT
from ..reports.fake import Fake, fake_record


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two runs of the same images, and one whose names are hostile."""
    home = tmp_path_factory.mktemp("runs")
    fakes = {"a": Fake(), "b": Fake(seed=1, failing="layercam"), "hostile": HOSTILE}
    for name, fake in fakes.items():
        (home / name).mkdir()
        fake_record(home / name, fake)
    return home / "a", home / "b", home / "hostile"


@pytest.fixture(scope="module")
def library(folders: tuple[Path, ...]) -> RunLibrary:
    return RunLibrary((), typed=True)


def test_the_leaderboard_is_the_runs(library: RunLibrary, folders: tuple[Path, ...]) -> None:
    opened = library.opened(str(folders[0]))
    expected = Run.load(folders[0]).leaderboard()
    shown = opened.filtered({})
    assert list(shown["method"]) == list(expected["method"])
    assert list(shown["mean"].dropna()) == list(expected["mean"].dropna().round(4))
    few = opened.filtered({"metric": ["deletion"], "layer": ["stage4"], "model": []})
    rows = expected[(expected["metric"] == "deletion") & (expected["layer"] == "stage4")]
    assert list(few["method"]) == list(rows["method"])
    assert set(opened.choices("layer")) == {"stage3", "stage4"}


def test_the_comparison_is_that_of_compare(library: RunLibrary, folders: tuple[Path, ...]) -> None:
    first, second = (library.opened(str(folder)) for folder in folders[:2])
    page = unescape(comparison(first, second, {}))
    compared = RunComparison.of(first.run.record, second.run.record)
    assert compared.summary in page
    row = compared.quality[(compared.quality["method"] == "layercam") & (compared.quality["metric"] == "insertion")]
    assert len(row) == 2
    assert page.count("failed 0 in A, 2 in B") == (compared.quality["failed"] > 0).sum()
    assert page.count("<tr>") == len(compared.quality) + len(compared.costs) + page.count("<thead>")
    few = comparison(first, second, {"metric": ["deletion"], "layer": ["stage4"]})
    kept = (compared.quality["metric"] == "deletion") & (compared.quality["layer"] == "stage4")
    assert few.count("<tr>") == int(kept.sum()) + 1
    p_values = re.findall(r"p [<=] [\d.]+", page)
    assert set(re.findall(r"p [<=] [\d.]+", few)) <= set(p_values)  # the correction is still over all rows


def test_the_maps_of_an_image_with_its_scores(library: RunLibrary, folders: tuple[Path, ...]) -> None:
    opened = library.opened(str(folders[0]))
    page = opened.maps_page("photo-03", {"layer": ["stage4"], "method": ["gradcam", "layercam"]})
    assert page.count("<img ") == 2
    table = opened.run.table
    rows = table[(table["sample"] == "photo-03") & (table["layer"] == "stage4") & (table["method"] == "gradcam")]
    value = rows[rows["metric"] == "deletion"]["value"].iloc[0]
    assert f"deletion {value:.3f}" in page
    with pytest.raises(BenchError, match="no map of 'photo-99' fits"):
        opened.maps_page("photo-99", {})


def test_hostile_names_are_text(library: RunLibrary, folders: tuple[Path, ...]) -> None:
    opened = library.opened(str(folders[2]))
    other = OpenRun(Run.load(folders[2]), 0.0)
    pages = [overview(opened), comparison(opened, other, {}), opened.maps_page(opened.samples[0], {})]
    for page in pages:
        assert SCRIPT not in page
        assert 'onerror="' not in page
        assert "\u202e" not in page
    table = opened.filtered({})
    texts = pd.concat([table[column] for column in table.select_dtypes(include=["object", "string"])])
    assert not texts.map(str).str.contains("\u202e").any()


def test_which_folders_a_visitor_may_open(folders: tuple[Path, ...], tmp_path: Path) -> None:
    named = RunLibrary((folders[0],), typed=False)
    assert named.opened(str(folders[0])).run.folder == folders[0]
    for other in (folders[1], f"{folders[0]}/../b", f"{folders[0]}/", "/etc", "~"):
        with pytest.raises(BenchError, match="visitors may not open this folder"):
            named.opened(str(other))
    with pytest.raises(BenchError, match="no run is named"):
        named.opened(None)
    with pytest.raises(BenchError, match="it holds no run"):
        RunLibrary((), typed=True).opened(str(tmp_path))


def test_a_run_that_goes_on_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    fake_record(tmp_path / "a", Fake())
    library = RunLibrary((), typed=True)
    first = library.opened(str(tmp_path / "a"))
    assert library.opened(str(tmp_path / "a")) is first
    import os

    os.utime(tmp_path / "a" / "run.json", (1, 1))
    assert library.opened(str(tmp_path / "a")) is not first
