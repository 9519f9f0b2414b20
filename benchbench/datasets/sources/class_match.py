"""The data's own classes on the network's outputs: by name, or said to be others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ...digests import digest
from ...types import Dataset, Sample
from .output_names import DataNames, OutputNames
from .wrapped import WrappedData

_DOUBT = "may mean something else there: WordNet ids name ImageNet's classes"


@dataclass(frozen=True, eq=False)
class RelabelledData(WrappedData):
    """A dataset whose labels are the network's classes; None where the network has no such class.

    Attributes:
        note: how they were matched.
        by_name: whether it was by the classes' names, and not by their numbers.
    """

    outputs: Mapping[int, int | None]
    note: str
    warning: str = ""
    by_name: bool = False

    @property
    def about(self) -> Mapping[str, str]:
        """With what was done; a warning is added to the data's own."""
        warning = ". ".join(filter(None, [self.of.about.get("warning", ""), self.warning]))
        rule = self.of.about.get("labels")
        named = (
            {"labels": f"the network's class of the same name; in the data, {rule}"} if self.by_name and rule else {}
        )
        return {**self.of.about, **named, "classes": self.note, **({"warning": warning} if warning else {})}

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
    too, a table adds the classes of VOC and COCO that mean the same as exactly one of them, and names that may mean
    something else elsewhere (kite, crane) do not count: see ``OutputNames.places``. If some names agree,
    labels are the outputs of these names, and the other classes have none. If none agrees, labels are kept where the
    data have as many classes as the network (its names may be another language's), and dropped elsewhere: as numbers
    they would name wrong classes. A network whose names are not known is taken by number if it has as many outputs.
    A dataset that says ``names_decide = False``, such as a folder, keeps its labels unless all its names agree, with a
    warning.

    Args:
        classes: the network's names, by output; empty where unknown.
        outputs: how many the network has.
        model: its name.
    """
    names: tuple[str, ...] = tuple(getattr(dataset, "class_names", ()) or ())
    labels: Sequence[int | None] | None = getattr(dataset, "labels", None)
    if not names or labels is None:
        return dataset
    data = DataNames(names, range(len(names)), getattr(dataset, "counterparts", None) or {})
    if data.numbers is not None:
        data = replace(data, labels=sorted({label for label in labels if label is not None and label < len(names)}))
    decisive = bool(getattr(dataset, "names_decide", True))
    if len(classes) != outputs:
        return dataset if len(names) == outputs else _unknown(dataset, data, outputs, model, decisive)
    return _by_name(dataset, data, classes, model, decisive)


def _by_name(dataset: Dataset, data: DataNames, classes: Sequence[str], model: str, decisive: bool) -> Dataset:
    """Where both have names."""
    known, count, outputs = OutputNames(classes), len(data.labels), len(classes)
    places = known.places(data)
    lost = [data.names[label] for label, place in places.items() if place is None]
    if not lost:
        moved = sum(place != label for label, place in places.items())
        if data.numbers is not None and not moved:
            return dataset
        note = f"all {count} by name among those of {model}, {moved} of them renumbered"
        return RelabelledData(dataset, places, note, by_name=True)
    doubtful = known.doubtful(lost)
    doubt = f". {_some(doubtful)} {_DOUBT}" if doubtful else ""
    if not decisive:
        what = f"{len(lost)} of its {count} classes ({_some(lost)}) {_are(lost)} not among the {outputs} of {model} "
        return _by_own_order(dataset, data, what + f"({_some(classes)})", doubt, classes[0])
    if len(lost) == count and len(data.names) == outputs:
        warning = (
            f"the names of its classes ({_some(lost)}) are none of those of {model} ({_some(classes)}): "
            "labels are taken by number"
        )
        return RelabelledData(dataset, {label: label for label in places}, "by number", warning + doubt)
    warning = (
        f"{len(lost)} of its {count} classes ({_some(lost)}) {_are(lost)} not among the "
        f"{outputs} of {model} ({_some(classes)}): samples of {'it' if len(lost) == 1 else 'them'} have no label there"
    )
    note = f"{count - len(lost)} of {count} by name among those of {model}"
    return RelabelledData(dataset, places, note, warning + doubt, by_name=True)


def _unknown(dataset: Dataset, data: DataNames, outputs: int, model: str, decisive: bool) -> Dataset:
    """Where the network has no names, and another number of outputs than the data have classes."""
    shown = [data.names[label] for label in data.labels]
    what = f"it has {len(shown)} classes ({_some(shown)}) and {model} has {outputs} without names"
    if not decisive:
        return _by_own_order(dataset, data, what, "", "")
    warning = f"{what}: its samples have no label there. Give the network's names: ModelSpec(..., classes=...)"
    note = f"none: the outputs of {model} have no names"
    return RelabelledData(dataset, dict.fromkeys(data.labels), note, warning)


def _by_own_order(dataset: Dataset, data: DataNames, what: str, doubt: str, first: str) -> Dataset:
    """With the labels that the data have, and a warning."""
    meant = f", {first}" if first else ""
    warning = (
        f"{what}: labels are the places of its classes in their own order (of a folder, sorted by name), so that "
        f"{data.names[0]} counts as class 0{meant}{doubt}. Name all classes as the network does; for a folder, "
        "classes: sorted says that this order is meant"
    )
    return RelabelledData(dataset, {label: label for label in data.labels}, "by number", warning)


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
