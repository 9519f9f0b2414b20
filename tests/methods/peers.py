"""The maps of other libraries, from a network, a layer, images and their classes: (B, h, w), or (B, H, W)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any, TypeAlias
from unittest import mock

import captum.attr
import numpy as np
import pytorch_grad_cam
import saliency.core
import torch
import torchcam.methods
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

Peer: TypeAlias = Callable[[nn.Module, str, Tensor, list[int]], Tensor]


def grad_cam(name: str) -> Peer:
    """pytorch-grad-cam: min-max normalised, then upsampled."""

    def maps_of(network: nn.Module, layer: str, images: Tensor, classes: list[int]) -> Tensor:
        layers = [] if layer == "input" else [network.get_submodule(layer)]
        kind = getattr(pytorch_grad_cam, name)
        targets = None if name == "FinerCAM" else [ClassifierOutputTarget(c) for c in classes]  # it takes the arg-max
        with redirect_stderr(io.StringIO()), kind(network, layers) as extractor:  # some draw progress bars
            return torch.from_numpy(extractor(input_tensor=images, targets=targets))

    return maps_of


def torch_cam(name: str, **named: Any) -> Peer:
    """torch-cam, not normalised."""

    def maps_of(network: nn.Module, layer: str, images: Tensor, classes: list[int]) -> Tensor:
        with torch.random.fork_rng(), getattr(torchcam.methods, name)(network, layer, **named) as extractor:
            torch.manual_seed(0)  # some draw noise from the global generator
            maps: Tensor = extractor(classes, network(images), normalized=False)[0].detach()
        return maps

    return maps_of


def grad_cam_sess(scales: int) -> Peer:
    """pytorch-grad-cam's SESS of Grad-CAM: min-max normalised, at the image's size."""

    def maps_of(network: nn.Module, layer: str, images: Tensor, classes: list[int]) -> Tensor:
        enhanced = pytorch_grad_cam.SESS(network, [network.get_submodule(layer)], num_scales=scales)
        return torch.from_numpy(enhanced(images, [ClassifierOutputTarget(c) for c in classes]))

    return maps_of


def pair_saliency(name: str, **named: Any) -> Peer:
    """PAIR's saliency at the input, summed over channels: one image at a time, in float64."""

    def maps_of(network: nn.Module, _layer: str, images: Tensor, classes: list[int]) -> Tensor:
        kind, quantile = getattr(saliency.core, name)(), np.quantile

        def old_quantile(a: Any, q: float, interpolation: str) -> Any:  # numpy 2.4 knows the argument as method
            return quantile(a, q, method=interpolation)  # type: ignore[call-overload]

        values = images.permute(0, 2, 3, 1).double().numpy()
        with mock.patch("numpy.quantile", old_quantile):
            maps = [kind.GetMask(v, _slopes(network, c), **named) for v, c in zip(values, classes, strict=True)]
        return torch.from_numpy(np.stack(maps).sum(3))

    return maps_of


def pair_xrai(steps: int, *, attributed: bool) -> Peer:
    """PAIR's XRAI, with segments of the image at 64 x 64: one image at a time, in float64.

    ``attributed``: of captum's integrated gradients at midpoints, in place of its own.
    """

    def maps_of(network: nn.Module, _layer: str, images: Tensor, classes: list[int]) -> Tensor:
        values, kind = images.permute(0, 2, 3, 1).double().numpy(), saliency.core.XRAI()
        named: dict[str, Any] = {"extra_parameters": saliency.core.XRAIParameters(steps=steps)}
        bases = _between_extremes(network, images, classes, steps) if attributed else [None] * len(classes)
        maps = []
        with mock.patch("saliency.core.xrai._FELZENSZWALB_IM_RESIZE", (64, 64)):
            for v, c, base in zip(values, classes, bases, strict=True):
                maps.append(kind.GetMask(v, _slopes(network, c), base_attribution=base, **named))
        return torch.from_numpy(np.stack(maps))

    return maps_of


def _between_extremes(network: nn.Module, images: Tensor, classes: list[int], steps: int) -> list[Any]:
    """(H, W, 3) for each image: captum's integrated gradients, averaged over its smallest and its largest value."""
    rule: dict[str, Any] = {"target": torch.tensor(classes), "n_steps": steps, "method": "riemann_middle"}
    ends = [images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)]
    kind = captum.attr.IntegratedGradients(network)
    attributions = [kind.attribute(images, end.expand_as(images), **rule) for end in ends]
    return list(((attributions[0] + attributions[1]) / 2).permute(0, 2, 3, 1).detach().double().numpy())


def authors_idg(steps: int) -> Peer:
    """Integrated decision gradients by the steps of the authors' code, with its samples, summed over channels."""

    def maps_of(network: nn.Module, _layer: str, images: Tensor, classes: list[int]) -> Tensor:
        return torch.stack([_idg(network, image, c, steps) for image, c in zip(images, classes, strict=True)])

    return maps_of


def _idg(network: nn.Module, image: Tensor, target: int, steps: int) -> Tensor:
    """Each gradient times the logit's slope since the sample before, and its part of the way; the first slope is 0."""
    even = torch.linspace(0, 1, steps)
    with torch.no_grad():
        logits = network(even[:, None, None, None] * image)[:, target]
    places, parts = _idg_samples(torch.cat([torch.zeros(1), logits.diff()]), float(even[1]))
    points = (places[:, None, None, None] * image).requires_grad_()
    scores = network(points)[:, target]
    (gradients,) = torch.autograd.grad(scores.sum(), points)
    slopes = torch.cat([torch.zeros(1), scores.detach().diff() / places.diff()])
    return (image * ((slopes * parts)[:, None, None, None] * gradients).mean(0)).sum(0)


def _idg_samples(rises: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Where the samples are, and each one's part of the way.

    An interval has samples in proportion to its rise over the smallest; those that are left over go one by one to the
    intervals without any. An interval without samples is left out, and those behind it move towards the baseline.
    """
    share = (rises - rises.min()) / (rises.max() - rises.min())
    share[0] = 0
    wanted = share / share.sum() * len(rises)
    counts = wanted.int()
    waiting = torch.where(counts == 0, wanted, -1).argsort(descending=True)
    counts[waiting[: len(rises) - int(counts.sum())]] = 1
    taken = [int(count) for count in counts if count]
    places = [step * (n + k / count) for n, count in enumerate(taken) for k in range(count)]
    return torch.tensor(places), torch.tensor([step / count for count in taken for _ in range(count)])


def _slopes(network: nn.Module, target: int) -> Callable[..., dict[str, Any]]:
    """What PAIR's saliency calls: from pictures (N, H, W, 3) to the gradients of the target's logit."""

    def call(values: Any, **_named: Any) -> dict[str, Any]:
        dtype = next(network.parameters()).dtype
        inputs = torch.as_tensor(np.asarray(values), dtype=dtype).permute(0, 3, 1, 2).requires_grad_()
        (gradients,) = torch.autograd.grad(network(inputs)[:, target].sum(), inputs)
        return {saliency.core.INPUT_OUTPUT_GRADIENTS: gradients.permute(0, 2, 3, 1).double().numpy()}

    return call


def captum_layer_gradcam(network: nn.Module, layer: str, images: Tensor, classes: list[int]) -> Tensor:
    attributions = captum.attr.LayerGradCam(network, network.get_submodule(layer)).attribute(
        images, classes, relu_attributions=True
    )
    maps: Tensor = attributions[:, 0].detach()
    return maps


def captum_pixels(name: str, reduce: str = "sum", *, double: bool = False, **named: Any) -> Peer:
    """captum at the input, summed over the image's channels, or the largest magnitude of them."""

    def maps_of(network: nn.Module, _layer: str, images: Tensor, classes: list[int]) -> Tensor:
        inputs = images.double() if double else images.clone()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it sets hooks
            kind = getattr(captum.attr, name)(network.double() if double else network)
            maps: Tensor = kind.attribute(inputs.requires_grad_(), target=torch.tensor(classes), **named).detach()
        return maps.sum(1) if reduce == "sum" else maps.abs().amax(1)

    return maps_of
