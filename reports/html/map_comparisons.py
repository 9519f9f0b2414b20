"""What the page says of the maps themselves: which methods agree, and whether metrics see the map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..leaderboard.marks import Marked
from .downloads import gap_files, method_agreement_files
from .gap_tables import GapCount, GapTable, blind_metrics, compared_with, gap_counts, gap_tables
from .matrices_of_methods import MethodMatrices, method_matrices


@dataclass(frozen=True, eq=False)
class MapComparisons:
    """The sections "Do methods agree?" and "Do metrics see the map?"."""

    marked: Marked

    @cached_property
    def matrices(self) -> tuple[MethodMatrices, ...]:
        """How alike the maps of every two methods are, in each setting."""
        return method_matrices(self.marked.board)

    @cached_property
    def gaps(self) -> tuple[GapTable, ...]:
        """Each method against its own inverted, blurred, ... map, in each setting that has these controls."""
        return gap_tables(self.marked)

    @cached_property
    def gap_counts(self) -> tuple[GapCount, ...]:
        """In how many cases each metric sees the difference."""
        return gap_counts(self.gaps, self.marked.board)

    @property
    def blind_metrics(self) -> str:
        """The metrics for which inversion makes no difference, in a sentence."""
        return blind_metrics(self.gap_counts)

    @property
    def compared_with(self) -> tuple[str, ...]:
        """What each method is compared with: its inverted map, its blurred map."""
        return compared_with(self.gap_counts)

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """The tables of both sections, by their ids in the page."""
        remarks = self.marked.board.remarks
        return method_agreement_files(self.matrices, remarks) | gap_files(self.gaps, remarks)

    def images_of(self, setting: MethodMatrices) -> int:
        """The images of a network and data set of which the run has maps."""
        maps = self.marked.board.shown.maps
        here = (maps["model"] == setting.model) & (maps["dataset"] == setting.dataset)
        return int(maps.loc[here, "sample"].nunique())
