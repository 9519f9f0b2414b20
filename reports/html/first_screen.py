"""What the first screen shows of the whole run, or of one of its settings: cards, mean ranks, and a heat map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..figures.style import Look
from ..leaderboard.answer import Answer
from ..leaderboard.board import Block, Board
from ..leaderboard.family_ranks import FamilyRanks
from ..leaderboard.heat_matrix import HeatMatrix
from ..leaderboard.marks import Marked
from ..leaderboard.orders import QUALITY, RANKED
from ..leaderboard.verdicts import Setting
from .heat import HeatView
from .rank_dots import RankDots
from .selector import families_offered

MOST_SETTINGS = 60  # a study of more has no screen of a single setting


@dataclass(frozen=True)
class Card:
    """The best method over quality, or over a family that the selector offers.

    Attributes:
        only: the place of the family in the selector; ``all`` for quality.
        title: such as ``Best overall``, ``Best in this setting`` or ``Best by localisation``.
    """

    only: str
    title: str
    answer: Answer


@dataclass(frozen=True)
class FirstScreen:
    """One screen.

    Attributes:
        block: the setting; None for the whole run.
    """

    block: Block | None
    cards: tuple[Card, ...]
    dots: RankDots
    heat: HeatView

    @classmethod
    def of(cls, marked: Marked, look: Mapping[str, Look], block: Block | None = None) -> FirstScreen:
        setting = (block.model, block.dataset, block.layer) if block else None
        heat = HeatMatrix.of(marked, setting)
        view = HeatView.of_one(heat) if block else HeatView.of_all(heat, len(marked.board.blocks))
        dots = RankDots.of(FamilyRanks.of(marked, setting), look)
        return cls(block, tuple(_cards(marked, setting)), dots, view)


def single_screens(marked: Marked, look: Mapping[str, Look], whole: FirstScreen) -> tuple[FirstScreen, ...]:
    """The screen of each setting of a study of 2 to 60 settings; none of a run that has no two methods to rank.

    Args:
        whole: the screen of the whole run.
    """
    blocks, overall = marked.board.blocks, whole.cards[0].answer
    if not 1 < len(blocks) <= MOST_SETTINGS or not (overall.best or overall.reason):
        return ()
    return tuple(FirstScreen.of(marked, look, block) for block in blocks)


def scope_of(answer: Answer, board: Board) -> str:
    """``over 8 settings``, or ``over 6 of 8 settings``: those that an answer of the whole run rests on.

    Empty where the run has a single setting.
    """
    known = len(board.blocks)
    if known < 2:
        return ""
    used = f"{answer.settings} of " if 0 < answer.settings < known else ""
    alone = f" (the screen of a single setting is left out, as there are more than {MOST_SETTINGS})"
    return f"over {used}{known} settings{alone if known > MOST_SETTINGS else ''}"


def _cards(marked: Marked, setting: Setting | None) -> Iterator[Card]:
    yield Card("all", "Best in this setting" if setting else "Best overall", Answer.of(marked, QUALITY, setting))
    for place, family in enumerate(families_offered(marked.board)):
        if family in RANKED:
            yield Card(str(place), f"Best by {family}", Answer.of(marked, family, setting))
