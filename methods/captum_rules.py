"""Rules on modules, through captum: DeepLift, guided backpropagation, guided Grad-CAM, LRP."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, relu

from benchbench.errors import NotApplicable
from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import upsample
from ._sign import Sign, evidence

_CURVED = {
    *("celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid"),
    *("mish", "prelu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softmax", "softplus", "softshrink", "softsign"),
    *("tanh", "tanhshrink", "threshold", "exp", "sin", "cos", "erf"),
}
_NO_GRADIENT = ("does not require grad", "not have been used in the graph")  # as torch says it
_COMPLETE = 1e-4  # of the contributions' sizes: rounding is a hundred times less, a missing rule ten times more


@method(
    "deeplift",
    title="DeepLIFT",
    needs=("input", "modules"),
    paper="arXiv:1704.02685",
    fails="Where captum has no rule for what the network computes, a product of two activations say; the "
    "contributions then do not add up, and it does not apply.",
)
def deeplift(layer: Layer, *, sign: Sign = "positive") -> Tensor:
    """DeepLift's rescale rule against a zero image, summed over channels; the positive part, or as ``sign`` says.

    Not applicable where the contributions do not add up to the difference of the logits, as captum's rules do not
    cover all that the network computes.
    """
    network, baseline = layer.network, torch.zeros_like(layer.images)
    contributions = _attribute("DeepLift", layer, lambda captum: captum.DeepLift(network), baselines=baseline)
    _check_sum(contributions, network, layer.images, baseline, layer.targets)
    return evidence(contributions, sign)


@method(
    "liftcam",
    title="LIFT-CAM",
    needs=("activation", "rest"),
    paper="arXiv:2102.05228",
    fails="Where captum has no rule for what is behind the layer; the contributions then do not add up, and it does "
    "not apply.",
)
def liftcam(layer: Layer) -> Tensor:
    """Activations weighted by each channel's DeepLift contribution to the logit against a zero activation, then ReLU.

    Jung and Oh 2021, equation 9. Not applicable where the contributions do not add up to the difference of the logits.
    """
    network, baseline = layer.behind, torch.zeros_like(layer.activation)
    activation = layer.activation
    contributions = _attribute(
        "DeepLift", layer, lambda captum: captum.DeepLift(network), images=activation, baselines=baseline
    )
    _check_sum(contributions, network, activation, baseline, layer.targets)
    return relu((contributions.sum((2, 3), keepdim=True) * activation).sum(1))


@method(
    "guidedbackprop",
    title="Guided backpropagation",
    needs=("input", "modules"),
    paper="arXiv:1412.6806",
    fails="It hardly depends on the class or on the later layers' weights: it draws edges, and passes for an "
    "explanation of any of them.",
)
def guidedbackprop(layer: Layer) -> Tensor:
    """The gradient with the negative part cut at every ReLU on its way back; its largest magnitude among channels."""
    return _guided(layer).abs().amax(1)


@method(
    "guidedgradcam",
    title="Guided Grad-CAM",
    needs=("gradient", "modules"),
    paper="arXiv:1610.02391",
    fails="As guided backpropagation does: its fine lines are edges of the image, wherever Grad-CAM is not zero.",
    fixed_score="guided backpropagation propagates the target's logit, and both its factors explain the same",
)
def guidedgradcam(layer: Layer) -> Tensor:
    """Grad-CAM, upsampled, times guided backpropagation; the largest magnitude among channels."""
    cam = relu((layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1, keepdim=True))
    return (upsample(cam, layer.images.shape[2:]) * _guided(layer)).abs().amax(1)


@method(
    "lrp",
    title="LRP",
    needs=("input", "modules"),
    paper="doi:10.1371/journal.pone.0130140",
    fails="Sums near zero are divided by, so that relevance may grow without bound; residual sums and attention "
    "have no rule of their own.",
)
def lrp(layer: Layer, *, sign: Sign = "positive") -> Tensor:
    """Layer-wise relevance propagation by captum's default, the epsilon rule; summed over channels, the positive part.

    Not applicable where captum has no rule for a module.
    """
    # float64, as sums near zero are divided by and float32 gives other maps; a copy, as captum leaves its hooks and
    # rules on a network that it gives up on
    network = copy.deepcopy(layer.network).double()
    relevance = _attribute("LRP", layer, lambda captum: captum.LRP(network), images=layer.images.double())
    return evidence(relevance, sign)


def _check_sum(
    contributions: Tensor, network: Callable[[Tensor], Tensor], inputs: Tensor, baseline: Tensor, targets: Tensor
) -> None:
    with torch.no_grad():
        change = (network(inputs) - network(baseline)).gather(1, targets[:, None])[:, 0]
    off = (contributions.sum((1, 2, 3)) - change).abs()
    if bool((off > _COMPLETE * contributions.abs().sum((1, 2, 3))).any()):
        raise NotApplicable(f"DeepLift's contributions miss the logits' difference by {float(off.max()):.3g}")


def _guided(layer: Layer) -> Tensor:
    """(B, 3, H, W).

    Raises:
        NotApplicable: the network has other activation functions than ReLU, or none: captum would not change them.
    """
    network = layer.network
    kinds = {type(m).__name__ for m in network.modules() if type(m).__module__ == "torch.nn.modules.activation"}
    nodes = [node for m in network.modules() if isinstance(m, fx.GraphModule) for node in m.graph.nodes]
    kinds |= {name for name in map(_called, nodes) if name in _CURVED}
    if kinds != {"ReLU"}:
        names = ", ".join(sorted(kinds)) or "none"
        raise NotApplicable(f"guided backpropagation is defined for ReLU; the network's activation functions: {names}")
    return _attribute("guided backpropagation", layer, lambda captum: captum.GuidedBackprop(network))


def _called(node: Any) -> str:
    """The function or method of a traced network's node; of a module none."""
    if node.op == "call_method":
        return str(node.target)
    return getattr(node.target, "__name__", "") if node.op == "call_function" else ""


def _attribute(
    name: str, layer: Layer, make: Callable[[Any], Any], *, images: Tensor | None = None, **named: Any
) -> Tensor:
    """captum's attribution (B, 3, H, W) of the targets' logits.

    Raises:
        NotApplicable: captum has no rule for the network.
    """
    import captum.attr

    images = (layer.images if images is None else images).detach().clone().requires_grad_()
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it sets hooks, each time
            attribution: Tensor = make(captum.attr).attribute(images, target=layer.targets, **named)
    except (AssertionError, TypeError, AttributeError, RuntimeError) as error:
        message = " ".join(str(error).split())[:200]
        if isinstance(error, RuntimeError):
            if not any(words in message for words in _NO_GRADIENT):
                raise
            raise NotApplicable(f"captum's {name} differentiates the network, and it has no gradient here") from error
        raise NotApplicable(f"captum's {name} has no rule for this network: {message}") from error
    return attribution.detach()
