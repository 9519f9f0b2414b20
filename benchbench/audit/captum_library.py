"""captum's attributions of the input image, and of a layer, as one map per image."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from torch import Tensor, nn

from .library import AuditPlace, Counterpart, Library, LibraryCall, LibraryMethod

Reduction: TypeAlias = Callable[[Tensor], Tensor]


def _sum(attributions: Tensor) -> Tensor:
    return attributions.sum(1)


def _largest(attributions: Tensor) -> Tensor:
    return attributions.abs().amax(1)


def _pixels(network: nn.Module, _layer: nn.Module, kind: Any) -> Any:
    return kind(network)


def _at_layer(network: nn.Module, layer: nn.Module, kind: Any) -> Any:
    return kind(network, layer)


@dataclass(frozen=True)
class CaptumCall:
    """How one of captum's classes gives a map.

    Attributes:
        counterpart: what it is compared with.
        reduce: from attributions (B, C, h, w) to maps (B, h, w).
        build: from network, layer and class to the attribution.
        named: arguments of ``attribute`` from the images.
    """

    counterpart: Counterpart
    reduce: Reduction = _sum
    build: Callable[[nn.Module, nn.Module, Any], Any] = _pixels
    named: Mapping[str, Any] = field(default_factory=dict)


SIGNED = {"sign": "signed"}
_WINDOWS = {"sliding_window_shapes": (3, 16, 16), "strides": (3, 16, 16)}
CALLS = {
    "Saliency": CaptumCall(Counterpart("saliency"), _largest),
    "InputXGradient": CaptumCall(Counterpart("inputxgradient", SIGNED)),
    "IntegratedGradients": CaptumCall(
        Counterpart("integratedgradients", {**SIGNED, "steps": 8}, {"n_steps": 8, "method": "riemann_middle"}, bound=1e-2),
        named={"n_steps": 8, "method": "riemann_middle"},
    ),
    "GuidedBackprop": CaptumCall(Counterpart("guidedbackprop"), _largest),
    "GuidedGradCam": CaptumCall(Counterpart("guidedgradcam"), _largest, _at_layer),
    "Deconvolution": CaptumCall(Counterpart(), _largest),
    "DeepLift": CaptumCall(Counterpart("deeplift", SIGNED)),
    "LRP": CaptumCall(Counterpart("lrp", SIGNED, bound=1e-2, note="benchbench computes it in float64")),
    "Occlusion": CaptumCall(
        Counterpart("occlusion", {**SIGNED, "window": 16, "stride": 16}, {"sliding_window_shapes": 16, "strides": 16}),
        named=_WINDOWS,
    ),
    "LayerGradCam": CaptumCall(
        Counterpart("gradcam", {}, {"relu_attributions": True}), _sum, _at_layer, {"relu_attributions": True}
    ),
    "LayerGradientXActivation": CaptumCall(Counterpart("hirescam", {"rectified": False}), _sum, _at_layer),
}


def _call(kind: Any, how: CaptumCall) -> LibraryCall:
    def maps_of(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it sets hooks
            attribution = how.build(network, network.get_submodule(place.layer), kind)
            attributions: Tensor = attribution.attribute(images, target=classes, **how.named)
        return how.reduce(attributions.detach())

    return maps_of


_OTHER = Counterpart(note="not run: it explains a neuron, text or groups of features, or needs arguments of its own")


def _find(module: Any) -> tuple[LibraryMethod, ...]:
    attributions = [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, module.Attribution) and not inspect.isabstract(value)
    ]
    return tuple(
        LibraryMethod(name, _call(value, CALLS[name]), CALLS[name].counterpart)
        if name in CALLS
        else LibraryMethod(name, None, _OTHER)
        for name, value in attributions
        if name not in _BASES
    )


_BASES = ("Attribution", "GradientAttribution", "PerturbationAttribution", "InternalAttribution", "LayerAttribution")
_BASES += ("NeuronAttribution",)
CAPTUM = Library("captum", "captum", "captum.attr", _find)
