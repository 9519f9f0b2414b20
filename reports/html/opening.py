"""What the page says first: the answer, and what was found, metric by metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from ..figures import family_ranks
from ..figures.style import Look, Picture
from ..leaderboard.answer import Answer
from ..leaderboard.board import Block, Board
from ..leaderboard.family_ranks import FamilyRanks
from ..leaderboard.findings import AcrossSettings, Finding, across_settings, findings_of
from ..leaderboard.findings import accuracy as accuracy_of
from ..leaderboard.findings import setup as setup_of
from ..leaderboard.heat_matrix import HeatMatrix
from ..leaderboard.marks import Marked
from ..leaderboard.missing import Missing, SickMaps, grouped_missing, sick_maps
from ..leaderboard.orders import RANKED
from .contrast import BlockContrasts, contrasts
from .downloads import failures
from .heat import HeatCell, heat_rows
from .images import ImageSet, places_of
from .images_needed import ImagesNeeded, images_needed
from .selector import families_offered

MOST_CONTRASTS = 24  # settings with photographs on the first screen
MOST_PHOTOS = 200  # among which they are chosen
MOST_NAMES = 8  # of methods in a text of the findings; the files have all


@dataclass(frozen=True, eq=False)
class Opening:
    """The first screen and the findings.

    Attributes:
        look: by method, how figures draw it.
    """

    marked: Marked
    look: Mapping[str, Look]

    @property
    def board(self) -> Board:
        return self.marked.board

    @cached_property
    def missing(self) -> tuple[Missing, ...]:
        """What could not be computed, by reason."""
        return grouped_missing(failures(self.board))

    @cached_property
    def sick_maps(self) -> tuple[SickMaps, ...]:
        return sick_maps(self.board.health)

    def findings(self, block: Block) -> tuple[Finding, ...]:
        return findings_of(self.marked, block, MOST_NAMES)

    @cached_property
    def answer(self) -> Answer:
        return Answer.of(self.marked)

    @cached_property
    def family_answers(self) -> tuple[tuple[int, str, Answer], ...]:
        """Place, name and best method of each family that the selector offers and that ranks methods."""
        return tuple(
            (place, family, Answer.of(self.marked, family))
            for place, family in enumerate(families_offered(self.board))
            if family in RANKED
        )

    @cached_property
    def rank_dots(self) -> Picture | None:
        return family_ranks.drawn(self._family_ranks, self.look)

    @cached_property
    def has_rank_intervals(self) -> bool:
        """Whether a mean rank of the first screen has an interval."""
        return bool(np.isfinite(self._family_ranks.low).any())

    @cached_property
    def _family_ranks(self) -> FamilyRanks:
        return FamilyRanks.of(self.marked)

    @cached_property
    def heat(self) -> HeatMatrix:
        return HeatMatrix.of(self.marked)

    @cached_property
    def heat_rows(self) -> list[tuple[str, list[HeatCell]]]:
        """The first methods of the matrix, each with its cells."""
        return heat_rows(self.heat)

    @property
    def heat_span(self) -> str:
        """The settings that the heat map averages over; empty where the page has a single setting."""
        if len(self.board.blocks) < 2:
            return ""
        return "the settings of networks without a warning" if self.heat.hidden else "all settings"

    @property
    def heat_part(self) -> str:
        """Which methods the heat map has, see ``_part``."""
        return _part(self.heat.methods)

    @property
    def dots_part(self) -> str:
        """Which methods the mean ranks are drawn of, see ``_part``."""
        return _part(self._family_ranks.methods)

    @cached_property
    def contrasts(self) -> tuple[BlockContrasts, ...]:
        """The photographs on which the methods disagree most, for the first settings that have photographs."""
        places = self._places
        groups = groupby(self._pictured[:MOST_CONTRASTS], _place)
        return tuple(each for place, group in groups for each in self._contrasts(places.index(place), list(group)))

    @property
    def without_contrasts(self) -> tuple[Block, ...]:
        """The settings with photographs that the first screen has no room for."""
        return tuple(self._pictured[MOST_CONTRASTS:])

    @cached_property
    def _places(self) -> list[tuple[str, str]]:
        known = set(map(_place, self.board.blocks))
        return [place for place in places_of(self.board.record.photos) if place in known]

    @property
    def _pictured(self) -> list[Block]:
        return [block for block in self.board.blocks if _place(block) in self._places]

    def _contrasts(self, number: int, blocks: Sequence[Block]) -> Iterator[BlockContrasts]:
        """Of the layers of one network and data, whose files of maps are open meanwhile."""
        images = ImageSet(self.board, blocks[0].model, blocks[0].dataset, MOST_PHOTOS)
        for block in blocks:
            values = images.disagreements(block.layer, len(images.photos))
            drawn = contrasts(images, block.layer, values)
            shown, total = len(images.photos), images.total
            among = f", among the first {shown:,} of {total:,} images" if shown < total else ""
            yield BlockContrasts(block, number, images.layers.index(block.layer), drawn, among)

    @cached_property
    def images_needed(self) -> tuple[ImagesNeeded, ...]:
        return images_needed(self.marked)

    @cached_property
    def across(self) -> tuple[AcrossSettings, ...]:
        return across_settings(self.marked, MOST_NAMES)

    @property
    def passes(self) -> str:
        """What the sanity check says of a metric that no control wins."""
        return "passes" if self.board.uninformed else "no control"

    @property
    def setup(self) -> str:
        return setup_of(self.board)

    @property
    def accuracy(self) -> list[str]:
        return accuracy_of(self.board)


def _place(block: Block) -> tuple[str, str]:
    return block.model, block.dataset


def _part(methods: Sequence[str]) -> str:
    """``the first 12 of 14 methods`` where the first screen has not all of them, else empty."""
    known = len(methods)
    return f"the first {family_ranks.MOST_METHODS} of {known} methods" if known > family_ranks.MOST_METHODS else ""
