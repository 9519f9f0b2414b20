"""A study from end to end, on small networks: every row, nothing twice, the same table whatever the batch size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.errors import BenchError
from benchbench.evaluation.evaluate import evaluate
from benchbench.registry import METHODS, METRICS, method, metric
from benchbench.results.record import Record
from benchbench.results.schema import KEYS, validate
from benchbench.study.spec import StudySpec
from benchbench.types import Layer, Scored, Seen

from ..networks import Flat, Pooled, seeded
from ..packs import parts

METHOD_NAMES = ["cam", "gradcam", "gradcam++", "scorecam", "layercam", "random", "center"]
QUALITY = ["deletion", "insertion", "average_drop", "increase", "average_gain"]


def study(images: Tensor, **keys: Any) -> StudySpec:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": (images, [0, 1, 2, 3, 4, 5])},
        "layers": ["relu"],
        "methods": METHOD_NAMES,
        "metrics": QUALITY,
    }
    return StudySpec(**{**defaults, **keys})


def done(images: Tensor, folder: Path, *, overwrite: bool = False, **keys: Any) -> Record:
    run(study(images, **keys), folder, overwrite=overwrite)
    return Record.load(folder)


def values(record: Record) -> pd.Series[float]:
    return record.results.set_index(KEYS)["value"].sort_index()


@pytest.fixture(scope="module")
def record(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return done(images, tmp_path_factory.mktemp("run"), metrics=[*QUALITY, "runtime", "peak_memory", "passes"])


def test_nothing_asked_for_is_missing(record: Record) -> None:
    quality = record.results[record.results["metric"].isin(QUALITY)]
    assert len(quality) == 6 * len(METHOD_NAMES) * len(QUALITY)
    assert (quality["status"] == "ok").all()
    cost = record.results[record.results["sample"].isna()]
    assert set(cost["metric"]) == {
        *("runtime", "runtime.q1", "runtime.q3", "runtime.repeats", "runtime.reference"),
        *(
            "peak_memory",
            "peak_memory.images",
            "peak_memory.host",
            "passes",
            "passes.forward",
            "passes.backward",
            "passes.rest",
        ),
    }
    validate(record.results)


def test_passes_are_the_known_ones(record: Record) -> None:
    rows = record.results[record.results["metric"].isin(["passes.forward", "passes.backward"])]
    table = rows.pivot_table(index="method", columns="metric", values="value")
    assert list(table.loc["gradcam"]) == [1, 1]
    assert list(table.loc["cam"]) == [0, 1]
    forwards = float(table["passes.forward"]["scorecam"])
    assert 1 < forwards <= 1 + 10, "one to capture, one per live channel"
    assert float(table["passes.backward"]["scorecam"]) == 0


def test_maps_are_kept_and_indexed(record: Record, images: Tensor) -> None:
    assert len(record.maps) == 6 * len(METHOD_NAMES)
    row = record.maps[
        (record.maps["method"] == "center") & (record.maps["sample"] == record.maps["sample"].iloc[0])
    ].iloc[0]
    stored = record.map(row["file"], int(row["row"]))
    assert stored.shape == (16, 16)
    assert divmod(int(stored.argmax()), 16) in [(7, 7), (7, 8), (8, 7), (8, 8)]


def test_photos_and_predictions(record: Record, images: Tensor) -> None:
    with torch.no_grad():
        logits = seeded(Pooled)(images)
    photos = record.photos.sort_values("sample")
    assert photos["target"].tolist() == logits.argmax(1).tolist()
    np.testing.assert_allclose(photos["probability"], logits.softmax(1).amax(1), atol=1e-6)
    assert set(photos["file"]) == set(parts(record.folder, ".jpg"))
    (accuracy,) = record.info["accuracy"]
    assert accuracy["right"] == int((logits.argmax(1) == torch.arange(6)).sum())
    assert accuracy["labelled"] == 6


def test_run_json_is_plain_and_whole(record: Record) -> None:
    info = record.info
    assert json.loads(json.dumps(info)) == info
    assert info["models"][0]["scoring"]["prepared"] is True
    assert info["counts"] == {"ok": len(record.results), "failed": 0, "not_applicable": 0}
    assert info["failures"] == []
    assert len(info["datasets"][0]["fingerprint"]) == 16
    assert info["study"]["metrics"][0] == "deletion@rise-28"
    assert [m["control"] for m in info["methods"]] == [False] * 5 + [True] * 2


def test_curves_integrate_to_their_values(record: Record) -> None:
    keys = ["sample", "layer", "method", "metric"]
    curves = record.curves.groupby(keys)[["x", "y"]].apply(lambda c: float(np.trapezoid(c["y"], c["x"])))
    table = record.results[record.results["metric"].isin(["deletion", "insertion"])].set_index(keys)["value"]
    assert len(curves) == len(table)
    np.testing.assert_allclose(curves.sort_index(), table.sort_index(), atol=1e-9)


def test_a_second_run_computes_nothing(images: Tensor, tmp_path: Path) -> None:
    metrics = [*QUALITY, "runtime", "passes"]
    first = done(images, tmp_path, metrics=metrics)
    again = done(images, tmp_path, metrics=metrics)
    assert first.info["work"]["cells_reused"] == 0
    assert again.info["work"]["cells_computed"] == 0
    assert again.info["work"]["forwards"] == again.info["work"]["backwards"] == 0
    pd.testing.assert_frame_equal(first.results, again.results)
    pd.testing.assert_frame_equal(first.curves, again.curves)


def test_one_more_method_or_metric_computes_only_that(images: Tensor, tmp_path: Path) -> None:
    small = done(images, tmp_path, methods=["gradcam"], metrics=["deletion"])
    method_more = done(images, tmp_path, methods=["gradcam", "center"], metrics=["deletion"])
    assert method_more.info["work"]["cells_computed"] == 2, "the maps, and their deletion"
    metric_more = done(images, tmp_path, methods=["gradcam", "center"], metrics=["deletion", "insertion"])
    assert metric_more.info["work"]["cells_computed"] == 2, "insertion of both"
    assert metric_more.info["work"]["backwards"] == 0, "stored maps serve a later metric"
    both = values(metric_more)
    pd.testing.assert_series_equal(both[both.index.isin(values(small).index)], values(small))
    fresh = done(images, tmp_path / "fresh", methods=["gradcam", "center"], metrics=["deletion", "insertion"])
    np.testing.assert_allclose(values(fresh), both, atol=1e-6)


def test_more_samples_extend_the_same_choice(images: Tensor, tmp_path: Path) -> None:
    few = done(images, tmp_path / "few", samples=3, methods=["gradcam"], metrics=["deletion"])
    many = done(images, tmp_path / "many", samples=5, methods=["gradcam"], metrics=["deletion"])
    assert few.results["sample"].nunique() == 3
    assert set(few.results["sample"]) < set(many.results["sample"])


@pytest.mark.parametrize("batch", [1, 4])
def test_the_batch_size_changes_nothing(batch: int, record: Record, images: Tensor, tmp_path: Path) -> None:
    other = done(images, tmp_path, batch=batch)
    expected = values(record)
    expected = expected[expected.index.get_level_values("metric").isin(QUALITY)]
    np.testing.assert_allclose(values(other), expected, atol=1e-5)


def test_the_order_of_methods_changes_nothing(record: Record, images: Tensor, tmp_path: Path) -> None:
    other = done(images, tmp_path, methods=METHOD_NAMES[::-1], metrics=QUALITY[::-1])
    expected = values(record)
    expected = expected[expected.index.get_level_values("metric").isin(QUALITY)]
    pd.testing.assert_series_equal(values(other), expected, atol=1e-6)


def test_seeds_reach_what_is_random_and_nothing_else(images: Tensor, tmp_path: Path) -> None:
    runs = {
        seed: done(images, tmp_path / str(seed), seed=seed, methods=["random", "gradcam"], metrics=["deletion"])
        for seed in (0, 1)
    }
    first, second = values(runs[0]), values(runs[1])
    same = np.isclose(first, second)
    is_random = first.index.get_level_values("method") == "random"
    assert same[~is_random].all()
    assert not same[is_random].all()


def test_cam_is_not_applicable_on_another_head_with_its_reason(images: Tensor, tmp_path: Path) -> None:
    results = done(
        images, tmp_path, models={"flat": seeded(Flat)}, layers="last", metrics=["deletion", "runtime"]
    ).results
    cam = results[results["method"] == "cam"]
    assert len(cam) == 6 + 1
    assert (cam["status"] == "not_applicable").all()
    assert cam["reason"].str.contains("global average pooling").all()
    assert (results[results["method"] != "cam"]["status"] == "ok").all()


def test_a_layer_without_a_map_is_not_applicable(images: Tensor, tmp_path: Path) -> None:
    results = done(images, tmp_path, layers=["relu", "fc"], methods=["gradcam"], metrics=["deletion"]).results
    assert results.groupby("layer")["status"].first().to_dict() == {"fc": "not_applicable", "relu": "ok"}


@pytest.fixture
def planted() -> Iterator[None]:
    """Methods and a metric that fail in known ways."""

    @method("fails-on-one", needs="activation")
    def fails_on_one(layer: Layer) -> Tensor:
        """Raises if the image 2 is in the batch."""
        if (layer.images.amax((1, 2, 3)) > 50).any():
            raise ValueError("I do not like this image")
        return layer.activation.mean(1)

    @method("makes-nan", needs="activation")
    def makes_nan(layer: Layer) -> Tensor:
        """NaN on the image 2."""
        maps = layer.activation.mean(1).clone()
        maps[layer.images.amax((1, 2, 3)) > 50, 0, 0] = float("nan")
        return maps

    @method("wrong-shape", needs="activation")
    def wrong_shape(layer: Layer) -> Tensor:
        """Channels are left in."""
        return layer.activation

    @metric(
        "picky",
        higher_is_better=True,
        needs=("map", "probes"),
        probes=list,
        protocols={"only": {}},
        unit="none",
    )
    def picky(seen: Seen) -> Scored:
        """Raises if it sees a map whose corner is bright."""
        if (seen.whole_probability > 0.999).any():
            raise RuntimeError("too sure")
        return Scored(seen.map.mean((1, 2)))

    yield
    for name in ("fails-on-one", "makes-nan", "wrong-shape"):
        METHODS.remove(name)
    METRICS.remove("picky")


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("batch", [2, 16])
def test_only_the_guilty_rows_fail(images: Tensor, tmp_path: Path, batch: int) -> None:
    odd = images.clone()
    odd[2, 0, 0, 0] = 99
    record = done(
        odd,
        tmp_path,
        methods=["gradcam", "fails-on-one", "makes-nan", "wrong-shape"],
        metrics=["deletion", "runtime"],
        batch=batch,
    )
    quality = record.results[record.results["metric"] == "deletion"]
    failed = quality[quality["status"] == "failed"].groupby("method")["sample"].apply(list).to_dict()
    third = sorted(quality["sample"].unique())[2]
    assert failed["fails-on-one"] == failed["makes-nan"] == [third]
    assert len(failed["wrong-shape"]) == 6
    failures = {(f["method"], f["metric"]): f for f in record.info["failures"]}
    assert failures["makes-nan", "deletion"]["rows"] == 1
    assert failures["makes-nan", "deletion"]["first_sample"] == third
    assert failures["wrong-shape", "deletion"]["rows"] == 6
    assert "gradcam" not in failed
    reasons = quality.groupby("method")["reason"].max()
    assert reasons["fails-on-one"].startswith("ValueError: I do not like this image (test_run.py:")
    assert "not finite" in reasons["makes-nan"]
    assert "maps (" in reasons["wrong-shape"]
    again = done(
        odd,
        tmp_path,
        methods=["gradcam", "fails-on-one", "makes-nan"],
        metrics=["deletion", "insertion"],
        batch=batch,
        overwrite=True,
    ).results
    insertion = again[(again["metric"] == "insertion") & (again["status"] == "failed")]
    assert insertion.groupby("method")["sample"].apply(list).to_dict() == {
        "fails-on-one": [third],
        "makes-nan": [third],
    }


@pytest.mark.usefixtures("planted")
def test_a_metric_that_raises_fails_on_its_images_alone(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    network.fc.weight.data *= 1000
    with torch.no_grad():
        sure = network(images).softmax(1).amax(1) > 0.999
    assert 0 < int(sure.sum()) < 6
    table = done(images, tmp_path, models={"net": network}, methods=["gradcam"], metrics=["picky"]).results
    assert (table.sort_values("sample")["status"] == "failed").tolist() == sure.tolist()
    assert (table[table["status"] == "failed"]["reason"].str.startswith("RuntimeError: too sure (test_run.py:")).all()


def test_a_killed_run_goes_on_from_what_it_has(images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = images.repeat(12, 1, 1, 1)  # three shards
    keys: dict[str, Any] = {"datasets": {"data": many}, "methods": ["gradcam"], "metrics": ["deletion"], "samples": 72}
    calls = []
    real = evaluate

    def dies(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr("benchbench.engine.shard.evaluate", dies)
    with pytest.raises(KeyboardInterrupt):
        done(many, tmp_path, **keys)
    assert not (tmp_path / "run.json").exists()
    assert not list(tmp_path.rglob(".writing-*"))
    monkeypatch.undo()
    resumed = done(many, tmp_path, **keys)
    assert resumed.info["work"]["cells_reused"] == 2
    pd.testing.assert_frame_equal(resumed.results, done(many, tmp_path / "fresh", **keys).results)


def test_images_of_different_sizes_share_a_dataset(images: Tensor, tmp_path: Path) -> None:
    mixed = [images[0], images[1][:, :48, :48], images[2], images[3][:, :32, :64]]
    run_record = done(images, tmp_path, datasets={"data": mixed}, methods=["gradcam"], metrics=["deletion"])
    assert (run_record.results["status"] == "ok").all()
    shapes = [run_record.map(row["file"], int(row["row"])).shape for _, row in run_record.maps.iterrows()]
    assert sorted(shapes) == [(8, 16), (12, 12), (16, 16), (16, 16)]


def test_target_label_and_class(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["gradcam"], "metrics": ["deletion"]}
    by_label = done(images, tmp_path / "label", target="label", **keys).results
    assert by_label["target"].tolist() == by_label["label"].tolist()
    by_class = done(images, tmp_path / "class", target=4, **keys).results
    assert set(by_class["target"]) == {4}
    unlabelled = done(images, tmp_path / "none", datasets={"data": images}, target="label", **keys).results
    assert (unlabelled["status"] == "failed").all()
    assert unlabelled["reason"].str.contains("the sample has none").all()
    with pytest.raises(BenchError, match="class 70 is not one of the 7 classes"):
        done(images, tmp_path / "beyond", target=70, **keys)


def test_other_weights_are_other_cells(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["gradcam"], "metrics": ["deletion"]}
    done(images, tmp_path, models={"net": seeded(Pooled, seed=0)}, **keys)
    other = done(images, tmp_path, models={"net": seeded(Pooled, seed=1)}, overwrite=True, **keys)
    assert other.info["work"]["cells_reused"] == 0


def test_the_network_is_left_as_it_was(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    done(images, tmp_path, models={"net": network}, methods=["gradcam", "scorecam"], metrics=["deletion", "runtime"])
    assert network.training
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


class Fussy(Pooled):
    """Fails on one size, and has no finite answer for very bright images."""

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-1] == 48:
            raise RuntimeError("48 is not my size")
        logits = super().forward(images)
        return torch.where(images.amax((1, 2, 3))[:, None] > 50, torch.nan, logits)


def test_images_that_the_network_fails_on_fail_alone(images: Tensor, tmp_path: Path) -> None:
    bright = images[3].clone()
    bright[0, 0, 0] = 99
    mixed = [images[0], images[1][:, :48, :48], images[2], bright, images[4], images[5][:, :48, :48]]
    keys: dict[str, Any] = {
        "models": {"net": seeded(Fussy)},
        "datasets": {"data": mixed},
        "methods": ["gradcam", "random"],
    }
    for metrics in (["deletion"], ["deletion", "insertion"]):  # the second from the first one's cells
        results = done(images, tmp_path, metrics=metrics, **keys).results
        by_sample = results.groupby("sample").agg({"status": "unique", "reason": "max"})
        assert [list(s) for s in by_sample["status"]] == [["ok"], ["failed"], ["ok"], ["failed"], ["ok"], ["failed"]]
        assert by_sample["reason"].iloc[1].startswith("RuntimeError: 48 is not my size")
        assert by_sample["reason"].iloc[3] == "the network's logits are not finite numbers"
    alone = done(
        images, tmp_path / "alone", **{**keys, "datasets": {"data": [images[0]]}}, metrics=["deletion"]
    ).results
    first = results[(results["sample"] == results["sample"].min()) & (results["metric"] == "deletion")]
    np.testing.assert_allclose(first["value"], alone["value"], atol=1e-6)


def test_a_network_that_fails_at_once_is_one_line(images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match="models: net: the network fails on an image of the first dataset: RuntimeError: 48"
    ):
        done(images, tmp_path, models={"net": seeded(Fussy)}, datasets={"data": images[:, :, :48, :48]})


class OnlyForward(Pooled):
    """Has no backward on one image."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        if torch.is_grad_enabled() and (images[:, 0, 0, 0] == 7).any():
            raise RuntimeError("no gradient for this one")
        return logits


def test_a_gradient_that_fails_takes_only_what_needs_it(images: Tensor, tmp_path: Path) -> None:
    odd = images.clone()
    odd[2, 0, 0, 0] = 7
    keys: dict[str, Any] = {"models": {"net": seeded(OnlyForward)}, "datasets": {"data": odd}, "metrics": ["deletion"]}
    first = done(odd, tmp_path, methods=["random"], **keys).results
    assert (first["status"] == "ok").all()
    for folder in (tmp_path, tmp_path / "fresh"):  # from the cells of the first run, and from none
        both = done(odd, folder, methods=["random", "gradcam", "scorecam"], **keys).results
        failed = both[both["status"] == "failed"]
        assert [tuple(row) for row in failed[["method", "sample"]].to_numpy()] == [("gradcam", "0002")]
        assert "no gradient for this one" in failed["reason"].iloc[0]
        again = both[both["method"] == "random"].reset_index(drop=True)
        pd.testing.assert_frame_equal(again, first)
