"""Which output of a network a class of some data is, by the names of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..archives.archive import imagenet_index
from ..archives.class_spellings import (
    are_imagenets,
    imagenet_counterparts,
    imagenet_numbers,
    in_imagenet_order,
    is_homonym,
    plain_name,
)


@dataclass(frozen=True, eq=False)
class DataNames:
    """The names of some data's classes.

    Attributes:
        names: by label.
        labels: those that are matched: of ImageNet's thousand the ones that the data have, of other data all.
        counterparts: by plain name, ImageNet's class index, where the data are known to mean the same by it.
    """

    names: Sequence[str]
    labels: Sequence[int]
    counterparts: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def numbers(self) -> Sequence[int | None] | None:
        """By label, ImageNet's class index, if the names are ImageNet's; else None."""
        if not are_imagenets(self.names):
            return None
        return range(len(self.names)) if in_imagenet_order(self.names) else imagenet_numbers(self.names)


@dataclass(frozen=True, eq=False)
class OutputNames:
    """The names of a network's outputs."""

    classes: Sequence[str]

    def places(self, data: DataNames) -> dict[int, int | None]:
        """By label of the data, the output that is the same class; None where there is none.

        Names are compared plainly. A name that two outputs have is none of them. If one side has ImageNet's names and
        the other has not, a name that may mean something else there counts only if it is in the data's counterparts.
        """
        if data.numbers is not None:
            return {label: self._of_imagenet(data.numbers[label], data.names[label]) for label in data.labels}
        return {label: self._of_name(data.names[label], data.counterparts) for label in data.labels}

    def doubtful(self, names: Iterable[str]) -> list[str]:
        """The names that an output has too, and that are not matched as they may mean something else there."""
        return [name for name in names if is_homonym(name) and plain_name(name) in self._plain]

    @cached_property
    def _imagenets(self) -> bool:
        return are_imagenets(self.classes)

    @cached_property
    def _plain(self) -> Mapping[str, int]:
        plain = [plain_name(name) for name in self.classes]
        counts = Counter(plain)
        return {name: k for k, name in enumerate(plain) if counts[name] == 1}

    @cached_property
    def _by_number(self) -> Mapping[int, int]:
        """By ImageNet's class index, the output."""
        if in_imagenet_order(self.classes):
            return {k: k for k in range(len(self.classes))}
        numbers = imagenet_numbers(self.classes)
        counts = Counter(numbers)
        return {
            number: k
            for k, (number, name) in enumerate(zip(numbers, self.classes, strict=True))
            if number is not None and counts[number] == 1 and (self._imagenets or not is_homonym(name))
        }

    def _of_imagenet(self, number: int | None, name: str) -> int | None:
        if number is not None:
            return self._by_number.get(number)
        return None if is_homonym(name) else self._plain.get(plain_name(name))

    def _of_name(self, name: str, counterparts: Mapping[str, int]) -> int | None:
        plain, wordnet = plain_name(name), imagenet_index().get(name)
        if wordnet is not None and wordnet in self._by_number:
            return self._by_number[wordnet]
        if not self._imagenets:
            return self._plain.get(plain)
        number = counterparts.get(plain, imagenet_counterparts().get(plain))
        if number is None and not is_homonym(name):
            number = imagenet_numbers([name])[0]
        if number is not None and number in self._by_number:
            return self._by_number[number]
        return None if is_homonym(name) else self._plain.get(plain)
