"""One forward with every operation followed: where each module's output holds its map, and what the logits come of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from .axes import Axes, Place, is_place, place_of, plain, resized
from .axis_moves import Call
from .axis_rules import axes_of
from .find_layout import layout_from
from .flow import Flow, Way

_FIRST_ONLY = ("convolution", "index", "gather", "index_select", "masked_fill", "linear", "grid_sampler_2d")
_SQUASH = ("sigmoid", "hardsigmoid", "_softmax", "_safe_softmax", "softmax", "tanh", "hardtanh", "clamp")
_PRODUCTS = ("mul", "div", "bmm", "baddbmm", "mm")
_CONSTANT = re.compile(r"aten::(new_\w+|\w+_like)")  # of a tensor's shape alone
_TO_SIZE = ("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d")


@dataclass(frozen=True)
class Output:
    """What a module returned: a tensor of this shape; its axes and its operation, where they are known.

    ``weights``: its rows are softmax weights, as far as the numbers tell.
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    axes: Axes | None
    node: int | None
    weights: bool


@dataclass(frozen=True, eq=False)
class Trace:
    """The modules' outputs in the order of finishing; the way to the logits, None if it cannot be followed.

    ``places``: by number of tokens, the grids in which so many lie. ``shuffled``: numbers of tokens that lie otherwise,
    as in windows. ``logits``: how many numbers the network returned for the image; 0 where it returned no tensor.
    """

    outputs: list[Output]
    way: Way | None
    places: dict[int, set[Place]]
    shuffled: frozenset[int] = frozenset()
    logits: int = 0


@dataclass(frozen=True)
class _Known:
    axes: Axes | None
    node: int


def traced(network: nn.Module, images: Tensor) -> Trace:
    """One forward of the first of the images (B, C, H, W), which is in eval mode and needs no gradient.

    Where torch cannot follow the operations, the modules' outputs are all that is known.
    """
    try:
        return _traced(network, images[:1], _Follow())
    except Exception:  # whatever is wrong with it, the network itself will say it, or run
        return _traced(network, images[:1], None)


def _traced(network: nn.Module, image: Tensor, follow: _Follow | None) -> Trace:
    outputs: list[Output] = []
    with ExitStack() as stack, torch.no_grad():
        for name, module in network.named_modules():
            if name:
                stack.enter_context(_after(module, _noting(name, outputs, follow)))
        if follow is None:
            return Trace(outputs, None, {}, logits=_count(network(image)))
        image = image.detach().clone()
        follow.start(image)
        with follow:
            logits = network(image)
    known = follow.known.get(logits) if isinstance(logits, Tensor) else None
    way = None if known is None else follow.flow.way(known.node)
    return Trace(outputs, way, follow.places, frozenset(follow.shuffled), _count(logits))


def _count(logits: object) -> int:
    return logits.numel() if isinstance(logits, Tensor) else 0


def _noting(name: str, outputs: list[Output], follow: _Follow | None) -> Callable[..., None]:
    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            outputs.append(Output(name, module, (), None, None, False))
            return
        known = None if follow is None else follow.known.get(output)
        axes, node = (None, None) if known is None else (known.axes, known.node)
        weights = axes is None and _are_weights(output)
        outputs.append(Output(name, module, tuple(output.shape), axes, node, weights))

    return note


def _are_weights(output: Tensor) -> bool:
    """Whether each row sums to 1, as of softmax weights: no map, whatever its shape."""
    if output.ndim != 4 or not output.is_floating_point() or bool((output < 0).any()):
        return False
    return bool(((output.sum(-1) - 1).abs() < 1e-3).all())


@contextmanager
def _after(module: nn.Module, function: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_hook(function)
    try:
        yield
    finally:
        handle.remove()


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def _named(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments by the schema's names and in its order, with defaults."""
    arguments = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
    return {a.name: arguments.get(a.name, a.default_value) for a in func._schema.arguments}


class _Follow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows what is made of the image: each tensor's axes, and the operation that made it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known: Any = WeakIdKeyDictionary()
        self.flow = Flow()
        self.places: dict[int, set[Place]] = {}
        self.shuffled: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not asked of torch, as it would import its compiler, which takes seconds."""
        return False

    def start(self, image: Tensor) -> None:
        lead = tuple(map(plain, image.shape[:-2]))
        axes = (*lead, plain(image.shape[-2], "row"), plain(image.shape[-1], "column"))
        self.known[image] = _Known(axes, 0)
        self.flow.sizes[0] = (int(image.shape[-2]), int(image.shape[-1]))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        inputs = list(_tensors([args, kwargs]))
        depends = any(t in self.known for t in inputs)
        result = func(*args, **kwargs)
        if depends and not _CONSTANT.fullmatch(func._schema.name):
            self._follow(func, _named(func, args, kwargs), inputs, list(_tensors(result)))
        return result

    def _follow(self, func: Any, named: dict[str, Any], inputs: list[Tensor], results: list[Tensor]) -> None:
        name = func._schema.name.split("::")[-1]
        written = results[0] if func._schema.is_mutable and results and any(results[0] is t for t in inputs) else None
        name = name if written is None else name.rstrip("_")
        node = self._operation(name, named)
        if name == "copy":
            result_axes = [self._copied(named["src"], named["self"])]
        else:
            call = Call(named, results, self._axes, lambda t: t in self.known)
            result_axes = list(axes_of(name, torch.Tag.pointwise in func.tags, call))
        for result, axes in zip(results, result_axes, strict=True):
            self._keep(result, axes, node)
        base = None if written is None else written._base
        if base is not None and written is not None:
            self._write(base, written, node)

    def _axes(self, tensor: Tensor) -> Axes | None:
        known = self.known.get(tensor)
        return None if known is None else known.axes

    def _copied(self, source: Tensor, into: Tensor) -> Axes | None:
        """What is copied keeps its axes; what is written into keeps its, where the source tells none."""
        axes = self._axes(source)
        return axes if source.shape == into.shape else None

    def _write(self, base: Tensor, part: Tensor, node: int) -> None:
        """A tensor of which a part was written: it follows what it was, and what it became."""
        old, axes = self.known.get(base), self._axes(part)
        if old is not None:
            node = self.flow.add([old.node, node], squashed=False, head=False)
            axes = old.axes
        elif axes is not None and base.ndim == part.ndim:
            sizes = zip(axes, part.shape, base.shape, strict=True)
            axes = tuple(resized(axis, before, after) for axis, before, after in sizes)
        else:
            axes = None
        self._keep(base, axes, node)

    def _operation(self, name: str, named: dict[str, Any]) -> int:
        tensors = [t for t in _tensors(named) if t in self.known]
        nodes = list(dict.fromkeys(self.known[t].node for t in tensors))
        flow, first = self.flow, next(iter(named.values()))
        followed = nodes
        if name in _FIRST_ONLY and isinstance(first, Tensor) and first in self.known:
            followed = [self.known[first].node]
        elif "attention" in name and isinstance(value := named.get("value"), Tensor) and value in self.known:
            followed = [self.known[value].node]
        elif name in _PRODUCTS and len(tensors) > 1 and len(nodes) > 1:
            left, right = tensors[-2:]
            followed = [
                flow.weighed((self.known[left].node, left.numel()), (self.known[right].node, right.numel()))
                if name in ("mul", "div")
                else flow.weighed((self.known[left].node, 0), (self.known[right].node, 0))
            ]
        mixes = len(nodes) > 1 or name in ("convolution", "addmm", "mm", "bmm") or "norm" in name
        open_ended = name == "clamp" and (named.get("min") is None or named.get("max") is None)
        squashed = (name in _SQUASH and not open_ended) or (not mixes and flow.squashed[followed[0]])
        pooled = name in _TO_SIZE
        head = name != "convolution" and (pooled or all(flow.head[node] for node in followed))
        return flow.add(followed, squashed=squashed, head=head)

    def _keep(self, tensor: Tensor, axes: Axes | None, node: int) -> None:
        self.known[tensor] = _Known(axes, node)
        if axes is None:
            return
        for axis, size in zip(axes, tensor.shape, strict=True):
            place = place_of(axis) if is_place(axis) else None
            if place is not None:
                self.places.setdefault(int(size), set()).add(place)
            elif is_place(axis):
                self.shuffled.add(int(size))
        layout = layout_from(axes, tuple(tensor.shape))
        if layout is not None and layout.height * layout.width > 1:
            self.flow.sizes[node] = (layout.height, layout.width)
