"""What is in the images of a run, for the questions that the suite ``weaknesses`` asks of trained networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...engine.sample_loader import load_sample
from ...engine.setup import ModelPlan
from ...errors import BenchError
from ...failure_policy import as_bench_error
from ...models.preprocess import prepare
from ...study.plan import Shard
from ...types import Preprocess, Sample
from ..innermost import innermost

NO_INSTANCES = (
    "the data do not say where each instance is: an object with a method instances(index), as shapes, is needed"
)
NO_MASKS = "no image of the run has a mask of its object"


@dataclass(frozen=True, eq=False)
class ShownScene:
    """An image of the run, with its truth in the frame that the network sees.

    Attributes:
        sample: its id.
        image: (channels, H, W), as the network takes it.
        label: the class index, or None.
        mask: bool (H, W), true on the object; None where the image has none, or one that is empty or whole.
        deciding: bool (n, H, W), the visible pixels of each instance of the label's class; None where nobody knows.
        distracting: bool (H, W), those of all objects of other classes; None where nobody knows.
    """

    sample: str
    image: Tensor
    label: int | None
    mask: Tensor | None
    deciding: Tensor | None
    distracting: Tensor | None


def scenes(plan: ModelPlan, dataset: str) -> dict[str, ShownScene]:
    """By id, every readable image of a data set of the run, in the run's order.

    Args:
        plan: of one network of the study.
        dataset: as the run's tables call it.
    """
    shown = (each for task in plan.tasks if task.shard.dataset_name == dataset for each in _shown(task.shard))
    return {scene.sample: scene for scene in shown}


def _shown(shard: Shard) -> Iterator[ShownScene]:
    for name, index in zip(shard.ids, shard.indices, strict=True):
        try:
            sample, image, mask, _ = load_sample(shard.dataset, index, shard.model.preprocess)
        except BenchError:
            continue  # the run has a row with the reason
        known = mask is not None and bool(mask.any()) and not bool(mask.all())
        deciding, distracting = _figures(shard, index, sample)
        yield ShownScene(name, image, sample.label, mask if known else None, deciding, distracting)


def _figures(shard: Shard, index: int, sample: Sample) -> tuple[Tensor | None, Tensor | None]:
    """The instances of the label's class, and all others together, if the data set tells them."""
    tells = getattr(innermost(shard.dataset), "instances", None)
    if not callable(tells):
        return None, None
    hint = "It must return records with mask, bool (H, W) at the image's size, and decides, a bool"
    with as_bench_error("instances() of the data set fails", where=f"image {sample.id}", hint=hint):
        framed = [(bool(each.decides), _framed(sample, each.mask, shard.model.preprocess)) for each in tells(index)]
    deciding = [mask for decides, mask in framed if decides and bool(mask.any())]
    others = [mask for decides, mask in framed if not decides]
    if not deciding:
        return None, None
    nothing = torch.zeros_like(deciding[0])
    return torch.stack(deciding), torch.stack([nothing, *others]).any(0)


def _framed(sample: Sample, mask: Any, preprocess: Preprocess) -> Tensor:
    """bool (H, W) in the network's frame."""
    if isinstance(sample.image, Tensor):
        return torch.as_tensor(mask)
    framed = prepare(sample.image, mask, preprocess)[1]
    assert framed is not None, "a mask was given"
    return framed
