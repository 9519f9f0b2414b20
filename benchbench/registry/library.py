"""Other libraries whose code stands as plugins: whether they are installed, and which version."""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from types import ModuleType

from ..errors import BenchError, raised


@dataclass(frozen=True)
class Library:
    """A library that is imported when one of its plugins is asked for, and not before.

    Attributes:
        prefix: of its plugins' names: ``prefix:NAME``.
        title: its name in reports and errors.
        module: what is imported.
        distribution: its name in the package index.
        extra: benchbench's extra that installs it; "" where benchbench always does.
        url: where its code is.
    """

    prefix: str
    title: str
    module: str
    distribution: str
    extra: str
    url: str

    @property
    def version(self) -> str:
        """The installed version; "" where it is not installed."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def load(self) -> ModuleType:
        """The library's module.

        Raises:
            BenchError: it is not installed, or fails to import.
        """
        package = f"'benchbench-saliency[{self.extra}]'" if self.extra else self.distribution
        try:
            return importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            hint = f"Install it: pip install {package}"
            raise BenchError(f"{self.title} is not installed: {error}", where=self.prefix, hint=hint) from None
        except Exception as error:
            hint = f"Install another version: pip install --upgrade {package}"
            raise BenchError(f"{self.title} fails to import: {raised(error)}", where=self.prefix, hint=hint) from None
