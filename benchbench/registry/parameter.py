"""One parameter of a plugin: its type as it is checked, and as a listing says it."""

from __future__ import annotations

import inspect
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from ..errors import BenchError
from ..formatting import join_words
from ..paths import expanded


@dataclass(frozen=True)
class Parameter:
    """One parameter of a plugin, as its signature says."""

    name: str
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def type_name(self) -> str:
        return _type_name(self.type)

    def check(self, value: Any) -> Any:
        """The value as the parameter's type, or a BenchError that names the parameter."""
        try:
            checked = TypeAdapter(self.type).validate_python(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise BenchError(f"{message} (got {value!r})", where=self.name) from None
        if isinstance(checked, float) and not math.isfinite(checked):
            raise BenchError(f"Input should be a finite number (got {value!r})", where=self.name)
        return expanded(checked) if isinstance(checked, Path) else checked


def _type_name(kind: Any) -> str:
    """A type as a listing says it: float, "cell" | "gaussian", tuple of int, float or none."""
    if hasattr(kind, "__metadata__"):
        return _type_name(kind.__origin__)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return " | ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in arguments)
    if typing.get_origin(kind) is tuple:
        return f"tuple of {_type_name(arguments[0])}"
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_type_name(argument) for argument in arguments)
    if kind is type(None):
        return "none"
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def named_value(name: str, value: Any) -> str:
    """A parameter in a display name: ``steps=4``; the value alone where it has the name in it: ``signed``."""
    shown = shown_value(value)
    return shown if shown.startswith(name) else f"{name}={shown}"


def shown_value(value: Any) -> str:
    """A parameter's value in a display name."""
    if isinstance(value, Path) or (isinstance(value, str) and "/" in value):
        return Path(value).name
    if isinstance(value, tuple) and value and all(isinstance(part, str) for part in value):
        return join_words(value)
    return value.display_name if hasattr(value, "display_name") else str(value)
