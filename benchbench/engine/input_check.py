"""Whether a network wants its images in another way: tried on a few images, said as a suspicion, never applied.

On up to ``MOST`` images of each data set the network answers the images as they are, and under each reading of
``models/input_readings.py``. A reading is suspected, at ``LEVEL``, if

- it is right on more labels than the images as they are, by McNemar's exact test of one side; or
- it is right on no fewer labels, and the label is more probable, on average by ``GAIN`` and on more images than it is
  less probable, by the sign test; without labels the most likely class in its place, if no class is the most likely
  of more images than before. This holds only for readings that do not raise the contrast.

The last condition is there because the images may lose what tells them apart: a network then answers every image with
its most frequent class, and may be surer of it.

Few images rarely pass these tests. Where no reading does, the best one that is right on more labels, and gives them
``GAIN`` more probability on average, is still named, as a hint, if Wilcoxon's test of one side has at most ``HINT``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from scipy.special import bdtrc
from torch import Tensor

from ..digests import digest
from ..failure_policy import Failure, attempt
from ..models.input_readings import InputReading, of_photographs, of_tensors
from ..network.custom_score import is_scored
from ..study.plan import Shard
from ..types.batch import ImageBatch
from .provenance import titles_of
from .sample_loader import Loader, chunks
from .setup import ModelPlan
from .shard import RunContext

MOST = 64  # images of a data set
LEVEL = 0.01
HINT = 0.1  # the level of a hint, which says that the images are too few to be sure
GAIN = 0.05  # of a mean probability
RULES = "3"  # of what a cell holds; raised where they change
AS_GIVEN = "as given"


@dataclass(frozen=True)
class ReadingAnswers:
    """What a network answers to some images under one reading.

    Attributes:
        right: of each image with a label, whether it is the most likely class.
        probability: of the label; of the most likely class where no image has a label.
        most: the number of images that share the class that is the most likely of most images.
    """

    right: tuple[bool, ...]
    probability: tuple[float, ...]
    most: int = 0


def input_suspicions(plan: ModelPlan, desk: RunContext) -> list[str]:
    """For each data set of the plan, the reading that the network answers best, where it is clearly better.

    A cell keeps what was tried and said, so that the same run tries nothing again. The network's passes for it are no
    method's and no metric's, and are not counted.
    """
    if is_scored(desk.network):
        return []
    sentences = []
    for name in dict.fromkeys(task.shard.dataset_name for task in plan.tasks):
        tasks = [task for task in plan.tasks if task.shard.dataset_name == name]
        shards = [task.shard for task in tasks if task.shard.target == tasks[0].shard.target]
        marks = [mark for shard in shards for mark in shard.fingerprints][:MOST]
        cell = digest("input check", RULES, tasks[0].predictions, titles_of(desk.study), name, marks)
        if desk.store.wants(cell):
            desk.store.write_cell(cell, _tried(shards, desk))
        sentences += desk.store.read_cell(cell)["suspicions"]
    return sentences


def suspicion(
    model: str, dataset: str, answers: Mapping[str, ReadingAnswers], readings: Mapping[str, InputReading]
) -> list[str]:
    """The sentence that names the best reading that is clearly better than the images as they are; or none.

    Args:
        answers: by the reading's name, ``AS_GIVEN`` among them.
        readings: by name.
    """
    unchanged = answers[AS_GIVEN]
    suspects = {name: each for name, each in answers.items() if _is_better(each, unchanged, readings.get(name))}
    doubt = ""
    if not suspects:
        suspects = {name: each for name, each in answers.items() if _may_be_better(each, unchanged)}
        doubt = f"{len(unchanged.right)} images are too few to be sure. "
    if not suspects:
        return []
    best = max(suspects, key=lambda name: (sum(suspects[name].right), _mean(suspects[name].probability)))
    right, best_right = sum(unchanged.right), sum(suspects[best].right)
    counts = f"It predicts {right} of {len(unchanged.right)} labels; given {best}, {best_right}. "
    start, middle = "Its most likely class has", f"given {best}, {_mean(suspects[best].probability):.2f}. "
    if best_right == right:
        start = "The labels have" if unchanged.right else start
        counts = f"{start} a mean probability of {_mean(unchanged.probability):.2f}; {middle}"
    end = f"{doubt}{readings[best].remedy} Nothing was changed."
    return [f"{model} may want the images of {dataset} in another way. {counts}{end}"]


def _is_better(other: ReadingAnswers, unchanged: ReadingAnswers, reading: InputReading | None) -> bool:
    if reading is None:
        return False
    if _is_more_often(other.right, unchanged.right):
        return True
    gain = _mean(other.probability) - _mean(unchanged.probability)
    surer = gain > GAIN and _is_more_often(other.probability, unchanged.probability)
    kept = sum(other.right) >= sum(unchanged.right) if unchanged.right else other.most <= unchanged.most
    return reading.bounded and surer and kept


def _may_be_better(other: ReadingAnswers, unchanged: ReadingAnswers) -> bool:
    if sum(other.right) <= sum(unchanged.right):
        return False
    gains = [a - b for a, b in zip(other.probability, unchanged.probability, strict=True)]
    if _mean(gains) <= GAIN:
        return False
    from scipy.stats import wilcoxon  # it takes a second to import, and is rarely needed

    return float(wilcoxon(gains, alternative="greater").pvalue) <= HINT


def _is_more_often(other: Sequence[float], unchanged: Sequence[float]) -> bool:
    """The sign test of one side; of right and wrong it is McNemar's exact test."""
    up = sum(a > b for a, b in zip(other, unchanged, strict=True))
    down = sum(a < b for a, b in zip(other, unchanged, strict=True))
    return up > down and float(bdtrc(up - 1, up + down, 0.5)) < LEVEL


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _tried(shards: Sequence[Shard], desk: RunContext) -> dict[str, Any]:
    """What the cell keeps: what the network answers under each reading, and what is suspected.

    Nothing where no image can be read, or the network fails on one: its rows say why.
    """
    shard, batches = shards[0], list(_batches(shards, desk))
    readings = _readings(shards, batches) if batches else {}
    changes: dict[str, Callable[[Tensor], Tensor]] = {AS_GIVEN: lambda images: images}
    changes |= {name: reading.change for name, reading in readings.items()}
    work = partial(_all_answers, desk, batches, changes)
    answers = attempt(work, images=MOST) if batches else {}
    if isinstance(answers, Failure) or not answers:
        return {"readings": {}, "suspicions": []}
    kept = {name: {"right": sum(each.right), "probability": _mean(each.probability)} for name, each in answers.items()}
    networks, data = titles_of(desk.study)
    names = networks[shard.model.name], data[shard.dataset_name]
    return {"readings": kept, "suspicions": suspicion(*names, answers, readings)}


def _batches(shards: Sequence[Shard], desk: RunContext) -> Iterator[ImageBatch]:
    """The first images of the data set, up to ``MOST``."""
    loader, left = Loader(desk.store, 0), MOST
    for shard in shards:
        if left <= 0:
            return
        samples = list(islice(loader.load(shard).samples, left))
        left -= len(samples)
        yield from chunks(samples, desk.scorer.batch, desk.device)


def _all_answers(
    desk: RunContext, batches: Sequence[ImageBatch], changes: Mapping[str, Callable[[Tensor], Tensor]]
) -> dict[str, ReadingAnswers]:
    return {name: _answers(desk, batches, change) for name, change in changes.items()}


def _answers(desk: RunContext, batches: Sequence[ImageBatch], change: Callable[[Tensor], Tensor]) -> ReadingAnswers:
    right: list[bool] = []
    of_label: list[float] = []
    of_most_likely: list[float] = []
    classes: Counter[int] = Counter()
    with torch.no_grad():
        for batch in batches:
            logits = desk.network(change(batch.images)).float()
            sigmoid = desk.scorer.activation == "sigmoid"
            probabilities = (logits.sigmoid() if sigmoid else logits.softmax(1)).nan_to_num()
            of_most_likely += probabilities.amax(1).tolist()
            classes.update(probabilities.argmax(1).tolist())
            for row, label in zip(probabilities, batch.labels, strict=True):
                if label is not None and 0 <= label < len(row):
                    right.append(int(row.argmax()) == label)
                    of_label.append(float(row[label]))
    return ReadingAnswers(tuple(right), tuple(of_label or of_most_likely), max(classes.values()))


def _readings(shards: Sequence[Shard], batches: Sequence[ImageBatch]) -> dict[str, InputReading]:
    shard = shards[0]
    if not isinstance(shard.dataset[_place_of(batches[0].ids[0], shards)].image, Tensor):
        return {reading.name: reading for reading in of_photographs(shard.model.preprocess)}
    low, high = min(float(b.images.min()) for b in batches), max(float(b.images.max()) for b in batches)
    return {reading.name: reading for reading in of_tensors(shard.model.preprocess, low, high)}


def _place_of(sample: str, shards: Sequence[Shard]) -> int:
    return next(
        index for shard in shards for name, index in zip(shard.ids, shard.indices, strict=True) if name == sample
    )
