"""The network behind a layer, alone, by torch.fx.

Only the modules that contain the layer are traced; all others stay whole, whatever control flow is in them. A cut
proves itself on the batch it is made for, or is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..errors import BenchError
from ..failure_policy import Failure, attempt
from ..types import INPUT
from ..types.token_grid import Layout
from .capture import eval_frozen, hook, layout_at, module_of, widened
from .checks import check_logits

TOLERANCE = 1e-4  # of the largest logit


@dataclass(frozen=True, eq=False)
class Rest:
    """``behind`` gives logits from the layer's output and the ``crossing`` values; ``before`` makes those of images.

    Of tokens the layer's own output crosses too, as the first of them: some of its tokens are not in the map.
    ``kinds``: how each crossing value depends on the images, found out by trying: row by row ("row"), not at all
    ("same"), or otherwise ("made": a size, say).
    """

    before: fx.GraphModule
    behind: fx.GraphModule
    crossing: int
    layout: Layout
    kinds: tuple[str, ...] = ()

    def bypass(self, images: Tensor) -> tuple[Any, ...]:
        """The values of images (B, 3, H, W) that go around the layer."""
        return tuple(self.before(images)) if self.crossing else ()

    def logits(self, activation: Tensor, images: Tensor, owner: Tensor, bypass: tuple[Any, ...]) -> Tensor:
        """Logits (N, C) for ``activation`` (N, K, h, w), which the network may overwrite.

        Row i is of image ``owner[i]`` of ``images`` (B, 3, H, W), whose ``bypass`` is given. What depends on the images
        row by row is taken so; where anything depends on them otherwise, all of it is made again for these rows.
        """
        if "made" in self.kinds:
            rows = list(self.bypass(images[owner]))
        else:
            rows = [v[owner] if kind == "row" else v for v, kind in zip(bypass, self.kinds, strict=True)]
        output = activation
        if self.layout.prefix:
            output, *rows = rows
        result: Tensor = self.behind(self.layout.output_of(activation, output), *rows)
        return result


def cut(
    network: nn.Module, layer: str, images: Tensor, activation: Tensor, logits: Tensor, layout: Layout
) -> Rest | None:
    """The network cut behind a layer; None where it cannot be traced, or does not give the logits that it must.

    Args:
        images, activation, logits: (B, 3, H, W), (B, K, h, w) and (B, C) of one capture, which the cut must reproduce.
        layout: how the layer's output holds its map.
    """
    owner = torch.arange(len(images), -1, -1, device=images.device) % len(images)  # another order, and one more

    def tried() -> tuple[Rest, Tensor]:
        candidate = _split(network, layer, layout)
        with torch.no_grad(), eval_frozen(network):
            bypass, again = candidate.bypass(images), candidate.bypass(images[owner])
            kinds = tuple(_kind(v, w, owner) for v, w in zip(bypass, again, strict=True))
            candidate = replace(candidate, kinds=kinds)
            return candidate, candidate.logits(activation[owner].clone(), images, owner, bypass)

    outcome = attempt(tried)
    if isinstance(outcome, Failure):  # tracing fails in as many ways as there are networks: the whole network serves
        return None
    (candidate, cut_logits), expected = outcome, logits[owner]
    if cut_logits.shape != expected.shape:
        return None
    return candidate if (cut_logits - expected).abs().max() <= TOLERANCE * expected.abs().max() else None


def _kind(value: Any, again: Any, owner: Tensor) -> str:
    """How a crossing value depends on the images: ``again`` is its value for the images ``owner``, one more of them."""
    if isinstance(value, torch.Size) and value == again:  # of the images, as what interpolates to their size takes it
        return "same"
    if not isinstance(value, Tensor) or not isinstance(again, Tensor):
        return "made"
    if value.shape == again.shape:
        return "same" if torch.equal(value, again) else "made"
    rows = value.ndim > 0 and again.shape == (len(owner), *value.shape[1:]) and len(value) == len(owner) - 1
    if not rows:
        return "made"
    chosen, largest = value[owner], value.abs().max() if value.numel() else value.sum()
    return "row" if bool(((chosen - again).abs() <= TOLERANCE * largest).all()) else "made"


class _Tracer(fx.Tracer):
    """Goes only into the modules on the way to the layer."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        parts = layer.split(".")
        self.way = {".".join(parts[:i]) for i in range(1, len(parts))}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name not in self.way


def _split(network: nn.Module, layer: str, layout: Layout) -> Rest:
    graph = _Tracer(layer).trace(network)
    (at,) = [node for node in graph.nodes if node.op == "call_module" and node.target == layer]
    (output,) = [node for node in graph.nodes if node.op == "output"]
    later = _after(at)
    crossing = [n for n in graph.nodes if n not in later and n is not at and any(user in later for user in n.users)]
    over = [at, *crossing] if layout.prefix else crossing
    before = fx.Graph()
    copies = _copy(before, graph, over, {})
    before.output(tuple(copies[node] for node in over))
    behind = fx.Graph()
    known = {at: behind.placeholder("activation")}
    known |= {node: behind.placeholder(f"crossing_{i}") for i, node in enumerate(crossing)}
    behind.output(_copy(behind, graph, [output.args[0]], known)[output.args[0]])
    return Rest(fx.GraphModule(network, before), fx.GraphModule(network, behind), len(over), layout)


def _after(node: fx.Node) -> set[fx.Node]:
    later: set[fx.Node] = set()
    queue = [node]
    while queue:
        for user in queue.pop().users:
            if user not in later:
                later.add(user)
                queue.append(user)
    return later


def _copy(into: fx.Graph, graph: fx.Graph, wanted: list[Any], known: dict[fx.Node, fx.Node]) -> dict[Any, fx.Node]:
    """The nodes that ``wanted`` needs, in their order, down to those that are known already."""
    needed: set[fx.Node] = set()
    queue = list(wanted)
    while queue:
        node = queue.pop()
        if node not in needed and node not in known:
            needed.add(node)
            queue += node.all_input_nodes
    copies = dict(known)
    for node in graph.nodes:
        if node in needed or (node.op == "placeholder" and not known):
            copies[node] = into.node_copy(node, lambda n: copies[n])
    return copies


def rest(network: nn.Module, images: Tensor, layer: str, activation: Tensor, layout: Layout | None = None) -> Tensor:
    """Logits (N, C) on images (N, 3, H, W) with the layer's output replaced by ``activation`` (N, K, h, w).

    The whole network runs, on the same images, so that whatever else crosses the layer's level is right too.

    Args:
        layout: how the layer's output holds its map, as a capture tells; None to find it out.
    """
    if layer == INPUT:
        with eval_frozen(network):
            return widened(check_logits(network(activation), activation))
    known = layout or layout_at(network, images, layer)

    def replace(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return known.output_of(activation.to(output.dtype, copy=True), output)

    with eval_frozen(network), hook(module_of(network, layer), replace):
        return widened(check_logits(network(images), activation))


def check_copies(tensor: Tensor, images: Tensor, service: str = "rest") -> int:
    """How many times the images ``tensor`` holds; ``service`` is the service to blame.

    Raises:
        BenchError: not a whole number of times.
    """
    rows, count = tensor.shape[0], images.shape[0]
    if not rows or rows % count:
        hint = "Give a multiple; row i belongs to image i % B"
        raise BenchError(f"{service}() was given {rows} rows for {count} images", hint=hint)
    return rows // count
