"""What is asked of the data before anything runs: the truth that metrics need, images of a network's range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from torch import Tensor

from ..errors import BenchError
from ..formatting import join_words
from ..study.plan import Shard
from ..study.spec import StudySpec
from ..types import Dataset, Sample
from . import cautions
from .sample_loader import read_sample

Test: TypeAlias = Callable[[Sample], bool]
_ASKED: dict[
    str, tuple[str, tuple[str, ...], Test]
] = {  # by truth: in words, what a dataset may say, what a sample has
    "mask": ("masks", ("masked",), lambda sample: sample.mask is not None),
    "box": ("boxes", ("boxed",), lambda sample: sample.boxes is not None),
    "either": (
        "masks or boxes",
        ("masked", "boxed"),
        lambda sample: not (sample.mask is None and sample.boxes is None),
    ),
}
_HINTS = {
    "mask": "Give (images, labels, masks), or folder: masks: PATH; or leave {} out",
    "box": "Give (images, labels, None, None, boxes), or data with boxes such as voc2012; or leave {} out",
    "either": "Give (images, labels, masks), or data with boxes or masks such as voc2012; or leave {} out",
}


def refuse_without_truth(study: StudySpec, shards: Sequence[Shard]) -> list[str]:
    """Refuse a metric that needs masks or boxes where no sample of the study has them.

    A dataset may say so by the attributes ``masked`` and ``boxed``; otherwise samples are read until one has them. A
    suite serves data with either: it is refused if no metric of it can be judged.

    Returns:
        Cautions: which metrics of a suite are not applicable.

    Raises:
        BenchError: it names the metrics and the datasets.
    """
    asking: dict[str, list[str]] = {}
    for metric in study.metrics:
        truth = metric.plugin.reading_of(metric.params).truth
        if truth:
            asking.setdefault(truth if truth in _ASKED else "either", []).append(metric.label)
    data = list(dict.fromkeys(_title(study, shard.dataset_name) for shard in shards))
    names, have = join_words(data), "has" if len(data) == 1 else "have"
    lacking = {truth: metrics for truth, metrics in asking.items() if not any(_knows(each, truth) for each in shards)}
    sentences = {
        truth: f"{join_words(metrics)} need{'s' * (len(metrics) == 1)} {_ASKED[truth][0]}, and {names} {have} none"
        for truth, metrics in lacking.items()
    }
    if lacking and (not study.suite or lacking.keys() == asking.keys()):
        truth = "either" if study.suite and "either" in lacking else next(iter(lacking))
        others = list(_with_boxes(study, shards)) if truth == "mask" else []
        takes = "takes" if len(others) == 1 else "take"
        leave = "the metric" if len(lacking[truth]) == 1 else "these metrics"
        hint = f"The data have boxes, which {join_words(others)} {takes}" if others else _HINTS[truth].format(leave)
        raise BenchError(sentences[truth], where="metrics", hint=hint)
    suite = study.suite.plugin.name if study.suite else ""
    return [f"suite {suite}: {sentence}: not applicable" for sentence in sentences.values()]


def _title(study: StudySpec, name: str) -> str:
    """The name in reports of data that tables call ``name``: without the path that a label has."""
    return next((choice.title for choice in study.datasets if choice.label == name), name)


def _with_boxes(study: StudySpec, shards: Sequence[Shard]) -> Iterator[str]:
    """Protocols of the metrics that need masks, which take boxes instead, where the data have boxes."""
    if not any(_knows(shard, "box") for shard in shards):
        return
    for metric in study.metrics:
        if metric.plugin.reading_of(metric.params).truth != "mask":
            continue
        for protocol, params in metric.plugin.protocols.items():
            if metric.plugin.reading_of(metric.plugin.bind(params)).truth not in (None, "mask"):
                yield f"{metric.plugin.name}@{protocol}"


def image_cautions(shards: Sequence[Shard]) -> list[str]:
    """What is unlikely to be meant in the images that came as tensors, by each dataset's first readable one."""
    sentences: list[str] = []
    for name in dict.fromkeys(shard.dataset_name for shard in shards):
        dataset = next(shard.dataset for shard in shards if shard.dataset_name == name)
        sample = next(_samples(dataset, range(len(dataset.ids))), None)
        if sample is not None and isinstance(sample.image, Tensor):
            sentences += cautions.of_images(name, sample.image[None])
    return sentences


def _knows(shard: Shard, truth: str) -> bool:
    """Whether a sample of the shard has the truth; true of a shard that cannot be read, of which nothing is known."""
    _, flags, has = _ASKED[truth]
    known = [getattr(shard.dataset, flag, None) for flag in flags]
    if all(isinstance(flag, bool) for flag in known):
        return any(known)
    read = False
    for sample in _samples(shard.dataset, shard.indices):
        read = True
        if has(sample):
            return True
    return not read


def _samples(dataset: Dataset, indices: Sequence[int]) -> Iterator[Sample]:
    """The readable ones."""
    for index in indices:
        try:
            yield read_sample(dataset, index)
        except BenchError:
            continue  # its rows will say why
