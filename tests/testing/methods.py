"""Methods registered for the length of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

from benchbench.registry import METHODS, method
from benchbench.types import Layer


@contextmanager
def registered(name: str, function: Callable[[Layer], Tensor]) -> Iterator[str]:
    @method(name, needs="gradient", control=True)
    def saliency(layer: Layer) -> Tensor:
        """For a test."""
        return function(layer)

    try:
        yield name
    finally:
        METHODS.remove(name)
