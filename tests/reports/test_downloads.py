"""Every table of the page as CSV and LaTeX: the table's own numbers, and no name that breaks the file."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from benchbench.reports.html import document
from benchbench.reports.html.downloads import failures
from benchbench.reports.html.page import Page
from benchbench.reports.latex import leaderboard as latex
from benchbench.reports.latex.tabular import number_text
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.stats import agreement, leaderboard

from .fake import Fake, fake_record
from .reading import read
from .test_latex import BAD
from .typesetting import compiled


def rows_of(record: Record, id: str) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(Page(Marked.of(record)).downloads[id]["csv"]),
        keep_default_na=False,
        na_values={"mean": [""], "tau": [""]},
    )


def test_every_table_of_the_page_has_its_files_and_every_file_its_table(plain: Record) -> None:
    page = read(document.render(Marked.of(plain)))
    bars = [p.attributes["data-table"] for p in page.all("p") if "data-table" in p.attributes]
    assert sorted(bars) == sorted(Page(Marked.of(plain)).downloads)
    assert len(set(bars)) == len(bars)
    firsts = [part for part in page.all("div") if "first" in part.attributes.get("class", "").split()]
    tables = [
        table
        for table in page.all("table")
        if table.attributes.get("id") != "points-table" and not any(f.start < table.start < f.end for f in firsts)
    ]
    of_families = len(Page(Marked.of(plain)).pair_tallies) - 1  # parts of the matrix over all metrics
    assert of_families == 2
    assert len(bars) == len(tables) - of_families + 1, "and BibTeX"


def test_a_leaderboard_is_saved_at_full_precision(plain: Record) -> None:
    """A file per network, data and layer; of the costs a file per network."""
    tidy = leaderboard(plain.results, seed=0)
    quality, costs = tidy[tidy["kind"] == "quality"], tidy[tidy["kind"] == "cost"]
    parts = {f"block-{n}": quality[quality["layer"] == layer] for n, layer in ((1, "stage3"), (2, "stage4"))}
    for id, wanted in {**parts, "cost-1": costs}.items():
        read_back = rows_of(plain, id)
        assert read_back[["layer", "method"]].to_numpy().tolist() == wanted[["layer", "method"]].to_numpy().tolist()
        pd.testing.assert_series_equal(
            read_back["mean"], wanted["mean"].reset_index(drop=True), check_exact=True, check_names=False
        )


def test_the_long_table_is_all_of_it(plain: Record) -> None:
    assert len(rows_of(plain, "every")) == len(leaderboard(plain.results, seed=0))
    assert Page(Marked.of(plain)).downloads["every"]["tex"] == latex.render(Marked.of(plain), "supplementary")


def test_a_metric_by_depth_and_an_agreement_are_the_tables(plain: Record) -> None:
    board = Board(plain)
    depth = rows_of(plain, "depth-1-2")
    assert set(depth["metric"]) == {"insertion"}
    assert depth.groupby("layer")["method"].count().to_dict() == {"stage3": 7, "stage4": 7}
    directions = {(metric.name, metric.protocol): metric.higher for metric in board.of()}
    wanted = agreement(board.tidy, directions, board.controls)
    wanted = wanted[wanted["layer"] == "stage4"].reset_index(drop=True)
    read_back = rows_of(plain, "agreement-2")
    assert set(read_back.pop("family")) | set(read_back.pop("other_family")) == {m.family for m in board.of()}
    pd.testing.assert_frame_equal(read_back, wanted, check_dtype=False, check_exact=True)


def test_failures_count_every_value_without_a_number(plain: Record) -> None:
    rows = failures(Board(plain))
    assert rows["values"].sum() == (plain.results["status"] != "ok").sum()
    assert rows["status"].tolist() == sorted(rows["status"])


def test_latex_of_a_block_has_its_own_metrics_and_footnotes_alone(plain: Record) -> None:
    marked = Marked.of(plain)
    block = marked.board.blocks[0]
    quality, cost = (latex.block_table(marked, block, "one", cost=kind) for kind in (False, True))
    for text, shown, hidden in ((quality, block.quality, block.costs), (cost, block.costs, block.quality)):
        table = text[text.index(r"\begin{table*}") :].replace(r"\allowbreak{}", "")
        assert all(latex_title(metric.protocol) in table for metric in shown)
        assert not any(latex_title(metric.protocol) in table for metric in hidden)
    assert "out of memory" in quality
    assert "out of memory" not in cost
    for row in block.rows:
        for cell in row.cells:
            assert number_text(cell.interval) in (cost if cell.metric.is_cost else quality)


def latex_title(text: str) -> str:
    return text.replace("-", "{-}")


def test_every_file_compiles_whatever_the_names(plain: Record, hostile: Record, tmp_path: Path) -> None:
    odd = fake_record(tmp_path / "odd", Fake(methods=["[2cm]a", "*", "b&", "c\\"], samples=["one", "two", "three"]))
    for name, record in (("plain", plain), ("hostile", hostile), ("odd", odd)):
        texts = [file["tex"] for file in Page(Marked.of(record)).downloads.values() if "tex" in file]
        text = "\n\\clearpage\n".join(texts)
        log = compiled("article", text, tmp_path, name)
        assert BAD.findall(log) == []
