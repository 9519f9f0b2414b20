"""What a plugin says of itself, checked when it is registered: names and texts reach pages, tables and file names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import BenchError, nearest

_LONGEST_NAME, _LONGEST_TEXT = 80, 2_000  # letters
_RESERVED = ".@:,/\\"


def check_name(kind: str, name: Any) -> str:
    """The kind and the name, for errors.

    Raises:
        BenchError: it is no text, empty, too long, has a letter that is not shown, or one that means something else.
    """
    shown = f"{kind} {name!r}"
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or name != " ".join(name.split()):
        hint = f"Give a text of 1 to {_LONGEST_NAME} letters, without spaces at its ends"
        raise BenchError(f"{shown} is not a valid name", hint=hint)
    if not name.isprintable():
        raise BenchError(f"{shown} has a letter that cannot be shown", hint="Choose another name")
    if set(name) & set(_RESERVED):
        raise BenchError(f"{shown} has one of {' '.join(_RESERVED)} in its name", hint="Choose another name")
    return f"{kind} {name}"


def check_fields(where: str, texts: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    """Raises BenchError of a text that is none, or too long, and of a flag that is neither True nor False."""
    for key, value in texts.items():
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            hint = f"Give a text of at most {_LONGEST_TEXT:,} letters"
            raise BenchError(f"{key} is {str(value)[:80]!r}", where=where, hint=hint)
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise BenchError(f"{key} is {str(value)[:80]!r}", where=where, hint="Give True or False")


def known_words(words: Any, valid: Mapping[str, str], where: str, what: str = "need") -> frozenset[str]:
    """One word or several, all of them valid.

    Raises:
        BenchError: one is unknown, or they are no words.
    """
    for word in word_set(words, where, what) - set(valid):
        raise BenchError(f"unknown {what} {word!r}", where=where, hint=nearest(word, valid))
    return word_set(words, where, what)


def word_set(words: Any, where: str, what: str) -> frozenset[str]:
    """One word or several, as a set.

    Raises:
        BenchError: they are no words.
    """
    listed = [words] if isinstance(words, str) else list(words) if isinstance(words, Iterable) else [words]
    if not all(isinstance(word, str) for word in listed):
        raise BenchError(f"cannot read {what}s {str(words)[:80]!r}", where=where, hint="Give a word, or several")
    return frozenset(listed)


def check_range(values: Any, where: str) -> tuple[float, float]:
    """The smallest and the largest value.

    Raises:
        BenchError: they are not two numbers, the first the smaller.
    """
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        low, high = 0.0, 0.0
    if not low < high:
        hint = "Give (low, high), with math.inf on a side without a bound"
        raise BenchError(f"the range is {str(values)[:80]!r}", where=where, hint=hint)
    return values if isinstance(values, tuple) else (low, high)


def check_protocols(protocols: Any, where: str) -> None:
    """Raises BenchError where they are no parameters by name, or there are none."""
    hint = 'Name one, such as protocols={"default": {}}'
    if not isinstance(protocols, Mapping) or not all(isinstance(each, Mapping) for each in protocols.values()):
        raise BenchError(f"protocols is {str(protocols)[:80]!r}", where=where, hint=hint)
    if not protocols:
        raise BenchError("protocols is empty", where=where, hint=hint)
    for name in protocols:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise BenchError(f"the protocol {str(name)[:80]!r} is not a valid name", where=where, hint=hint)
