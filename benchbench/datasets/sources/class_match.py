"""The data's own classes on the network's outputs: by name, or said to be others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ...digests import digest
from ...models.load import imagenet_classes
from ...types import Dataset, Sample
from ..archives.class_names import imagenet_counterparts, plain_name
from ..archives.layout import imagenet_index
from .wrapped import WrappedData


@dataclass(frozen=True, eq=False)
class RelabelledData(WrappedData):
    """A dataset whose labels are the network's classes; None where the network has no such class."""

    outputs: Mapping[int, int | None]
    note: str
    warning: str = ""

    @property
    def about(self) -> Mapping[str, str]:
        """With what was done; a warning is added to the data's own."""
        warning = ". ".join(filter(None, [self.of.about.get("warning", ""), self.warning]))
        return {**self.of.about, "classes": self.note, **({"warning": warning} if warning else {})}

    @cached_property
    def own_labels(self) -> Sequence[int | None]:
        """By index, of the data's own classes."""
        return tuple(getattr(self.of, "labels", ()))

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """By index, of the network's outputs."""
        return [self._output(label) for label in self.own_labels]

    def __getitem__(self, index: int) -> Sample:
        sample = self.of[index]
        return replace(sample, label=self._output(sample.label))

    def fingerprint(self, index: int) -> str:
        """As the dataset has it; where the label is another now, with that label."""
        mark = self.of.fingerprint(index)
        label = self.labels[index]
        return mark if label == self.own_labels[index] else digest(mark, "label", label)

    def _output(self, label: int | None) -> int | None:
        return None if label is None else self.outputs.get(label)


def on_outputs(dataset: Dataset, classes: Sequence[str], outputs: int, model: str) -> Dataset:
    """The dataset with labels of the network's outputs, where both have names of classes; else as it is.

    Names are compared without case, underscores, hyphens and spaces. For ImageNet's 1000 classes WordNet ids are names
    too, and a table adds the classes of VOC and COCO that mean the same as exactly one of them. If some names agree,
    labels are the outputs of these names, and the other classes have none. If none agrees, labels are kept where the
    data have as many classes as the network (its names may be another language's), and dropped elsewhere: as numbers
    they would name wrong classes.
    A dataset that says ``names_decide = False``, such as a folder, is as it is unless all its names agree.

    Args:
        classes: the network's names, by output; empty where unknown.
        outputs: how many the network has.
        model: its name.
    """
    names: tuple[str, ...] = tuple(getattr(dataset, "class_names", ()) or ())
    if not names or getattr(dataset, "labels", None) is None:
        return dataset
    decisive = bool(getattr(dataset, "names_decide", True))
    if len(classes) != outputs:
        as_it_is = len(names) == outputs or not decisive
        return dataset if as_it_is else _unknown(dataset, names, outputs, model)
    return _by_name(dataset, names, classes, model, decisive)


def _by_name(dataset: Dataset, names: Sequence[str], classes: Sequence[str], model: str, decisive: bool) -> Dataset:
    """Where both have names."""
    places, outputs = _places(classes), len(classes)
    found = {label: places.get(plain_name(name)) for label, name in enumerate(names)}
    agreeing = sum(place is not None for place in found.values())
    if agreeing == len(names):
        moved = sum(place != label for label, place in found.items())
        note = f"all {len(names)} by name among those of {model}, {moved} of them renumbered"
        return RelabelledData(dataset, found, note)
    if not decisive:
        return dataset
    if agreeing == 0 and len(names) == outputs:
        warning = (
            f"the names of its classes ({_some(names)}) are none of those of {model} ({_some(classes)}): "
            "labels are taken by number"
        )
        return RelabelledData(dataset, {label: label for label in found}, "by number", warning)
    lost = [names[label] for label, place in found.items() if place is None]
    warning = (
        f"{len(lost)} of its {len(names)} classes ({_some(lost)}) {'is' if len(lost) == 1 else 'are'} not among the "
        f"{outputs} of {model} ({_some(classes)}): samples of {'it' if len(lost) == 1 else 'them'} have no label there"
    )
    return RelabelledData(dataset, found, f"{agreeing} of {len(names)} by name among those of {model}", warning)


def _unknown(dataset: Dataset, names: Sequence[str], outputs: int, model: str) -> Dataset:
    warning = (
        f"it has {len(names)} classes ({_some(names)}) and {model} has {outputs} without names: its samples have no "
        "label there. Give the network's names: ModelSpec(..., classes=...)"
    )
    note = f"none: the outputs of {model} have no names"
    return RelabelledData(dataset, dict.fromkeys(range(len(names))), note, warning)


def _places(classes: Sequence[str]) -> dict[str, int]:
    """The output of each plain name; of a name that two outputs have, none."""
    plain = [plain_name(name) for name in classes]
    places = {name: i for i, name in enumerate(plain) if plain.count(name) == 1}
    if len(classes) == 1000 and tuple(classes) == imagenet_classes():
        return {**places, **imagenet_counterparts(), **imagenet_index()}
    return places


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
