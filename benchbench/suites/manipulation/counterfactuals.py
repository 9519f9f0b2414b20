"""Images with and without what their mask shows: what a network owes to it is seen by taking it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from ...engine.sample_loader import load_sample
from ...engine.setup import ModelPlan
from ...errors import BenchError
from ...models.preprocess import prepare
from ...network.capture import eval_frozen
from ...perturbation.imputation import impute
from ...study.plan import Shard
from ..innermost import innermost

BATCH = 32


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """A sample as the network sees it, and the same picture without what the mask shows.

    Attributes:
        sample: its id in the run.
        image, without: (channels, H, W).
        mask: bool (H, W), true somewhere and not everywhere.
        label: what the data set says; None where it says nothing.
        own_label: the label of the picture without; None where that is unknown.
    """

    sample: str
    image: Tensor
    without: Tensor
    mask: Tensor
    label: int | None
    own_label: int | None


def has_twins(dataset: Any) -> bool:
    """Whether the data set has for each image the same scene without the object: a method ``twin(index)``."""
    return callable(getattr(innermost(dataset), "twin", None))


def counterfactuals(plan: ModelPlan, dataset: str) -> list[Counterfactual]:
    """Of each sample of a run that can be read and has a mask that a map can miss.

    The picture without is the data set's twin; where it has none, the pixels of the mask are interpolated from the
    others (ROAD's linear imputation, Rong et al. 2022, arXiv:2202.00449, equation 5, without its noise).

    Args:
        plan: of one network.
        dataset: as the run's tables call it.

    Raises:
        BenchError: no sample has such a mask.
    """
    pairs = [pair for task in plan.tasks if task.shard.dataset_name == dataset for pair in _of(task.shard)]
    if not pairs:
        hint = "Give (images, labels, masks), or a data set with masks"
        raise BenchError("no image has a mask, and this suite needs them", where=f"datasets: {dataset}", hint=hint)
    return pairs


def _of(shard: Shard) -> list[Counterfactual]:
    pairs = []
    for sample, index in zip(shard.ids, shard.indices, strict=True):
        try:
            loaded, image, mask, _ = load_sample(shard.dataset, index, shard.model.preprocess)
        except BenchError:
            continue  # the run has a row with the reason
        if mask is None or not (mask > 0.5).any() or (mask > 0.5).all():
            continue
        seen = mask > 0.5
        without, own_label = _without(shard, index, image, seen)
        pairs.append(Counterfactual(sample, image, without, seen, loaded.label, own_label))
    return pairs


def _without(shard: Shard, index: int, image: Tensor, mask: Tensor) -> tuple[Tensor, int | None]:
    if not has_twins(shard.dataset):
        return impute(image[None], mask[None])[0], None
    twin = innermost(shard.dataset).twin(index)
    plain = isinstance(twin.image, Tensor)
    seen = twin.image.float() if plain else prepare(twin.image, None, shard.model.preprocess)[0]
    if seen.shape != image.shape:
        message = f"the twin has the shape {tuple(seen.shape)}, and the image {tuple(image.shape)}"
        raise BenchError(message, where=f"datasets: {shard.dataset_name}", hint="twin(index) must keep the size")
    return seen, twin.label


def answers(network: nn.Module, images: Sequence[Tensor], device: torch.device) -> Tensor:
    """Logits (N, classes) on the CPU, of images (channels, H, W).

    Args:
        network: which returns logits.
        images: of any sizes; images of one size in a row share a batch.
        device: where the network is.
    """
    logits: list[Tensor] = []
    with torch.no_grad(), eval_frozen(network):
        for _, alike in groupby(images, key=lambda image: image.shape):
            stack = torch.stack(list(alike))
            logits += [network(batch.to(device)).cpu() for batch in torch.split(stack, BATCH)]
    return torch.cat(logits)
