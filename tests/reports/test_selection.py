"""A selection shows some of a run: its numbers and tests stay those of the run, its marks are among what it shows."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from benchbench.api.run import Run
from benchbench.api.tables import options_of
from benchbench.errors import BenchError
from benchbench.reports.latex.leaderboard import render
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.leaderboard_files import render_table
from benchbench.reports.table_options import TableOptions
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .test_display_names import TITLES, titled


@pytest.fixture(scope="module")
def whole(plain: Record) -> Marked:
    return Marked.of(titled(plain, TITLES))


def test_numbers_are_those_of_the_run(whole: Marked) -> None:
    some = selected(whole, Selection(methods=("gradcam++", "Grad-CAM"), metrics=("insertion", "deletion")))
    assert list(dict.fromkeys(some.board.tidy["method"])) == ["gradcam++", "Grad-CAM"]
    assert [metric.name for metric in some.board.metrics] == ["insertion", "deletion"]
    for key, shown in some.cells.items():
        same = whole.cells[key]
        assert (shown.cell.mean, shown.cell.low, shown.cell.high) == (same.cell.mean, same.cell.low, same.cell.high)
        assert shown.mark.error == same.mark.error


def test_nothing_becomes_significant_by_leaving_methods_out(whole: Marked) -> None:
    pair = ("Grad-CAM", "gradcam++")
    some = selected(whole, Selection(methods=pair))
    keys = ["model", "dataset", "layer", "metric", "protocol", "method", "other", "p", "p_holm", "verdict"]
    every = whole.verdicts.pairs
    wanted = every[every["method"].isin(pair) & every["other"].isin(pair)][keys].reset_index(drop=True)
    pd.testing.assert_frame_equal(some.verdicts.pairs[keys], wanted)
    assert len(wanted) > 0
    text = render(some)
    assert "over the 6 pairs" in text.replace("\n", " ")
    assert "the pairs of 3 methods of the study not shown here" in text.replace("\n", " ")


def test_the_best_is_the_best_that_is_shown(whole: Marked) -> None:
    for key, shown in whole.cells.items():
        if shown.mark.best and key[4] == "deletion":
            rest = tuple(row.method for row in whole.board.blocks[0].methods if row.method != key[3])
            some = selected(whole, Selection(methods=rest))
            cells = [cell for name, cell in some.cells.items() if name[:3] == key[:3] and name[4] == "deletion"]
            best = [cell.cell.mean for cell in cells if cell.mark.best]
            assert best == [min(c.cell.mean for c in cells if c.cell.n and c.cell.comparable)]


def test_a_failed_sanity_check_stays_without_the_control(tmp_path: Path) -> None:
    """The control wins deletion; a table without it says so still."""
    record = fake_record(tmp_path, Fake(layers=["last"]))
    won = record.results.copy()
    won.loc[(won["method"] == "random") & (won["metric"] == "deletion"), "value"] = 0.0
    folder = Record(record.folder, record.info, won, record.curves, record.maps, record.photos)
    some = selected(Marked.of(folder), Selection(methods=("gradcam", "layercam"), names={"photos": "VOC"}))
    assert {metric.name for block in some.board.blocks for metric in block.metrics if metric.gamed} == {"deletion"}
    assert r"$\ddagger$: fails the sanity check" in render(some)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(methods=("gradcm",)), "--methods: the run has no method 'gradcm'. Did you mean 'Grad-CAM'"),
        (Selection(metrics=("deletoin",)), "--metrics: the run has no metric 'deletoin'. Did you mean 'deletion'"),
        (Selection(networks=("tinynt",)), "--networks: the run has no network 'tinynt'. Did you mean 'Tiny Net'"),
        (Selection(datasets=("photoz",)), "--datasets: the run has no dataset 'photoz'. Did you mean 'photos'"),
        (Selection(layers=("stage5",)), "--layers: the run has no layer 'stage5'. Did you mean 'stage"),
        (Selection(names={"gradcm": "x"}), "--names: the run has no method, metric, network, data or layer 'gradcm'"),
        (Selection(names={"gradcam": "Layer-CAM"}), "--names: two methods are called 'Layer-CAM'"),
        (Selection(names={"gradcam": " "}), "--names: the name of 'gradcam' is empty"),
    ],
)
def test_a_mistake_is_named_with_the_nearest(whole: Marked, selection: Selection, message: str) -> None:
    with pytest.raises(BenchError) as raised:
        selected(whole, selection)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_selection_without_results_is_an_error(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(models=["one", "two"], samples=["a", "b", "c"]))
    keep = ~((record.results["model"] == "one") & (record.results["layer"] == "stage4"))
    part = Record(record.folder, record.info, record.results[keep], record.curves, record.maps, record.photos)
    with pytest.raises(BenchError, match="--networks, --layers: the run has no results of this selection"):
        selected(Marked.of(part), Selection(networks=("one",), layers=("stage4",)))


def test_csv_has_the_rows_of_the_selection(whole: Marked) -> None:
    selection = Selection(methods=("Grad-CAM", "layercam"), metrics=("deletion@rise-28",))
    read = pd.read_csv(io.StringIO(render_table(whole, "csv", TableOptions(selection=selection))))
    assert set(read["method"]) == {"gradcam", "layercam"}
    assert set(read["metric"]) == {"deletion"}
    every = pd.read_csv(io.StringIO(render_table(whole, "csv")))
    same = every[every["method"].isin(["gradcam", "layercam"]) & (every["metric"] == "deletion")]
    assert read["mean"].tolist() == same["mean"].tolist()


def test_python_takes_the_same_words(plain: Record) -> None:
    run = Run(plain)
    text = run.to_latex(spread="none", methods="gradcam", metrics=["deletion"], names={"gradcam": "Ours"}, cite=True)
    assert "Ours" in text
    assert r"\cite{selvaraju2017gradcam}" in text
    assert "@inproceedings{selvaraju2017gradcam," in run.bibtex()
    with pytest.raises(BenchError, match="unknown argument 'method'"):
        run.to_latex(method="gradcam")  # type: ignore[call-arg]
    with pytest.raises(BenchError, match="methods are names, not 3"):
        run.to_latex(methods=3)  # type: ignore[arg-type]


def test_keys_are_the_names_of_study_files(whole: Marked) -> None:
    shown = selected(whole, Selection(names="keys"))
    ids = [entry["id"] for entry in whole.board.record.info["methods"]]
    assert list(dict.fromkeys(shown.board.tidy["method"])) == ids
    assert "gradcam" in ids
    assert [metric.title for metric in shown.board.metrics] == [metric.name for metric in whole.board.metrics]
    alone = selected(whole, Selection(methods=("Grad-CAM",), names="keys"))
    assert set(alone.board.tidy["method"]) == {"gradcam"}


def test_names_in_python_are_a_mapping_or_keys() -> None:
    assert options_of("full", "auto", {"names": "keys"}).selection.names == "keys"
    with pytest.raises(BenchError, match="names are a mapping, not 'Grad-CAM'"):
        options_of("full", "auto", {"names": "Grad-CAM"})  # type: ignore[typeddict-item]
