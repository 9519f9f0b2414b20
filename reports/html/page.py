"""What the page shows, section by section, for the template to lay out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
import yaml

from ...formatting import plural
from ...results.unfinished import caution_of
from ...stats import COST, QUALITY, curve_bands, curve_differences, measured
from ...vocabulary import QUALITY_MEANS
from ..figures import agreement, charts, depth, pareto
from ..figures.plotly_parts import Chart
from ..figures.style import Look, looks
from ..leaderboard.board import Block, Board, Cell, Metric, Row
from ..leaderboard.costs import CostTable, cost_tables
from ..leaderboard.footnotes import REMARK_KINDS
from ..leaderboard.marks import NONE, Mark, Marked
from ..number_format import fixed, pairs_in_words
from . import subgroups
from .downloads import downloads
from .map_comparisons import MapComparisons
from .opening import Opening
from .page_key import source_files
from .paper import Paper
from .paper_chart import drawing_uri
from .score_tables import ScoreTable, score_tables
from .section_views import DepthSection, StudyView
from .seed_tables import SeedTable, seed_tables
from .selector import Filter, families_offered, family_of, filters
from .significance import Decided, PairTally
from .strips import Strips
from .suite_section import SuiteSection, suite_section

MOST_ROWS = 4_000  # of the long table


@dataclass(frozen=True, eq=False)
class Page:
    """What the template shows."""

    marked: Marked

    @property
    def board(self) -> Board:
        return self.marked.board

    @property
    def info(self) -> dict[str, Any]:
        return self.board.record.info

    @property
    def caution(self) -> str:
        """What stands above the page of an unfinished run; else empty."""
        return caution_of(self.info)

    @cached_property
    def decided(self) -> Decided:
        return Decided(self.marked)

    def mark_of(self, block: Block, row: Row, cell: Cell) -> Mark:
        """Best, second, significantly worse, rank and letters of a cell."""
        shown = self.marked.shown(block, row.method, cell.metric.name, cell.metric.protocol)
        return shown.mark if shown else NONE

    @cached_property
    def studies(self) -> tuple[StudyView, ...]:
        record, blocks = self.board.shown, self.board.blocks
        bands = curve_bands(record.curves, int(self.info["seed"]), self.board.scales)
        gaps = curve_differences(record.curves, charts.best_methods(blocks))
        return tuple(self._study(block, bands, gaps) for block in blocks)

    def _study(self, block: Block, bands: pd.DataFrame, gaps: pd.DataFrame) -> StudyView:
        look, fronts = self._look, pareto.fronts(self.marked, block)
        return StudyView(
            block,
            self._ordered(charts.curve_chart(block, bands, gaps, look)),
            " ".join(sorted({str(self.family(metric)) for metric in charts.curve_metrics(block, bands)})),
            self._ordered(charts.cost_chart(block, look, fronts)),
            fronts,
            self.decided.diagrams(block, look),
        )

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return tuple(map(str, self.marked.verdicts.order().table["method"]))

    def _ordered(self, chart: Chart | None) -> Chart | None:
        return replace(chart, order=self._order) if chart else None

    @cached_property
    def costs(self) -> tuple[CostTable, ...]:
        """Costs of each network."""
        return cost_tables(self.board.blocks)

    @cached_property
    def depths(self) -> tuple[DepthSection, ...]:
        layers = {model["name"]: model["layers"] for model in self.info["models"]}
        return tuple(
            DepthSection(each, replace(charts.depth_chart(each, self._look), order=self._order))
            for each in depth.depths(self.board.blocks, layers)
        )

    @cached_property
    def agreements(self) -> tuple[agreement.Agreement, ...]:
        """How alike the metrics order the methods, in each setting."""
        return agreement.agreements(self.board.blocks, self.board.agreement)

    @cached_property
    def maps(self) -> MapComparisons:
        """Which methods agree, and whether metrics see the map."""
        return MapComparisons(self.marked)

    @cached_property
    def filters(self) -> tuple[Filter, ...]:
        return filters(self.board)

    def mark(self, key: str, name: str) -> int:
        """The place of a name in its filter; 0 where there is nothing to choose from, -1 where it is no choice."""
        names = next((each.names for each in self.filters if each.key == key), (name,))
        return names.index(name) if name in names else -1

    def opens_with(self, block: Block) -> bool:
        """Whether the page shows the setting when it is opened, so that its leaderboard needs no JavaScript."""
        names = {"network": block.model, "data": block.dataset, "layer": block.layer}
        chosen = [each for each in self.filters if each.key in names and each.first >= 0]
        return all(self.mark(each.key, names[each.key]) == each.first for each in chosen)

    def family(self, metric: Metric) -> int:
        return self.mark("family", family_of(metric))

    @cached_property
    def pair_tallies(self) -> list[tuple[str, str, PairTally]]:
        """The methods against each other as the cards count them: place in the selector, family and counts."""
        families = [("all", QUALITY), *((str(at), name) for at, name in enumerate(families_offered(self.board)))]
        tallies = ((place, family, self.decided.counted(family)) for place, family in families)
        return [(place, family, tally) for place, family, tally in tallies if tally.pair_map]

    @cached_property
    def downloads(self) -> dict[str, dict[str, str]]:
        depths = [each.depth for each in self.depths]
        files = downloads(self.marked, self.decided, depths, self.agreements, self.groups)
        files |= self.maps.files | (self.suite.downloads if self.suite else {})
        bibtex = self.paper.bibtex
        return files | ({"bibtex": {"name": "benchbench-references", "bib": bibtex}} if bibtex else {})

    @cached_property
    def paper(self) -> Paper:
        return Paper.of(self.board)

    @cached_property
    def opening(self) -> Opening:
        """What the page says first: the answer and the findings."""
        return Opening(self.marked, self._look)

    @cached_property
    def suite(self) -> SuiteSection | None:
        return suite_section(self.board, self._look)

    def protocol(self, metric: Metric) -> str:
        """The protocol's parameters in words, for a tooltip."""
        return self._protocols.get((metric.name, metric.protocol), "")

    @cached_property
    def _protocols(self) -> dict[tuple[str, str], str]:
        entries = self.info["metrics"]
        return {(m["name"], m["protocol"]): pairs_in_words(m.get("parameters", {})) for m in entries}

    @cached_property
    def contents(self) -> list[tuple[str, str]]:
        """The sections that the page has: their ids and names."""
        sections = (
            ("suite", f"Suite: {self.suite.report.title}" if self.suite else "", bool(self.suite)),
            ("answer", "Overall order" if self.suite else "Answer", True),
            ("findings", "Findings", True),
            ("leaderboard", "Leaderboard", True),
            ("verdict", "Significance", bool(self.decided.contests)),
            ("curves", "Curves", self.has_curves),
            ("depth", "Depth", bool(self.depths)),
            ("cost", "Cost", self.has_costs),
            ("groups", "Sizes and classes", bool(self.groups)),
            ("seeds", "Seeds", bool(self.seeds)),
            ("agreement", "Agreement of metrics", bool(self.agreements)),
            ("scores", "Explained scores", bool(self.scores)),
            ("method-agreement", "Agreement of methods", bool(self.maps.matrices)),
            ("gaps", "Own inverse and blur", bool(self.maps.gaps)),
            ("images", "Image by image", self.has_gallery and self.has_quality),
            ("gallery", "Gallery", self.has_gallery),
            ("compared", "Setup", True),
            ("health", "Missing and health", True),
            ("every", "Full table", True),
            ("paper", "For a paper", True),
            ("definitions", "Definitions", True),
            ("provenance", "Provenance", True),
        )
        return [(id, name) for id, name, there in sections if there]

    @cached_property
    def files(self) -> list[tuple[str, str]]:
        """The tables that the page was written from, with their SHA-256."""
        return source_files(self.board.record)

    @cached_property
    def has_gallery(self) -> bool:
        return not self.board.record.photos.empty and bool(self.board.blocks)

    @cached_property
    def _look(self) -> dict[str, Look]:
        methods, controls = [method["name"] for method in self.info["methods"]], self.board.controls
        return looks([m for m in methods if m not in controls], [m for m in methods if m in controls])

    @property
    def lists_every(self) -> bool:
        """Whether the page shows every row of the tidy leaderboard: a browser is slow with many thousands."""
        return len(self.board.plain) <= MOST_ROWS

    @cached_property
    def every(self) -> list[dict[str, Any]]:
        """The tidy leaderboard, every row of it, as text and as numbers to sort by."""
        return _records(self.board.plain)

    @property
    def remark_kinds(self) -> list[str]:
        """What is known of some method: ``fault``, ``convention``."""
        return [kind for kind in REMARK_KINDS if any(getattr(r, kind) for r in self.board.remarks.values())]

    @cached_property
    def protocols_apart(self) -> list[dict[str, Any]]:
        """How alike two protocols of one metric order the methods: other fills, steps, rules."""
        taus = self.board.agreement
        return _records(taus[taus["metric"] == taus["other_metric"]])

    @cached_property
    def groups(self) -> tuple[subgroups.SubgroupTable, ...]:
        """Localisation by object size and by class."""
        return subgroups.tables(self.board)

    @cached_property
    def seeds(self) -> tuple[SeedTable, ...]:
        return seed_tables(self.board)

    @cached_property
    def scores(self) -> tuple[ScoreTable, ...]:
        return score_tables(self.board)

    @cached_property
    def pooled(self) -> list[dict[str, Any]]:
        """Values of all images together, where there are any."""
        rows = self.board.record.pooled
        return _records(rows[rows["n"] > 0])

    @property
    def study(self) -> str:
        return yaml.safe_dump(self.info["study"], sort_keys=False, allow_unicode=True, width=90)

    @property
    def quality_means(self) -> str:
        """What the order is over, in a sentence."""
        return QUALITY_MEANS

    @cached_property
    def has_quality(self) -> bool:
        return bool(self.board.of(QUALITY))

    @cached_property
    def has_costs(self) -> bool:
        return bool(self.board.of(COST))

    @cached_property
    def has_curves(self) -> bool:
        return any(study.curve_chart for study in self.studies)

    @property
    def without_curves(self) -> list[tuple[int, str]]:
        """Place and name of each family that the selector offers and that no curve is of."""
        drawn = {place for study in self.studies for place in study.curve_families.split()}
        return [(n, family) for n, family in enumerate(families_offered(self.board)) if str(n) not in drawn]

    @cached_property
    def has_fronts(self) -> bool:
        """Whether a chart of quality against cost can be drawn."""
        return any(study.cost_chart for study in self.studies)

    @cached_property
    def _parts(self) -> dict[str, dict[tuple[Any, ...], float]]:
        named = ("forward", "backward", "repeats", "own", "device", "host")
        return {part: measured(self.board.shown.results, part) for part in named}

    def detail(self, block: Block, row: Row, cell: Cell) -> str:
        """What stands under a measured cost: its quartiles, forwards and backwards, or what it is made up of."""
        metric = cell.metric
        key = (block.model, block.dataset, block.layer, row.method, metric.name, metric.protocol)
        forward, backward = (self._parts[part].get(key) for part in ("forward", "backward"))
        if forward is not None and backward is not None:
            return f"{round(forward, 2):g} forward, {round(backward, 2):g} backward"
        own_cost, device, host = (self._parts[part].get(key) for part in ("own", "device", "host"))
        if own_cost is not None:
            return f"{fixed(own_cost, metric.decimals)} its own"
        if device is not None and host is not None:
            return f"on the device; {fixed(host, metric.decimals)} on the host"
        repeats = self._parts["repeats"].get(key)
        return f"{cell.interval} of {plural(int(repeats), 'run')}" if repeats and cell.interval else cell.interval

    def drawing(self, chart: Chart) -> str:
        """The chart for paper."""
        return drawing_uri(chart)

    def strip(self, block: Block, cell: Cell) -> str:
        """CSS that draws a cell's interval and mean on its column's common scale; empty without a number."""
        return self._strips.css(block, cell)

    @cached_property
    def _strips(self) -> Strips:
        return Strips.of(self.board.blocks)

    def number(self, value: float | None) -> str:
        """A number of the long table, to four decimals."""
        return "" if value is None else fixed(value, 4)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table by column; None for NaN."""
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows.to_dict("records")]
