"""The methods of a library by name: those that run, and those that are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchbench.errors import BenchError, meant, nearest
from benchbench.registry import METHODS
from benchbench.registry.library import Library

from .implementation import LibraryMethod


@dataclass(frozen=True, eq=False)
class LibraryFamily:
    """A library whose classes are methods of a study, ``prefix:NAME``.

    Attributes:
        library: the library.
        classes: every class of the installed version that may be a method, by name.
        refused: by name, why a class is no method of a study.
        make: from a name and its class to the method.
    """

    library: Library
    classes: Callable[[], Mapping[str, type]]
    refused: Callable[[], Mapping[str, str]]
    make: Callable[[str, type], LibraryMethod]
    _known: dict[str, type] = field(default_factory=dict)
    _methods: dict[str, LibraryMethod] = field(default_factory=dict)

    def known(self) -> Mapping[str, type]:
        """The classes that are methods, by name.

        Raises:
            BenchError: the library is not installed.
        """
        if not self._known:
            reasons = self.refused()
            self._known.update({name: kind for name, kind in self.classes().items() if name not in reasons})
        return self._known

    def method(self, name: str) -> LibraryMethod:
        """The method of a name, or of another spelling of it: grad-cam is GradCAM.

        Raises:
            BenchError: the library is not installed, has no such method, or it is refused, with the reason.
        """
        kinds = self.known()
        name = self.spelled(name, kinds)
        if name not in self._methods:
            self._methods[name] = self.make(name, kinds[name])
        return self._methods[name]

    def spelled(self, name: str, kinds: Mapping[str, type]) -> str:
        """The name as the library spells it.

        Raises:
            BenchError: it is none of the names, with the nearest of them; or it is refused, with the reason.
        """
        matches, prefix = meant(name, kinds), self.library.prefix
        if len(matches) == 1:
            return matches[0]
        reasons = self.refused()
        for known in meant(name, reasons):
            raise BenchError(f"{prefix}:{known} is refused: {reasons[known]}", where="methods")
        message = f"unknown method '{prefix}:{name}' of {self.library.title} {self.library.version}"
        raise BenchError(message, hint=nearest(name, kinds, prefix=f"{prefix}:"))

    def register(self, summary: str) -> None:
        """Make ``prefix:NAME`` a method of studies; ``summary``: for listings."""
        METHODS.add_family(self.library.prefix, self.method, names=lambda: list(self.known()), summary=summary)
