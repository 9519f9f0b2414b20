"""Calls of methods that no row of a study can be: of several layers, of one network per call, of another reduction."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..types import LibraryCall

OwnCall: TypeAlias = Callable[[Any, LibraryCall, tuple[str, ...], dict[str, Any]], Tensor]


def _refined(kind: Any, call: LibraryCall, stages: tuple[str, ...], _arguments: dict[str, Any]) -> Tensor:
    """torch-cam's RefineCAM, of all stages."""
    with kind(call.network, list(stages)) as extractor:
        maps: list[Tensor] = extractor(call.classes, call.network(call.images), normalized=False)
    return maps[0]


def _refined_numpy(kind: Any, call: LibraryCall, stages: tuple[str, ...], _arguments: dict[str, Any]) -> Tensor:
    """pytorch-grad-cam's RefineCAM, of all stages; it has no with statement, and lets go when it is deleted."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = [ClassifierOutputTarget(each) for each in call.classes]
    extractor = kind(call.network, [call.network.get_submodule(path) for path in stages])
    return torch.as_tensor(extractor(input_tensor=call.images, targets=targets))


def _guided_numpy(kind: Any, call: LibraryCall, _stages: tuple[str, ...], _arguments: dict[str, Any]) -> Tensor:
    """pytorch-grad-cam's guided backpropagation: one image per call, (H, W, C)."""
    pairs = zip(call.images, call.classes, strict=True)
    each = [torch.as_tensor(kind(call.network)(image[None], target_category=c)).clone() for image, c in pairs]
    return torch.stack(each).abs().amax(-1)


def _largest(kind: Any, call: LibraryCall, _stages: tuple[str, ...], arguments: dict[str, Any]) -> Tensor:
    """captum's attribution of the input, the largest magnitude among the channels, as Simonyan et al. 2013 have it."""
    images = call.images.detach().clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        explain = kind(call.network, call.module) if kind.__name__ == "GuidedGradCam" else kind(call.network)
        attribution: Tensor = explain.attribute(images, target=call.targets, **arguments)
    return attribution.detach().abs().amax(1)


def _guided_by_zennit(kind: Any, call: LibraryCall, _stages: tuple[str, ...], _arguments: dict[str, Any]) -> Tensor:
    """zennit's guided backpropagation, the largest magnitude among the channels."""
    from zennit.attribution import Gradient

    images = call.images.detach().clone().requires_grad_()

    def one_hot(logits: Tensor) -> Tensor:
        return torch.zeros_like(logits).scatter(1, call.targets[:, None], 1)

    with Gradient(call.network, kind(), attr_output=one_hot) as attribute:
        _, relevance = attribute(images)
    attribution: Tensor = relevance.detach()
    return attribution.abs().amax(1)


OWN_CALLS: dict[str, dict[str, OwnCall]] = {
    "torchcam": {"RefineCAM": _refined},
    "pytorch-grad-cam": {"RefineCAM": _refined_numpy, "GuidedBackpropReLUModel": _guided_numpy},
    "captum": {"Saliency": _largest, "GuidedBackprop": _largest, "GuidedGradCam": _largest},
    "zennit": {"GuidedBackprop": _guided_by_zennit},
}
