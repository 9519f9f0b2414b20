"""What CAM, Grad-CAM++'s closed form and gradient x activation are at a layer of a network, made without any method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...attribution.layer_services import capture_batch
from ...engine.sample_loader import load_sample
from ...engine.setup import LoadedModel
from ...errors import NotApplicable
from ...network.capture import Capture
from ...network.head import pooled_head
from ...network.scorer import Scorer
from ...study.plan import ReadyModel, Shard
from .obstacles import obstacle

CAM, LOCAL, CLOSED_FORM = "cam", "contribution", "closed form"
Truths = dict[
    str, Tensor
]  # by CAM, LOCAL and CLOSED_FORM, those that are defined: maps (h, w), without negative values


@dataclass(frozen=True, eq=False)
class LayerFacts:
    """One layer of a network on one data set.

    Attributes:
        obstacle: why CAM is not defined there, in plain words; empty where it is.
        broken: why the layer has no map at all, or the logit no gradient there; empty where it has.
        truths: by sample, the maps that methods are compared with.
        sizes: by sample, the height and width of the image.
        spread: by sample, the share of the gradient's energy (the sum of its squares) that its mean over space lacks:
            0 where the gradient is the same in all cells.
        lost: by sample, by how much the total of Grad-CAM's sum differs from that of gradient x activation, as a share
            of the sum of its magnitudes.
    """

    model: str
    dataset: str
    layer: str
    obstacle: str
    broken: str = ""
    truths: Mapping[str, Truths] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, float] = field(default_factory=dict)


def layer_facts(
    loaded: LoadedModel, targets: Mapping[tuple[str, str], int], device: torch.device
) -> Iterator[LayerFacts]:
    """The facts of every layer of a study on a network, on every data set.

    Args:
        targets: by data set and sample, the class that the run explained; other samples are left out.
    """
    plan, copy = loaded.plan, loaded.prepared  # captured where the run captures, so that rounding is the same
    scorer = Scorer(copy.network, plan.sizing.batch, copy.used, proven=plan.model.proven)
    for dataset in plan.datasets:
        shards = [task.shard for task in plan.tasks if task.shard.dataset_name == dataset]
        images = dict(_images(shards, dataset, targets, device))
        for layer in plan.model.layers:
            yield _facts(loaded.network, scorer, plan.model, dataset, layer, images)


def _images(
    shards: list[Shard], dataset: str, targets: Mapping[tuple[str, str], int], device: torch.device
) -> Iterator[tuple[str, tuple[Tensor, int]]]:
    """By sample, its image (1, C, H, W) and its target."""
    for shard in shards:
        for sample, index in zip(shard.ids, shard.indices, strict=True):
            if (dataset, sample) in targets:
                image = load_sample(shard.dataset, index, shard.model.preprocess)[1]
                yield sample, (image[None].to(device), targets[dataset, sample])


def _facts(
    network: nn.Module,
    scorer: Scorer,
    model: ReadyModel,
    dataset: str,
    layer: str,
    images: Mapping[str, tuple[Tensor, int]],
) -> LayerFacts:
    broken = model.skips.get((layer, "any"), "") or model.skips.get((layer, "gradient"), "")
    if broken or not images:
        return LayerFacts(model.name, dataset, layer, "", broken or "no image of the data has a map")
    seen = {name: _captured(network, scorer, layer, *image) for name, image in images.items()}
    reason = _undefined(seen, layer)
    if reason:
        first = next(iter(images))
        reason = obstacle(network, images[first][0], layer, seen[first]) or reason
    return LayerFacts(
        model.name,
        dataset,
        layer,
        reason,
        truths={name: _truths(each, layer, pooled=not reason) for name, each in seen.items()},
        sizes={name: (image.shape[2], image.shape[3]) for name, (image, _) in images.items()},
        spread={name: _spread(each.gradients[layer]) for name, each in seen.items()},
        lost={name: _lost(each.activations[layer], each.gradients[layer]) for name, each in seen.items()},
    )


def _captured(network: nn.Module, scorer: Scorer, layer: str, image: Tensor, target: int) -> Capture:
    aim = torch.tensor([target], device=image.device)
    return capture_batch(network, scorer, image, [layer], lambda _: aim, gradient=True).captured


def _undefined(seen: Mapping[str, Capture], layer: str) -> str:
    """Why CAM is not defined, of the first image that shows it; empty where it is defined on every image."""
    for each in seen.values():
        try:
            pooled_head(each, layer)
        except NotApplicable as reason:
            return str(reason)
    return ""


def _truths(seen: Capture, layer: str, *, pooled: bool) -> Truths:
    activation, gradient = seen.activations[layer][0].double(), seen.gradients[layer][0].double()
    truths = {LOCAL: (gradient * activation).sum(0).relu()}
    if pooled:
        weight = pooled_head(seen, layer).weight[int(seen.targets[0])].double()
        truths[CAM] = cam_map(activation, weight)
        truths[CLOSED_FORM] = closed_form_map(activation, weight)
    return {name: truth.cpu() for name, truth in truths.items()}


def cam_map(activation: Tensor, weight: Tensor) -> Tensor:
    """CAM after ReLU, relu(sum_k w_k A_k): Zhou et al. 2016, arXiv:1512.04150, equation 2.

    Args:
        activation: (K, h, w).
        weight: (K,), the class's row of the linear layer.

    Example:
        >>> from benchbench.suites.theorem.layer_facts import cam_map
        >>> cam_map(torch.tensor([[[1.0, 2.0]], [[3.0, 1.0]]]), torch.tensor([2.0, -1.0]))
        tensor([[0., 3.]])
    """
    return torch.einsum("k,khw->hw", weight, activation).relu()


def closed_form_map(activation: Tensor, weight: Tensor) -> Tensor:
    """Grad-CAM++ behind global average pooling and a linear layer: relu(sum_k relu(w_k) / (2 + c_k) A_k).

    c_k = w_k <A_k> is what channel k adds to the logit. Of Chattopadhay et al. 2018, arXiv:1710.11063, equations 10
    and 19, with the gradient w_k / (h w) in every cell; a channel with 2 + c_k = 0 has the weight 0.

    Args:
        activation: (K, h, w).
        weight: (K,), the class's row of the linear layer.

    Example:
        >>> from benchbench.suites.theorem.layer_facts import closed_form_map
        >>> closed_form_map(torch.tensor([[[1.0, 3.0]], [[3.0, 1.0]]]), torch.tensor([2.0, -1.0]))
        tensor([[0.3333, 1.0000]])
    """
    below = 2 + weight * activation.mean((1, 2))
    share = torch.where(below != 0, weight.relu() / torch.where(below != 0, below, 1), 0)
    return torch.einsum("k,khw->hw", share, activation).relu()


def _spread(gradient: Tensor) -> float:
    energy = float(gradient.double().square().sum())
    centred = gradient.double() - gradient.double().mean((2, 3), keepdim=True)
    return float(centred.square().sum()) / energy if energy else 0.0


def _lost(activation: Tensor, gradient: Tensor) -> float:
    local = gradient.double() * activation.double()
    averaged = gradient.double().mean((2, 3), keepdim=True) * activation.double()
    size = float(local.abs().sum())
    return abs(float(averaged.sum() - local.sum())) / size if size else 0.0
