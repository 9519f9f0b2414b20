"""What the page shows, section by section, for the template to lay out."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import itables.options
import yaml
from markupsafe import Markup

from ...formatting import plural
from ...stats import COST, QUALITY, curve_bands, measured
from ..figures import agreement, curves, depth, family_ranks, pareto
from ..figures.style import Look, Picture, looks
from ..leaderboard import findings
from ..leaderboard.answer import Answer
from ..leaderboard.board import Block, Board, Cell, Metric, Row
from ..leaderboard.family_ranks import FamilyRanks
from ..leaderboard.heat_matrix import HeatMatrix
from ..leaderboard.marks import NONE, Mark, Marked
from ..leaderboard.missing import Missing, SickMaps, grouped_missing, sick_maps
from ..number_format import fixed, pairs_in_words
from . import subgroups
from .contrast import BlockContrasts, contrasts
from .downloads import downloads, failures
from .heat import HeatCell, heat_rows
from .images import ImageSet
from .images_needed import ImagesNeeded, images_needed
from .significance import Decided


MOST_CONTRASTS = 24  # settings with photographs on the first screen
MOST_PHOTOS = 200  # among which they are chosen
FEW_SETTINGS = 2  # networks x data x layers that a page shows below each other


@dataclass(frozen=True)
class StudyView:
    """A block with its pictures, and the methods that are worth their cost."""

    block: Block
    curves: Picture | None
    scatter: Picture | None
    fronts: tuple[pareto.Front, ...]
    ranks: Sequence[Picture]


@dataclass(frozen=True)
class DepthSection:
    """A network's layers on one data set, with their picture."""

    depth: depth.Depth
    picture: Picture


@dataclass(frozen=True)
class AgreementSection:
    """How alike a block's metrics order the methods, with a picture where it can be read."""

    agreement: agreement.Agreement
    picture: Picture | None


@dataclass(frozen=True)
class Filter:
    """What the selector offers: the blocks' networks, data and layers, the columns' families.

    Attributes:
        first: the place of the name that the page opens with; -1 for all of them.
    """

    key: str
    legend: str
    names: tuple[str, ...]
    first: int


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

    @cached_property
    def decided(self) -> Decided:
        return Decided(self.marked)

    def mark_of(self, block: Block, row: Row, cell: Cell) -> Mark:
        """Best, second, significantly worse, rank and letters of a cell."""
        shown = self.marked.shown(block, row.method, cell.metric.name, cell.metric.protocol)
        return shown.mark if shown else NONE

    @cached_property
    def studies(self) -> tuple[StudyView, ...]:
        bands = curve_bands(self.board.shown.curves, int(self.info["seed"]), self.board.scales)
        look = self._look
        return tuple(
            StudyView(
                block,
                curves.curves(block, bands, look),
                curves.scatter(block, look),
                pareto.fronts(block),
                self.decided.diagrams(block, look),
            )
            for block in self.board.blocks
        )

    @cached_property
    def depths(self) -> tuple[DepthSection, ...]:
        layers = {model["name"]: model["layers"] for model in self.info["models"]}
        return tuple(
            DepthSection(each, depth.drawn(each, self._look)) for each in depth.depths(self.board.blocks, layers)
        )

    @cached_property
    def agreements(self) -> tuple[AgreementSection, ...]:
        agreements = agreement.agreements(self.board.blocks, self.board.agreement)
        return tuple(AgreementSection(each, agreement.drawn(each) if each.readable else None) for each in agreements)

    @cached_property
    def filters(self) -> tuple[Filter, ...]:
        """Those with something to choose from. A page of few settings opens with all of them."""
        blocks = self.board.blocks
        first, last = (0, -1) if len(blocks) > FEW_SETTINGS else (-1, -1)
        models, datasets = _once(block.model for block in blocks), _once(block.dataset for block in blocks)
        layers = _once(block.layer for block in blocks)
        if len(blocks) > FEW_SETTINGS:
            here = [b.layer for b in blocks if (b.model, b.dataset) == (blocks[0].model, blocks[0].dataset)]
            last = layers.index(here[-1])
        filters = (
            Filter("network", "Network", models, first),
            Filter("data", "Data", datasets, first),
            Filter("layer", "Layer", layers, last),
            Filter("family", "Metrics", _once(map(_family, self.board.of(QUALITY))), -1),
        )
        return tuple(each for each in filters if len(each.names) > 1)

    def mark(self, key: str, name: str) -> int:
        """The place of a name in its filter; 0 where there is nothing to choose from, -1 for a name that is no choice."""
        names = next((each.names for each in self.filters if each.key == key), (name,))
        return names.index(name) if name in names else -1

    def family(self, metric: Metric) -> int:
        return self.mark("family", _family(metric))

    @cached_property
    def downloads(self) -> dict[str, dict[str, str]]:
        depths, agreements = [each.depth for each in self.depths], [each.agreement for each in self.agreements]
        return downloads(self.marked, self.decided, depths, agreements, self.groups)

    @cached_property
    def missing(self) -> tuple[Missing, ...]:
        """What could not be computed, by reason."""
        return grouped_missing(failures(self.board))

    @cached_property
    def sick_maps(self) -> tuple[SickMaps, ...]:
        return sick_maps(self.board.health)

    def findings(self, block: Block) -> tuple[findings.Finding, ...]:
        return findings.findings_of(self.marked, block)

    @cached_property
    def answer(self) -> Answer:
        return Answer.of(self.marked)

    @cached_property
    def rank_dots(self) -> Picture | None:
        return family_ranks.drawn(FamilyRanks.of(self.marked), self._look)

    @cached_property
    def heat(self) -> HeatMatrix:
        return HeatMatrix.of(self.marked)

    @cached_property
    def heat_rows(self) -> list[tuple[str, list[HeatCell]]]:
        """The first methods of the matrix, each with its cells."""
        return heat_rows(self.heat)

    @cached_property
    def image_sets(self) -> tuple[ImageSet, ...]:
        """The images of each network and data."""
        photos = self.board.record.photos
        places = photos[["model", "dataset"]].drop_duplicates().itertuples(index=False, name=None)
        sets = (ImageSet(self.board, str(model), str(dataset), MOST_PHOTOS) for model, dataset in places)
        return tuple(each for each in sets if each.layers)

    @cached_property
    def contrasts(self) -> tuple[BlockContrasts, ...]:
        """The photographs on which the methods disagree most, for the first settings."""
        sets = {(each.model, each.dataset): each for each in self.image_sets}
        blocks = [block for block in self.board.blocks if (block.model, block.dataset) in sets][:MOST_CONTRASTS]
        return tuple(self._contrasts(block, sets[block.model, block.dataset]) for block in blocks)

    def _contrasts(self, block: Block, images: ImageSet) -> BlockContrasts:
        values = images.disagreements(block.layer, len(images.photos))
        return BlockContrasts(block, contrasts(images, block.layer, values))

    @cached_property
    def images_needed(self) -> tuple[ImagesNeeded, ...]:
        return images_needed(self.marked)

    @cached_property
    def across(self) -> tuple[findings.AcrossSettings, ...]:
        return findings.across_settings(self.marked)

    @property
    def passes(self) -> str:
        """What the sanity check says of a metric that no control wins."""
        return "passes" if self.board.uninformed else "no control"

    @property
    def setup(self) -> str:
        return findings.setup(self.board)

    @property
    def accuracy(self) -> list[str]:
        return findings.accuracy(self.board)

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
            ("answer", "Answer", True),
            ("findings", "Findings", True),
            ("leaderboard", "Leaderboard", True),
            ("verdict", "Significance", bool(self.decided.contests)),
            ("curves", "Curves", self.has_curves),
            ("depth", "Depth", bool(self.depths)),
            ("cost", "Cost", self.has_costs),
            ("groups", "Sizes and classes", bool(self.groups)),
            ("agreement", "Agreement of metrics", bool(self.agreements)),
            ("images", "Image by image", self.has_gallery and self.has_quality),
            ("gallery", "Gallery", self.has_gallery),
            ("compared", "Setup", True),
            ("health", "Missing and health", True),
            ("every", "Full table", True),
            ("definitions", "Definitions", True),
            ("provenance", "Provenance", True),
        )
        return [(id, name) for id, name, there in sections if there]

    @cached_property
    def files(self) -> list[tuple[str, str]]:
        """The tables that the page was written from, with their SHA-256."""
        folder = self.board.record.folder
        names = ("run.json", "results.parquet", "curves.parquet", "maps/index.parquet", "photos/index.parquet")
        return [(n, sha256((folder / n).read_bytes()).hexdigest()) for n in names if (folder / n).is_file()]

    @cached_property
    def has_gallery(self) -> bool:
        return not self.board.record.photos.empty and bool(self.board.blocks)

    @cached_property
    def _look(self) -> dict[str, Look]:
        methods, controls = [method["name"] for method in self.info["methods"]], self.board.controls
        return looks([m for m in methods if m not in controls], [m for m in methods if m in controls])

    @cached_property
    def every(self) -> list[dict[str, Any]]:
        """The tidy leaderboard, every row of it, as text and as numbers to sort by."""
        rows = self.board.plain.to_dict("records")
        return [{str(key): _missing_is_none(value) for key, value in row.items()} for row in rows]

    @cached_property
    def protocols_apart(self) -> list[dict[str, Any]]:
        """How alike two protocols of one metric order the methods: other fills, steps, rules."""
        taus = self.board.agreement
        rows = taus[taus["metric"] == taus["other_metric"]].to_dict("records")
        return [{str(key): _missing_is_none(value) for key, value in row.items()} for row in rows]

    @cached_property
    def groups(self) -> tuple[subgroups.SubgroupTable, ...]:
        """Localisation by object size and by class."""
        return subgroups.tables(self.board)

    @cached_property
    def pooled(self) -> list[dict[str, Any]]:
        """Values of all images together, where there are any."""
        rows = self.board.record.pooled
        records = rows[rows["n"] > 0].to_dict("records")
        return [{str(key): _missing_is_none(value) for key, value in row.items()} for row in records]

    @property
    def bundle(self) -> str:
        """DataTables, as itables ships it: compressed, base64."""
        code = Path(itables.options.dt_bundle).read_bytes()
        return b64encode(gzip.compress(code, compresslevel=9, mtime=0)).decode("ascii")

    @property
    def bundle_css(self) -> Markup:
        return Markup(Path(itables.options.dt_bundle).with_suffix(".css").read_text(encoding="utf-8"))

    @property
    def study(self) -> str:
        return yaml.safe_dump(self.info["study"], sort_keys=False, allow_unicode=True, width=90)

    @cached_property
    def has_quality(self) -> bool:
        return bool(self.board.of(QUALITY))

    @cached_property
    def has_costs(self) -> bool:
        return bool(self.board.of(COST))

    @cached_property
    def has_curves(self) -> bool:
        return any(study.curves for study in self.studies)

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

    def strip(self, block: Block, cell: Cell) -> str:
        """CSS that draws a cell's interval and mean on its column's common scale; empty without a number."""
        cells = [c for row in block.rows for c in row.cells if c.metric == cell.metric and c.n]
        if not cell.n or cell.low != cell.low:
            return ""
        low, high = min(min(c.low, c.mean) for c in cells), max(max(c.high, c.mean) for c in cells)
        scale = 100 / (high - low) if high > low else 0
        start, wide, mean = (cell.low - low) * scale, (cell.high - cell.low) * scale, (cell.mean - low) * scale
        return f"--low:{start:.1f}%;--wide:{wide:.1f}%;--mean:{mean:.1f}%"

    def number(self, value: float | None) -> str:
        """A number of the long table, to four decimals."""
        return "" if value is None else fixed(value, 4)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _family(metric: Metric) -> str:
    return metric.family or "not stated"


def _missing_is_none(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
