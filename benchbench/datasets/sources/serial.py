"""One reader at a time, for datasets that several threads may not read at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

from ...types import Dataset, Sample


@dataclass(frozen=True, eq=False)
class Serial:
    """A dataset behind a lock: a user's may hold one open file."""

    of: Dataset
    lock: Lock = field(default_factory=Lock)

    @property
    def name(self) -> str:
        return self.of.name

    @cached_property
    def ids(self) -> Sequence[str]:
        """Asked for once: the dataset may make them anew each time."""
        return self.of.ids

    @property
    def about(self) -> Mapping[str, str]:
        return self.of.about

    @property
    def masked(self) -> bool | None:
        """Whether any sample has a mask, where the dataset says so."""
        flag = getattr(self.of, "masked", None)
        return flag if isinstance(flag, bool) else None

    @property
    def boxed(self) -> bool | None:
        """Whether any sample has boxes, where the dataset says so."""
        flag = getattr(self.of, "boxed", None)
        return flag if isinstance(flag, bool) else None

    @property
    def groups(self) -> Sequence[str | None] | None:
        return getattr(self.of, "groups", None)

    @property
    def labels(self) -> Sequence[int | None] | None:
        return getattr(self.of, "labels", None)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(getattr(self.of, "class_names", ()))

    @property
    def names_decide(self) -> bool:
        return bool(getattr(self.of, "names_decide", True))

    @property
    def counterparts(self) -> Mapping[str, int]:
        return getattr(self.of, "counterparts", {})

    @property
    def decoded_by(self) -> tuple[str, ...]:
        return tuple(getattr(self.of, "decoded_by", ()))

    def __getitem__(self, index: int) -> Sample:
        with self.lock:
            return self.of[index]

    def fingerprint(self, index: int) -> str:
        with self.lock:
            return self.of.fingerprint(index)


def serial(dataset: Dataset) -> Dataset:
    """The dataset, behind a lock unless it says ``concurrent = True``: that threads may read it at once."""
    return dataset if getattr(dataset, "concurrent", False) else Serial(dataset)
