"""Derivatives beyond the shared backward: curvature at a layer, and the gradients of every bias."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import NotApplicable
from ..types import INPUT, Score
from ..types.token_grid import Layout
from .capture import NO_GRADIENT, WHY, eval_frozen, hook, layout_at, module_of, widened
from .checks import check_logits

_COMPLETE = 1e-5  # of the sum of all terms' sizes: rounding is a thousand times less, a smooth activation function more


def curvature(
    network: nn.Module,
    images: Tensor,
    layer: str,
    targets: Tensor,
    direction: Tensor,
    layout: Layout | None = None,
    score: Score | None = None,
) -> tuple[Tensor, int]:
    """H v (B, K, h, w): the Hessian of the target's logit in the layer's map, times ``direction`` (B, K, h, w).

    And how many backward passes that took: two, or one where the logit is linear in the layer.

    Args:
        layout: how the layer's output holds its map, as a capture tells; None to find it out.
        score: what is differentiated in place of the target's logit: from logits (B, C) to (B,).

    Raises:
        NotApplicable: torch has no second derivative of something behind the layer, as of hard sigmoids.
    """
    kept: list[Tensor] = []
    known = layout or (None if layer == INPUT else layout_at(network, images, layer))

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        assert known is not None, "a layer has one"
        kept.append(widened(known.map_of(output).detach()).requires_grad_())
        return known.output_of(kept[0].to(output.dtype, copy=True), output)

    with eval_frozen(network), torch.enable_grad(), ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # fused attention has no second derivative
        if layer == INPUT:
            kept.append(images.detach().requires_grad_())
            images = kept[0]
        else:
            stack.enter_context(hook(module_of(network, layer), keep))
        logits = check_logits(network(images), images)
        aim = logits.gather(1, targets[:, None]).sum() if score is None else score(logits).sum()
        (gradient,) = torch.autograd.grad(aim, kept, create_graph=True)
        if not gradient.requires_grad:  # the logit is linear in the layer
            return torch.zeros_like(direction), 1
        try:
            (product,) = torch.autograd.grad((gradient * direction).sum(), kept, allow_unused=True)
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            raise NotApplicable(f"a second derivative that torch lacks: {error}") from error
    return (torch.zeros_like(direction) if product is None else product), 2


@dataclass(frozen=True, eq=False)
class BiasGradients:
    """The full gradient of Srinivas and Fleuret 2019, arXiv:1905.00780, equation 4, of the target's logit.

    Attributes:
        image: (B, 3, H, W), image times gradient.
        biases: of each convolution and batch norm (B, K, h, w), the bias times the gradient of its output.
        others: (B,), the same of the linear layers, summed.
    """

    image: Tensor
    biases: tuple[Tensor, ...]
    others: Tensor

    def total(self) -> Tensor:
        """(B,): the logit, where the decomposition is complete."""
        return self.image.sum((1, 2, 3)) + sum(b.sum((1, 2, 3)) for b in self.biases) + self.others


def bias_gradients(network: nn.Module, images: Tensor, targets: Tensor) -> BiasGradients:
    """The full gradient on images (B, 3, H, W).

    Raises:
        NotApplicable: no convolution or batch norm has a bias, or the terms do not add up to the logit, as with
            activation functions that are not piecewise linear.
    """
    images = images.detach().requires_grad_()
    outputs: list[tuple[Tensor, Tensor]] = []
    with eval_frozen(network), torch.enable_grad(), ExitStack() as stack:
        for module in network.modules():
            bias = _bias_of(module)
            if bias is not None:
                stack.enter_context(hook(module, partial(_keep, outputs, bias)))
        logits = check_logits(network(images), images)
        score = logits.gather(1, targets[:, None])[:, 0]
        if not score.requires_grad:
            raise NotApplicable(f"{NO_GRADIENT} the logits to the images{WHY}")
        inputs = [images, *(output for output, _ in outputs)]
        gradients = torch.autograd.grad(score.sum(), inputs, allow_unused=True)
    terms = [
        (bias.ndim == 3, bias * gradient)
        for (_, bias), gradient in zip(outputs, gradients[1:], strict=True)
        if gradient is not None
    ]
    maps = tuple(term for spatial, term in terms if spatial)
    if gradients[0] is None or not maps:
        raise NotApplicable("FullGrad needs biases in convolutions or batch norms; the network has none")
    if any(len(term) % len(images) for _, term in terms):
        raise NotApplicable("FullGrad's biases are in modules that do not run image by image")
    maps = tuple(term for term in maps if len(term) == len(images))
    others = [term.reshape(len(images), -1).sum(1) for spatial, term in terms if not spatial or len(term) > len(images)]
    rest = torch.stack([logits.new_zeros(len(images)), *others]).sum(0)
    full_gradient = BiasGradients((images * gradients[0]).detach(), maps, rest)
    _check_complete(full_gradient, score.detach())
    return full_gradient


def _check_complete(terms: BiasGradients, logit: Tensor) -> None:
    total = terms.total()
    size = torch.stack([terms.others.abs(), *(t.abs().sum((1, 2, 3)) for t in (terms.image, *terms.biases))]).sum(0)
    wrong = ((total - logit).abs() > _COMPLETE * size).nonzero()[:, 0].tolist()
    if wrong:
        term_sum, needed = float(total[wrong[0]]), float(logit[wrong[0]])
        raise NotApplicable(
            f"FullGrad's terms add up to {term_sum:.4g}, where the logit is {needed:.4g}: "
            "the network has activation functions that are not piecewise linear, or biases elsewhere"
        )


def _keep(outputs: list[tuple[Tensor, Tensor]], bias: Tensor, _module: nn.Module, _inputs: Any, output: Any) -> Any:
    if not isinstance(output, Tensor):
        return output
    outputs.append((output, bias))
    return output.clone()  # whatever overwrites its input behind this layer overwrites the clone


def _bias_of(module: nn.Module) -> Tensor | None:
    """What the module adds to each channel, (K, 1, 1) or (C,): of a batch norm, bias - mean * weight / deviation."""
    if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
        scale = torch.rsqrt(module.running_var + module.eps)
        scale = scale if module.weight is None else scale * module.weight
        shift = -module.running_mean * scale
        return (shift if module.bias is None else shift + module.bias).detach()[:, None, None]
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        return module.bias.detach()[:, None, None]
    if isinstance(module, nn.Linear) and module.bias is not None:
        return module.bias.detach()
    return None
