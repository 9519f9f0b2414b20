"""The report: one HTML file that needs nothing else, offline and on any screen."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import itables.options
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..stats import COST, QUALITY, curve_bands, measured
from ..table import Record
from . import figures, summary
from . import groups as grouped
from .board import Block, Board, Cell, Metric, Row
from .gallery import COLOURS, gallery
from .numbers import fixed, merged, several
from .text import visible

SCRIPTS = ("sort.js", "gallery.js", "every.js")


def write(record: Record, out: Path) -> Path:
    """Write the report to ``out``; returns the path."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(record), encoding="utf-8")
    return out


def render(record: Record) -> str:
    """The report as one HTML document: no request is made to show it, and a policy in the page forbids any."""
    template = _environment().get_template("report.html.j2")
    return template.render(page=Page(Board(record)), summary=summary, css=Markup(_asset("report.css")))


@dataclass(frozen=True)
class Script:
    """A script of the page, and the digest by which the page's policy lets it run."""

    code: str

    @property
    def markup(self) -> Markup:
        return Markup(self.code)

    @property
    def digest(self) -> str:
        return f"'sha256-{b64encode(sha256(self.code.encode()).digest()).decode()}'"


@dataclass(frozen=True)
class Study:
    """A block with its pictures."""

    block: Block
    curves: figures.Picture | None
    scatter: figures.Picture | None


@dataclass(frozen=True, eq=False)
class Page:
    """What the template shows."""

    board: Board

    @property
    def info(self) -> dict[str, Any]:
        return self.board.record.info

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        return tuple(Script(f"\n{_asset(name)}") for name in SCRIPTS)

    @property
    def policy(self) -> str:
        """Content-Security-Policy: nothing is fetched, and only the page's own scripts run."""
        digests = " ".join(script.digest for script in self.scripts)
        return (
            f"default-src 'none'; script-src {digests} blob:; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        )

    @cached_property
    def gallery(self) -> dict[str, Any]:
        return gallery(self.board)

    @property
    def colours(self) -> str:
        return COLOURS

    @cached_property
    def studies(self) -> tuple[Study, ...]:
        bands = curve_bands(self.board.shown.curves, seed=int(self.info["seed"]))
        methods = [method["name"] for method in self.info["methods"]]
        controls = self.board.controls
        look = figures.looks([m for m in methods if m not in controls], [m for m in methods if m in controls])
        return tuple(
            Study(block, figures.curves(block, bands, look), figures.scatter(block, look))
            for block in self.board.blocks
        )

    @cached_property
    def every(self) -> list[dict[str, Any]]:
        """The tidy leaderboard, every row of it, as text and as numbers to sort by."""
        rows = self.board.plain.to_dict("records")
        return [{str(key): _missing_is_none(value) for key, value in row.items()} for row in rows]

    @cached_property
    def protocols_apart(self) -> list[dict[str, Any]]:
        """How alike two protocols of one metric order the methods: other fills, steps, rules."""
        found = self.board.agreement
        rows = found[found["metric"] == found["other_metric"]].to_dict("records")
        return [{str(key): _missing_is_none(value) for key, value in row.items()} for row in rows]

    @cached_property
    def groups(self) -> tuple[grouped.Table, ...]:
        """Localisation by object size and by class."""
        return grouped.tables(self.board)

    @cached_property
    def pooled(self) -> list[dict[str, Any]]:
        """Values of all images together, where there are any."""
        rows = self.board.record.pooled
        found = rows[rows["n"] > 0].to_dict("records")
        return [{str(key): _missing_is_none(value) for key, value in row.items()} for row in found]

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
    def flat(self) -> bool:
        """Whether some interval has no width: every image gave the same value."""
        tidy = self.board.tidy
        return bool(((tidy["kind"] == QUALITY) & (tidy["n"] > 1) & (tidy["low"] == tidy["high"])).any())

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
        own, device, host = (self._parts[part].get(key) for part in ("own", "device", "host"))
        if own is not None:
            return f"{fixed(own, metric.decimals)} its own"
        if device is not None and host is not None:
            return f"on the device; {fixed(host, metric.decimals)} on the host"
        repeats = self._parts["repeats"].get(key)
        return f"{cell.interval} of {several(int(repeats), 'run')}" if repeats and cell.interval else cell.interval

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


def link(paper: str) -> str:
    """Where a paper is: from arXiv:ID, a DOI or an https address; empty for anything else."""
    if found := re.fullmatch(r"arXiv:(\d{4}\.\d{4,5})(v\d+)?", paper):
        return f"https://arxiv.org/abs/{found[1]}"
    if found := re.fullmatch(r"(?:doi:)?(10\.\d{4,9}/[\w.()/:;-]+)", paper):
        return f"https://doi.org/{found[1]}"
    return paper if re.fullmatch(r"https://[\w./%#?=&:~-]+", paper) else ""


def header(metric: Metric) -> str:
    """The unit that a column's header shows: those of measured costs, where short."""
    return metric.unit if metric.is_cost and len(metric.unit) < 4 else ""


def pairs(values: dict[str, Any]) -> str:
    """``steps 28, fill zero``."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_plain(part) for part in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _missing_is_none(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def _shown(value: Any) -> Any:
    """Foreign text cannot reorder the page: see ``visible``. Escaping comes after, by autoescape."""
    return visible(value) if type(value) is str else value


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("benchbench.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(link=link, header=header, pairs=pairs, several=several, merged=merged)
    return environment


def _asset(name: str) -> str:
    return (files("benchbench.reports") / "templates" / name).read_text(encoding="utf-8")
