"""The mean map of a dataset: made of the stored maps of every shard, again if the data changes, never in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor

import benchbench as bb
from benchbench.engine.dry_run import dry_run
from benchbench.engine.runner import run
from benchbench.errors import BenchError, NotApplicable
from benchbench.registry import METHODS, method
from benchbench.registry.method_parameter import AnyMethod, Method
from benchbench.results.record import Record
from benchbench.study import plan
from benchbench.testing import check_method
from benchbench.types import Layer, Sample

from ..networks import Pooled, seeded
from ..packs import lose
from ..study_runs.test_run import done, study, values

METRICS = ["deletion", "average_drop"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SHARD", 4)  # six images are two shards


def maps_of(record: Record, name: str) -> np.ndarray:
    rows = record.maps[record.maps["method"] == name].sort_values("sample")
    return np.stack([record.map(row["file"], int(row["row"])) for _, row in rows.iterrows()])


def mean_by_hand(maps: np.ndarray) -> np.ndarray:
    scaled = [(m - m.min()) / (m.max() - m.min()) if m.max() > m.min() else 0 * m for m in maps.astype(float)]
    mean: np.ndarray = sum(scaled) / len(scaled)
    return mean


@pytest.mark.parametrize("name", ["gradcam", "random"])
def test_it_is_the_mean_over_all_shards(name: str, images: Tensor, tmp_path: Path) -> None:
    methods: list[Any] = [name, {"name": "dataset-mean", "of": name}]
    record = done(images, tmp_path, methods=methods, metrics=METRICS)
    label = "dataset-mean" if name == "gradcam" else "dataset-mean(of=random)"
    means = maps_of(record, label)
    assert len(means) == 6
    expected = mean_by_hand(maps_of(record, name))
    assert np.ptp(expected) > 0.1
    for mean in means:
        np.testing.assert_allclose(mean, expected, atol=1e-6)
    rows = record.results[record.results["method"] == label]
    assert (rows["status"] == "ok").all()
    assert len(rows) == 6 * 2


def test_its_base_need_not_be_asked_for_and_does_not_show(images: Tensor, tmp_path: Path) -> None:
    alone = done(images, tmp_path / "a", methods=["dataset-mean"], metrics=METRICS)
    both = done(images, tmp_path / "b", methods=["gradcam", "dataset-mean"], metrics=METRICS)
    assert set(alone.results["method"]) == set(alone.maps["method"]) == {"dataset-mean"}
    rest = values(both)[lambda v: v.index.get_level_values("method") == "dataset-mean"]
    np.testing.assert_allclose(values(alone).to_numpy(), rest.to_numpy(), atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_batch_size_changes_nothing(batch: int, images: Tensor, tmp_path: Path) -> None:
    usual = done(images, tmp_path / "a", methods=["dataset-mean"], metrics=METRICS)
    other = done(images, tmp_path / "b", methods=["dataset-mean"], metrics=METRICS, batch=batch)
    np.testing.assert_allclose(values(other).to_numpy(), values(usual).to_numpy(), atol=1e-5)


def test_a_second_run_computes_nothing_and_another_image_all_of_it(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["gradcam", "dataset-mean"], "metrics": METRICS}
    first = done(images, tmp_path, samples=5, **keys)
    assert first.info["work"]["cells_reused"] == 0
    computed = first.info["work"]["cells_computed"]
    again = done(images, tmp_path, samples=5, **keys)
    assert (again.info["work"]["cells_computed"], again.info["work"]["cells_reused"]) == (0, computed)
    assert again.info["work"]["forwards"] == 0
    more = done(images, tmp_path, samples=6, **keys)
    means = maps_of(more, "dataset-mean")
    np.testing.assert_allclose(means[0], mean_by_hand(maps_of(more, "gradcam")), atol=1e-6)
    assert not np.allclose(means[0], maps_of(first, "dataset-mean")[0])


def test_lost_files_are_made_again(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["dataset-mean"], "metrics": METRICS}
    before = values(done(images, tmp_path, **keys))
    lose(tmp_path, ".npy")
    after = done(images, tmp_path, **keys)
    np.testing.assert_allclose(values(after).to_numpy(), before.to_numpy(), atol=1e-6)
    assert len(maps_of(after, "dataset-mean")) == 6


def test_maps_that_fail_are_left_out(images: Tensor, tmp_path: Path) -> None:
    @method("shaky", needs="activation", control=True)
    def shaky(layer: Layer) -> Tensor:
        """Fails on the reddest image."""
        maps = layer.activation.mean(1)
        maps[layer.images[:, 0].mean((1, 2)) >= reddest] = float("nan")
        return maps

    reddest = float(images[:, 0].mean((1, 2)).max()) - 1e-6
    try:
        methods: list[Any] = ["shaky", {"name": "dataset-mean", "of": "shaky"}]
        record = done(images, tmp_path, methods=methods, metrics=METRICS)
    finally:
        METHODS.remove("shaky")
    assert (record.results["status"] == "failed").sum() == 2
    means = maps_of(record, "dataset-mean(of=shaky)")
    assert len(means) == 6, "the image whose own map failed has the dataset's mean all the same"
    kept = maps_of(record, "shaky")
    assert len(kept) == 5
    np.testing.assert_allclose(means[0], mean_by_hand(kept), atol=1e-6)


def test_maps_of_several_sizes_have_no_mean(images: Tensor, tmp_path: Path) -> None:
    mixed = [*images[:3], *(image[:, :32] for image in images[3:])]
    record = done(images, tmp_path, datasets={"data": (mixed, [0] * 6)}, methods=["dataset-mean"], metrics=METRICS)
    assert set(record.results["status"]) == {"not_applicable"}
    assert record.results["reason"].str.contains("several sizes").all()


def test_it_costs_no_pass_and_says_so(images: Tensor, tmp_path: Path) -> None:
    record = done(images, tmp_path, methods=["dataset-mean"], metrics=["passes"])
    assert set(record.results["status"]) == {"not_applicable"}
    assert record.results["reason"].str.contains("computed from stored maps; no network pass").all()


def test_where_it_cannot_stand(images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="run a Study"):
        bb.explain(seeded(Pooled), images, method="dataset-mean")
    with pytest.raises(BenchError, match="maps of a whole dataset"):
        run(study(images, methods=[{"name": "inverted", "of": "dataset-mean"}]), tmp_path)
    with pytest.raises(BenchError, match="maps of a whole dataset"):
        check_method("dataset-mean")


def test_of_a_method_that_does_not_apply(images: Tensor, tmp_path: Path) -> None:
    record = done(images, tmp_path, methods=[{"name": "dataset-mean", "of": "legrad"}], metrics=METRICS)
    assert set(record.results["status"]) == {"not_applicable"}


METRICS_OF_FLAKY: dict[str, Any] = {"methods": ["flaky", {"name": "dataset-mean", "of": "flaky"}], "metrics": METRICS}


class Photos:
    """The images as somebody's data set; those whose indices are in ``unreadable`` raise now."""

    name, about = "data", {"source": "here"}

    def __init__(self, images: Tensor) -> None:
        self.ids, self.images, self.unreadable = [str(i) for i in range(len(images))], images, set[int]()

    def __getitem__(self, index: int) -> Sample:
        if index in self.unreadable:
            raise ValueError("no such image today")
        return Sample(self.ids[index], self.images[index], index)

    def fingerprint(self, index: int) -> str:
        return str(index)


@pytest.fixture
def failing(images: Tensor) -> Iterator[set[int]]:
    """The images whose maps by ``flaky`` fail now."""
    now: set[int] = set()

    @method("flaky", needs="activation")
    def plugin(layer: Layer) -> Tensor:
        """The mean activation."""
        maps = layer.activation.mean(1)
        for i in now:
            maps[(layer.images.mean((1, 2, 3)) - images[i].mean()).abs() < 1e-5] = float("nan")
        return maps

    yield now
    METHODS.remove("flaky")


@pytest.fixture
def photos(images: Tensor) -> Photos:
    return Photos(images)


def _undisturbed(images: Tensor, photos: Photos, folder: Path) -> pd.DataFrame:
    return done(images, folder, datasets={"data": photos}, **METRICS_OF_FLAKY).results


@pytest.mark.parametrize("reason", ["maps", "maps and images"])
def test_what_fails_and_is_made_later_joins_the_mean(
    reason: str, images: Tensor, photos: Photos, failing: set[int], tmp_path: Path
) -> None:
    """Of both shards, or of one alone."""
    failing |= {1, 4}
    photos.unreadable |= {5} if reason != "maps" else set()
    first = _undisturbed(images, photos, tmp_path / "a")
    assert (first["status"] == "failed").sum() == 2 * (len(failing) + 2 * len(photos.unreadable))
    failing.clear()
    photos.unreadable.clear()
    again = done(images, tmp_path / "a", datasets={"data": photos}, **METRICS_OF_FLAKY)
    pd.testing.assert_frame_equal(again.results, _undisturbed(images, photos, tmp_path / "b"))
    means = maps_of(again, "dataset-mean(of=flaky)")
    np.testing.assert_allclose(means, np.stack([mean_by_hand(maps_of(again, "flaky"))] * 6), atol=1e-6)
    same = (first["value"] == again.results["value"]) & (first["method"] != "flaky")
    assert not same.any(), "every score of the mean is of the new one"


def test_a_study_without_the_mean_made_the_maps(
    images: Tensor, photos: Photos, failing: set[int], tmp_path: Path
) -> None:
    """The mean's cells outlive it in the folder, and are of fewer maps than there are now."""
    keys: dict[str, Any] = {"datasets": {"data": photos}, "metrics": METRICS}
    failing.add(1)
    done(images, tmp_path / "a", **{**keys, **METRICS_OF_FLAKY})
    failing.clear()
    done(images, tmp_path / "a", methods=["flaky"], overwrite=True, **keys)
    again = done(images, tmp_path / "a", overwrite=True, **{**keys, **METRICS_OF_FLAKY})
    pd.testing.assert_frame_equal(again.results, _undisturbed(images, photos, tmp_path / "b"))


def test_what_fails_again_settles(images: Tensor, photos: Photos, failing: set[int], tmp_path: Path) -> None:
    failing.add(1)
    photos.unreadable.add(4)
    first = _undisturbed(images, photos, tmp_path)
    pd.testing.assert_frame_equal(_undisturbed(images, photos, tmp_path), first)
    third = done(images, tmp_path, datasets={"data": photos}, **METRICS_OF_FLAKY)
    assert third.info["work"]["cells_computed"] == 0
    pd.testing.assert_frame_equal(third.results, first)


def test_what_is_to_be_made_again_is_in_the_plan(
    images: Tensor, photos: Photos, failing: set[int], tmp_path: Path
) -> None:
    failing.add(1)
    _undisturbed(images, photos, tmp_path)
    failing.clear()
    planned = dry_run(study(images, datasets={"data": photos}, **METRICS_OF_FLAKY), tmp_path).work.missing
    again = done(images, tmp_path, datasets={"data": photos}, **METRICS_OF_FLAKY)
    assert planned == again.info["work"]["cells_computed"] == 1 + 2 + 2 + 2 * 2


def test_a_mean_that_fails_and_is_made_later(images: Tensor, tmp_path: Path) -> None:
    broken = [True]

    @method("broken-mean", needs="dataset", control=True)
    def plugin(maps: Tensor, *, of: AnyMethod = Method("gradcam")) -> Tensor:  # noqa: B008
        """The mean, or nothing."""
        return maps.mean(0) * (float("nan") if broken[0] else 1)

    keys: dict[str, Any] = {"methods": ["gradcam", "broken-mean"], "metrics": METRICS}
    try:
        first = done(images, tmp_path / "a", **keys)
        assert set(first.results[first.results["method"] == "broken-mean"]["status"]) == {"failed"}
        broken[0] = False
        again = done(images, tmp_path / "a", **keys)
        pd.testing.assert_frame_equal(again.results, done(images, tmp_path / "b", **keys).results)
        assert (again.results["status"] == "ok").all()
    finally:
        METHODS.remove("broken-mean")
