"""Layers by name: ``last`` and ``stages`` on torchvision's networks, and wrong names."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.layers import resolve, spatial_layers

from .networks import Pooled, seeded

STAGES = {
    "resnet18": ["relu", "layer1", "layer2", "layer3", "layer4"],
    "vgg11_bn": ["features.2", "features.6", "features.13", "features.20", "features.27", "features"],
    "mobilenet_v2": ["features.1", "features.3", "features.6", "features.13", "features"],
    "mobilenet_v3_large": ["features.1", "features.3", "features.6", "features.12", "features"],
    "densenet121": [
        "features.relu0",
        "features.denseblock1",
        "features.denseblock2",
        "features.denseblock3",
        "features",
    ],
    "googlenet": ["conv1", "conv3", "inception3b", "inception4e", "inception5b"],
    "squeezenet1_1": ["features.1", "features.4", "features.7", "features"],
    "alexnet": ["features.1", "features.4", "features.11", "features"],
    "convnext_tiny": ["features.1", "features.3", "features.5", "features"],
    "efficientnet_b0": ["features.1", "features.2", "features.3", "features.5", "features"],
    "shufflenet_v2_x1_0": ["conv1", "maxpool", "stage2", "stage3", "conv5"],
    "regnet_y_400mf": [
        "stem",
        "trunk_output.block1",
        "trunk_output.block2",
        "trunk_output.block3",
        "trunk_output",
    ],
    "mnasnet0_5": ["layers.7", "layers.8", "layers.9", "layers.11", "layers"],
}


@pytest.mark.parametrize("name", STAGES)
def test_last_and_stages_on_torchvision(name: str) -> None:
    options = {"init_weights": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, weights=None, **options)
    image = torch.zeros(1, 3, 224, 224)
    stages = resolve(network, image, "stages")
    assert stages == STAGES[name]
    assert resolve(network, image, "last") == stages[-1:]
    sizes = {layer.name: layer.height for layer in spatial_layers(network, image)}
    found = [sizes[stage] for stage in stages]
    assert found == sorted(set(found), reverse=True), "one stage per resolution, finest first"


def test_named_layers_keep_their_order_and_lose_repeats(images: Tensor) -> None:
    assert resolve(seeded(Pooled), images, ["conv", "stage1", "conv"]) == ["conv", "stage1"]
    assert resolve(seeded(Pooled), images, "conv") == ["conv"]


def test_a_wrong_name_is_answered_with_the_nearest_and_the_valid_ones(images: Tensor) -> None:
    with pytest.raises(BenchError) as caught:
        resolve(seeded(Pooled), images, ["stage2"])
    said = str(caught.value)
    assert "no layer 'stage2'" in said
    assert "Did you mean" in said
    assert "'stage1'" in said
    assert "conv" in said


def test_a_network_without_maps_is_refused() -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    with pytest.raises(BenchError, match="no layer of the network returns a spatial map"):
        resolve(network, torch.zeros(1, 3, 2, 2), "last")
