"""Which classes are explained, as a user says it: by rank, by name or by number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..datasets.archives.class_spellings import plain_name
from ..errors import BenchError, nearest
from ..formatting import join_words
from ..study.spec import Target

_TOP = re.compile(r"top([1-9]\d*)")
_RULE = re.compile(r"predicted|label|top-[1-9]\d*|\d+-\d+")


def targets_of(words: Sequence[str | int], names: Sequence[str]) -> tuple[Target, ...]:
    """The targets of a study, each once.

    Args:
        words: ``predicted``; ``top5``, the five most likely classes of each image; ``top-2``, the second alone;
            ``label``; a class's number; its name; or ``281-285``, the difference of two classes.
        names: of the network's classes, by number; empty where they are not known.

    Raises:
        BenchError: no class has the name, or several have.

    Example:
        >>> targets_of(["top3", "tabby"], ["tench", "tabby"])
        ('predicted', 'top-2', 'top-3', 1)
    """
    targets = [target for word in words for target in _targets(word, names)]
    if not targets:
        raise BenchError("no class is named", where="classes", hint="Use predicted, top5, a name or a number")
    return tuple(dict.fromkeys(targets))


def _targets(word: str | int, names: Sequence[str]) -> Sequence[Target]:
    text = str(word).strip()
    if text.isdecimal():
        return [int(text)]
    top = _TOP.fullmatch(text)
    if top:
        return ["predicted", *(f"top-{place}" for place in range(2, int(top[1]) + 1))]
    if _RULE.fullmatch(text):
        return ["predicted" if text == "top-1" else text]
    return [_number(text, names)]


def _number(text: str, names: Sequence[str]) -> int:
    if not names:
        hint = "Give its number, or a model with class names"
        raise BenchError(f"the network has no class names, so {text!r} says nothing", where="classes", hint=hint)
    places = [k for k, name in enumerate(names) if plain_name(name) == plain_name(text)]
    if len(places) > 1:
        hint = f"Give a number: {join_words(map(str, places))}"
        raise BenchError(f"{len(places)} classes have the name {text!r}", where="classes", hint=hint)
    if not places:
        raise BenchError(f"no class has the name {text!r}", where="classes", hint=nearest(text, list(names)))
    return places[0]
