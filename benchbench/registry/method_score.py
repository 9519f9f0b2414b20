"""What a method that reads a gradient explains of its target: a parameter that no method has to declare."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from ..errors import BenchError, nearest
from ..vocabulary import LOGIT, SCORES

SCORE = "score"
_REASONS = {  # by need: why a method without a captured gradient has no score to choose
    "head": "its weights are those of the target's logit in the last layer",
    "modules": "its rules propagate the target's logit",
    "biases": "its terms add up to the target's logit",
    "attention": "it reads the attention, not the gradient of a score at a layer",
    "scores": "its definition says which score of the changed images it reads",
    "detections": "it compares detections",
    "rest": "its definition says which score of the changed activations it reads",
    "look": "its definition says which score it reads",
}


def refusal(needs: Set[str], fixed: str) -> str:
    """Why a method has no score to choose; empty where it reads a captured gradient and its definition fixes none.

    Args:
        needs: of the method, with those of the methods inside it.
        fixed: why its definition, or that of a method inside it, fixes the score; or "".
    """
    if fixed or "gradient" in needs:
        return fixed
    return next((reason for need, reason in _REASONS.items() if need in needs), "it reads no score of the target")


def checked(score: Any, method: str, refused: str) -> dict[str, str]:
    """The parameter, checked: empty for the default, the logit.

    Raises:
        BenchError: the method has no score to choose, or there is no such score.
    """
    if refused:
        raise BenchError(f"{method} has no score to choose: {refused}", where=SCORE, hint="Leave score out")
    if score not in SCORES:
        raise BenchError(f"unknown score {score!r}", where=SCORE, hint=nearest(str(score), SCORES))
    return {} if score == LOGIT else {SCORE: score}


def in_title(title: str, score: str | None) -> str:
    """A method's name in reports with the score: ``Grad-CAM (probability)``."""
    if score is None:
        return title
    return f"{title[:-1]}, {score})" if title.endswith(")") else f"{title} ({score})"
