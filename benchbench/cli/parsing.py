"""What the command line spells in text, read: labels, numbers, pairs. Items are read by ``study.item_text``."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..errors import BenchError

_ITEM = re.compile(r"\{name: ([^,{}]+), (\w+): ([^{}]+)\}")  # as a study file has it, in a hint


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
