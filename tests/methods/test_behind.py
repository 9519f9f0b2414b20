"""Ablation-CAM and Recipro-CAM, which run the network behind the layer alone, against loops over the whole network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchbench.attribution.layer_services import capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.network.behind_layer import rest
from benchbench.network.fast_copy import prepare
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS

from ..helpers import layer_of, map_of
from ..narrow import narrow
from ..networks import Flat, Pooled, seeded

PLACES = [(Pooled, "stage1"), (Pooled, "relu"), (Flat, "features.0"), (Flat, "features")]


@pytest.mark.parametrize(("network", "name"), PLACES)
def test_ablationcam_equals_its_loop(network: type[nn.Module], name: str, images: Tensor) -> None:
    built = seeded(network)
    layer = layer_of(built, images, name)
    maps = map_of("ablationcam", built, images, name)
    assert maps.max() > 0
    for b in range(len(images)):
        y, expected = layer.logits[b, layer.targets[b]], torch.zeros(layer.activation.shape[2:])
        for k in range(layer.activation.shape[1]):
            changed = layer.activation[b : b + 1].clone()
            changed[0, k] = 0
            with torch.no_grad():
                without = rest(built, images[b : b + 1], name, changed)[0, layer.targets[b]]
            expected += (y - without) / y * layer.activation[b, k]
        torch.testing.assert_close(maps[b], torch.relu(expected), rtol=1e-4, atol=1e-5 * float(maps.max()))


@pytest.mark.parametrize(("mask", "score"), [("cell", "probability"), ("cell", "logit"), ("gaussian", "probability")])
@pytest.mark.parametrize(("network", "name"), PLACES[1:3])
def test_reciprocam_equals_its_loop(network: type[nn.Module], name: str, mask: str, score: str, images: Tensor) -> None:
    """``gaussian`` spreads the cell's own values, as the authors' code does: its neighbours' values play no part."""
    built, pictures = seeded(network), images[:2]
    layer = layer_of(built, pictures, name)
    maps = map_of("reciprocam", built, pictures, name, mask=mask, score=score)
    kernel = {(0, 0): 1 / 4, (0, 1): 1 / 8, (1, 0): 1 / 8, (1, 1): 1 / 16}
    for b in range(2):
        for i, j in [(0, 0), (3, 7), (15, 15), (8, 0)]:
            changed = torch.zeros_like(layer.activation[b : b + 1])
            for y in range(16):
                for x in range(16):
                    if mask == "cell" and (y, x) == (i, j):
                        changed[0, :, y, x] = layer.activation[b, :, i, j]
                    if mask == "gaussian" and max(abs(y - i), abs(x - j)) <= 1:
                        changed[0, :, y, x] = kernel[abs(y - i), abs(x - j)] * layer.activation[b, :, i, j]
            with torch.no_grad():
                logits = rest(built, pictures[b : b + 1], name, changed)[0]
            expected = (logits if score == "logit" else logits.softmax(0))[layer.targets[b]]
            torch.testing.assert_close(maps[b, i, j], expected, rtol=1e-4, atol=1e-6)


def test_on_a_pooled_head_ablation_is_the_contribution(images: Tensor) -> None:
    """y_k is y without c_k = w_k <A_k>, so the weight is c_k / y."""
    network = seeded(Pooled)
    layer = layer_of(network, images, "relu")
    contribution = network.fc.weight.detach()[layer.targets] * layer.activation.mean((2, 3))
    weight = contribution / layer.logits.gather(1, layer.targets[:, None])
    expected = torch.relu((weight[:, :, None, None] * layer.activation).sum(1))
    torch.testing.assert_close(map_of("ablationcam", network, images, "relu"), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["ablationcam", "reciprocam"])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "regnet_y_400mf", "squeezenet1_1"])
def test_a_last_stage_costs_one_forward_and_what_is_behind(name: str, method: str) -> None:
    from benchbench.network.layers import resolve

    network = narrow(name, 6)
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    last = resolve(network, images[:1], "last")[0]
    scorer = Scorer(prepare(network, images).network, 8)
    batch = capture_batch(network, scorer, images, [last], lambda z: z.argmax(1), gradient=False)
    maps = run_method(METHODS[method], batch.layer(last, (0, 0)), {})
    assert torch.isfinite(maps).all()
    channels, height, width = batch.captured.activations[last].shape[1:]
    assert scorer.passes.forwards == 2
    assert scorer.passes.rests == 2 * (channels if method == "ablationcam" else height * width)
