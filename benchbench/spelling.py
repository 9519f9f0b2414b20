"""What the command line spells in text, read: lists, items with parameters, pairs."""

from __future__ import annotations

from typing import Any

from .errors import BenchError


def parse_item(text: str) -> str | dict[str, Any]:
    """``name:key=value:key=value``, as the command line spells an item with parameters."""
    parts = text.split(":")
    first = next((i for i, part in enumerate(parts) if i and "=" in part), len(parts))
    name, pairs = ":".join(parts[:first]), [part.split("=", 1) for part in parts[first:]]
    if any(len(pair) != 2 for pair in pairs):
        raise BenchError(f"cannot read {text!r}", hint="Spell it name:key=value:key=value")
    given = {pair[0]: pair[1] for pair in pairs}  # as text: the parameter's own type reads it
    if "name" in given:
        raise BenchError(f"cannot read {text!r}", hint="The name comes first: name:key=value")
    return {"name": name, **given} if given else name


def items(text: str) -> list[Any]:
    return [parse_item(item.strip()) for item in text.split(",") if item.strip()]


def labels(text: str | None) -> tuple[str, ...]:
    """Separated by commas outside brackets, which a method's label may have."""
    found, depth = [""], 0
    for letter in text or "":
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return tuple(name.strip() for name in found if name.strip())


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
        raise BenchError(f"a model stands there twice: {text!r}", where="--models", hint="Pair each model with one")
    return dict(pairs)
