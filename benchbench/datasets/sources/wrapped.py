"""A dataset around another: what it does not change is the other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...types import Dataset, Sample


@dataclass(frozen=True, eq=False)
class WrappedData:
    """A dataset with the samples and attributes of another, of which a subclass changes some."""

    of: Dataset

    def __getattr__(self, name: str) -> object:
        return getattr(self.of, name)

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def ids(self) -> Sequence[str]:
        return self.of.ids

    @property
    def about(self) -> Mapping[str, str]:
        return self.of.about

    def __getitem__(self, index: int) -> Sample:
        return self.of[index]

    def fingerprint(self, index: int) -> str:
        return self.of.fingerprint(index)
