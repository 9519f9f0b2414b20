"""A copy of the network for other libraries that hook its modules, with its passes counted."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from ..containment.network_watch import state_of
from ..cost.ledger import Passes, count_forwards
from ..errors import NotApplicable
from ..failure_policy import as_bench_error
from .behind_layer import Rest
from .capture import eval_frozen
from .scorer import Scorer

_TOLERANCE = 1e-4
_RELUS = (F.relu, torch.relu, torch.relu_, F.relu_)


def exported(scorer: Scorer, network: nn.Module, images: Tensor) -> nn.Module:
    """The copy, made once: traced by torch.fx, every call of a module a module of its own, and every ReLU a module.

    In eval mode, with parameters that need no gradient and nothing done in place. It proves itself on ``images``.

    Raises:
        NotApplicable: the network cannot be traced, or the copy does not give its logits.
    """
    if "exported" not in scorer.copies:
        _keep(scorer, "exported", _counted(_checked(network, images), scorer.passes, behind=False))
    return scorer.copies["exported"]


def exported_behind(scorer: Scorer, layer: str, make: Callable[[], Rest | None]) -> nn.Module:
    """As ``exported``, of the network behind a layer: from its activation (N, K, h, w) to logits. Passes are rests.

    Args:
        make: the cut of the network at the layer; called once.

    Raises:
        NotApplicable: the network cannot be cut there, other values than the layer's go into what is behind it, or it
            cannot be traced.
    """
    name = f"behind {layer}"
    if name not in scorer.copies:
        rest = make()
        if rest is None:
            raise NotApplicable(f"the network cannot be cut behind {layer!r}")
        if rest.crossing or rest.layout.kind != "first":
            raise NotApplicable(f"other values than the output of {layer!r} go into the network behind it")
        with as_bench_error(f"the network behind {layer!r} cannot be traced, module by module", kind=NotApplicable):
            behind = _unrolled(copy.deepcopy(rest.behind)).eval().requires_grad_(False)
        _keep(scorer, name, _counted(behind, scorer.passes, behind=True))
    return scorer.copies[name]


def _keep(scorer: Scorer, name: str, module: nn.Module) -> None:
    scorer.copies[name], scorer.states[name] = module, state_of(module)


def forget_spoiled(scorer: Scorer) -> bool:
    """Forget the copies that are not as they were made: the next who asks gets new ones. Whether there were any."""
    spoiled = [name for name, module in scorer.copies.items() if state_of(module) != scorer.states[name]]
    for name in spoiled:
        del scorer.copies[name]
    return bool(spoiled)


def _counted(module: nn.Module, passes: Passes, *, behind: bool) -> nn.Module:
    """The module in another that counts its passes, also those of a deep copy: a copied GraphModule loses its hooks."""
    outer = nn.Sequential(module).eval()
    count_forwards(outer, passes, behind=behind)
    return outer


def _checked(network: nn.Module, images: Tensor) -> nn.Module:
    untraced = "the network cannot be traced, which rules on its modules need"  # in as many ways as there are networks
    with as_bench_error(untraced, kind=NotApplicable):
        traced = _unrolled(copy.deepcopy(network)).eval().requires_grad_(False)
        with torch.no_grad(), eval_frozen(network):
            logits, expected = traced(images), network(images)
        same = (logits - expected).abs().max() <= _TOLERANCE * expected.abs().max()
    if not same:
        raise NotApplicable("the traced network does not give the network's logits, which rules on its modules need")
    return traced


class _Tracer(fx.Tracer):
    """Goes into whatever has modules in it; a convolution of another library's is a convolution."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = any(kind.__module__.startswith("torch.nn") and kind is not nn.Module for kind in type(m).__mro__)
        return super().is_leaf_module(m, module_qualified_name) or (known and not list(m.children()))


def _unrolled(network: nn.Module) -> fx.GraphModule:
    traced = fx.GraphModule(network, _Tracer().trace(network))
    used: set[str] = set()
    for node in list(traced.graph.nodes):
        if _is_relu(node):
            _replace(traced, node, _relu_module(traced, node))
        elif node.op == "call_module":
            _call_apart(traced, node, used)
        elif node.target in (operator.iadd, operator.imul):
            node.target = {operator.iadd: operator.add, operator.imul: operator.mul}[node.target]
    for module in traced.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _call_apart(traced: fx.GraphModule, node: fx.Node, used: set[str]) -> None:
    """Each call its own module; what only changes the shape is a function, as captum has no rule for such modules."""
    name, module = str(node.target), traced.get_submodule(str(node.target))
    if isinstance(module, nn.Flatten):
        with traced.graph.inserting_after(node):
            flat = traced.graph.call_function(torch.flatten, (node.args[0], module.start_dim, module.end_dim))
        _replace(traced, node, flat)
        return
    if name in used:
        node.target = f"again_{node.name}"
        traced.add_submodule(node.target, copy.deepcopy(module))
    used.add(str(node.target))


def _relu_module(traced: fx.GraphModule, node: fx.Node) -> fx.Node:
    name = f"relu_of_{node.name}"
    traced.add_submodule(name, nn.ReLU())
    with traced.graph.inserting_after(node):
        return traced.graph.call_module(name, (node.args[0] if node.args else node.kwargs["input"],))


def _replace(traced: fx.GraphModule, node: fx.Node, other: fx.Node) -> None:
    node.replace_all_uses_with(other)
    traced.graph.erase_node(node)


def _is_relu(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in ("relu", "relu_")
    return node.op == "call_function" and node.target in _RELUS
