"""bb.explain: maps of images, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..attribution.layer_services import CapturedBatch, capture_batch
from ..attribution.method_call import run_method
from ..attribution.rounding import doubted, made_of_rounding
from ..datasets.sources.input_kinds import ImageForms, each_batch, parts_of, stacked
from ..errors import BenchError, NotApplicable
from ..failure_policy import as_bench_error
from ..maps.normalise import saliency
from ..network.capture import eval_frozen
from ..network.checks import check_logits, check_network
from ..network.custom_score import activation_of, is_scored, protect_inputs, scored
from ..network.layers import resolve
from ..network.outputs import with_logits
from ..network.scorer import Scorer
from ..network.targets import difference, pair_of
from ..registry import METHODS, MethodPlugin
from ..seeds import sample_seeds
from ..types import INPUT, ModelSpec, References
from ..vocabulary import LOGIT
from .arguments import read_layers, read_target, refuse_unused_labels
from .compared_images import ComparedImages
from .explain_checks import check_answers, check_images, check_maps, names_of


@overload
def explain(
    network: nn.Module | ModelSpec,
    images: Any,
    *,
    method: str = ...,
    layer: Literal["stages"] | list[Any] | tuple[Any, ...],
    target: Any = ...,
    labels: Any = ...,
    references: Any = ...,
    seed: int = ...,
    **params: Any,
) -> dict[str, Tensor]: ...


@overload
def explain(
    network: nn.Module | ModelSpec,
    images: Any,
    *,
    method: str = ...,
    layer: str | nn.Module = ...,
    target: Any = ...,
    labels: Any = ...,
    references: Any = ...,
    seed: int = ...,
    **params: Any,
) -> Tensor: ...


def explain(
    network: nn.Module | ModelSpec,
    images: Any,
    *,
    method: str = "gradcam",
    layer: Any = "last",
    target: Any = None,
    labels: Any = None,
    references: Any = None,
    seed: int = 0,
    **params: Any,
) -> Tensor | dict[str, Tensor]:
    """Saliency maps (B, 1, H, W) in [0, 1] for images (B, channels, H, W), by one method.

    Args:
        network: returns logits (B, C), or a record, dictionary or tuple that holds them; one number per image is the
            logit of class 1 of two. It is left as it was found. A ModelSpec stands for its network.
        images: as the network takes them: a float tensor or NumPy array (B, channels, H, W), a list of them
            (channels, H, W), ``(images, labels)``, a mapping such as ``{"pixel_values": ..., "labels": ...}``, or a
            DataLoader that does not shuffle, which is explained batch by batch.
        method: a registered name: ``benchbench list methods``.
        layer: a module's path, a module of the network, or ``last``, the last stage with a spatial map. A list of
            them, or ``stages``, gives a dictionary of maps by layer; a method that explains the network as a whole has
            the single entry ``"input image"``.
        target: what is explained. By a word, as in a study: ``predicted`` (also None), the most likely class, or the
            score of a network that ``scored`` made; ``label``; ``top-2``, the second most likely class; ``281-285``,
            the logit of class 281 less that of 285. Or by number: a class for all images; (B,), a class for each; or
            (B, T), several classes of each: the maps are (B, T, H, W), and masked forwards, as of Score-CAM, are
            shared. Numbers may be Python's, NumPy's, a list or a tensor. (B, C) of bools, floats, or, with C > 2,
            integers is one-hot where every row has a single 1.
        labels: for ``target="label"``: a class for each image, or one-hot (B, C). Labels that come with the images
            need not be repeated.
        references: images as the network takes them, for a method that compares an image with others, such as
            ``expectedgradients``. If not given, the first 16 other images of the call.
        seed: of methods that draw at random. What is drawn for an image does not depend on the others.
        params: the method's own parameters; and ``score``, of a method that reads a gradient: ``logit`` (default),
            ``probability``, ``log-probability``, ``rest``, ``contrast`` or ``contrast-weighted``. See docs/scores.md.

    Returns:
        Maps (B, 1, H, W), or (B, T, H, W) for T classes of each image; for several layers, a dictionary by layer.

    Raises:
        BenchError: an unknown method, parameter, layer or target; images that the network cannot take.
        NotApplicable: the method has no meaning on this network; the message says why.

    Example:
        >>> maps = bb.explain(network, images, method="gradcam++", layer="features", target=3)
        >>> maps.shape, float(maps.min()), float(maps.max())
        (torch.Size([2, 1, 32, 32]), 0.0, 1.0)
    """
    if not isinstance(method, str):
        raise BenchError(f"method is {method!r}", where="explain", hint="Give a name: benchbench list methods")
    refuse_unused_labels(labels, target)
    batches: list[dict[str, Tensor]] = []
    with torch.inference_mode(False):  # autograd is needed
        checked = check_network(network, "explain")
        names, several = read_layers(checked, layer)
        wanted = names if several else names[0]
        stack = None if references is None else _stacked(parts_of(references).images, checked)
        compared = ComparedImages(stack, isinstance(images, DataLoader))
        for parts in _parts(images):
            shown = _stacked(parts.images, checked)
            known = parts.labels if labels is None else labels
            batches.append(_explain(checked, shown, method, wanted, target, known, seed, params, compared))
    if not batches:
        raise BenchError("there are no images", where="explain", hint="Give at least one")
    maps = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    return maps if several else next(iter(maps.values()))


def _parts(images: Any) -> Iterable[ImageForms]:
    try:
        return each_batch(images) if isinstance(images, DataLoader) else [parts_of(images)]
    except BenchError as error:
        raise error.at("explain") from None


def _stacked(images: Any, network: nn.Module) -> Tensor:
    """The images in one tensor, where the network is."""
    try:
        checked = check_images(stacked(images))
    except BenchError as error:
        raise error.at("explain") from None
    device = next((tensor.device for tensor in [*network.parameters(), *network.buffers()]), checked.device)
    return checked.to(device)


def _explain(
    network: nn.Module,
    images: Tensor,
    method: str,
    layer: str | list[str],
    target: Any,
    labels: Any,
    seed: int,
    params: dict[str, Any],
    compared: ComparedImages,
) -> dict[str, Tensor]:
    """The maps by layer; of ``last`` or one path, a single entry."""
    plugin = METHODS[method]
    bound = plugin.bind(params)
    needs = plugin.needs_of(bound)
    if "dataset" in needs:
        raise NotApplicable(f"{method} needs the maps of a whole dataset: run a Study")
    network, classes = _settled(network, images[:1])
    pair = pair_of(target)
    if pair is not None:
        network, classes = _settled(scored(network, difference(*pair, of=network)), images[:1])
        target = None
    aim = read_target(target, labels, len(images), classes, only=is_scored(network))
    compares = "references" in needs
    if not compares:
        compared.refuse_unused(method)
    references = compared.of(method, images, aim.several) if compares else None
    images = images.repeat_interleave(aim.several, 0)
    names = [INPUT] if "input" in needs else resolve(network, images[:1], layer)
    with eval_frozen(network):
        scorer = Scorer(network, activation=activation_of(network))
        explained = plugin.explains(bound)
        if explained != LOGIT and is_scored(network):
            raise NotApplicable(f"the network is scored: its score is what is explained, and has no {explained}")
        wanted = {explained: names if "gradient" in needs else []}
        batch = capture_batch(network, scorer, images, names, aim.choose, gradient=wanted).explaining(explained)
        check_answers(batch.captured.logits)
        maps = {name: _maps(plugin, batch, name, bound, seed, references) for name in names}
    height, width = images.shape[2:]
    return {
        name: saliency(layer_maps, (height, width)).view(-1, aim.several, height, width)
        for name, layer_maps in maps.items()
    }


def _maps(
    plugin: MethodPlugin,
    batch: CapturedBatch,
    name: str,
    params: dict[str, Any],
    seed: int,
    references: References | None,
) -> Tensor:
    """The method's maps (B, h, w) at one layer of the batch, each of them sound."""
    layer = batch.layer(name, sample_seeds(seed, f"{plugin.name}/{name}", names_of(batch.images)))
    layer = replace(layer, data_references=references)
    maps = run_method(plugin, doubted(layer), params)
    rounding = made_of_rounding(plugin, layer, params, maps)
    if any(rounding):
        raise NotApplicable(next(filter(None, rounding)))
    check_maps(maps, batch.sound(name, gradient="gradient" in plugin.needs_of(params)), plugin.name)
    return maps


def _settled(network: nn.Module, image: Tensor) -> tuple[nn.Module, int]:
    """The network, which has run on an example (1, channels, H, W), and how many classes it has.

    Raises:
        BenchError: it fails on the example, or returns no logits.
    """
    hint = "Give images as the network takes them"
    with as_bench_error(f"the network fails on an image {tuple(image.shape)}", where="explain", hint=hint):
        network = protect_inputs(with_logits(network, image).network, image)
        with eval_frozen(network), torch.no_grad():
            return network, check_logits(network(image), image).shape[1]
