"""A library whose methods are audited: how each is called, and which method of benchbench it is to be."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from torch import Tensor, nn

from ..errors import BenchError, folded

LibraryCall: TypeAlias = Callable[[nn.Module, "AuditPlace", Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class AuditPlace:
    """Where a method explains a network.

    Attributes:
        network: the network's name.
        layer: a module's path.
        stages: the paths of the stages up to the layer, the layer last, for methods that join several.
    """

    network: str
    layer: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Counterpart:
    """The method of benchbench that a library's method is compared with.

    Attributes:
        method: its name; empty if there is none.
        params: with which it has the library's convention.
        arguments: of the library's method, if its defaults are not taken.
        cause: why the maps are known to differ; empty if they are to agree.
        bound: the largest difference of two maps in 0 .. 1 that counts as agreement.
        note: a convention that the parameters stand for, or why the method is not run.
    """

    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    bound: float = 1e-4
    note: str = ""


@dataclass(frozen=True)
class LibraryMethod:
    """A method of a library.

    Attributes:
        name: the library's.
        call: from a network, a place, images (B, C, H, W) and their classes (B,) to maps (B, h, w), not normalised
            where the library gives them so. None if it cannot be called on a classifier and images alone.
        counterpart: what it is compared with.
    """

    name: str
    call: LibraryCall | None
    counterpart: Counterpart

    @property
    def label(self) -> str:
        arguments = ", ".join(f"{key}={value}" for key, value in self.counterpart.arguments.items())
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True)
class Library:
    """A library that can be audited.

    Attributes:
        name: as people call it.
        package: the distribution that pip installs.
        module: what is imported.
        find: from the imported module to its methods.
        spellings: other names by which it is asked for.
    """

    name: str
    package: str
    module: str
    find: Callable[[Any], tuple[LibraryMethod, ...]]
    spellings: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            raise self.missing() from None

    def methods(self) -> tuple[LibraryMethod, ...]:
        """All of its methods, by the names of the installed version.

        Raises:
            BenchError: the library is not installed, or fails to import.
        """
        _ = self.version
        try:
            return self.find(importlib.import_module(self.module))
        except ImportError as error:
            message = f"{self.name} {self.version} fails to import: {error}"
            raise BenchError(message, where="audit", hint=f"pip install --upgrade {self.package}") from None

    def missing(self) -> BenchError:
        """The error that the library is not installed."""
        return BenchError(f"{self.name} is not installed", where="audit", hint=f"Install it: pip install {self.package}")


def counterpart_of(name: str, known: Mapping[str, Counterpart], ours: Mapping[str, Any]) -> Counterpart:
    """The known counterpart of a library's method, or benchbench's method of the same name, or none.

    Args:
        known: by the library's names.
        ours: benchbench's methods by name.
    """
    if name in known:
        return known[name]
    alike = [method for method in ours if folded(method) == folded(name)]
    return Counterpart(alike[0]) if alike else Counterpart()
