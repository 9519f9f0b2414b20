"""Subsets that a network decides: its answers on the samples that are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

import torch
from torch import Tensor

from ..errors import BenchError
from ..network.capture import eval_frozen
from ..network.custom_score import activation_of, is_scored
from ..study.choices import DatasetChoice
from ..study.spec import StudySpec
from ..types import Dataset, ModelSpec
from .sample_loader import load_sample
from .subsets import Answer, choose

AskOf: TypeAlias = Callable[[Dataset, Sequence[int]], Mapping[int, Answer]]


def chosen_part(choice: DatasetChoice, dataset: Dataset, spec: ModelSpec, study: StudySpec, ask: AskOf) -> Dataset:
    """The dataset with its subset chosen; as it is where the study asks for all of it.

    Raises:
        BenchError: no sample is left; a class or an id is unknown; or the network has a score in place of classes.
    """
    subset = choice.subset
    if subset is None:
        return dataset
    where = f"datasets: {choice.label}"
    if subset.asks_network and is_scored(spec.network):
        message = f"right_only and confidence need classes, and {spec.name} explains a score"
        raise BenchError(message, where=where, hint="Leave them out")
    names = tuple(getattr(dataset, "class_names", ()) or spec.classes)
    try:
        return choose(dataset, subset, study.samples, study.seed, names, lambda indices: ask(dataset, indices))
    except BenchError as error:
        raise error.at(where) from None


def ask_network(
    spec: ModelSpec, study: StudySpec, device: torch.device, batch: int, dataset: Dataset, indices: Sequence[int]
) -> dict[int, Answer]:
    """By index, the network's most likely class and its probability; not of samples that cannot be read."""
    images: list[tuple[int, Tensor]] = []
    for index in indices:
        try:
            images.append((index, load_sample(dataset, index, spec.preprocess)[1]))
        except BenchError:
            continue
    answers: dict[int, Answer] = {}
    activation = activation_of(spec.network, study.probability)
    with eval_frozen(spec.network), torch.no_grad():
        for _, group in groupby(sorted(images, key=lambda pair: pair[1].shape), key=lambda pair: pair[1].shape):
            members = list(group)
            for start in range(0, len(members), batch):
                part = members[start : start + batch]
                logits = spec.network(torch.stack([image for _, image in part]).to(device))
                scores = logits.sigmoid() if activation == "sigmoid" else logits.softmax(1)
                best = scores.double().max(1)
                for (index, _), value, label in zip(part, best.values.tolist(), best.indices.tolist(), strict=True):
                    answers[index] = (label, value)
    return answers
