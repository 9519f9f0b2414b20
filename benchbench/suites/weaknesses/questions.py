"""What the suite ``weaknesses`` asks: each planted case, and the questions put to trained networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ...failure_policy import Failure, attempt
from ...results.suite_answer import Question
from ...study.choices import MethodChoice
from ..verdict_rows import absent_row, exact_row, mean_row
from .planted import WEAKNESSES, Explain, Weakness, explainer

PLANTED: Mapping[str, Question] = {
    name: Question(name, name.capitalize(), f"{case.plants}.", case.threshold, case.source, case.range)
    for name, case in WEAKNESSES.items()
}
INSTANCES = Question(
    "several instances, trained",
    "Several instances, trained",
    "Images with two or more instances of the label's class. How well an instance is shown is the map's mean on it "
    "less the mean outside of all instances. The score is that of the least shown instance over that of the best "
    "shown.",
    0.5,
    "the question of Grad-CAM++, arXiv:1710.11063",
)
DISTRACTORS = Question(
    "distractors, trained",
    "Distractors, trained",
    "Images with figures of other classes. The score is the map's mean on the figures of the label's class over the "
    "sum of that and its mean on all other figures: 1/2 by chance, 2/3 if the first mean is twice the second.",
    0.667,
    "the energy pointing game of Score-CAM, arXiv:1910.01279, among figures alone",
)
SATURATION = Question(
    "saturation, trained",
    "Saturation, trained",
    "The network has a head that saturates, y = 1 - relu(1 - s z), where z is the log-odds of the class and s z is 2 "
    "in the image. The score at the last layer is (PxAP - a) / (1 - a), where a is the object's share of the image; 0 "
    "if it is below chance.",
    0.33,
    "the head of Sundararajan et al. 2017, arXiv:1703.01365",
)
DEPTH = Question(
    "depth, trained",
    "Depth, trained",
    "The score is the mean over the run's layers of (PxAP - a) / (1 - a), where a is the object's share of the image; "
    "0 if it is below chance.",
    0.5,
    "PxAP: arXiv:2001.07437; the question of Layer-CAM, doi:10.1109/TIP.2021.3089943",
)
TRAINED = (INSTANCES, DISTRACTORS, SATURATION, DEPTH)
QUESTIONS = (*PLANTED.values(), *TRAINED)


def planted_rows(method: MethodChoice, seed: int) -> list[dict[str, Any]]:
    """The verdicts of a method on every planted case.

    Args:
        method: with its parameters.
        seed: of the intervals of the cases that are drawn.
    """
    explain = attempt(partial(explainer, method.plugin, method.params), contain_memory=True)
    return [_planted_row(case, method.label, explain, seed) for case in WEAKNESSES.values()]


def _planted_row(case: Weakness, label: str, explain: Explain | Failure, seed: int) -> dict[str, Any]:
    question = PLANTED[case.name]
    values = explain if isinstance(explain, Failure) else attempt(partial(case.values, explain), contain_memory=True)
    if isinstance(values, Failure):
        return absent_row(question, label, values.reason, status=values.status)
    if case.drawn:
        return mean_row(question, label, values, seed)
    return exact_row(question, label, sum(values) / len(values))
