"""How alike two methods' maps are, against values worked out by hand and against scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from benchbench.results.record import Record
from benchbench.results.store import Store
from benchbench.stats import alike, method_agreement
from benchbench.stats.map_agreement import tops

RAMP = np.arange(100, dtype=np.float32).reshape(10, 10)


def test_a_map_and_its_reverse() -> None:
    agreement = alike([RAMP, -RAMP, RAMP**2], [True, True, False])
    assert agreement["spearman"][0, 1] == pytest.approx(-1)
    assert agreement["spearman"][0, 2] == pytest.approx(1), "only the order counts"
    assert (agreement["top"][0, 1], agreement["top"][0, 2]) == (0, 1)
    assert agreement["sign"][0, 1] == 0, "the largest in magnitude are the same cells, with the other sign"
    assert np.isnan(agreement["sign"][0, 2]), "one of the two has no sign"


def test_sign_agreement_counts_the_cells_that_both_tops_have_with_one_sign() -> None:
    first, second = (np.zeros((1, 10), dtype=np.float32) for _ in range(2))
    first[0, :4], second[0, :5] = [4, -3, 2, 1], [4, 3, 2, 0, 9]
    agreement = alike([first, second], [True, True], top=0.4)
    assert agreement["sign"][0, 1] == 0.5, "of four cells, 0 and 2 are in both with one sign, 1 with another"
    assert agreement["top"][0, 1] == pytest.approx((2 + 1 / 6) / 4), (
        "by value 0 and 2, and a sixth of cell 4, which ties"
    )


def test_cells_that_tie_at_the_edge_share_what_is_left() -> None:
    belongs = tops(np.array([[3.0, 1, 1, 0, 0, 0]]), 0.34)
    assert belongs.tolist() == [[1, 1, 1, 0, 0, 0]], "three of six cells, rounded up"
    assert tops(np.array([[3.0, 1, 1, 1, 0, 0]]), 0.3).tolist() == [[1, *[1 / 3] * 3, 0, 0]]


def test_rank_correlation_is_scipys_also_with_ties() -> None:
    draw = np.random.default_rng(0)
    maps = [draw.integers(0, 5, (6, 7)).astype(np.float32) for _ in range(3)]
    expected = spearmanr(np.stack([each.ravel() for each in maps], axis=1)).statistic
    assert alike(maps, [False] * 3)["spearman"] == pytest.approx(expected)


def test_maps_of_two_sizes_are_compared_at_the_smaller_one_and_constant_maps_not_at_all() -> None:
    fine = np.kron(RAMP, np.ones((2, 2), dtype=np.float32))
    agreement = alike([RAMP, fine, np.ones((10, 10), dtype=np.float32), None], [False] * 4)
    assert agreement["spearman"][0, 1] == pytest.approx(1)
    assert agreement["top"][0, 1] == 1
    assert np.isnan(agreement["spearman"][0, 2:]).all()


def test_unrelated_maps_share_as_many_top_cells_as_chance_has_it() -> None:
    draw = np.random.default_rng(1)
    pairs = draw.random((50, 2, 40, 40), dtype=np.float32)
    shares = [alike(list(pair), [False] * 2)["top"][0, 1] for pair in pairs]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.01)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Three images, the third a copy of the second in content; methods a and b, equal on the first image alone."""
    maps = {"a": [RAMP, RAMP, RAMP], "b": [RAMP, -RAMP, -RAMP], "c": [RAMP, RAMP, 0 * RAMP]}
    rows = []
    with Store(tmp_path).pack("pack") as pack:
        for name, stack in maps.items():
            pack.write_maps(f"{name}-0.npy", np.stack(stack).astype(np.float32))
            rows += [("net", "data", f"i{k}", 0, "last", name, f"pack.zip/{name}-0.npy", k, 100) for k in range(3)]
    columns = ["model", "dataset", "sample", "target", "layer", "method", "file", "row", "cells"]
    methods = [{"name": name, "parameters": {"sign": "signed"} if name != "c" else {}} for name in "abc"]
    data = [{"name": "data", "samples": {"i0": "x", "i1": "y", "i2": "y"}}]
    empty = pd.DataFrame()
    return Record(
        tmp_path,
        {"methods": methods, "datasets": data, "seed": 0},
        empty,
        empty,
        pd.DataFrame(rows, columns=columns),
        empty,
    )


def test_means_are_over_independent_images_with_intervals(record: Record) -> None:
    table = method_agreement(record)
    assert table["method"].tolist() == ["a", "a", "b"]
    assert table["other"].tolist() == ["b", "c", "c"]
    assert table["n"].tolist() == [2, 2, 2], "two images of equal content are one"
    assert table["top"].tolist() == pytest.approx([0.5, 1, 0.5])
    assert 0 <= float(table["top_low"][0]) < 0.5 < float(table["top_high"][0]) <= 1
    assert table["sign"].isna().tolist() == [False, True, True], "c keeps no sign"
    assert float(table["sign"][0]) == pytest.approx(0.5)
    assert table["spearman"].tolist() == pytest.approx([0, 1, 0]), "a constant map is left out of its unit's mean"


def test_of_large_maps_the_first_images_are_read(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.stats.methods_alike.FEWEST_IMAGES", 1)
    assert method_agreement(record, most_cells=300)["n"].tolist() == [1, 1, 1]
    assert method_agreement(record, most_cells=600)["n"].tolist() == [2, 2, 2]
