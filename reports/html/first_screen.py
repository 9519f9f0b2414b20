"""What the first screen shows of the whole run, or of what the selector chooses: cards, mean ranks, and a heat map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...formatting import plural
from ..figures.style import Look
from ..leaderboard.answer import Answer
from ..leaderboard.board import Block, Board
from ..leaderboard.family_ranks import FamilyRanks
from ..leaderboard.heat_matrix import HeatMatrix
from ..leaderboard.marks import Marked
from ..leaderboard.orders import QUALITY, RANKED
from ..leaderboard.verdicts import ALL, Setting, within
from .heat import HeatView
from .rank_dots import RankDots
from .selector import families_offered, partial_choices

MOST_SETTINGS = 60  # a study of more has no screen of a single setting
MOST_SCREENS = 60  # of single settings and of choices of several; of more, the page has no screen of several


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
        block: the setting; None for several, or for the whole run.
        places: of several settings, the choice of each filter, -1 for all; empty for others.
    """

    block: Block | None
    cards: tuple[Card, ...]
    dots: RankDots
    heat: HeatView
    places: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        marked: Marked,
        look: Mapping[str, Look],
        block: Block | None = None,
        setting: Setting | None = None,
        places: tuple[int, ...] = (),
    ) -> FirstScreen:
        """Of a block, of the settings of ``setting``, or of the whole run."""
        setting = (block.model, block.dataset, block.layer) if block else setting
        heat, settings = HeatMatrix.of(marked, setting), len(blocks_of(setting, marked.board))
        view = HeatView.of_one(heat) if block else HeatView.of_all(heat, settings)
        dots = RankDots.of(FamilyRanks.of(marked, setting), look)
        return cls(block, tuple(_cards(marked, setting)), dots, view, places)


def single_screens(marked: Marked, look: Mapping[str, Look], whole: FirstScreen) -> tuple[FirstScreen, ...]:
    """The screen of each setting of a study of 2 to 60 settings; none of a run that has no two methods to rank.

    Args:
        whole: the screen of the whole run.
    """
    blocks, overall = marked.board.blocks, whole.cards[0].answer
    if not 1 < len(blocks) <= MOST_SETTINGS or not (overall.best or overall.reason):
        return ()
    return tuple(FirstScreen.of(marked, look, block) for block in blocks)


def partial_screens(
    marked: Marked, look: Mapping[str, Look], singles: Sequence[FirstScreen]
) -> tuple[FirstScreen, ...]:
    """The screen of each choice of several settings, though not all; none where the page would have too many.

    Args:
        singles: the screens of single settings.
    """
    choices = list(partial_choices(marked.board)) if singles else []
    if len(singles) + len(choices) > MOST_SCREENS:
        return ()
    return tuple(FirstScreen.of(marked, look, setting=setting, places=places) for places, setting in choices)


def blocks_of(setting: Setting | None, board: Board) -> list[Block]:
    """The blocks of a setting or of several; all of them for None."""
    return [b for b in board.blocks if setting is None or within((b.model, b.dataset, b.layer), setting)]


def scope_of(answer: Answer, board: Board, has_parts: bool = True) -> str:
    """``over 8 settings``, or ``over 2 of 4 settings (photos · stage4)``: those that an answer rests on.

    Empty where the run has a single setting.

    Args:
        has_parts: whether the page has screens of several settings.
    """
    known, every = len(blocks_of(answer.setting, board)), len(board.blocks)
    if every < 2:
        return ""
    used = f"{answer.settings} of " if 0 < answer.settings < known else ""
    names = " · ".join(name for name in answer.setting or () if name != ALL)
    text = f"over {used}{plural(known, 'setting')}{f' ({names})' if names else ''}"
    if every > MOST_SETTINGS:
        return f"{text} (the screen of a single setting is left out, as there are more than {MOST_SETTINGS})"
    return text if has_parts else f"{text}, whichever of them the selector chooses together"


def _cards(marked: Marked, setting: Setting | None) -> Iterator[Card]:
    chosen = "in these settings" if setting and ALL in setting else "in this setting" if setting else "overall"
    yield Card("all", f"Best {chosen}", Answer.of(marked, QUALITY, setting))
    for place, family in enumerate(families_offered(marked.board)):
        if family in RANKED:
            yield Card(str(place), f"Best by {family}", Answer.of(marked, family, setting))
