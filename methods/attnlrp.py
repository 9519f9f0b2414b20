"""AttnLRP and LibraGrad: one backward pass through a transformer, by rules that balance its products and norms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._backward import BALANCED, Rule, input_times_gradient, pruned, scaled, swapped
from ._sign import Sign, evidence

_STABLE = 1e-6  # as in zennit
_PROPAGATES = "its rules propagate the target's logit"
_ATTENTIONS = ("scaled_dot_product_attention", "multi_head_attention_forward")
Gamma = Annotated[float, Field(ge=0)]


@method(
    "attnlrp",
    title="AttnLRP",
    needs=("input", "look", "attention"),
    paper="arXiv:2402.05602",
    fixed_score=_PROPAGATES,
    fails="Biases and the softmax take relevance, so that it does not add up to the logit; with the epsilon rule alone "
    "the map of a vision transformer is noisy.",
)
def attnlrp(layer: Layer, *, gamma: Gamma = 0.0, conv_gamma: Gamma = 0.0, sign: Sign = "positive") -> Tensor:
    """Layer-wise relevance propagation with rules for attention; summed over channels, the positive part of it.

    Achtibat et al. 2024: a softmax is propagated by its gradient (proposition 3.1), a product of two activations gives
    each of them half (3.3), a norm is its input times a constant (3.4), and so is a GELU (equation 9). Linear layers
    and convolutions have the epsilon rule (equation 8, epsilon 0), or the generalised gamma rule: ``gamma`` of linear
    layers, ``conv_gamma`` of convolutions; those inside torch's attention module keep the epsilon rule, as with lxt.
    """
    rules = {**BALANCED, **dict.fromkeys(_ATTENTIONS, _shared)}
    if gamma:
        rules["linear"] = partial(_gamma_rule, gamma)
    if conv_gamma:
        rules["conv2d"] = partial(_gamma_rule, conv_gamma)
    return evidence(input_times_gradient(layer, rules, "AttnLRP"), sign)


@method(
    "libragrad",
    title="LibraGrad",
    needs=("input", "look", "attention"),
    paper="arXiv:2411.16760",
    fixed_score=_PROPAGATES,
    fails="Where attention looks does not count, only what it carries; a mean-coloured pixel gets nothing, and biases "
    "have a part of the logit that the map does not show.",
)
def libragrad(layer: Layer, *, sign: Sign = "positive") -> Tensor:
    """Image times the balanced gradient (Libra input x gradient), summed over channels; the positive part of it.

    Mehri et al. 2025: attention weights, the denominators of norms and the gates of activation functions are constants
    of the backward pass, and a product of two activations gives each of them half. With the biases times their
    gradients the map then adds up to the logit; without biases, alone.
    """
    return evidence(input_times_gradient(layer, LIBRAGRAD, "LibraGrad"), sign)


def _shared(func: Rule, query: Tensor, key: Tensor, value: Tensor, *args: Any, **named: Any) -> Any:
    """Attention: half to the values, and half to the softmax, which its query and key divide."""
    both = query.requires_grad and key.requires_grad
    share = 0.5 if value.requires_grad and (query.requires_grad or key.requires_grad) else 1.0
    looked = share / 2 if both else share
    return func(scaled(query, looked), scaled(key, looked), scaled(value, share), *args, **named)


def _values_only(func: Rule, query: Tensor, key: Tensor, value: Tensor, *args: Any, **named: Any) -> Any:
    """Attention whose weights are constants."""
    return func(query.detach(), key.detach(), value, *args, **named)


LIBRAGRAD: Mapping[str, Rule] = MappingProxyType(
    {**BALANCED, "softmax": pruned, **dict.fromkeys(_ATTENTIONS, _values_only)}
)


def _gamma_rule(
    gamma: float, func: Rule, value: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **named: Any
) -> Any:
    """A linear map by the generalised gamma rule: what has the sign of the output counts ``gamma`` times more.

    Andeol et al. 2021, as zennit's Gamma: the bias counts too.
    """
    answer = func(value, weight, bias, *args, **named)
    if not value.requires_grad:
        return answer
    up, down, surrogate = value.clamp(min=0), value.clamp(max=0), torch.zeros_like(answer)
    raised, lowered = weight + gamma * weight.clamp(min=0), weight + gamma * weight.clamp(max=0)
    for side in (1, -1):
        of_up, of_down = (raised, lowered) if side > 0 else (lowered, raised)
        added = None if bias is None else bias + gamma * side * (side * bias).clamp(min=0)
        whole = func(up, of_up, added, *args, **named) + func(down, of_down, None, *args, **named)
        fixed = whole.detach()
        share = answer.detach() / (fixed + torch.where(fixed >= 0, _STABLE, -_STABLE))
        surrogate = surrogate + torch.where(side * answer.detach() > 0, share * whole, 0)
    return swapped(answer, surrogate)
