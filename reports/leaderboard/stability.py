"""One sentence on whether the order of the other methods stays when the list of methods changes."""

from __future__ import annotations

from collections.abc import Sequence

from ...formatting import join_words, plural
from ...stats import OrderCase
from ..number_format import first_few

MOST = 3  # cases, and pairs of a case, that the sentence names


def stability_text(cases: Sequence[OrderCase], brief: bool = False) -> str:
    """``The order of the rest stays in 8 of 9 cases in which ...``; empty where no case leaves a method out.

    Of two methods none can be left out: there is no rest, whatever controls are added.

    Args:
        brief: in one line of a terminal.

    Example:
        >>> from benchbench.stats import OrderCase
        >>> stability_text([OrderCase("without", "cam", 1, (), "a"), OrderCase("with", "random", 1, (), "a")], True)
        'The order of the rest stays in 2 of 2 changes of one method.'
    """
    if not any(case.change == "without" for case in cases):
        return ""
    stays = sum(case.stays for case in cases)
    if brief:
        return f"The order of the rest stays in {stays} of {plural(len(cases), 'change')} of one method."
    changes = [_CHANGES[kind] for kind in _CHANGES if any(case.change == kind for case in cases)]
    moved = [_moved(case) for case in cases if not case.stays]
    changing = f"; it changes {first_few(moved, MOST)}" if moved else ""
    of_cases = f"{stays} of {plural(len(cases), 'case')}"
    return f"The order of the rest stays in {of_cases} in which {' or '.join(changes)}{changing}."


_CHANGES = {"without": "one method is left out", "with": "a control is added"}


def _moved(case: OrderCase) -> str:
    pairs = [f"{better} is before {worse}" for better, worse in case.swapped[:MOST]]
    more = len(case.swapped) - len(pairs)
    return f"{case.change} {case.method} (then {join_words([*pairs, *([f'{more} more'] if more else [])])})"
