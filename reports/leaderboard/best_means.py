"""Where the order by ranks and the means name different methods: ranks are taken on each image, means over all."""

from __future__ import annotations

from ...formatting import join_words
from .board import Board
from .orders import Order


def best_means_text(board: Board, order: Order) -> str:
    """``The best mean is that of Grad-CAM: means weigh an image by its differences, ranks do not.``

    Empty where no method has the best mean, alone or with others, in every comparison of the order, and where a first
    method of the order has.
    """
    keys = {tuple(map(str, each.key)) for each in order.comparisons}
    decided = [contest for contest in board.contests if tuple(map(str, contest.key)) in keys and contest.best]
    best = [set(board.tidy.loc[list(contest.best), "method"].astype(str)) for contest in decided]
    always = set.intersection(*best) if best else set()
    if not always or always & set(order.best):
        return ""
    where = "" if len(best) == 1 else f" in all {len(best)} comparisons"
    names = join_words(sorted(always))
    return f"The best mean{where} is that of {names}: means weigh an image by its differences, ranks do not."
