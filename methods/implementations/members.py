"""The methods of a library by name: those that run, and those that are refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping

from benchbench.errors import BenchError, meant, nearest
from benchbench.registry.library import Library


def member(library: Library, name: str, classes: Mapping[str, type], refused: Mapping[str, str]) -> str:
    """The name as the library spells it: grad-cam is GradCAM.

    Raises:
        BenchError: the library has no such method, or it is refused, with the reason.
    """
    spelled = meant(name, classes)
    if len(spelled) == 1:
        return spelled[0]
    known = meant(name, refused)
    if known:
        raise BenchError(f"{library.prefix}:{known[0]} is refused: {refused[known[0]]}", where="methods")
    message = f"unknown method '{library.prefix}:{name}' of {library.title} {library.version}"
    raise BenchError(message, hint=nearest(name, classes))
