"""The user's own object behind what the engine puts around data: it may know more than an engine asks for."""

from __future__ import annotations

from typing import Any

from ..datasets.sources.serial import Serial
from ..datasets.sources.wrapped import WrappedData
from ..types import Dataset


def innermost(dataset: Dataset) -> Any:
    """The object that the study was given, with methods such as ``twin`` or ``instances``; indices are the same.

    Args:
        dataset: as the engine has it.
    """
    inner: Any = dataset
    while isinstance(inner, (Serial, WrappedData)):
        inner = inner.of
    return inner
