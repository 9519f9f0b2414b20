"""Which layers: module paths, ``last`` (the last spatial map on the way to the logits) or ``stages``.

``last`` and ``stages`` are chosen by what the logits come of: see ``Way`` in tracing/flow.py. Segmentation networks and
detectors name their trunk, and the layers are its blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod

from torch import Tensor, nn

from ..errors import BenchError, NotApplicable, nearest
from ..tracing.flow import Way
from ..tracing.reading import Reading, read
from .capture import capture, eval_frozen
from .no_layer import no_map, unwatched

_POOLS_TO_SIZE = re.compile(r"(Select)?Adaptive.*Pool")
WORDS = ("last", "stages")
_MODULE = "module:"  # in front of a path that is one of the words


@dataclass(frozen=True)
class Spatial:
    """A module that ran once and returned a spatial map; ``norm``: it is a layer norm of tokens.

    ``node``: the operation that made the map; None where it is not known.
    """

    name: str
    channels: int
    height: int
    width: int
    norm: bool = False
    node: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


def spatial_layers(network: nn.Module, images: Tensor) -> list[Spatial]:
    """Every module that runs exactly once and returns a map larger than 1 x 1, in the order of finishing.

    Left out: pooling to a fixed size, which belongs to the head.
    """
    return _spatial_layers(_reading(network, images))


def _reading(network: nn.Module, images: Tensor) -> Reading:
    with eval_frozen(network):
        return read(network, images)


def _spatial_layers(reading: Reading) -> list[Spatial]:
    layers = [_spatial(reading, name) for name in reading.outputs]
    return [layer for layer in layers if layer is not None]


def _spatial(reading: Reading, name: str) -> Spatial | None:
    output, way = reading.outputs[name], reading.trace.way
    if not output.shape or output.shape[0] != 1 or output.weights:
        return None
    if _POOLS_TO_SIZE.match(type(output.module).__name__):
        return None
    if way is not None and output.node is not None and way.flow.head[output.node]:
        return None
    try:
        layout = reading.layout(name)
    except NotApplicable:
        return None
    if layout is None or layout.height * layout.width == 1 or not reading.has_proportions(layout, name):
        return None
    if way is not None and output.node not in way.through and not reading.told(name):
        return None
    norm = layout.kind != "first" and hasattr(output.module, "normalized_shape")
    return Spatial(name, layout.channels(output.shape), layout.height, layout.width, norm, output.node)


def _line(layers: Sequence[Spatial], way: Way) -> list[Spatial]:
    """The layers on the main way, in the order of finishing.

    Everything that the logits come of passes through their map. Or all other maps of the way come before theirs or
    follow it, as of a U-net's inner stages, which its skip connections go around; of these, no layer within a module
    that returns a map itself, as the branch of a residual block.
    """
    names = {layer.name for layer in layers}
    line = []
    for layer in layers:
        node = layer.node
        if node is None or node not in way.on:
            continue
        if node in way.through or (not _depth(layer.name, names) and way.in_line(node)):
            line.append(layer)
    return line


def _upto_last(line: Sequence[Spatial], layers: Sequence[Spatial], way: Way) -> list[Spatial]:
    """The line up to the last layer of which all later maps come alone.

    Raises:
        BenchError: behind it the way divides into coarser branches that meet in no module's map.
    """
    count = len(line)
    while count and not _closes(count - 1, line, way):
        count -= 1
    on = [layer for layer in layers if layer.node in way.on]
    if not count:
        if on:
            raise _divided(on)
        return []
    last = line[count - 1]
    beyond = [layer for layer in on if layer.size != last.size and _follows(layer, last, way)]
    if beyond and last.node is not None and way.ends(last.node) - {last.size}:
        raise _divided(beyond)
    return list(line[:count])


def _follows(later: Spatial, layer: Spatial, way: Way) -> bool:
    return later.node is not None and layer.node is not None and way.follows(later.node, layer.node)


def _closes(at: int, line: Sequence[Spatial], way: Way) -> bool:
    """Whether everything passes through the layer; or it is a further stage, which nothing joins before the head."""
    layer = line[at]
    if layer.node is None or layer.node in way.through:
        return True
    through = [each for each in line[:at] if each.node in way.through]
    return not way.joins(layer.node) and not (through and through[-1].size == layer.size)


def _divided(layers: Sequence[Spatial]) -> BenchError:
    least = min(layer.name.count(".") for layer in layers)
    names = [layer.name for layer in layers if layer.name.count(".") == least]
    some = ", ".join(names[-6:])
    return BenchError("the network has no last layer: the path to the logits splits", hint=f"Name layers, as of {some}")


def _wholes(reading: Reading, layers: Sequence[Spatial]) -> frozenset[str]:
    """The modules within which a layer is but a part: those that return a map themselves, and heads."""
    count = reading.trace.logits
    heads = [name for name, output in reading.outputs.items() if output.shape and prod(output.shape) == count]
    return frozenset([*(layer.name for layer in layers), *heads])


def _depth(name: str, wholes: Collection[str]) -> int:
    """Within how many of these modules a layer lies; a list of modules, for instance, returns nothing."""
    parts = name.split(".")
    return sum(".".join(parts[:i]) in wholes for i in range(1, len(parts)))


def _outermost(layers: Sequence[Spatial], wholes: Collection[str]) -> Spatial:
    """Of the least nested, the last to finish: the first layers inside a block may run at a finer resolution."""
    least = min(_depth(layer.name, wholes) for layer in layers)
    return [layer for layer in layers if _depth(layer.name, wholes) == least][-1]


def stages(reading: Reading, heard: Callable[[str], bool] = lambda _: True) -> list[str]:
    """One layer for each stretch of the main way at one resolution, in the order of the forward.

    Of the layers of a stretch it is the last to finish of those that lie in the fewest modules that return a map or the
    logits. Where the logits do not listen to that
    layer's map (``heard``), as behind the last attention to a class token, it is the last layer norm to which they do:
    what the last attention reads.

    Raises:
        BenchError: the way divides, or a later layer may be the last one.
    """
    layers, way = _spatial_layers(reading), reading.trace.way
    wholes = _wholes(reading, layers)
    if trunk_of(reading.network):
        return [layer.name for layer in _by_resolution(_trunk(reading, layers), wholes)]
    if way is None:
        chosen = _by_resolution(layers, wholes)
    else:
        line = _upto_last(_line(layers, way), layers, way)
        chosen = [_outermost(list(stretch), wholes) for _, stretch in groupby(line, key=lambda layer: layer.size)]
    _refuse_unclear(reading, chosen)
    names = []
    for layer in chosen:
        norms = [n for n in reversed(layers) if n.norm and n.size == layer.size and _on(n, way)]
        if norms and not heard(layer.name):
            names.append(next((n.name for n in norms if heard(n.name)), layer.name))
        else:
            names.append(layer.name)
    return names


def trunk_of(network: nn.Module) -> str:
    """The module whose blocks are the network's stages, where the network names it; else ""."""
    return getattr(network, "benchbench_trunk", "")


def _trunk(reading: Reading, layers: Sequence[Spatial]) -> list[Spatial]:
    """The layers that are the trunk, or lie directly in it."""
    trunk = trunk_of(reading.network)
    return [layer for layer in layers if layer.name == trunk or layer.name.rpartition(".")[0] == trunk]


def _refuse_unclear(reading: Reading, chosen: Sequence[Spatial]) -> None:
    """Raises BenchError where a later layer on the way may be the last one, and its layout is not clear."""
    names, way = list(reading.outputs), reading.trace.way
    for name in names[names.index(chosen[-1].name) + 1 if chosen else 0 :]:
        output = reading.outputs[name]
        if way is not None and output.node not in way.through:
            continue
        try:
            if len(output.shape) in (3, 4) and not output.weights:
                reading.layout(name)
        except NotApplicable as error:
            raise BenchError(
                f"the last layer cannot be found: {error.what}", where=error.where, hint=error.hint
            ) from None


def _on(layer: Spatial, way: Way | None) -> bool:
    return way is None or layer.node in way.on


def _by_resolution(layers: Sequence[Spatial], wholes: Collection[str]) -> list[Spatial]:
    """One layer for each resolution, from the finest; each comes before every coarser one."""
    best: dict[tuple[int, int], Spatial] = {}
    for layer in layers:
        if layer.size not in best or _depth(layer.name, wholes) <= _depth(best[layer.size].name, wholes):
            best[layer.size] = layer
    kept: list[Spatial] = []
    for size in sorted(best):
        if not kept or layers.index(best[size]) < layers.index(kept[-1]):
            kept.append(best[size])
    return kept[::-1]


def finer_stages(network: nn.Module, images: Tensor, layer: str, reading: Reading | None = None) -> tuple[str, ...]:
    """The stages that ``layer`` comes of and that are finer than it, from the finest, and the layer itself.

    Args:
        reading: of the network on images of this size, if there is one.
    """
    reading = reading or _reading(network, images)
    layers, way = _spatial_layers(reading), reading.trace.way
    at = next((i for i, each in enumerate(layers) if each.name == layer), None)
    if at is None:
        return (layer,)
    spatial = layers[at]
    finer = [each for each in layers[:at] if each.height * each.width > spatial.height * spatial.width]
    if trunk_of(network):
        finer = [each for each in _trunk(reading, layers) if each in finer]
    elif way is not None and spatial.node is not None:
        line = _line(layers, way)
        finer = [each for each in finer if each in line and _follows(spatial, each, way)]
    return (*(each.name for each in _by_resolution(finer, _wholes(reading, layers))), layer)


def resolve(network: nn.Module, images: Tensor, wanted: str | Sequence[str]) -> list[str]:
    """The module paths that ``last``, ``stages`` or a list of paths stand for on this network.

    Args:
        images: (1, 3, H, W), an example of what the network sees.
        wanted: ``last``, ``stages``, a module path, or several of these. A module that is itself called ``last`` or
            ``stages`` is spelled ``module:last`` or ``module:stages``.

    Raises:
        BenchError: a path is not a layer of the network (the nearest and the valid are named), no layer has a spatial
            map, or the way to the logits divides.
    """
    known = {name for name, _ in network.named_modules() if name}
    listed: list[str] = []
    for name in [wanted] if isinstance(wanted, str) else wanted:
        path = name.removeprefix(_MODULE)
        if name in WORDS:
            listed += _resolved(network, images, name)
        elif path in known:
            listed.append(path)
        else:
            hint = nearest(path, [layer.name for layer in spatial_layers(network, images)], most=12)
            raise BenchError(f"the network has no layer {path!r}", hint=f"{hint}. Or say last, or stages")
    return list(dict.fromkeys(listed))


def _resolved(network: nn.Module, images: Tensor, word: str) -> list[str]:
    unseen = unwatched(network)
    if unseen:
        raise unseen
    reading = _reading(network, images)
    names = stages(reading, lambda name: _heard(network, images, name, reading))
    if not names:
        raise no_map(network, images)
    return names[-1:] if word == "last" else names


def _heard(network: nn.Module, images: Tensor, layer: str, reading: Reading) -> bool:
    """Whether the most likely class's logit depends on the layer's map."""
    try:
        seen = capture(network, images[:1], [layer], lambda logits: logits.argmax(1), reading=reading)
    except NotApplicable:
        return False
    return bool(seen.gradients[layer].any())
