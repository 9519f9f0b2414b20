"""Groups of images: the bands and classes are the planted ones, and a group's numbers are those of its images alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from benchbench.errors import BenchError
from benchbench.results.record import Record
from benchbench.results.schema import PHOTOS, RESULTS, typed
from benchbench.stats import by_group, leaderboard

MISSING = math.nan
SHARES = (0.01, 0.02, 0.1, 0.18, 0.19, 0.5, 0.6, 0.9, 0.0, MISSING)  # of image-0 ..; image-10 could not be read
LABELS = (7, 3, 3, 7, 3, 7, 7, 5, 3, None, 5)
NAMES = {3: "crane", 5: "class 5", 7: "crane"}


def value(method: str, metric: str, image: int) -> float:
    return float(np.random.default_rng([len(method), len(metric), image]).normal())


def record(shares: tuple[float, ...] = SHARES, labels: tuple[int | None, ...] = LABELS) -> Record:
    place = {"model": "net", "dataset": "photos", "layer": "last", "target": 1, "protocol": "p"}
    rows = []
    for metric in ("iou", "deletion"):
        for method in ("one", "other"):
            for i, label in enumerate(labels):
                row = {**place, "metric": metric, "method": method, "sample": f"image-{i}", "label": label}
                rows.append({**row, "value": value(method, metric, i), "status": "ok", "reason": ""})
                if metric == "iou" and (i > 8 or (method == "other" and i == 5)):
                    rows[-1] |= {"value": None, "status": "not_applicable", "reason": "the image has no mask"}
                rows.append({**rows[-1], "metric": f"{metric}.part"})
    rows.append({**place, "metric": "runtime", "method": "one", "value": 3.0, "status": "ok", "reason": ""})
    photos = [
        {**place, "sample": f"image-{i}", "target_name": "", "label": label, "probability": 0.5, "file": "a.jpg"}
        | {"label_name": "" if label is None else NAMES[label], "object_share": share}
        for i, (share, label) in enumerate(zip(shares, labels, strict=False))
    ]
    none = pd.DataFrame()
    tables = typed(pd.DataFrame(rows), RESULTS), none, none, typed(pd.DataFrame(photos), PHOTOS)
    return Record(Path("nowhere"), {"seed": 3}, *tables)


def members(board: pd.DataFrame, method: str = "one", metric: str = "deletion") -> dict[str, int]:
    rows = board[(board["method"] == method) & (board["metric"] == metric)]
    return dict(zip(rows["group"], rows["n"], strict=True))


def check(board: pd.DataFrame, group: str, images: list[int], method: str = "one", metric: str = "deletion") -> None:
    """The row of the group is numpy's mean, and the interval, of those images alone."""
    (row,) = board[(board["group"] == group) & (board["method"] == method) & (board["metric"] == metric)].to_dict(
        "records"
    )
    values = np.array([value(method, metric, i) for i in images])
    assert row["n"] == len(images)
    assert row["mean"] == pytest.approx(values.mean())
    assert row["median"] == pytest.approx(float(np.median(values)))
    if len(images) < 2:
        assert math.isnan(row["low"])
        assert math.isnan(row["high"])
        return
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)  # a metric without a range
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


def test_coco_s_bands_are_its_pixels_in_a_frame_of_224() -> None:
    """1/49 = .0204 and 9/49 = .1837: two images are below the one, two below the other."""
    board = by_group(record(), "size", "coco")
    check(board, "small", [0, 1])
    check(board, "medium", [2, 3])
    check(board, "large", [4, 5, 6, 7])
    check(board, "large", [4, 6, 7], method="other", metric="iou")
    expected = {"small": 2, "medium": 2, "large": 4, "empty mask": 1, "no mask": 1, "not read": 1}
    assert members(board) == expected
    assert list(members(board)) == list(expected), "in this order"
    bounds = board.drop_duplicates("group").set_index("group")
    edges = dict(zip(bounds.index, bounds[["at_least", "below"]].to_numpy().tolist(), strict=True))
    assert edges["medium"] == pytest.approx([1 / 49, 9 / 49])
    assert all(map(math.isnan, edges["no mask"]))


def test_thirds_are_of_the_images_with_an_object() -> None:
    """Of eight shares the quantiles 1/3 and 2/3 lie at (n - 1) q = 2 1/3 and 4 2/3: .1267 and .3967."""
    board = by_group(record(), "size")
    assert list(members(board).items())[:3] == [("small", 3), ("medium", 2), ("large", 3)]
    check(board, "medium", [3, 4])
    bounds = board[board["group"] == "medium"].iloc[0]
    assert (bounds["at_least"], bounds["below"]) == pytest.approx((0.1 + 0.08 / 3, 0.19 + 0.31 * 2 / 3))


def test_bounds_of_one_s_own() -> None:
    board = by_group(record(), "size", (0.1,))
    assert list(members(board))[:2] == ["0 to 0.1", "0.1 to 1"]
    check(board, "0 to 0.1", [0, 1])
    check(board, "0.1 to 1", [2, 3, 4, 5, 6, 7])


def test_classes_go_by_index_where_two_have_one_name() -> None:
    board = by_group(record(), "class")
    assert list(members(board)) == ["crane (3)", "class 5", "crane (7)", "no label"]
    check(board, "crane (3)", [1, 2, 4, 8])
    check(board, "crane (7)", [0, 3, 5, 6])
    check(board, "no label", [9])
    check(board, "class 5", [7, 10])


def test_nothing_is_lost_and_costs_and_parts_are_left_out() -> None:
    source = record()
    whole = leaderboard(source.results, 3).set_index(["method", "metric"])
    for by in ("size", "class"):
        board = by_group(source, by)
        assert set(board["metric"]) == {"iou", "deletion"}
        sums = board.groupby(["method", "metric"])[["n", "failed", "not_applicable"]].sum()
        assert len(sums) == 4
        for key in sums.index:
            assert whole.loc[key][list(sums)].tolist() == sums.loc[key].tolist()
        assert board["metric"].tolist() == sorted(board["metric"], key=["iou", "deletion"].index), "as in the results"
    none = board[(board["metric"] == "iou") & (board["group"] == "no label")].iloc[0]
    assert (none["n"], none["not_applicable"], none["reason"]) == (0, 1, "the image has no mask")


def test_each_network_and_dataset_has_thirds_of_its_own() -> None:
    first, other = record(), record(tuple(s / 2 for s in SHARES))
    both: dict[str, Any] = {
        name: pd.concat([getattr(first, name), getattr(other, name).assign(model="net2")], ignore_index=True)
        for name in ("results", "photos")
    }
    board = by_group(
        Record(first.folder, first.info, both["results"], first.curves, first.maps, both["photos"]), "size"
    )
    alone = by_group(first, "size")
    pd.testing.assert_frame_equal(board[board["model"] == "net"].reset_index(drop=True), alone)
    halved = board[board["model"] == "net2"].reset_index(drop=True)
    np.testing.assert_allclose(halved["below"][:2], alone["below"][:2] / 2)
    assert halved["n"].tolist() == alone["n"].tolist()


@pytest.mark.parametrize(
    ("by", "bands", "message"),
    [
        ("sise", "thirds", "Did you mean 'size'"),
        ("size", "coc", "Did you mean 'coco'"),
        ("size", (0.3, 0.1), "rising shares"),
        ("size", (0.0, 0.1), "rising shares"),
        ("size", (), "rising shares"),
    ],
)
def test_what_cannot_be_is_said(by: str, bands: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        by_group(record(), by, bands)


def test_without_a_mask_or_a_label_there_are_no_groups() -> None:
    with pytest.raises(BenchError, match="needs object masks that are not empty"):
        by_group(record((0.0, MISSING)), "size")
    with pytest.raises(BenchError, match="has a label"):
        by_group(record(labels=(None,) * 11), "class")
