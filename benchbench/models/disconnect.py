"""A network cut so that its logits provably come of one cell of a grid of images: DiFull and DiPart.

Rao, Böhle, Schiele: Towards Better Understanding Attribution Methods, CVPR 2022, arXiv:2205.10435, section 3.1. They
cut VGG-11 and ResNet-18 by hand. Here torch.fx finds the last map before the head, and the result proves itself.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..errors import BenchError, NotApplicable, raised
from .divide_modules import divide
from .grid_cells import CellOnly, Division, box_of, read_cell

TOLERANCE = 1e-4  # of the largest logit
_HEAD = "cell_only"  # the module's name
_HINT = "Use GridPG, which needs no cut, or a convolutional network with a pooled or flattened head"


def disconnect(network: nn.Module, division: Division, cell_shape: tuple[int, int, int]) -> nn.Module:
    """A copy of the network whose logits come of one cell of a grid of images.

    DiPart: the head reads only the cell's part of the last map. DiFull: besides, each module before the head runs on
    each cell alone, so that the logits are exactly those of the cell as an image. Modules keep their names, and a
    layer's map still covers the whole grid.

    Args:
        network: returns logits (B, C) from images (B, channels, H, W); left as it is.
        division: setting, grid and cell.
        cell_shape: (channels, h, w) of one cell; the copy takes images (B, channels, n h, n w).

    Returns:
        The copy, in eval mode.

    Raises:
        NotApplicable: the network cannot be cut: its forward cannot be traced, no map of it grows with the image, or
            the head reads more than that map; or the cut does not give the logits that it must.
        BenchError: the grid has no such cell.

    Example:
        >>> grid = disconnect(network, Division("difull", 2, 0), (3, 16, 16))
        >>> alone = images[:, :, :16, :16]
        >>> torch.allclose(grid(images), network(alone), atol=1e-5)
        True
    """
    if not 0 <= division.cell < division.cells:
        hint = f"Give 0 to {division.cells - 1}, row by row"
        raise BenchError(f"a grid of {division.grid} x {division.grid} has no cell {division.cell}", hint=hint)
    reason = ""
    for whole in (False, True) if division.setting == "difull" else (False,):
        try:
            return _disconnected(network, division, cell_shape, whole)
        except NotApplicable as error:
            reason = reason or error.what
        except Exception as error:  # tracing and running a cut network fail in as many ways as there are networks
            reason = reason or raised(error)
    name = {"difull": "DiFull", "dipart": "DiPart"}[division.setting]
    raise NotApplicable(f"{name} cannot cut the network: {reason}", hint=_HINT)


def _disconnected(network: nn.Module, division: Division, cell_shape: tuple[int, int, int], whole: bool) -> nn.Module:
    """With the parts of modules divided; or each of the outermost modules as a ``whole``."""
    twin = copy.deepcopy(network).eval()
    cell, grid = _examples(twin, division.grid, cell_shape)
    graph, at = _cut_point(twin, cell, grid)
    if division.setting == "difull":
        divide(twin, _modules_before(graph, at), cell, division.grid, whole=whole)
    cut = _with_cell_only(twin, graph, at, division)
    _prove(network, cut, division, grid)
    return cut


class _Tracer(fx.Tracer):
    """The forward of the network and of the modules that are ``entered``; all other modules stay as they are."""

    def __init__(self, entered: Collection[str]) -> None:
        super().__init__()
        self.entered = entered

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name not in self.entered


def _examples(network: nn.Module, grid: int, cell_shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Noise: one cell (1, channels, h, w) and a grid (1, channels, n h, n w)."""
    channels, height, width = cell_shape
    source = torch.Generator().manual_seed(0)
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    shapes = [(1, channels, height, width), (1, channels, grid * height, grid * width)]
    cell, whole = (torch.randn(shape, generator=source).to(device) for shape in shapes)
    return cell, whole


class _Shapes(fx.Interpreter):
    """Runs a graph and keeps the shape of each node's value."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shapes[n] = tuple(value.shape)
        return value


def _shapes(
    network: nn.Module, graph: fx.Graph, images: Tensor, *, complete: bool = False
) -> Mapping[fx.Node, tuple[int, ...]]:
    """By node, the shape of its value; up to where the network fails, unless it must be ``complete``."""
    interpreter = _Shapes(network, graph)
    with torch.no_grad():
        if complete:
            interpreter.run(images)
        else:
            with suppress(Exception):  # a flattened head takes images of one size
                interpreter.run(images)
    return interpreter.shapes


def _cut_point(network: nn.Module, cell: Tensor, grid: Tensor) -> tuple[fx.Graph, fx.Node]:
    """The forward, and the last map of the whole grid in it; the modules behind it make no such map."""
    growing = _growing_modules(network, cell, grid)
    entered: set[str] = set()
    while True:
        graph = _Tracer(entered).trace(network)
        at = _last_map(graph, _shapes(network, graph, cell, complete=True), _shapes(network, graph, grid))
        nodes = list(graph.nodes)
        behind = {str(node.target) for node in nodes[nodes.index(at) :] if node is not at and node.op == "call_module"}
        deeper = {name for name in behind if any(each.startswith(f"{name}.") for each in growing)}
        if not deeper:
            return graph, at
        entered |= deeper


def _growing_modules(network: nn.Module, cell: Tensor, grid: Tensor) -> list[str]:
    """The paths of the modules that return a map which grows with the image."""
    shapes: dict[str, list[tuple[int, ...]]] = {}
    with ExitStack() as stack, torch.no_grad():
        for name, module in network.named_modules():

            def note(_module: nn.Module, _inputs: Any, output: Any, name: str = name) -> None:
                if isinstance(output, Tensor):
                    shapes.setdefault(name, []).append(tuple(output.shape))

            stack.callback(module.register_forward_hook(note).remove)
        network(cell)
        with suppress(Exception):  # a flattened head takes images of one size
            network(grid)
    return [name for name, sizes in shapes.items() if len(sizes) > 1 and _grows(sizes[0], sizes[-1])]


def _last_map(
    graph: fx.Graph, alone: Mapping[fx.Node, tuple[int, ...]], whole: Mapping[fx.Node, tuple[int, ...]]
) -> fx.Node:
    """The last node that is a map of the whole grid and through which everything passes on its way to the logits."""
    maps = [
        node
        for node in graph.nodes
        if node.op != "placeholder" and node in alone and node in whole and _grows(alone[node], whole[node])
    ]
    if not maps:
        raise NotApplicable("no map of it grows with the image")
    through: list[fx.Node] = [node for node in maps if not _passes_around(graph, node)]
    if not through:
        raise NotApplicable("its head reads more than its last map")
    return through[-1]


def _grows(alone: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether maps (B, K, h, w) of one cell and of a grid are of one layer whose sides grow with the image."""
    return len(alone) == len(whole) == 4 and alone[1] == whole[1] and alone[2] < whole[2] and alone[3] < whole[3]


def _passes_around(graph: fx.Graph, at: fx.Node) -> bool:
    """Whether the output depends on the image otherwise than through ``at``."""
    (output,) = [node for node in graph.nodes if node.op == "output"]
    met: set[fx.Node] = set()
    queue = [output]
    while queue:
        node = queue.pop()
        if node is at or node in met:
            continue
        if node.op == "placeholder":
            return True
        met.add(node)
        queue += node.all_input_nodes
    return False


def _modules_before(graph: fx.Graph, at: fx.Node) -> list[str]:
    """The paths of the modules that make the map ``at``."""
    nodes = list(graph.nodes)
    called = [str(node.target) for node in nodes[: nodes.index(at) + 1] if node.op == "call_module"]
    return list(dict.fromkeys(called))


def _with_cell_only(network: nn.Module, graph: fx.Graph, at: fx.Node, division: Division) -> nn.Module:
    if hasattr(network, _HEAD):
        raise NotApplicable(f"it has a module {_HEAD!r} already")
    network.add_module(_HEAD, CellOnly(division))
    with graph.inserting_after(at):
        module = graph.get_attr(_HEAD)
    with graph.inserting_after(module):
        chosen = graph.call_function(read_cell, (module, at))
    at.replace_all_uses_with(chosen, delete_user_cb=lambda user: user is not chosen)
    return fx.GraphModule(network, graph, class_name=f"{type(network).__name__}OfCell").eval()


def _prove(network: nn.Module, cut: nn.Module, division: Division, grid: Tensor) -> None:
    """That the cut gives logits; for DiFull, those of the cell as an image, and no gradient to another cell.

    Raises:
        NotApplicable: it does not.
    """
    inside = (slice(None), slice(None), *box_of(division, (grid.shape[2], grid.shape[3])))
    images = grid.clone().requires_grad_(True)
    logits = cut(images)
    modes = [(module, module.training) for module in network.modules()]
    try:
        with torch.no_grad():
            expected = network.eval()(grid[inside])
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(logits, Tensor) or logits.shape != expected.shape:
        raise NotApplicable("its output is not a tensor of logits")
    if division.setting == "dipart":
        return
    difference = float((logits.detach() - expected).abs().max() / expected.abs().max().clamp_min(1e-12))
    if not difference <= TOLERANCE:
        raise NotApplicable(f"its logits differ from those of the cell alone by {difference:.1e} of the largest")
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    gradient[inside] = 0
    if gradient.count_nonzero():
        raise NotApplicable("its logits still depend on other cells")
