"""Backward passes by other rules: torch functions whose gradient a method replaces wherever a network calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from benchbench.errors import NotApplicable
from benchbench.types import Layer

Rule: TypeAlias = Callable[..., Any]  # from the function, and what it is called with, to what it returns
_NEAR = 1e-6  # below it, a function over its argument is taken here
_BENT = {
    *("exp", "exp2", "expm1", "log", "log2", "log1p", "sqrt", "rsqrt", "pow", "__pow__", "__rpow__", "square"),
    *("reciprocal", "softplus", "log_sigmoid", "log_softmax", "logsumexp", "softmin", "special_expit", "sin", "cos"),
    *("instance_norm", "local_response_norm", "var", "std", "var_mean", "std_mean", "prod", "norm", "vector_norm"),
    *("matrix_norm", "linalg_norm", "linalg_vector_norm", "group_norm", "cosine_similarity", "glu"),
    *("exp_", "pow_", "sqrt_", "rsqrt_", "sigmoid_", "tanh_", "elu_", "selu_", "celu_", "hardtanh_", "hardswish_"),
}
_RATIOS = {"div", "div_", "divide", "true_divide", "__truediv__", "__rtruediv__", "__rdiv__", "__itruediv__"}
_MIXED = {  # of several tensors: piecewise linear if one of them is an activation
    *("mul_", "__imul__", "addcmul", "addcmul_", "addcdiv", "addcdiv_", "baddbmm", "addmm", "addbmm", "addmv", "addr"),
    *("einsum", "bilinear", "tensordot", "mv", "dot", "vdot", "inner", "outer", "kron", "cross", "cdist", "lerp"),
}


class Backward(TorchFunctionMode):
    """Within the block, each function named in ``rules`` is called by its rule: the same values, another gradient.

    Args:
        rules: by the function's name, whether it is torch's, a tensor's method or an operator.
        who: the method, as an error names it.

    Raises:
        NotApplicable: in the block, an activation goes into a function without a rule that is not piecewise linear.
    """

    def __init__(self, rules: Mapping[str, Rule], who: str) -> None:
        super().__init__()
        self.rules, self.who = rules, who

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, named = getattr(func, "__name__", ""), kwargs or {}
        if name in self.rules:
            return self.rules[name](func, *args, **named)
        self._refuse_bent(name, args, named)
        return func(*args, **named)

    def _refuse_bent(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if name not in _BENT | _RATIOS | _MIXED:
            return
        activations = sum(map(_in_graph, (*args, *named.values())))
        if name in _RATIOS:
            bent = _in_graph(args[0 if name in ("__rtruediv__", "__rdiv__") else 1])
        else:
            bent = activations > (1 if name in _MIXED else 0)
        if bent:
            raise NotApplicable(f"{self.who} has no rule for {name.strip('_')}, which the network computes")


def input_times_gradient(layer: Layer, rules: Mapping[str, Rule], who: str) -> Tensor:
    """(B, channels, H, W): the image times the gradient of the target's logit by the rules.

    Raises:
        NotApplicable: the network computes something that has no rule.
    """
    images = layer.images.detach().clone().requires_grad_()
    with torch.enable_grad():
        with Backward(rules, who):
            logits = layer.forward(images)
        score = logits.gather(1, layer.targets[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, images)
    return images.detach() * gradient


def swapped(value: Tensor, surrogate: Tensor) -> Tensor:
    """The ``value``, with the gradient of the ``surrogate``."""
    return value.detach() + (surrogate - surrogate.detach())


def scaled(value: Any, share: float) -> Any:
    """The value, a tensor or not, with a share of its gradient."""
    return swapped(value, share * value) if _in_graph(value) else value


def pruned(func: Rule, *args: Any, **named: Any) -> Any:
    """The function with no gradient."""
    return func(*(_detached(a) for a in args), **{key: _detached(a) for key, a in named.items()})


def divided(func: Rule, first: Any, second: Any, **named: Any) -> Any:
    """A product: each of its factors that depends on the image has an equal share of the gradient."""
    share = 1 / max(1, _in_graph(first) + _in_graph(second))
    return func(scaled(first, share), scaled(second, share), **named)


def as_factor(func: Rule, value: Tensor, *args: Any, **named: Any) -> Any:
    """A function of each element, f(x), as x times the constant f(x) / x."""
    if not _in_graph(value):
        return func(value, *args, **named)
    with torch.no_grad():
        fixed = value.detach()
        near = torch.where(fixed.abs() < _NEAR, _NEAR, fixed)
        slope = func(near.clone(), *args, **named) / near
        answer = func(fixed.clone(), *args, **named)
    return swapped(answer, value * slope)


def layer_norm(func: Rule, value: Tensor, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """A layer norm whose deviation is a constant."""
    dims = tuple(range(-len(shape), 0))
    centred = value - value.mean(dims, keepdim=True)
    deviation = (value.detach().var(dims, correction=0, keepdim=True) + eps).sqrt()
    return swapped(func(value, shape, weight, bias, eps), _affine(centred / deviation, weight, bias))


def rms_norm(func: Rule, value: Tensor, shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """A root-mean-square norm whose root is a constant."""
    dims = tuple(range(-len(shape), 0))
    added = torch.finfo(value.dtype).eps if eps is None else eps
    root = (value.detach().square().mean(dims, keepdim=True) + added).sqrt()
    return swapped(func(value, shape, weight, eps), _affine(value / root, weight, None))


def normalize(func: Rule, value: Tensor, *args: Any, **named: Any) -> Any:
    """F.normalize whose norm is a constant."""
    answer = func(value, *args, **named)
    with torch.no_grad():
        slope = torch.where(value == 0, 0, answer / value)
    return swapped(answer, value * slope)


def _affine(value: Tensor, weight: Any, bias: Any) -> Tensor:
    value = value if weight is None else value * weight
    return value if bias is None else value + bias


def _in_graph(value: Any) -> bool:
    """Whether it depends on the image."""
    return isinstance(value, Tensor) and value.requires_grad


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


_CURVES = ("gelu", "silu", "mish", "hardswish", "elu", "selu", "celu", "relu6", "hardtanh", "tanh", "sigmoid")
_PRODUCTS = ("mul", "multiply", "__mul__", "__rmul__", "matmul", "__matmul__", "__rmatmul__", "bmm")
BALANCED: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys((*_CURVES, "hardsigmoid", "softsign"), as_factor),
        **dict.fromkeys(_PRODUCTS, divided),
        "layer_norm": layer_norm,
        "rms_norm": rms_norm,
        "normalize": normalize,
    }
)
