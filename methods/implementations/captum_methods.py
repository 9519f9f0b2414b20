"""``captum:NAME``: captum's attributions of the input or of a layer, beside the rules that are methods already."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from benchbench.errors import BenchError, NotApplicable
from benchbench.registry import Parameter
from benchbench.registry.library import Library
from benchbench.types import LibraryCall
from benchbench.vocabulary import PIXELS

from .._sign import Sign, evidence
from .family import LibraryFamily
from .implementation import LibraryMethod, library_method
from .known_faults import CAPTUM_CONVENTIONS, CAPTUM_HERE, CAPTUM_LAYER_AND_PIXELS, CAPTUM_REFUSED, NEURON, seen
from .library_options import arguments, plain_options, takes

CAPTUM = Library("captum", "captum", "captum.attr", "captum", "", "https://github.com/pytorch/captum")
_OURS = (
    *("forward_func", "model", "layer", "device_ids", "inputs", "target", "additional_forward_args"),
    *("attribute_to_layer_input", "return_convergence_delta", "return_input_shape", "show_progress", "verbose"),
    *("attr_dim_summation", "draw_baseline_from_distrib"),
)
_SIGN = Parameter("sign", Sign, "positive")
_OF = Parameter("attribution_method", str, "Saliency")
_GRID = Parameter("grid", int, 8)
_WINDOW, _STRIDE = Parameter("window", int, 32), Parameter("stride", int, 16)


def classes() -> dict[str, type]:
    """Every attribution of the installed version, by name: a public class that attributes a class score.

    Raises:
        BenchError: captum is not installed.
    """
    members = inspect.getmembers(CAPTUM.load(), inspect.isclass)
    return {name: kind for name, kind in members if callable(getattr(kind, "attribute", None)) and not _neuron(kind)}


def refused() -> dict[str, str]:
    """Why the others are no methods of a study."""
    neurons = {name: NEURON for name, kind in inspect.getmembers(CAPTUM.load(), inspect.isclass) if _neuron(kind)}
    return {**neurons, **CAPTUM_REFUSED}


def _neuron(kind: Any) -> bool:
    attribute = getattr(kind, "attribute", None)
    return callable(attribute) and "neuron_selector" in inspect.signature(attribute).parameters


def captum_method(name: str, kind: Any) -> LibraryMethod:
    """The method ``captum:NAME``, with a zero image, which is the data's mean colour, as its baseline.

    ``sign``: what of the sum over channels is the map. ``grid``: the image is cut into so many squares a side, which
    are the features of methods that take a mask of features. ``window``, ``stride``: in pixels, of Occlusion.
    """

    def run(call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
        return _maps(kind, call, params)

    pixels = "layer" not in inspect.signature(kind.__init__).parameters
    convention = CAPTUM_HERE.get(name) or seen(CAPTUM, CAPTUM_CONVENTIONS.get(name, ""))
    return library_method(
        name, CAPTUM, kind, _options(kind), run, pixels=pixels, convention=convention, parts=_parts(kind)
    )


def _parts(kind: Any) -> str:
    """What its values belong to, if not to what the needs say. captum repeats the value of a part at each channel."""
    attribute = inspect.signature(kind.attribute).parameters
    if "layer" in inspect.signature(kind.__init__).parameters:
        return PIXELS if kind.__name__ in CAPTUM_LAYER_AND_PIXELS else ""
    if "feature_mask" in attribute:
        return "the squares of a grid"
    return "squares of pixels" if "sliding_window_shapes" in attribute else ""


def _options(kind: Any) -> dict[str, Parameter]:
    attribute = inspect.signature(kind.attribute).parameters
    special = {
        "attribution_method": (_OF, "attribution_method" in inspect.signature(kind.__init__).parameters),
        "grid": (_GRID, "feature_mask" in attribute),
        "window": (_WINDOW, "sliding_window_shapes" in attribute),
        "stride": (_STRIDE, "sliding_window_shapes" in attribute),
    }
    options = {**plain_options(kind.__init__, _OURS), **plain_options(kind.attribute, _OURS)}
    return {**options, **{name: parameter for name, (parameter, has) in special.items() if has}, "sign": _SIGN}


def _maps(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
    """The attribution, summed over channels as captum's visualization does; its sign as ``sign`` says."""
    images = call.images.detach().clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks, each time
        attribution = _explainer(kind, call, params).attribute(images, **_arguments(kind, call, params))
    if not isinstance(attribution, Tensor):
        raise BenchError(f"captum's {kind.__name__} returned {type(attribution).__name__}, where a tensor is needed")
    maps = attribution.detach()
    if "layer" in inspect.signature(kind.__init__).parameters and call.reshape is not None:
        maps = _laid_out(kind, maps, call)
    if maps.ndim != 4:
        raise BenchError(f"captum's {kind.__name__} returned {tuple(maps.shape)}, where (n, K, h, w) is needed")
    return evidence(maps, params["sign"])


def _laid_out(kind: Any, attribution: Tensor, call: LibraryCall) -> Tensor:
    """The attribution of a layer of tokens, or with its channels last, as a map (n, K, h, w).

    Raises:
        NotApplicable: captum has pooled what it takes for places, and these are channels.
    """
    layout = call.layout
    tokens = (layout.prefix + layout.height * layout.width,)
    places = tokens if layout.kind == "tokens" else (layout.height, layout.width)
    if layout.kind != "first" and attribution.shape[1:-1] != places:
        message = f"captum's {kind.__name__} takes dimension 1 for the channels, and {call.layer!r} has them last"
        raise NotApplicable(message)
    return layout.map_of(attribution)


def _explainer(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> Any:
    constructor = inspect.signature(kind.__init__).parameters
    named = arguments(kind.__init__, params, {})
    if "attribution_method" in constructor:
        named["attribution_method"] = _repeated(named["attribution_method"])(call.network)
        return kind(**named)
    layers = (call.module,) if "layer" in constructor else ()
    return kind(call.network, *layers, **named)


def _repeated(name: str) -> Any:
    """The attribution of the input that another one, such as NoiseTunnel, repeats.

    Raises:
        BenchError: there is none of this name, or it is one of a layer.
    """
    of_layers = {"layer", "attribution_method"}
    kinds = CAPTUM_FAMILY.known().items()
    inputs = {each: kind for each, kind in kinds if not of_layers & set(inspect.signature(kind).parameters)}
    return inputs[CAPTUM_FAMILY.spelled(name, inputs)]


def _arguments(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> dict[str, Any]:
    attribute = inspect.signature(kind.attribute).parameters
    named = arguments(kind.attribute, params, {})
    if takes(kind.attribute, "target"):
        named["target"] = call.targets
    if "baselines" in attribute and attribute["baselines"].default is inspect.Parameter.empty:
        named["baselines"] = torch.zeros_like(call.images[:1]).repeat(2, 1, 1, 1)
    if "feature_mask" in attribute:
        named["feature_mask"] = squares(params["grid"], call.images)
    if "sliding_window_shapes" in attribute:
        channels = call.images.shape[1]
        named["sliding_window_shapes"] = (channels, params["window"], params["window"])
        named["strides"] = (channels, params["stride"], params["stride"])
    return named


def squares(grid: int, images: Tensor) -> Tensor:
    """(1, 1, H, W): the number of the square of ``grid`` x ``grid`` that each pixel of the images is in.

    Raises:
        BenchError: the image has fewer pixels a side.
    """
    height, width = images.shape[2:]
    if not 1 <= grid <= min(height, width):
        raise BenchError(f"grid is {grid}", where="grid", hint=f"Use 1 to {min(height, width)}")
    rows, columns = (torch.arange(side, device=images.device) * grid // side for side in (height, width))
    return (rows[:, None] * grid + columns)[None, None]


CAPTUM_FAMILY = LibraryFamily(CAPTUM, classes, refused, captum_method)
CAPTUM_FAMILY.register("the attributions of captum, of the input or of a layer")
