"""Another library's maps outside a study, image by image or in one call, as an audit asks for them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchbench.attribution.library_maps import maps_of
from benchbench.errors import BenchError
from benchbench.methods.implementations.implementation import LibraryMethod
from benchbench.plugin_guard import state_of
from benchbench.registry import METHODS

from ..helpers import map_of
from ..narrow import narrow

TARGETS = torch.tensor([1, 3])


def plugin(name: str) -> LibraryMethod:
    method = METHODS[name]
    assert isinstance(method, LibraryMethod)
    return method


def test_they_are_the_studys_maps(images: Tensor) -> None:
    network = narrow("resnet18", 5)
    before = state_of(network)
    result = maps_of(plugin("torchcam:GradCAM"), network, "layer4", images[:2], TARGETS, raw=True)
    expected = map_of("torchcam:GradCAM", network, images[:2], "layer4", TARGETS, raw=True)
    assert torch.equal(result.maps, expected)
    assert (result.passes.forwards, result.passes.backwards) == (2, 2)
    assert result.remains == ()
    assert state_of(network) == before


def test_a_batch_is_one_call(images: Tensor) -> None:
    """GradCAM is the same in a batch; noise that is drawn for the whole batch is not."""
    network = narrow("resnet18", 5)
    for name, same in (("torchcam:GradCAM", True), ("torchcam:SmoothGradCAMpp", False)):
        alone = maps_of(plugin(name), network, "layer4", images[:2], TARGETS)
        together = maps_of(plugin(name), network, "layer4", images[:2], TARGETS, batch=True)
        assert torch.allclose(alone.maps[0], together.maps[0], atol=1e-4) is same
        assert alone.passes.forwards == together.passes.forwards


def test_what_is_left_behind_is_said(images: Tensor) -> None:
    result = maps_of(plugin("pytorch-grad-cam:GradCAM"), narrow("resnet18", 5), "layer4", images[:2], TARGETS)
    assert result.remains == ("gradients of the weights (.grad)",)


def test_raw_is_for_those_that_have_it(images: Tensor) -> None:
    network = narrow("resnet18", 5)
    result = maps_of(plugin("captum:LayerGradCam"), network, "layer4", images[:2], TARGETS, raw=True)
    assert result.maps.shape == (2, 2, 2)
    with pytest.raises(BenchError, match="the network has no layer 'layer5'"):
        maps_of(plugin("captum:LayerGradCam"), network, "layer5", images[:2], TARGETS)
    with pytest.raises(BenchError, match="no parameter 'steps'"):
        maps_of(plugin("captum:Saliency"), network, "layer4", images[:2], TARGETS, params={"steps": 3})


def test_what_excludes_itself_is_refused(images: Tensor) -> None:
    both = {"raw": True, "aug_smooth": True}
    with pytest.raises(BenchError, match="raw=true and aug_smooth=true exclude each other"):
        maps_of(plugin("pytorch-grad-cam:GradCAM"), narrow("resnet18", 5), "layer4", images[:1], TARGETS, params=both)
    with pytest.raises(BenchError, match="FinerCAM explains one class for all images of a batch"):
        maps_of(plugin("pytorch-grad-cam:FinerCAM"), narrow("resnet18", 5), "layer4", images[:2], TARGETS, batch=True)
