"""The samples of a data set that a study takes, by its subset: in the seeded order, the first that pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor

from ..datasets.archives.class_spellings import spelled_alike
from ..datasets.sources.wrapped import WrappedData
from ..errors import BenchError, nearest, safe
from ..formatting import plural
from ..maps.box_region import filled
from ..models.boxes import clipped
from ..study.plan import choose_samples
from ..study.subset import Subset
from ..types import Dataset, Sample
from .sample_loader import read_sample

BLOCK = 32  # samples that the network is asked about together, always the same ones
Answer = tuple[int, float]  # the most likely class and its probability
Ask = Callable[[Sequence[int]], Mapping[int, Answer]]


@dataclass(frozen=True, eq=False)
class ChosenData(WrappedData):
    """A dataset with the indices that were chosen, in their order, and what was chosen said in ``about``."""

    chosen: tuple[int, ...]
    note: str

    @property
    def about(self) -> Mapping[str, str]:
        return {**self.of.about, "subset": self.note}


@dataclass(eq=False)
class _Tally:
    """How many samples did not pass, by the reason."""

    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def words(self, subset: Subset, left: int) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items())
        return f"{subset.words}: {left} of {plural(self.read, 'sample')} tried" + (f" ({reasons})" if reasons else "")


def choose(dataset: Dataset, subset: Subset, wanted: int, seed: int, classes: Sequence[str], ask: Ask) -> ChosenData:
    """The first samples in the seeded order that pass, at most ``wanted``.

    What the network says is asked in blocks of the same samples whatever is wanted, so that a larger study continues a
    smaller one.

    Args:
        classes: the names of the data's labels.
        ask: from indices to the network's answer on each sample that it can be asked about.

    Raises:
        BenchError: no sample passes; a class or an id is unknown.
    """
    tally = _Tally()
    full = _classes_to_fill(dataset, subset, classes)
    chosen: list[int] = []
    counts: Counter[int | None] = Counter()
    for index, label in _passing(dataset, subset, seed, classes, ask, tally):
        tally.read += 1
        if subset.per_class and counts[label] >= subset.per_class:
            tally.dropped["of a class that was full"] += 1
            continue
        counts[label] += 1
        chosen.append(index)
        if len(chosen) == wanted or (full and all(counts[each] == subset.per_class for each in full)):
            break
    note = tally.words(subset, len(chosen))
    if not chosen:
        raise BenchError(f"no sample is left: {note}", hint="Ask for less")
    return ChosenData(dataset, tuple(chosen), note)


def _classes_to_fill(dataset: Dataset, subset: Subset, classes: Sequence[str]) -> set[int | None]:
    """The classes of ``per_class``; none where they are not known without decoding."""
    labels = _own_labels(dataset)
    if not subset.per_class or labels is None:
        return set()
    wanted = _class_indices(subset, classes)
    return {label for label in labels if label is not None and (not wanted or label in wanted)}


def _own_labels(dataset: Dataset) -> Sequence[int | None] | None:
    """By index, of the data's own classes, where they are known without decoding."""
    labels: Sequence[int | None] | None = getattr(dataset, "own_labels", getattr(dataset, "labels", None))
    return labels


def _passing(
    dataset: Dataset, subset: Subset, seed: int, classes: Sequence[str], ask: Ask, tally: _Tally
) -> Iterator[tuple[int, int | None]]:
    """Index and label of the samples that pass all but ``per_class``, in the seeded order."""
    candidates = _labelled(dataset, subset, seed, classes, tally)
    if not subset.asks_network and not subset.asks_area:
        yield from candidates
        return
    outputs: Sequence[int | None] | None = getattr(dataset, "labels", None)  # once: it may be made anew each time
    while block := list(islice(candidates, BLOCK)):
        sized = [(i, label) for i, label in block if not _refused(_outside(dataset, i, subset), tally)]
        answers = ask([i for i, _ in sized]) if subset.asks_network else {}
        for index, label in sized:
            output = label if outputs is None else outputs[index]
            why = _doubted(answers.get(index), output, subset) if subset.asks_network else ""
            if not _refused(why, tally):
                yield index, label


def _refused(why: str, tally: _Tally) -> bool:
    if why:
        tally.read += 1
        tally.dropped[why] += 1
    return bool(why)


def _labelled(
    dataset: Dataset, subset: Subset, seed: int, classes: Sequence[str], tally: _Tally
) -> Iterator[tuple[int, int | None]]:
    """Index and label of the samples with an id and a class that are asked for; not of those without a label."""
    known = _own_labels(dataset)
    wanted = _class_indices(subset, classes)
    listed = _listed_ids(dataset, subset)
    for index in choose_samples(len(dataset.ids), len(dataset.ids), seed):
        if listed is not None and index not in listed:
            continue
        label = None
        if subset.asks_label:
            label = known[index] if known is not None else _label(dataset, index)
            if label is None or (wanted and label not in wanted):
                tally.dropped["without a label"] += label is None
                tally.read += label is None
                continue
        yield index, label


def _label(dataset: Dataset, index: int) -> int | None:
    try:
        return read_sample(dataset, index).label
    except BenchError:
        return None


def _class_indices(subset: Subset, classes: Sequence[str]) -> set[int]:
    indices: set[int] = set()
    for each in subset.classes:
        named = [i for i, name in enumerate(classes) if isinstance(each, str) and spelled_alike(each, name)]
        if isinstance(each, int):
            indices.add(each)
        elif named:
            indices |= set(named)
        else:
            hint = nearest(each, list(classes)) if classes else "The classes have no names: give indices"
            raise BenchError(f"unknown class {each!r}", where="subset: classes", hint=hint)
    return indices


def _listed_ids(dataset: Dataset, subset: Subset) -> set[int] | None:
    if subset.ids is None:
        return None
    try:
        lines = subset.ids.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{subset.ids} cannot be read: {error}", where="subset: ids") from None
    place = {safe(name): i for i, name in enumerate(dataset.ids)}
    wanted = [line.strip() for line in lines if line.strip()]
    for name in wanted:
        if name not in place:
            hint = nearest(name, list(place)) if len(place) < 10_000 else "Give ids as the run's table names samples"
            raise BenchError(f"there is no sample {name!r}", where=f"subset: {subset.ids.name}", hint=hint)
    return {place[name] for name in wanted}


def _outside(dataset: Dataset, index: int, subset: Subset) -> str:
    """Why the object's size does not pass, or ""."""
    if not subset.asks_area:
        return ""
    try:
        share = object_share(read_sample(dataset, index))
    except BenchError:
        return "that cannot be read"
    if share is None:
        return "without mask and boxes"
    low, high = subset.min_area or 0.0, 1.0 if subset.max_area is None else subset.max_area
    return "" if low <= share <= high else "of another size"


def object_share(sample: Sample) -> float | None:
    """The object's share of the image as it is, by its mask, or by its boxes; None where it has neither."""
    if sample.mask is not None:
        return float(sample.mask.double().mean())
    if sample.boxes is None:
        return None
    image = sample.image
    size = image.shape[1:] if isinstance(image, Tensor) else torch.Size((image.height, image.width))
    return float(filled(clipped(sample.boxes, size), size).double().mean())


def _doubted(answer: Answer | None, label: int | None, subset: Subset) -> str:
    """Why the network's answer does not pass, or ""."""
    if answer is None:
        return "that the network cannot be asked about"
    if subset.right_only and label is None:
        return "without a label of the network"
    if subset.right_only and answer[0] != label:
        return "that the network gets wrong"
    if subset.confidence is not None and answer[1] < subset.confidence:
        return "that the network is less sure of"
    return ""
