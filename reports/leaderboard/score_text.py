"""How much the order of the methods depends on the explained score, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from ...formatting import join_words
from ..number_format import fixed
from .board import Board


def score_text(board: Board) -> str:
    """How alike the methods are ordered under each score and under the logit, over all settings and metrics of quality.

    Empty for a run without methods under several scores.
    """
    taus = board.score_agreement.dropna(subset=["tau"])
    by_score = {str(score): sorted(map(float, rows["tau"])) for score, rows in taus.groupby("score", sort=False)}
    if not by_score:
        return ""
    reference = join_words(dict.fromkeys(map(str, taus["reference"])))
    scores = ", ".join(f"{score} {_span(values)}" for score, values in by_score.items())
    return (
        f"Explained score: Kendall's tau of the methods' order with that under {reference} "
        f"({_over(by_score)}; 1 is the same order): {scores}."
    )


def _over(by_score: Mapping[str, Sequence[float]]) -> str:
    low, high = min(map(len, by_score.values())), max(map(len, by_score.values()))
    if high == 1:
        return "1 comparison"
    return f"median and range over {high if low == high else f'{low} to {high}'} comparisons"


def _span(values: Sequence[float]) -> str:
    """The median of the sorted values, with their range where it is one."""
    ends = fixed(values[0], 2), fixed(values[-1], 2)
    middle = fixed(median(values), 2)
    return middle if ends[0] == ends[1] else f"{middle} ({ends[0]} to {ends[1]})"
