"""What a method may ask of its layer, against the slow and obvious way."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.attribution.layer_services import CapturedBatch, capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.errors import BenchError
from benchbench.maps.normalise import saliency
from benchbench.network.behind_layer import rest
from benchbench.network.fast_copy import prepare
from benchbench.network.layers import resolve
from benchbench.network.masked_scores import score_masked
from benchbench.network.proven_layers import proven_layers
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.types import Layer

from ..narrow import narrow
from ..network.test_packing import ERRORS, Small
from ..networks import Flat, Pooled, calibrated, seeded

ARCHITECTURES = ["resnet18", "mobilenet_v3_small", "densenet121", "googlenet", "convnext_tiny", "vgg11_bn"]


@cache
def build(name: str) -> nn.Module:
    return calibrated(narrow(name, 7))


def seen(network: nn.Module, images: Tensor, layer: str, scorer: Scorer | None = None) -> tuple[Layer, CapturedBatch]:
    batch = capture_batch(network, scorer or Scorer(network, 4), images, [layer], lambda z: z.argmax(1), gradient=False)
    return batch.layer(layer, (0,) * len(images)), batch


def without(activation: Tensor, channel: Tensor) -> Tensor:
    activation[torch.arange(len(activation)), channel] = 0
    return activation


def one_by_one(network: nn.Module, layer: Layer, images: Tensor, count: int) -> Tensor:
    """(B, count, C): the whole network, one image and one channel at a time."""
    rows = []
    for b in range(len(images)):
        for k in range(count):
            changed = layer.activation[b : b + 1].clone()
            changed[:, k] = 0
            rows.append(rest(network, images[b : b + 1], layer.name, changed)[0])
    return torch.stack(rows).view(len(images), count, -1)


@pytest.mark.parametrize("ready", [False, True], ids=["as it is", "prepared"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_changes_behind_a_layer_equal_the_whole_network(name: str, ready: bool, images: Tensor) -> None:
    network, pictures = build(name), images[:2]
    stage = resolve(network, pictures[:1], "stages")[-2]
    scorer = Scorer(prepare(network, pictures).network if ready else network, 4)
    layer, _ = seen(network, pictures, stage, scorer)
    before = layer.activation.clone()
    scorer.passes.forwards = 0
    with torch.no_grad():
        expected = one_by_one(network, layer, pictures, 3)
    scores = layer.score_changed(without, 3)
    rows = layer.targets[:, None, None].expand(-1, 3, 1)
    scale = float(layer.logits.abs().max())
    torch.testing.assert_close(scores, expected.gather(2, rows)[..., 0], rtol=0, atol=1e-4 * scale)
    wanted = expected.softmax(2).gather(2, rows)[..., 0]
    torch.testing.assert_close(layer.score_changed(without, 3, of="probability"), wanted, rtol=0, atol=1e-4)
    assert torch.equal(layer.activation, before), "a change writes into a copy"
    assert (scorer.passes.forwards, scorer.passes.rests) == (0, 12), f"{name} is cut at {stage}"


class Branches(Pooled):
    """Cannot be traced."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.mean() > 100 else super().forward(-x)


class Around(Pooled):
    """The logits depend on the images around the layer, and on how many there are."""

    def forward(self, x: Tensor) -> Tensor:
        count = x.shape[0]
        around = x.mean((2, 3)) @ torch.ones(3, 7)
        logits: Tensor = self.fc(self.pool(self.relu(self.conv(self.stage1(x)))).reshape(count, 10)) + around
        return logits


@pytest.mark.parametrize("network", [Branches, Around, Flat])
def test_changes_where_nothing_or_more_can_be_cut(network: type[nn.Module], images: Tensor) -> None:
    built = seeded(network)
    layer, batch = seen(built, images, "features.1" if network is Flat else "conv")
    with torch.no_grad():
        expected = one_by_one(built, layer, images, 4)
    scores = layer.score_changed(without, 4)
    torch.testing.assert_close(scores, expected.gather(2, layer.targets[:, None, None].expand(-1, 4, 1))[..., 0])
    assert batch.scorer.passes.rests == (0 if network is Branches else 24)


PROVEN = [*ARCHITECTURES, "resnet50"]


@pytest.mark.parametrize("name", PROVEN)
def test_a_capture_on_the_prepared_copy_is_the_network_s(name: str, images: Tensor) -> None:
    network = build(name)
    stages = resolve(network, images[:1], "stages")[-2:]
    copy = prepare(network, images).network
    plain = capture_batch(network, Scorer(network, 4), images, stages, lambda z: z.argmax(1), gradient=True).captured
    scorer = Scorer(copy, 4, True, proven=frozenset(stages))
    captured = capture_batch(network, scorer, images, stages, lambda z: z.argmax(1), gradient=True).captured
    assert scorer.passes.forwards == scorer.passes.backwards == len(images)
    gaps = [float((captured.logits - plain.logits).abs().max() / plain.logits.abs().max())]
    for stage in stages:
        for kind in ("activations", "gradients"):
            expected, actual = getattr(plain, kind)[stage], getattr(captured, kind)[stage]
            assert actual.is_contiguous()
            rows = (expected - actual).abs().amax((1, 2, 3)) / expected.abs().amax((1, 2, 3))
            gaps.append(float(rows.max()))
    assert (len(proven_layers(network, copy, images, stages)) == len(stages)) == (max(gaps) <= 1e-4), gaps


def test_most_networks_may_be_captured_on_their_copy(images: Tensor) -> None:
    proven = {}
    for name in PROVEN:
        network = build(name)
        last = resolve(network, images[:1], "stages")[-1:]
        proven[name] = proven_layers(network, prepare(network, images).network, images, last) == set(last)
    assert sum(proven.values()) >= 5, proven


def test_a_layer_that_folding_changes_is_captured_on_the_network(images: Tensor) -> None:
    network = seeded(Pooled)
    copy = prepare(network, images).network
    assert proven_layers(network, copy, images, ["stage1.0"]) == set()
    assert proven_layers(network, copy, images, ["stage1", "relu", "stage1.0"]) == {"stage1", "relu"}


def test_a_study_says_where_its_maps_come_from(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"models": {"net": seeded(Pooled)}, "datasets": {"d": images}, "metrics": ["average_drop"]}
    for layer, captures in (("stage1", True), ("stage1.0", False)):
        run = bb.Study(layers=[layer], methods=["hirescam"], **keys).run(tmp_path / layer, report=False)
        assert run.record.info["models"][0]["scoring"]["captures"] is captures
        network = seeded(Pooled)
        plain = capture_batch(network, Scorer(network), images, [layer], lambda z: z.argmax(1), gradient=True)
        expected = run_method(METHODS["hirescam"], plain.layer(layer, (0,) * 6), {})
        rows = run.record.maps.sort_values("sample")
        for i, (_, row) in enumerate(rows.iterrows()):
            stored = torch.from_numpy(run.record.map(row["file"], int(row["row"])).copy())
            torch.testing.assert_close(stored, expected[i], rtol=1e-4, atol=1e-5 * float(expected.max()))


def test_a_change_of_shape_is_refused(images: Tensor) -> None:
    layer, _ = seen(seeded(Pooled), images, "conv")
    with pytest.raises(BenchError, match=r"score_changed\(\) was given a change to"):
        layer.score_changed(lambda a, k: a[:, :3], 2)


def test_changes_are_halved_when_memory_runs_out(images: Tensor) -> None:
    class Sealed(Small):
        """Cannot be traced, so that all of it runs."""

        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) if images.mean() > -100 else images

    network = Sealed(seeded(Pooled), 6, ERRORS[0])
    layer, batch = seen(network, images, "network.conv", Scorer(network, 16))
    plain, _ = seen(seeded(Pooled), images, "conv")
    torch.testing.assert_close(layer.score_changed(without, 10), plain.score_changed(without, 10))
    assert batch.scorer.rows["network.conv"] <= 6


def test_methods_that_mask_by_the_activation_share_its_forwards(images: Tensor) -> None:
    network = seeded(Pooled)
    layer, batch = seen(network, images, "relu")
    plugin = METHODS["scorecam"]
    first = run_method(plugin, layer, {"variant": "official"})
    spent = batch.scorer.passes.forwards
    others = [run_method(plugin, layer, {"variant": v}) for v in ("torchcam", "pytorch-grad-cam")]
    assert batch.scorer.passes.forwards == spent, "three rules, one set of masked images"
    alone = run_method(plugin, seen(network, images, "relu")[0], {"variant": "torchcam"})
    torch.testing.assert_close(others[0], alone)
    assert not torch.allclose(first, alone)
    layer.score_masked(layer.activation * 1, of="logit")
    assert batch.scorer.passes.forwards > spent, "other masks, other forwards"


def test_many_targets_of_an_image_share_its_masked_forwards(images: Tensor) -> None:
    network = seeded(Flat)
    masks = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    masks[:, 1] = 0
    rows = torch.tensor([0, 1, 0, 0, 1])
    targets = torch.tensor([2, 2, 4, 2, 0])
    scorer = Scorer(network, 4)
    scores = score_masked(scorer, images[:2][rows], targets, masks[rows])
    assert scorer.passes.forwards == 2 * 3
    for i, (row, target) in enumerate(zip(rows.tolist(), targets.tolist(), strict=True)):
        for k in range(3):
            picture = images[row] * (saliency(masks[row, k][None], (64, 64)) if k != 1 else 0)
            with torch.no_grad():
                expected = network(picture[None])[0].softmax(0)[target]
            torch.testing.assert_close(scores.probability[i, k], expected, rtol=1e-4, atol=1e-6)
