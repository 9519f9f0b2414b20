"""The study's ``score``: what is explained of the target, and the methods that a list of scores makes of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_origin

from ..errors import BenchError, nearest
from ..formatting import join_words
from ..registry import METHODS, MethodPlugin
from ..registry.method_parameter import Method
from ..registry.method_score import SCORE
from ..vocabulary import LOGIT, SCORES
from .choices import MethodChoice
from .study_file import read_each

PROBABILITIES = ("softmax", "sigmoid")
_AS_PROBABILITY = "Say probability: {}, and score for what is explained"


def older_score(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a study, with ``score: sigmoid`` in its present spelling, ``probability: sigmoid``.

    Raises:
        BenchError: both spellings are given, and differ.
    """
    older = keys.get(SCORE)
    if not isinstance(older, str) or older not in PROBABILITIES:
        return dict(keys)
    rest = {key: value for key, value in keys.items() if key != SCORE}
    if rest.setdefault("probability", older) != older:
        message = f"score is {older}, which means probability: {older}, and probability is {rest['probability']}"
        raise BenchError(message, where=SCORE, hint="Leave score out, or say what is explained: score: logit")
    return rest


def read_scores(score: Any) -> str | tuple[str, ...]:
    """What is explained: a word of SCORES, or several.

    Raises:
        BenchError: an unknown word, a word twice, or an empty list.
    """
    parts = [part.strip() for part in score.split(",")] if isinstance(score, str) else score
    if not isinstance(parts, (list, tuple)) or not parts:
        raise BenchError(f"cannot read {score!r}", where=SCORE, hint=f"Use {', '.join(SCORES)}, or a list of them")
    for i, part in enumerate(parts):
        if not isinstance(part, str):
            raise BenchError(f"cannot read {part!r}", where=SCORE, hint=f"Use {', '.join(SCORES)}, or a list of them")
        if part in PROBABILITIES:
            message = f"{part} says what makes probabilities of logits, not what is explained"
            raise BenchError(message, where=SCORE, hint=_AS_PROBABILITY.format(part))
        if part not in SCORES:
            raise BenchError(f"unknown score {part!r}", where=SCORE, hint=nearest(part, SCORES))
        if part in parts[:i]:
            raise BenchError(f"{part} is given twice", where=SCORE, hint="Remove one of them")
    return tuple(parts) if len(parts) > 1 else str(parts[0])


def with_scores(keys: Mapping[str, Any], read: Callable[[Any], MethodChoice]) -> dict[str, Any]:
    """The keys of a study, whose methods are those that its scores make of them.

    Args:
        read: a method from an item of the study's list.

    Raises:
        BenchError: a score is unknown; or a method, where the study has another score than the logit.
    """
    keys = older_score(keys)
    score = read_scores(keys.get(SCORE, LOGIT))
    if score == LOGIT or "methods" not in keys:
        return {**keys, SCORE: score}
    scores = (score,) if isinstance(score, str) else score

    def members(item: Any) -> tuple[MethodChoice, ...]:
        return tuple(choice for each in METHODS.members(item) for choice in scored(each, read(each), scores))

    methods = read_each("methods", keys["methods"], read, members)
    return {**keys, SCORE: score, "methods": methods}


def scored(item: Any, choice: MethodChoice, scores: tuple[str, ...]) -> tuple[MethodChoice, ...]:
    """The methods that an item of a study's list stands for: one for each score that the method can explain.

    - An item that names its score, or is a choice already, stays as it is.
    - A method that reads a gradient takes each of the scores; a control (of another method) the first of them.
    - A method whose function has the parameter ``score`` takes those of several scores that the parameter allows. Of a
      single score, the logit leaves it as its paper defines it.
    - Any other method explains no score, and stays as it is.

    Args:
        item: as it is in the study; a pair of the user's name and an item, or an item.
        choice: what the item alone stands for.
        scores: of the study.
    """
    if isinstance(item, MethodChoice) or _names_score(item):
        return (choice,)
    allowed = tuple(score for score in scores if _takes(choice, score))
    if choice.plugin.has_own_score and scores == (LOGIT,):
        return (choice,)
    if not allowed:
        return (choice,)
    chosen = allowed[:1] if choice.plugin.control else allowed
    return tuple(_scored(choice, score, alone=len(scores) == 1) for score in chosen)


def _names_score(item: Any) -> bool:
    entry = item[1] if isinstance(item, tuple) and len(item) == 2 else item
    return isinstance(entry, Mapping) and SCORE in entry


def _takes(choice: MethodChoice, score: str) -> bool:
    plugin: MethodPlugin = choice.plugin
    if not plugin.has_own_score:
        return not plugin.score_refusal(choice.params)
    parameter = plugin.parameters[SCORE]
    if get_origin(parameter.type) is not Literal:
        return False
    try:
        parameter.check(score)
    except BenchError:
        return False
    return True


def _scored(choice: MethodChoice, score: str, *, alone: bool) -> MethodChoice:
    """The choice with a score; a user's name of it names the score, too, unless the study has no other."""
    plugin = choice.plugin
    without_score = {key: value for key, value in choice.params.items() if key != SCORE}
    params = {**without_score, **({} if score == LOGIT and not plugin.has_own_score else {SCORE: score})}
    if choice.renamed:
        label = choice.label if alone or score == LOGIT else f"{choice.label} ({score})"
    else:
        label = plugin.label(params)
    return replace(choice, label=label, params=params)


def logit_alone(methods: Sequence[MethodChoice], score: str | tuple[str, ...]) -> list[str]:
    """A sentence if the study asks for another score than the logit, and has methods of libraries, which take none.

    Args:
        score: of the study.
    """
    others = [each for each in ((score,) if isinstance(score, str) else score) if each != LOGIT]
    names = [choice.title for choice in methods if _is_of_library(choice) and not choice.plugin.control]
    if not others or not names:
        return []
    explain = "explains" if len(names) == 1 else "explain"
    reason = "the methods of other libraries take no score"
    return [f"{join_words(names)} {explain} the target's logit, and not {join_words(others)}: {reason}"]


def _is_of_library(choice: MethodChoice) -> bool:
    inner = (value.plugin for value in choice.params.values() if isinstance(value, Method))
    return any(plugin.library_version for plugin in (choice.plugin, *inner))
