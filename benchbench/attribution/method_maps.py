"""One method on one batch of images, captured for that method alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ..network.scorer import Scorer
from ..registry import MethodPlugin
from ..types import Layer, References
from ..vocabulary import INPUT
from .layer_services import capture_batch
from .method_call import run_method


def method_maps(
    plugin: MethodPlugin,
    params: Mapping[str, Any],
    network: nn.Module,
    images: Tensor,
    layer: str,
    choose: Callable[[Tensor], Tensor],
    seeds: tuple[int, ...],
    *,
    scorer: Scorer | None = None,
    masks: Tensor | None = None,
    references: References | None = None,
    gradient: bool | None = None,
) -> Tensor:
    """The maps (B, h, w) of a method, not normalised: one capture of the images, and the method on it.

    Args:
        params: the method's parameters, bound.
        images: (B, C, H, W), as the network takes them.
        layer: a path of the network's modules; a method that explains in pixels is given the input image in its place.
        choose: from logits (B, classes) to the classes (B,) that are explained.
        seeds: one per image, what the method draws from.
        scorer: what scores perturbed images, and counts; a new one of the network if not given.
        masks: of the objects, bool (B, H, W), if there are any.
        references: of the images, what a method that needs "references" compares them with.
        gradient: whether to capture the gradient; where the method needs it, if not given.

    Raises:
        BenchError: the method returned something else than maps.
        NotApplicable: the method has no meaning on this network or at this layer.
    """
    arguments = (plugin, params, network, images, layer, choose, seeds)
    seen = captured_layer(*arguments, scorer=scorer, masks=masks, references=references, gradient=gradient)
    return run_method(plugin, seen, params)


def captured_layer(
    plugin: MethodPlugin,
    params: Mapping[str, Any],
    network: nn.Module,
    images: Tensor,
    layer: str,
    choose: Callable[[Tensor], Tensor],
    seeds: tuple[int, ...],
    *,
    scorer: Scorer | None = None,
    masks: Tensor | None = None,
    references: References | None = None,
    gradient: bool | None = None,
) -> Layer:
    """The Layer that ``method_maps`` gives to the method; the arguments are the same."""
    needs = plugin.needs_of(params)
    place = INPUT if "input" in needs else layer
    explained = plugin.explains(params)
    wanted = {explained: [place] if ("gradient" in needs if gradient is None else gradient) else []}
    batch = capture_batch(network, scorer or Scorer(network), images, [place], choose, gradient=wanted)
    return replace(batch.explaining(explained).layer(place, seeds, masks), data_references=references)
