"""What would give a wrong number that looks right, or take good results down with a bad one."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError, NotApplicable
from benchbench.models.load import fingerprint
from benchbench.registry import method, metric
from benchbench.types import Layer, Scored, Seen

from ..networks import Pooled, seeded
from ..packs import flip, lose
from .test_run import done, values

FACTOR = {"by": 1.0}
BASE: dict[str, Any] = {"methods": ["gradcam", "random"], "metrics": ["deletion"]}


class Scaled(Pooled):
    """Differs from another of its kind in a plain attribute alone."""

    scale = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


def test_networks_that_differ_in_a_plain_attribute_are_two(images: Tensor, tmp_path: Path) -> None:
    plain, scaled = seeded(Scaled), seeded(Scaled)
    scaled.scale = 30.0
    results = done(images, tmp_path, models={"a": plain, "b": scaled}, **BASE).results
    by_model = results[results["method"] == "gradcam"].groupby("model")["value"].mean()
    assert abs(by_model["a"] - by_model["b"]) > 1e-3


def test_a_fingerprint_sees_classes_buffers_and_answers() -> None:
    def block(body: str) -> nn.Module:
        scope: dict[str, Any] = {"nn": nn}
        exec(f"class Block(nn.Module):\n    def forward(self, x):\n        return x.{body}()", scope)
        return nn.Sequential(scope["Block"]())

    assert fingerprint(block("exp")) == fingerprint(block("exp"))
    assert fingerprint(block("exp")) != fingerprint(block("sin")), "a class of a notebook"
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    b.load_state_dict(a.state_dict())
    b.register_buffer("hidden", torch.ones(1), persistent=False)
    assert fingerprint(a) != fingerprint(b)
    assert fingerprint(a, torch.ones(1, 2)) != fingerprint(a, torch.zeros(1, 2))


def test_a_fingerprint_is_the_same_on_another_machine() -> None:
    """Rounding of a millionth changed one of four, of 1,000 classes, when each logit was rounded by itself."""
    draws = torch.Generator().manual_seed(0)
    network, changed = nn.Linear(2, 2), 0
    for _ in range(200):
        logits = 5 * torch.randn(1, 1000, generator=draws) + 1
        noise = 1e-6 * torch.randn(1, 1000, generator=draws)
        changed += fingerprint(network, logits) != fingerprint(network, logits * (1 + noise))
    assert changed == 0
    others = {fingerprint(network, torch.randn(1, 10, generator=draws)) for _ in range(200)}
    assert len(others) > 150, "it still tells answers apart"


class Hidden(Pooled):
    """A network that depends on what no weight, buffer or attribute shows."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * FACTOR["by"]


@pytest.mark.parametrize(("factor", "refused"), [(1 + 1e-4, False), (1.1, True)])
def test_a_folder_is_not_for_a_network_that_answers_otherwise(
    factor: float, refused: bool, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchbench.models.load._sketch", lambda logits: ())  # as if the sketch did not see it
    done(images, tmp_path, models={"a": seeded(Hidden)}, **BASE)
    monkeypatch.setitem(FACTOR, "by", factor)
    for overwrite in (False, True):
        again = partial(done, images, tmp_path, overwrite=overwrite, models={"a": seeded(Hidden)}, **BASE)
        if refused:
            with pytest.raises(BenchError, match="the network a answers otherwise"):
                again()
        else:
            again()


def test_a_network_in_train_mode_that_cannot_be_copied_is_scored_in_eval_mode(images: Tensor, tmp_path: Path) -> None:
    expected = values(done(images, tmp_path / "eval", **BASE))
    network = seeded(Pooled).train()
    network.__dict__["lock"] = threading.Lock()  # cannot be copied
    before = {key: value.clone() for key, value in network.state_dict().items()}
    record = done(images, tmp_path / "train", models={"net": network}, **BASE)
    assert record.info["models"][0]["scoring"]["prepared"] is False
    np.testing.assert_allclose(values(record), expected, atol=1e-5)
    assert network.training
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), f"{key} was changed"


@pytest.mark.usefixtures("planted")
def test_a_metric_that_writes_in_place_spoils_no_other(images: Tensor, tmp_path: Path) -> None:
    @metric("writes", higher_is_better=True, needs="map", protocols={"only": {}}, unit="none")
    def writes(seen: Seen) -> Scored:
        """Writes."""
        seen.whole_probability.mul_(0)
        seen.map.zero_()
        return Scored(seen.map.mean((1, 2)))

    keys = ["increase", "average_drop"]
    alone = values(done(images, tmp_path / "alone", methods=["gradcam"], metrics=keys))
    together = values(done(images, tmp_path / "both", methods=["gradcam"], metrics=["writes", *keys]))
    pd.testing.assert_series_equal(together[together.index.isin(alone.index)], alone, atol=1e-6)


class Fragile(Pooled):
    """Has no finite answer for dark images, as a mask makes them."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where((x.abs().mean((1, 2, 3)) < 0.2)[:, None], torch.nan, super().forward(x))


def test_an_answer_that_is_not_finite_is_no_increase(images: Tensor, tmp_path: Path) -> None:
    results = done(
        images, tmp_path, models={"net": seeded(Fragile)}, methods=["center"], metrics=["increase", "deletion"]
    ).results
    deletion = results[results["metric"] == "deletion"]
    assert (deletion["status"] == "failed").all(), "the empty image has no answer"
    assert deletion["reason"].str.contains("not finite").all()
    assert results[results["metric"] == "increase"]["status"].isin(["ok", "failed"]).all()


def test_a_softmax_is_warned_of(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    ended = nn.Sequential(*[nn.Sequential(network.stage1, network.conv, network.relu), network.pool, nn.Flatten()])
    soft = nn.Sequential(ended, network.fc, nn.Softmax(1))
    record = done(images, tmp_path / "soft", models={"net": soft}, layers="last", **BASE)
    assert "sum to 1" in record.info["warnings"][0]


def test_half_precision_is_refused_with_the_way_out(images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"torch.float64, where float32 is needed. Give network.float\(\)"):
        done(images, tmp_path, models={"net": seeded(Pooled).double()}, **BASE)


@pytest.mark.usefixtures("planted")
def test_a_bad_plugin_takes_no_good_result_down(images: Tensor, tmp_path: Path) -> None:
    good = values(done(images, tmp_path, **BASE))

    @metric("bad-parts", higher_is_better=True, needs="map", protocols={"only": {}}, unit="none")
    def bad_parts(seen: Seen) -> Scored:
        """Parts of the wrong length."""
        return Scored(seen.map.mean((1, 2)), parts={"extra": torch.ones(99)})

    @metric("nan-parts", higher_is_better=True, needs="map", protocols={"only": {}}, unit="none")
    def nan_parts(seen: Seen) -> Scored:
        """NaN in a part."""
        return Scored(seen.map.mean((1, 2)), parts={"extra": torch.full((len(seen.map),), float("nan"))})

    @method("empty-map", needs="activation")
    def empty_map(layer: Layer) -> Tensor:
        """No rows."""
        return layer.activation[:, 0, :0]

    again = done(
        images, tmp_path, methods=["gradcam", "empty-map", "random"], metrics=["deletion", "bad-parts", "nan-parts"]
    )
    status = again.results.groupby(["method", "metric"])["status"].unique().map(list)
    for name in ("gradcam", "random"):
        assert status[name, "deletion"] == ["ok"]
        assert status[name, "bad-parts"] == status[name, "nan-parts"] == ["failed"]
    assert status["empty-map", "deletion"] == ["failed"]
    after = values(again)
    pd.testing.assert_series_equal(after[after.index.isin(good.index)], good)


def test_maps_that_are_gone_are_made_again(images: Tensor, tmp_path: Path) -> None:
    done(images, tmp_path, **BASE)
    lose(tmp_path, ".npy")
    results = done(images, tmp_path, methods=["gradcam"], metrics=["deletion", "insertion"]).results
    assert (results["status"] == "ok").all()


def test_a_broken_cell_is_computed_again(images: Tensor, tmp_path: Path) -> None:
    first = done(images, tmp_path, **BASE)
    assert flip(tmp_path, ".json")
    pd.testing.assert_frame_equal(done(images, tmp_path, **BASE).results, first.results)


def test_one_more_cost_metric(images: Tensor, tmp_path: Path) -> None:
    done(images, tmp_path, methods=["gradcam"], metrics=["peak_memory"])
    more = done(images, tmp_path, methods=["gradcam"], metrics=["passes", "runtime"])
    assert more.info["work"]["cells_computed"] == 0, "the cost was measured once, and is read again"
    assert set(more.results["metric"]) >= {"passes", "runtime", "runtime.q1"}


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("batch", [1, 3, 16])
def test_what_does_not_apply_to_one_image_applies_to_the_others(images: Tensor, tmp_path: Path, batch: int) -> None:
    @method("not-on-bright", needs="activation")
    def not_on_bright(layer: Layer) -> Tensor:
        """Not on bright images."""
        if (layer.images.amax((1, 2, 3)) > 50).any():
            raise NotApplicable("too bright")
        return layer.activation.mean(1)

    odd = images.clone()
    odd[2, 0, 0, 0] = 99
    for metrics in (["deletion"], ["deletion", "insertion"]):
        results = done(odd, tmp_path, methods=["not-on-bright"], metrics=metrics, batch=batch).results
        status = results.groupby("sample")["status"].unique().map(list).tolist()
        assert status == [["ok"], ["ok"], ["not_applicable"], ["ok"], ["ok"], ["ok"]]


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(images: Tensor, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(BenchError, match="cannot write there"):
        done(images, file, **BASE)


def test_a_broken_run_folder_is_one_line(images: Tensor, tmp_path: Path) -> None:
    from benchbench.results.record import Record

    done(images, tmp_path, **BASE)
    (tmp_path / "results.parquet").write_bytes(b"not parquet")
    with pytest.raises(BenchError, match="cannot be read"):
        Record.load(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(BenchError, match="cannot be read"):
        Record.load(tmp_path)


def test_a_network_that_caches_a_tensor_works(images: Tensor, tmp_path: Path) -> None:
    class Caches(Pooled):
        grid: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            if self.grid is None or self.grid.shape != x.shape[-1:]:
                self.grid = torch.ones(x.shape[-1])
            return super().forward(x * self.grid)

    expected = values(done(images, tmp_path / "plain", **BASE))
    np.testing.assert_allclose(
        values(done(images, tmp_path / "x", models={"net": seeded(Caches)}, **BASE)), expected, atol=1e-5
    )


@pytest.mark.usefixtures("planted")
def test_a_file_parameter_s_content_counts(images: Tensor, tmp_path: Path) -> None:
    @method("reads-file", needs="activation")
    def reads_file(layer: Layer, *, weights: Path) -> Tensor:
        """Reads a number."""
        return layer.activation[:, int(weights.read_text())]

    file = tmp_path / "number.txt"
    series = []
    for number in ("0", "4"):
        file.write_text(number)
        chosen = [{"name": "reads-file", "weights": str(file)}]
        series.append(values(done(images, tmp_path / "run", methods=chosen, metrics=["deletion"])))
    assert not np.allclose(series[0], series[1])


def test_the_random_control_differs_between_layers(images: Tensor, tmp_path: Path) -> None:
    record = done(images, tmp_path, layers=["conv", "relu"], methods=["random"], metrics=["deletion"])
    by_layer = record.results.pivot(index="sample", columns="layer", values="value")
    assert not np.allclose(by_layer["conv"], by_layer["relu"])


class Leaking(nn.Module):
    """NaN in the layer "out" of images that are dark on average; what is behind it reads zeros there."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out, self.fc = nn.Conv2d(3, 4, 3), nn.Identity(), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        dark = images.mean((1, 2, 3), keepdim=True) < 0
        seen = self.out(torch.where(dark, torch.nan, self.conv(images)))
        logits: Tensor = self.fc(seen.nan_to_num(0).mean((2, 3)))
        return logits


def test_a_broken_layer_is_a_failed_row_whatever_the_method_returns(tmp_path: Path) -> None:
    """Also of methods that would make a map of it: a threshold is false for NaN, noise does not look."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 16, 16, generator=generator) / 4 + torch.tensor([1.0, -1.0, 0.5, -0.5]).view(4, 1, 1, 1)
    methods = ["gradcam", "groupcam", "scorecam", "random", "fem"]
    keys: dict[str, Any] = {"models": {"net": seeded(Leaking)}, "layers": ["out"], "methods": methods}
    study = bb.Study(datasets={"d": images}, metrics=["average_drop"], **keys)
    table = study.run(tmp_path, report=False).table
    status = table.pivot(index="sample", columns="method", values="status").sort_index()
    assert (status.iloc[[0, 2]] == "ok").all(axis=None)
    assert (status.iloc[[1, 3]] == "failed").all(axis=None)
    reasons = table[table["status"] == "failed"]["reason"].unique().tolist()
    assert reasons == ["the layer's activation or gradient has values that are not finite"]
