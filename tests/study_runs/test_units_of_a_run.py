"""A run on copies and groups: what is stored of them, and that every number is that of the independent images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from benchbench.api.run import Run
from benchbench.api.study import Study
from benchbench.datasets.sources.memory import in_memory
from benchbench.engine.provenance import earlier
from benchbench.errors import BenchError
from benchbench.types import Sample

from ..networks import Pooled, seeded

NUMBERS = ["n", "p", "p_holm", "mean_difference", "low", "high", "effect"]


def done(folder: Path, data: object, methods: tuple[str, ...] = ("gradcam", "scorecam", "layercam")) -> Run:
    keys = {"layers": ["relu"], "methods": list(methods), "metrics": ["deletion", "average_drop"], "samples": 500}
    return Study(models={"net": seeded(Pooled)}, datasets={"data": data}, **keys).run(folder, report=False)


@pytest.fixture(scope="module")
def six(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return done(tmp_path_factory.mktemp("six"), images[:6])


def test_images_under_eight_ids_each_give_the_numbers_of_the_images(six: Run, images: Tensor, tmp_path: Path) -> None:
    """Also under other labels: the fingerprints differ, and the network sees the same picture.

    Not of the control random, which draws another map for each id.
    """
    many = done(tmp_path, (images[:6].repeat(8, 1, 1, 1), [i // 6 for i in range(48)]))
    np.testing.assert_allclose(
        many.compare()[NUMBERS].astype(float), six.compare()[NUMBERS].astype(float), rtol=1e-3, atol=1e-5
    )
    board = many.leaderboard()
    assert set(board["n"]) == {6}
    assert set(board["scored"]) == {48}
    (data,) = many.record.info["datasets"]
    assert len(data["copies"]) == 42
    assert len(set(data["samples"].values())) == 48, "no two have one fingerprint, as their labels differ"


def test_groups_are_stored_and_may_change_without_any_work(six: Run, images: Tensor, tmp_path: Path) -> None:
    first = done(tmp_path, (images[:6], None, None, ["x", "x", 3, 3, None, None]))
    assert first.record.info["datasets"][0]["groups"] == {"0000": "x", "0001": "x", "0002": "3", "0003": "3"}
    assert set(first.leaderboard()["n"]) == {4}
    then = done(tmp_path, (images[:6], None, None, ["x"] * 5 + [None]))
    assert set(then.leaderboard()["n"]) == {2}
    assert then.record.info["work"]["cells_computed"] == 0
    assert then.record.info["earlier"] == []
    assert "groups" not in six.record.info["datasets"][0]


class GroupedData:
    """A dataset whose samples alone know their group."""

    name = "own"
    about: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self.ids = [f"image {i}" for i in range(len(images))]

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], self.images[index], group=f"object {index // 2}")

    def fingerprint(self, index: int) -> str:
        return f"content {index}"


def test_a_sample_of_ones_own_dataset_names_its_group(images: Tensor, tmp_path: Path) -> None:
    run = done(tmp_path, GroupedData(images[:6]))
    assert set(run.leaderboard()["n"]) == {3}
    assert run.record.info["datasets"][0]["groups"]["image 5"] == "object 2"


def test_a_group_that_is_none_is_refused(images: Tensor) -> None:
    with pytest.raises(BenchError, match=r"groups\[1\]: 0.5 is not a group"):
        in_memory("d", images[:2], None, None, ["a", 0.5])
    with pytest.raises(BenchError, match="1 of them for 2 images"):
        in_memory("d", images[:2], None, None, ["a"])
    assert in_memory("d", images[:2], groups=torch.tensor([4, 4])).groups == ["4", "4"]


def test_a_run_that_is_extended_after_its_results_were_there_says_so(images: Tensor, tmp_path: Path) -> None:
    assert done(tmp_path, images[:4]).record.info["earlier"] == []
    assert done(tmp_path, images[:4]).record.info["earlier"] == [], "the same again extends nothing"
    (grown,) = done(tmp_path, images[:6]).record.info["earlier"]
    assert (grown["images"], grown["added"]) == ({"data": 4}, [])
    wider = done(tmp_path, images[:6], ("gradcam", "scorecam", "layercam", "random"))
    assert [extension["added"] for extension in wider.record.info["earlier"]] == [[], ["the methods random"]]
    assert isinstance(wider.table, pd.DataFrame)
    assert earlier(wider.record.info, None) == []
