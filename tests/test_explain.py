"""The Python faces: explain, Study.run and Run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import benchbench as bb

from .helpers import map_of
from .networks import Flat, Pooled, seeded


def test_explain_equals_the_method_upsampled(images: Tensor) -> None:
    network = seeded(Pooled).train()
    found = bb.explain(network, images, method="gradcam++", layer="conv", alpha="spatial-sum")
    assert network.training
    assert found.shape == (6, 1, 64, 64)
    assert torch.equal(found.amin((2, 3)), torch.zeros(6, 1))
    assert torch.equal(found.amax((2, 3)), torch.ones(6, 1))
    raw = map_of("gradcam++", network, images, "conv", alpha="spatial-sum")
    large = torch.nn.functional.interpolate(raw[:, None], size=64, mode="bilinear")
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    torch.testing.assert_close(found, (large - low) / (high - low))


def test_explain_a_class_or_one_per_image(images: Tensor) -> None:
    network = seeded(Pooled)
    classes = torch.tensor([0, 1, 2, 3, 4, 5])
    each = bb.explain(network, images, layer="conv", target=classes)
    for i in range(6):
        alone = bb.explain(network, images[i : i + 1], layer="conv", target=int(classes[i]))
        torch.testing.assert_close(each[i], alone[0], atol=1e-5, rtol=0)


def test_explain_says_what_is_wrong(images: Tensor) -> None:
    network = seeded(Pooled)
    with pytest.raises(bb.BenchError, match=r"unknown method 'gradcan'. Did you mean 'gradcam'"):
        bb.explain(network, images, method="gradcan")
    with pytest.raises(bb.BenchError, match=r"no layer 'con'"):
        bb.explain(network, images, layer="con")
    with pytest.raises(bb.BenchError, match=r"has no parameter 'beta'"):
        bb.explain(network, images, beta=3)
    with pytest.raises(bb.BenchError, match=r"not one of the network's 7 classes"):
        bb.explain(network, images, target=7)
    with pytest.raises(bb.BenchError, match=r"Give \(B, channels, H, W\): images\[None\]"):
        bb.explain(network, images[0])
    with pytest.raises(bb.NotApplicable, match=r"global average pooling"):
        bb.explain(seeded(Flat), images, method="cam")


def test_a_study_in_python(images: Tensor, tmp_path: Path) -> None:
    run = bb.Study(
        models={"mine": seeded(Pooled)},
        datasets={"val": (images, [0] * 6)},
        layers=["relu"],
        methods=["gradcam", "scorecam", "random"],
        metrics=["deletion", "insertion"],
    ).run(tmp_path / "mine")
    assert len(run.table) == 6 * 3 * 2
    assert run.failed == 0
    board = run.leaderboard()
    row = board[(board["method"] == "gradcam") & (board["metric"] == "deletion")].iloc[0]
    rows = run.table[(run.table["method"] == "gradcam") & (run.table["metric"] == "deletion")]
    assert row["mean"] == pytest.approx(rows["value"].mean())
    assert row["low"] <= row["mean"] <= row["high"]
    assert run.report() == tmp_path / "mine" / "report.html"
    again = bb.Run.load(tmp_path / "mine")
    assert again.table.equals(run.table)
    with pytest.raises(bb.BenchError, match=r"not the folder of a finished run"):
        bb.Run.load(tmp_path / "other")


def test_names_are_all_there() -> None:
    for name in bb.__all__:
        assert getattr(bb, name) is not None
    with pytest.raises(AttributeError, match=r"no attribute 'study_'"):
        _ = bb.study_


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "random"])
def test_several_classes_of_each_image(images: Tensor, method: str) -> None:
    network = seeded(Flat)
    targets = torch.tensor([[0, 3], [1, 1], [4, 2], [0, 1], [2, 3], [3, 4]])
    found = bb.explain(network, images, method=method, layer="features", target=targets)
    assert found.shape == (6, 2, 64, 64)
    for t in range(2):
        alone = bb.explain(network, images, method=method, layer="features", target=targets[:, t])
        torch.testing.assert_close(found[:, t : t + 1], alone, atol=1e-5, rtol=0)


def test_several_classes_share_score_cam_s_forwards(images: Tensor) -> None:
    network = seeded(Flat)
    seen: list[int] = []
    network.register_forward_hook(lambda _m, given, _o: seen.append(len(given[0])))
    bb.explain(network, images[:2], method="scorecam", layer="features", target=torch.tensor([[0], [1]]))
    one = sum(seen)
    seen.clear()
    bb.explain(network, images[:2], method="scorecam", layer="features", target=torch.tensor([[0, 1, 2], [1, 2, 3]]))
    assert sum(seen) == one + 2 * 2, "only the capture sees more rows"
