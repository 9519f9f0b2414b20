"""Layer depth and the agreement of metrics: which figures there are, and that their numbers are the board's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchbench.reports.figures import agreement, charts, depth, style
from benchbench.reports.leaderboard.board import Board
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .reading import section
from .shared import board_of, elements_of


def look(record: Record) -> dict[str, style.Look]:
    board = Board(record)
    names = [method["name"] for method in record.info["methods"]]
    return style.looks([n for n in names if n not in board.controls], [n for n in names if n in board.controls])


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


def test_the_depth_chart_names_layers_and_methods(plain: Record) -> None:
    (network_depth,) = depth.depths(board_of(plain).blocks, {"tinynet": ["stage3", "stage4"]})
    chart = charts.depth_chart(network_depth, look(plain))
    (view,) = chart.json["views"]
    ticks = [axis["ticktext"] for name, axis in view["layout"].items() if name.startswith("xaxis")]
    assert ticks == [["stage3", "stage4"]] * 5
    names = [each["name"] for each in chart.json["looks"]]
    assert "gradcam" in names
    assert "random (control)" in names
    assert "cam" not in names, "it has no number to draw"
    assert "deletion AUC, insertion AUC" in chart.alt


def test_every_tau_is_written_in_its_cell(plain: Record) -> None:
    """With the colour of its sign, in both halves of the page's table."""
    board = board_of(plain)
    for number, each in enumerate(agreement.agreements(board.blocks, board.agreement)):
        table = [e for e in section(elements_of(plain), "agreement").all("table") if "alike" in e.classes()][number]
        here = board.agreement[board.agreement["layer"] == each.block.layer]
        cells = [cell for cell in table.all("td") if cell.classes() & {"ahead", "behind"}]
        assert sorted(cell.text for cell in cells) == sorted(2 * [f"{tau:.2f}" for tau in here["tau"].dropna()])
        assert len(here) == 10
        for cell in cells:
            assert ("behind" in cell.classes()) == cell.text.startswith("-")
            assert cell.attributes["style"] == f"--lead:{abs(float(cell.text)) * 100:.0f}%"


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


def test_hostile_names_are_only_text(hostile: Record) -> None:
    layers = {model["name"]: model["layers"] for model in hostile.info["models"]}
    drawn = [charts.depth_chart(each, look(hostile)) for each in depth.depths(board_of(hostile).blocks, layers)]
    assert len(drawn) == 1
    text = json.dumps(drawn[0].json)
    assert "<" not in text
    assert "\\u202e" not in text
