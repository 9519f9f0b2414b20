"""What the page says first: the answer, and what was found, metric by metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from ..figures.style import Look
from ..leaderboard.answer import Answer
from ..leaderboard.board import Block, Board
from ..leaderboard.findings import AcrossSettings, Finding, across_settings, findings_of
from ..leaderboard.findings import accuracy as accuracy_of
from ..leaderboard.findings import setup as setup_of
from ..leaderboard.marks import Marked
from ..leaderboard.missing import Missing, SickMaps, grouped_missing, sick_maps
from .contrast import BlockContrasts, contrasts
from .downloads import failures
from .first_screen import FirstScreen, partial_screens, scope_of, single_screens
from .images import ImageSet, places_of
from .images_needed import ImagesNeeded, images_needed
from .selector import partial_choices

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
    def whole(self) -> FirstScreen:
        """The first screen of the whole run."""
        return FirstScreen.of(self.marked, self.look)

    @cached_property
    def singles(self) -> tuple[FirstScreen, ...]:
        """The first screen of each setting; none of a run with a single setting, or with more than 60."""
        return single_screens(self.marked, self.look, self.whole)

    @cached_property
    def parts(self) -> tuple[FirstScreen, ...]:
        """The first screen of each choice of several settings: see ``partial_screens``."""
        return partial_screens(self.marked, self.look, self.singles)

    def scope(self, answer: Answer) -> str:
        """``over 8 settings``: see ``scope_of``."""
        has_parts = bool(self.parts) or not any(True for _ in partial_choices(self.board))
        return scope_of(answer, self.board, has_parts)

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
    def setup(self) -> str:
        return setup_of(self.board)

    @property
    def accuracy(self) -> list[str]:
        return accuracy_of(self.board)


def _place(block: Block) -> tuple[str, str]:
    return block.model, block.dataset
