"""Parts of the leaderboard, methods against networks, data, layers or metrics, and the stored maps."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchbench as bb
from benchbench.api.leaderboard_views import pivoted
from benchbench.results.record import Record
from tests.packs import parts
from tests.reports.fake import CAM_REASON, Fake, fake_record

METHODS = ["cam", "gradcam", "gradcam++"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    """Two networks, two data sets and two layers."""
    fake = Fake(models=["one", "two"], datasets=["photos", "val"], methods=METHODS, samples=["a", "b", "c"])
    return bb.Run(fake_record(tmp_path_factory.mktemp("views"), fake))


def test_a_part_of_the_leaderboard(run: bb.Run) -> None:
    whole = run.leaderboard()
    rows = run.leaderboard(metric="deletion")
    pd.testing.assert_frame_equal(rows, whole[whole["metric"] == "deletion"].reset_index(drop=True))
    pd.testing.assert_frame_equal(run.leaderboard("Deletion@RISE-28"), rows)
    assert set(run.leaderboard(metric=["deletion", "runtime"])["metric"]) == {"deletion", "runtime"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "deletoin"}, r"leaderboard: the run has no metric 'deletoin'. Did you mean 'deletion'"),
        ({"metric": "deletion@rise-82"}, r"the run has no protocol 'rise-82' of deletion. Did you mean 'rise-28'"),
        ({"pivot": "layers"}, r"leaderboard: unknown pivot 'layers'. Did you mean 'layer'"),
        ({"metric": ["deletion", "road"]}, r"the run has no metric 'road'"),
    ],
)
def test_what_a_leaderboard_does_not_have(run: bb.Run, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(bb.BenchError, match=message):
        run.leaderboard(**arguments)


@pytest.mark.parametrize("pivot", ["metric", "model", "dataset", "layer"])
def test_every_mean_stands_once_where_its_names_say(run: bb.Run, pivot: str) -> None:
    """No mean is taken over networks, data, layers or metrics."""
    tidy = run.leaderboard()
    wide = run.leaderboard(pivot=pivot)
    assert wide.columns.name == pivot
    assert wide.index.names[-1] == "method"
    seen = 0
    for index, row in wide.iterrows():
        place = dict(zip(wide.index.names, index if isinstance(index, tuple) else (index,), strict=True))
        for column, value in row.items():
            here = {**place, pivot: column}
            rows = tidy[np.all([tidy[key] == name for key, name in here.items()], axis=0)]
            assert len(rows) == 1
            np.testing.assert_equal(value, rows["mean"].iloc[0])
            seen += 1
    assert seen == len(tidy)


def test_methods_by_networks_of_one_metric(run: bb.Run, tmp_path: Path) -> None:
    fake = Fake(models=["one", "two"], layers=["stage4"], methods=METHODS, samples=["a", "b"])
    small = bb.Run(fake_record(tmp_path, fake))
    wide = small.leaderboard(metric="deletion", pivot="model")
    assert list(wide.index) == [*METHODS, "random", "center"], "in the study's order"
    assert wide.index.name == "method"
    assert list(wide.columns) == ["one", "two"]
    assert wide.attrs["dataset"] == {"one": "photos", "two": "photos"}
    assert wide.attrs["metric"] == {"one": "deletion", "two": "deletion"}
    assert run.leaderboard(metric="deletion", pivot="model").index.names == ["dataset", "layer", "method"]


def test_the_only_layer_of_each_network_is_not_in_the_rows() -> None:
    rows = [("one", "layer4", "a", 1.0), ("one", "layer4", "b", 2.0), ("two", "blocks", "a", 3.0)]
    tidy = pd.DataFrame(rows, columns=["model", "layer", "method", "mean"])
    wide = pivoted(tidy.assign(dataset="d", metric="m", protocol="p"), "model")
    assert wide.index.name == "method"
    assert wide["two"].isna().tolist() == [False, True]
    assert wide.attrs["layer"] == {"one": "layer4", "two": "blocks"}


def test_protocols_of_a_metric_are_columns() -> None:
    rows = [("m", "p", "a", 1.0), ("m", "q", "a", 2.0), ("n", "p", "a", 3.0)]
    tidy = pd.DataFrame(rows, columns=["metric", "protocol", "method", "mean"])
    wide = pivoted(tidy.assign(model="x", dataset="d", layer="l"), "metric")
    assert wide.loc["a"].to_dict() == {"m@p": 1.0, "m@q": 2.0, "n": 3.0}


def test_maps_are_those_of_the_folder(run: bb.Run) -> None:
    maps = run.maps(method="gradcam", model="one", dataset="val", layer="stage4")
    assert list(maps.keys.columns) == ["model", "dataset", "layer", "method", "sample", "target"]
    assert list(maps.keys["sample"]) == ["a", "b", "c"]
    rows, stored = run.record.maps, parts(run.folder, ".npy")
    for place, (_, key) in enumerate(maps.keys.iterrows()):
        (row,) = rows[np.all([rows[name] == key[name] for name in key.index], axis=0)].to_dict("records")
        np.testing.assert_array_equal(maps[place], np.load(io.BytesIO(stored[row["file"]]))[row["row"]])
    assert maps[0].dtype == np.float32
    assert maps.stack().shape == (3, 7, 7)
    np.testing.assert_array_equal(np.asarray(maps), np.stack(list(maps)))
    np.testing.assert_array_equal(maps[1:].stack(), maps.stack()[1:])
    assert list(maps[1:].keys["sample"]) == ["b", "c"]
    with pytest.raises(IndexError):
        maps[3]


def test_all_maps_and_several_names(run: bb.Run) -> None:
    assert len(run.maps()) == len(run.record.maps)
    some = run.maps(method=["GradCAM", "random"], sample=["a", "c"])
    assert set(some.keys["method"]) == {"gradcam", "random"}
    assert set(some.keys["sample"]) == {"a", "c"}


def test_maps_of_several_shapes_are_not_stacked(run: bb.Run) -> None:
    with pytest.raises(bb.BenchError, match=r"stack: the maps have 2 shapes: 7 x 7 and 14 x 14. Choose a layer"):
        run.maps(method="gradcam").stack()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"method": "gradcm"}, r"maps: the run has no maps of the method 'gradcm'. Did you mean 'gradcam'"),
        ({"layer": "stage5"}, r"the run has no maps of the layer 'stage5'. Did you mean 'stage"),
        ({"sample": 3}, r"the run has no maps of the sample '3'. Available: a, b, c"),
        ({"method": []}, r"maps: no method is named. Leave it out for all"),
        ({"method": "cam"}, rf"the run has no map of cam. No map was made: {CAM_REASON}"),
    ],
)
def test_what_the_maps_do_not_have(run: bb.Run, chosen: dict[str, str], message: str) -> None:
    with pytest.raises(bb.BenchError, match=message):
        run.maps(**chosen)


def test_a_combination_without_maps_says_what_there_is(run: bb.Run) -> None:
    record = run.record
    kept = record.maps[(record.maps["model"] == "one") | (record.maps["layer"] == "stage3")]
    fewer = bb.Run(Record(record.folder, record.info, record.results, record.curves, kept, record.photos))
    message = r"the run has no map of layer stage4 with method gradcam and model two. There, layer is stage3"
    with pytest.raises(bb.BenchError, match=message):
        fewer.maps(method="gradcam", model="two", layer="stage4")


def test_the_public_names_are_listed() -> None:
    names = dir(bb)
    assert names == sorted(bb.__all__)
    assert {"Study", "Run", "explain", "BenchError"} <= set(names)
    assert all(getattr(bb, name) is not None for name in names)
    assert not [name for name in names if name.startswith("_")]
