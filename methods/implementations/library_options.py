"""The parameters of another library's method that a study can give: those of its functions that are plain values."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from benchbench.errors import BenchError, meant, nearest
from benchbench.registry import Parameter

_PLAIN = (bool, int, float, str)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def plain_options(function: Callable[..., Any], leave_out: Collection[str] = ()) -> dict[str, Parameter]:
    """The parameters of a function whose default is a bool, a number or a text, or None in place of one.

    Where the default is a class of the library, the parameter is the class's name. The type is the annotation's where
    the function has a plain one, else the default's.

    Args:
        leave_out: names of parameters that the adapter gives, or that change no map.
    """
    hints = _hints(function)
    options = {}
    for parameter in inspect.signature(function).parameters.values():
        name, default = parameter.name, parameter.default
        if name in leave_out or parameter.kind in _VARIABLE:
            continue
        if _is_class(default):
            options[name] = Parameter(name, str, default.__name__)
        elif (kind := _plain_kind(default, hints.get(name))) is not None:
            options[name] = Parameter(name, kind, float(default) if kind is float else default)
    return options


def arguments(function: Callable[..., Any], params: Mapping[str, Any], classes: Mapping[str, type]) -> dict[str, Any]:
    """Those of a study's parameters that the function takes, with classes in the place of their names.

    Args:
        classes: what a parameter whose default is a class may name.

    Raises:
        BenchError: a parameter names a class that is not among them.
    """
    taken = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in params:
            value = params[name]
            taken[name] = _named(name, value, classes) if _is_class(parameter.default) else value
    return taken


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether the function has a parameter of this name, or hands on whatever it is given."""
    known = inspect.signature(function).parameters
    return name in known or any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())


def _is_class(default: Any) -> bool:
    return inspect.isclass(default) and default is not inspect.Parameter.empty


def _named(parameter: str, value: str, classes: Mapping[str, type]) -> type:
    spelled = meant(value, classes)
    if len(spelled) != 1:
        raise BenchError(f"unknown method {value!r}", where=parameter, hint=nearest(value, classes))
    return classes[spelled[0]]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # an annotation is code of the library, and names what it may not import
        return {}


def _plain_kind(default: Any, hint: Any) -> Any:
    """The type of a value that a study can give; None for anything else.

    The annotation counts before the default: ``alpha: float = 1`` is a float.
    """
    if default is not None and type(default) not in _PLAIN:
        return None
    if _is_plain(hint) and (default is not None or type(None) in typing.get_args(hint)):
        return hint
    return None if default is None else type(default)


def _is_plain(hint: Any) -> bool:
    """Whether an annotation is a plain kind, or a choice of such kinds and None."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = [kind for kind in (typing.get_args(hint) if union else (hint,)) if kind is not type(None)]
    return bool(kinds) and all(kind in _PLAIN for kind in kinds)
