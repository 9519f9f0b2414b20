"""What the command line spells in text, read: lists, items with parameters, pairs."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ..errors import BenchError

_KEY = re.compile(r"(subset\.)?[A-Za-z_]\w*=")
_ITEM = re.compile(r"\{name: ([^,{}]+), (\w+): ([^{}]+)\}")  # as a study file has it, in a hint
_SPECIAL = ",:\"'"


def parse_item(text: str) -> str | dict[str, Any]:
    """``name:key=value:key=value``, as the command line spells an item with parameters.

    A colon separates only where ``key=`` follows it, so that ``C:\\nets\\mine.py:build`` is a name. Whatever stands in
    quotes, ``"..."`` or ``'...'``, is taken as it is, and so is one of , : " ' behind a backslash. The value of ``of``
    is an item itself, which may have parameters in quotes: ``mosaics:of="folder:root=data"``.

    Raises:
        BenchError: a quote is not closed, the name is missing, or a key stands twice.
    """
    name, *parts = _parted(text, ":")
    parameters: dict[str, Any] = {}  # as text: the parameter's own type reads it
    for key, value in (part.split("=", 1) for part in parts):
        if key in parameters:
            raise BenchError(f"{key} is given twice in {text!r}", hint="Remove one of them")
        parameters[key] = parse_item(_plain(value)) if key == "of" else _plain(value)
    if "name" in parameters or not name or _KEY.match(name):
        raise BenchError(f"cannot read {text!r}", hint="The name comes first: name:key=value")
    return {"name": _plain(name), **parameters} if parameters else _plain(name)


def as_option(error: BenchError, options: Collection[str], file: object = None) -> BenchError:
    """The error of a value that an option gave, with the hint's item as the command line spells it: ``name:key=...``.

    Args:
        options: the keys of the study that options gave.
        file: the study file, which is not the place of such an error.
    """
    where = error.where.removeprefix(f"{file}: ")
    if re.split(r"[.\[]", where)[0] not in options:
        return error
    return type(error)(error.what, where=where, hint=_ITEM.sub(r"\1:\2=\3", error.hint))


def items(text: str) -> list[Any]:
    """Items separated by commas, but for commas in quotes or behind a backslash."""
    return [parse_item(item.strip()) for item in _parted(text, ",") if item.strip()]


def _parted(text: str, separator: str) -> list[str]:
    """Parted at each separator outside quotes; at a colon, only where ``key=`` follows. Quotes and backslashes stay."""
    parts, quote, i = [""], "", 0
    while i < len(text):
        letter = text[i]
        if letter == "\\" and text[i + 1 : i + 2] and text[i + 1] in _SPECIAL and not quote:
            letter = text[i : i + 2]
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and _opens(parts[-1]):
            quote = letter
        elif letter == separator and (separator != ":" or (parts[-1] and _KEY.match(text, i + 1))):
            parts.append("")
            i += 1
            continue
        parts[-1] += letter
        i += len(letter)
    if quote:
        raise BenchError(f"a quote is not closed in {text!r}", hint=f"Close it with {quote}, or write a \\ before it")
    return parts


def _opens(before: str) -> bool:
    """Whether a quote behind this text opens one: it starts a name or a value. Elsewhere it is an apostrophe."""
    return not before.strip() or before[-1] in ",:="


def _plain(text: str) -> str:
    """Without the quotes around it and the backslashes that protect a letter."""
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    return re.sub(r"\\([,:\"'])", r"\1", text)


def labels(text: str | None) -> tuple[str, ...]:
    """Separated by commas outside brackets, which a method's label may have."""
    names, depth = [""], 0
    for letter in text or "":
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            names.append("")
        else:
            names[-1] += letter
    return tuple(name.strip() for name in names if name.strip())


def number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def two(text: str, option: str) -> tuple[float, float]:
    try:
        minor, disruptive = map(float, text.split(","))
    except ValueError:
        raise BenchError(f"cannot read {text!r}", where=option, hint="Give two numbers: 0.001,0.5") from None
    return minor, disruptive


def named(text: str | None) -> dict[str, str] | None:
    """``A=B,C=D``."""
    if text is None:
        return None
    pairs = [item.strip().partition("=")[::2] for item in text.split(",") if item.strip()]
    if not pairs or any(not all(pair) for pair in pairs):
        raise BenchError(f"cannot read {text!r}", where="--models", hint="Spell it NAME_IN_A=NAME_IN_B,...")
    if len({old for old, _ in pairs}) < len(pairs) or len({new for _, new in pairs}) < len(pairs):
        raise BenchError(f"a model is given twice: {text!r}", where="--models", hint="Pair each model with one")
    return dict(pairs)
