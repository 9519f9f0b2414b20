"""Agreement with the libraries that are right, on four of torchvision's networks, made narrow, at two layers each.

torch-cam and captum give raw maps; pytorch-grad-cam gives upsampled ones. Known to be wrong, and so left out:
torch-cam 0.5's GradCAMpp and pytorch-grad-cam's GradCAMPlusPlus (an epsilon larger than the denominator).
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import (
    EigenCAM,
    EigenGradCAM,
    GradCAM,
    GradCAMElementWise,
    HiResCAM,
    LayerCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torchcam import methods as torchcam

from benchbench.attribution.method_call import run_method
from benchbench.errors import NotApplicable
from benchbench.maps.normalise import minmax, upsample
from benchbench.network.layers import resolve
from benchbench.registry import METHODS
from benchbench.types import Layer

from ..helpers import layer_of, map_of, normalised, place_of
from ..narrow import narrow
from ..networks import calibrated

NETWORKS = {
    "resnet18": ["layer2", "layer4"],
    "vgg11_bn": ["features.13", "features.27"],
    "mobilenet_v3_large": ["features.3", "features.12"],
    "densenet121": ["features.denseblock2", "features.denseblock4"],
}
CASES = [(name, layer) for name, layers in NETWORKS.items() for layer in layers]


@cache
def network_of(name: str) -> nn.Module:
    """Random weights, in-place ReLUs as torchvision builds them, batch norms' statistics from real passes."""
    network = calibrated(narrow(name, 12), side=96)
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    linear.weight.data *= 10  # maps of ordinary size: the peers add up to 1e-7 to what they divide by
    return network


def not_in_place(name: str) -> nn.Module:
    """For the peers, whose hooks would see what an in-place activation left behind."""
    network = copy.deepcopy(network_of(name))
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.__dict__["inplace"] = False
    return network


def classes_of(name: str, pictures: Tensor) -> list[int]:
    with torch.no_grad():
        return [int(i) for i in network_of(name)(pictures).argmax(1)]


@cache
def examples() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.nn.functional.interpolate(torch.randn(2, 3, 12, 12, generator=generator), size=96, mode="bicubic")


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return examples()


@cache
def layer_at(name: str, place: str, count: int) -> Layer:
    """Of the first ``count`` examples, captured once for all methods that explain the network at one place."""
    return layer_of(network_of(name), examples()[:count], place)


def ours(method: str, name: str, layer: str, pictures: Tensor, **params: Any) -> Tensor:
    plugin, place = METHODS[method], place_of(method, layer, **params)
    return run_method(plugin, layer_at(name, place, len(pictures)), plugin.bind(params))


def ours_double(method: str, name: str, layer: str, pictures: Tensor, **params: Any) -> Tensor:
    """As ours, with the network in float64."""
    plugin, place = METHODS[method], place_of(method, layer, **params)
    network = copy.deepcopy(network_of(name)).double()
    return run_method(plugin, layer_of(network, pictures.double(), place), plugin.bind(params))


@pytest.mark.parametrize(("name", "layer"), CASES)
def test_captum_gradcam(name: str, layer: str, pictures: Tensor) -> None:
    network = not_in_place(name)
    expected = (
        LayerGradCam(network, network.get_submodule(layer))
        .attribute(pictures, classes_of(name, pictures), relu_attributions=True)[:, 0]
        .detach()
    )
    assert (expected.amax((1, 2)) > 0).any()
    torch.testing.assert_close(
        ours("gradcam", name, layer, pictures), expected, rtol=1e-4, atol=1e-5 * float(expected.max())
    )


@pytest.mark.parametrize(("name", "layer"), CASES)
@pytest.mark.parametrize(
    ("method", "peer"),
    [("gradcam", torchcam.GradCAM), ("layercam", torchcam.LayerCAM), ("xgradcam", torchcam.XGradCAM)],
)
def test_torchcam(method: str, peer: type, name: str, layer: str, pictures: Tensor) -> None:
    network = not_in_place(name)
    with peer(network, target_layer=layer) as extractor:
        scores = network(pictures)
        expected = extractor(classes_of(name, pictures), scores, normalized=False)[0].detach()
    maps = ours(method, name, layer, pictures)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5 * float(expected.max()))


@pytest.mark.parametrize(("name", "layer"), CASES)
@pytest.mark.parametrize(
    ("method", "peer"),
    [
        ("gradcam", GradCAM),
        ("layercam", LayerCAM),
        ("xgradcam", XGradCAM),
        ("hirescam", HiResCAM),
        ("gradcam-elementwise", GradCAMElementWise),
    ],
)
def test_pytorch_grad_cam(method: str, peer: type, name: str, layer: str, pictures: Tensor) -> None:
    """It upsamples after min-max; both are affine, so a second min-max after upsampling makes them comparable."""
    network = not_in_place(name)
    with peer(model=network, target_layers=[network.get_submodule(layer)]) as extractor:
        peer_maps = extractor(
            input_tensor=pictures, targets=[ClassifierOutputTarget(c) for c in classes_of(name, pictures)]
        )
    expected = minmax(torch.from_numpy(peer_maps))
    maps = minmax(upsample(ours(method, name, layer, pictures), (96, 96)))
    torch.testing.assert_close(maps, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("name", "layer"), CASES)
@pytest.mark.parametrize(("method", "peer"), [("eigencam", EigenCAM), ("eigengradcam", EigenGradCAM)])
def test_pytorch_grad_cam_eigen(method: str, peer: type, name: str, layer: str, pictures: Tensor) -> None:
    """It centres, leaves the sign to the decomposition, and then keeps the positive part of whichever sign came."""
    network = not_in_place(name)
    with peer(model=network, target_layers=[network.get_submodule(layer)]) as extractor:
        peer_maps = extractor(
            input_tensor=pictures, targets=[ClassifierOutputTarget(c) for c in classes_of(name, pictures)]
        )
    maps = ours(method, name, layer, pictures, centered=True)
    for image, expected in zip(maps, minmax(torch.from_numpy(peer_maps)), strict=True):
        both_signs = [minmax(upsample(torch.relu(sign * image)[None], (96, 96)))[0] for sign in (1, -1)]
        assert min(float((signed - expected).abs().max()) for signed in both_signs) < 1e-4
        assert float((both_signs[0] - both_signs[1]).abs().max()) > 0.1


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_torchcam_scorecam(name: str, pictures: Tensor) -> None:
    """torch-cam's rule normalises the masks before it upsamples them, so it agrees in rank, not to the digit."""
    layer = {"resnet18": "layer3", "densenet121": "features.denseblock2"}[name]
    network, picture = not_in_place(name), pictures[:1]
    with torchcam.ScoreCAM(network, target_layer=layer, batch_size=16) as extractor:
        scores = network(picture)
        expected = extractor(classes_of(name, picture), scores)[0].detach()
    maps = normalised(ours("scorecam", name, layer, picture, variant="torchcam"))
    both = torch.stack([maps.flatten(), expected.flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.98


@pytest.mark.parametrize(("name", "layer"), CASES)
def test_an_inplace_relu_changes_nothing(name: str, layer: str, pictures: Tensor) -> None:
    captured = layer_of(not_in_place(name), pictures, layer)
    for method in ("gradcam", "layercam", "gradcam++"):
        plain = run_method(METHODS[method], captured, METHODS[method].bind({}))
        torch.testing.assert_close(
            ours(method, name, layer, pictures), plain, rtol=1e-4, atol=1e-6 * float(plain.max())
        )


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "mnasnet0_5", "shufflenet_v2_x0_5", "regnet_y_400mf"])
def test_gradcam_is_cam_on_torchvision_s_pooled_heads(name: str, pictures: Tensor) -> None:
    network = narrow(name, 12)
    last = resolve(network, pictures[:1], "last")[0]
    cam = torch.relu(map_of("cam", network, pictures, last))
    alive = cam.amax((1, 2)) > 0
    assert alive.any()
    gradcam = map_of("gradcam", network, pictures, last)
    torch.testing.assert_close(normalised(gradcam[alive]), normalised(cam[alive]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["vgg11_bn", "mobilenet_v3_large", "densenet121"])
def test_cam_does_not_apply_to_other_heads(name: str, pictures: Tensor) -> None:
    network = network_of(name)
    with pytest.raises(NotApplicable, match="global average pooling"):
        map_of("cam", network, pictures, resolve(network, pictures[:1], "last")[0])
