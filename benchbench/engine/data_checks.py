"""What is asked of the data before anything runs: masks for metrics that need them, images of a network's range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from ..errors import BenchError
from ..formatting import join_words
from ..study.plan import Shard
from ..study.spec import StudySpec
from ..types import Dataset, Sample
from . import cautions


def refuse_without_masks(study: StudySpec, shards: Sequence[Shard]) -> None:
    """Refuse a metric that needs masks where no sample of the study has one.

    A dataset may say so by an attribute ``masked``; otherwise samples are read until one has a mask.

    Raises:
        BenchError: it names the metrics and the datasets.
    """
    metrics = [metric.label for metric in study.metrics if "mask" in metric.plugin.needs]
    if not metrics or any(_has_mask(shard) for shard in shards):
        return
    names = join_words(dict.fromkeys(shard.dataset_name for shard in shards))
    hint = "Give (images, labels, masks), or folder: masks: PATH; or leave the metric out"
    raise BenchError(f"{join_words(metrics)} needs masks, and {names} has none", where="metrics", hint=hint)


def image_cautions(shards: Sequence[Shard]) -> list[str]:
    """What is unlikely to be meant in the images that came as tensors, by each dataset's first readable one."""
    sentences: list[str] = []
    for name in dict.fromkeys(shard.dataset_name for shard in shards):
        dataset = next(shard.dataset for shard in shards if shard.dataset_name == name)
        sample = next(_samples(dataset, range(len(dataset.ids))), None)
        if sample is not None and isinstance(sample.image, Tensor):
            sentences += cautions.of_images(name, sample.image[None])
    return sentences


def _has_mask(shard: Shard) -> bool:
    known = getattr(shard.dataset, "masked", None)
    if isinstance(known, bool):
        return known
    masked = [sample.mask is not None for sample in _up_to_a_mask(shard)]
    return any(masked) or not masked  # of a shard that cannot be read nothing is known


def _up_to_a_mask(shard: Shard) -> Iterator[Sample]:
    for sample in _samples(shard.dataset, shard.indices):
        yield sample
        if sample.mask is not None:
            return


def _samples(dataset: Dataset, indices: Sequence[int]) -> Iterator[Sample]:
    """The readable ones."""
    for index in indices:
        try:
            yield dataset[index]
        except BenchError:
            continue  # its rows will say why
