"""The docstrings of what ``import benchbench as bb`` gives: every parameter, what is returned, and an example."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import pytest

import benchbench as bb

PUBLIC = {name: getattr(bb, name) for name in bb.__all__}
FULL = (bb.Baseline, bb.MapSheet, bb.Overlay, bb.Run, bb.Study)  # classes whose methods users call by name

INTERNAL = {"Study.layers_of", "Study.plain"}  # the engine calls them; no page of the docs names them


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of ``bb``, and the methods of the classes that users call."""
    yield from ((name, each) for name, each in PUBLIC.items() if inspect.isfunction(each))
    for kind in FULL:
        for name in dir(kind):
            each = inspect.getattr_static(kind, name)
            if not name.startswith("_") and not isinstance(each, property | cached_property):
                function = getattr(each, "__func__", each)
                if inspect.isfunction(function) and function.__module__.startswith("benchbench."):
                    yield f"{kind.__name__}.{name}", function


def lacks(function: Callable[..., Any]) -> list[str]:
    """The parameters that the docstring does not explain, and ``Returns`` if something is returned without a word."""
    text = inspect.getdoc(function) or ""
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    section = text.partition("Args:\n")[2].partition("\n\n")[0]
    explained = {
        name.strip() for line in re.findall(r"^ {4}([\w, ]+):", section, re.MULTILINE) for name in line.split(",")
    }
    missing = [name for name in parameters if name not in explained]
    silent = inspect.signature(function).return_annotation not in ("None", None) and "Returns:\n" not in text
    return [*missing, *(["Returns"] if silent else [])]


CALLABLES = {name: function for name, function in callables() if name not in INTERNAL}


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_and_the_result_are_explained(name: str) -> None:
    assert lacks(CALLABLES[name]) == []


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(PUBLIC[name]) or "")


def _short(images: object, *, size: int = 2) -> int:
    """One line.

    Args:
        images: any.

    Example:
        size: of nothing.
    """
    return size if images else 0


def test_a_docstring_that_lacks_something_is_seen() -> None:
    assert lacks(_short) == ["size", "Returns"]
    assert {"explain", "Run.load", "Run.decay", "Study.run"} <= CALLABLES.keys()
