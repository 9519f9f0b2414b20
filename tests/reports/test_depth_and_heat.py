"""Layer depth and the agreement of metrics: which figures there are, and that their numbers are the board's."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchbench.reports.figures import agreement, depth, style
from benchbench.reports.leaderboard.board import Board
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .shared import board_of


def look(record: Record) -> dict[str, style.Look]:
    board = Board(record)
    names = [method["name"] for method in record.info["methods"]]
    return style.looks([n for n in names if n not in board.controls], [n for n in names if n in board.controls])


def written(picture: style.Picture) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(picture.svg).iter() if e.tag.endswith("}text")]


def test_layers_stand_in_the_networks_order_not_in_the_tables(plain: Record) -> None:
    blocks = board_of(plain).blocks
    (network_depth,) = depth.depths(blocks[::-1], {"tinynet": ["stage3", "stage4"]})
    assert network_depth.layers == ("stage3", "stage4")
    (turned,) = depth.depths(blocks, {"tinynet": ["stage4", "stage3"]})
    assert turned.layers == ("stage4", "stage3")


def test_a_metrics_row_holds_the_blocks_own_cells(plain: Record) -> None:
    blocks = board_of(plain).blocks
    (network_depth,) = depth.depths(blocks, {"tinynet": ["stage3", "stage4"]})
    for table in network_depth.tables:
        assert [name for name, _, _ in table.rows][-2:] == ["random", "center"]
        for name, _, cells in table.rows:
            for block, cell in zip(blocks, cells, strict=True):
                (row,) = [row for row in block.rows if row.method == name]
                assert cell in row.cells
                assert cell is not None
                assert cell.metric.name == table.metric.name


def test_one_layer_has_no_depth(single: Record) -> None:
    assert depth.depths(board_of(single).blocks, {"tinynet": ["last"]}) == ()


def test_networks_and_data_are_apart(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(models=["a", "b"], datasets=["c", "d"], samples=["one", "two"]))
    network_depths = depth.depths(Board(record).blocks, {"a": ["stage3", "stage4"], "b": ["stage3", "stage4"]})
    assert [(each.model, each.dataset) for each in network_depths] == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]


def test_the_depth_picture_names_layers_and_methods(plain: Record) -> None:
    (network_depth,) = depth.depths(board_of(plain).blocks, {"tinynet": ["stage3", "stage4"]})
    picture = depth.drawn(network_depth, look(plain))
    texts = written(picture)
    assert texts.count("stage3") == texts.count("stage4") == 5
    assert "gradcam" in texts
    assert "random (control)" in texts
    assert "cam" not in texts, "it has no number to draw"
    assert picture.svg == depth.drawn(network_depth, look(plain)).svg


def test_every_tau_is_written_in_its_cell(plain: Record) -> None:
    board = board_of(plain)
    for each in agreement.agreements(board.blocks, board.agreement):
        picture = agreement.drawn(each)
        here = board.agreement[board.agreement["layer"] == each.block.layer]
        shown = [text for text in written(picture) if re.fullmatch(r"-?\d\.\d\d", text)]
        assert sorted(shown) == sorted(f"{tau:.2f}" for tau in here["tau"].dropna())
        assert len(here) == 10
        for row in here.to_dict("records"):
            titles = {metric.name: metric.title for metric in each.metrics}
            pair = f"{titles[row['other_metric']]} and {titles[row['metric']]} {row['tau']:.2f}"
            assert pair in picture.alt


def test_the_matrix_is_symmetric_with_ones(plain: Record) -> None:
    board = board_of(plain)
    (first, _) = agreement.agreements(board.blocks, board.agreement)
    for row, values in enumerate(first.matrix):
        assert values[row] == 1
        assert [line[row] for line in first.matrix] == pytest.approx(values, nan_ok=True)


def test_protocols_of_one_metric_have_names_of_their_own(plain: Record) -> None:
    results = plain.results.copy()
    results.loc[results["metric"] == "average_drop", "metric"] = "deletion"
    metrics = [
        {**metric, "name": "deletion", "title": "deletion AUC"} if metric["name"] == "average_drop" else metric
        for metric in plain.info["metrics"]
    ]
    info = {**plain.info, "metrics": metrics}
    board = Board(Record(plain.folder, info, results, plain.curves, plain.maps, plain.photos))
    (first, _) = agreement.agreements(board.blocks, board.agreement)
    assert first.names[0] == "deletion AUC rise-28"
    assert first.names[2] == "deletion AUC masked-image"


def test_only_what_can_be_read_is_drawn(plain: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_of(plain)
    (first, _) = agreement.agreements(board.blocks, board.agreement)
    assert first.readable
    monkeypatch.setattr(agreement, "MOST", 4)
    assert not first.readable


def test_hostile_names_are_only_text(hostile: Record) -> None:
    board = board_of(hostile)
    layers = {model["name"]: model["layers"] for model in hostile.info["models"]}
    pictures = [depth.drawn(each, look(hostile)) for each in depth.depths(board.blocks, layers)]
    pictures += [agreement.drawn(each) for each in agreement.agreements(board.blocks, board.agreement)]
    assert len(pictures) == 3
    for picture in pictures:
        root = ElementTree.fromstring(picture.svg)
        assert not [e for e in root.iter() if e.tag.endswith("script")]
        assert style.INK not in picture.svg
