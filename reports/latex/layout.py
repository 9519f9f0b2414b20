"""What stands in the rows and in the columns of a paper's table: methods, networks, metrics or layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from ...errors import BenchError, nearest
from ..leaderboard.board import Block, Row
from ..leaderboard.marks import Marked
from .captions import parts, short_titles
from .sheet import Sheet, counts_in_rank
from .table_parts import CellPlace, Citations, Column, Key, Line, Scope, Spread, key_of

Rows: TypeAlias = Literal["methods", "networks"]
Columns: TypeAlias = Literal["auto", "metrics", "networks", "layers", "methods", "settings"]
COST = "cost"
COLUMNS = {"methods": ("metrics", "networks", "layers"), "networks": ("metrics", "methods", "layers")}


@dataclass(frozen=True)
class TableLayout:
    """Where a table has what.

    Attributes:
        rows: ``methods`` or ``networks``.
        columns: ``metrics``, ``networks`` (each network and data, with its layers), ``layers`` or ``methods``;
            ``settings`` has the metrics of each setting side by side; ``auto`` is ``networks`` for one metric in
            several settings, else ``metrics``. What is in neither is a group of rows.
        rank: whether a last column has the mean rank.
        share: whether columns of shares of a ceiling's score stand behind those that have such shares.
        cited: the citations after names.
    """

    rows: str = "methods"
    columns: str = "auto"
    rank: bool = False
    share: bool = False
    cited: Citations = field(default_factory=Citations)


def checked(layout: TableLayout, scope: Scope) -> TableLayout:
    """The layout with ``auto`` decided.

    Raises:
        BenchError: rows or columns that there are not, or that do not go together; or no metric to rank by.
    """
    if layout.rows not in get_args(Rows):
        hint = nearest(layout.rows, get_args(Rows))
        raise BenchError(f"unknown rows {layout.rows!r}", where="--rows", hint=hint)
    known = COLUMNS[layout.rows]
    if layout.columns not in (*known, "auto", "settings"):
        if layout.columns in get_args(Columns):
            what = f"{layout.columns} cannot be in the columns if {layout.rows} are in the rows"
            raise BenchError(what, where="--columns", hint=f"Available: {', '.join(known)}")
        hint = nearest(layout.columns, known)
        raise BenchError(f"unknown columns {layout.columns!r}", where="--columns", hint=hint)
    if layout.rank and layout.columns == "methods":
        raise BenchError("a mean rank needs methods in the rows", where="--rank", hint="Leave out --columns methods")
    if layout.rank and not any(counts_in_rank(m) for b in scope.blocks for m in b.metrics if key_of(m) in scope.keys):
        what = "no metric of the table counts in a mean rank"
        hint = "Add a metric of faithfulness or localisation that passes the sanity check"
        raise BenchError(what, where="--rank", hint=hint)
    if layout.share and not scope.ceilings:
        hint = "Put random, ceiling and a metric that it is made for, such as insertion, into the study"
        raise BenchError("no number of the table has a share of a ceiling", where="--share", hint=hint)
    if layout.columns != "auto":
        return layout
    single = layout.rows == "methods" and len(scope.metrics) == 1 and len(scope.blocks) > 1
    return replace(layout, columns="networks" if single else "metrics")


def sheets(marked: Marked, scope: Scope, layout: TableLayout, spread: Spread) -> Iterator[Sheet]:
    """The table as sheets of any width and height; several only where networks have layers of other names."""
    for blocks in _apart(scope.blocks) if layout.columns == "layers" else [scope.blocks]:
        columns = list(_columns(scope, blocks, layout))
        ranked = list(columns)
        if layout.rank:
            before_costs = next((at for at, column in enumerate(columns) if column.part == COST), len(columns))
            columns.insert(before_costs, Column(CellPlace(), part=columns[before_costs - 1].part, rank=True))
        lines = list(_lines(scope, blocks, layout))
        corner = "Method" if layout.rows == "methods" else "Network"
        sheet = Sheet(marked, scope, columns, lines, spread, corner, layout.cited, [], ranked=ranked)
        yield sheet.with_shares() if layout.share else sheet


def _apart(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks in groups whose networks have layers of the same names."""
    layers = {place: tuple(b.layer for b in blocks if _network(b) == place) for place in map(_network, blocks)}
    groups: dict[tuple[str, ...], list[Block]] = {}
    for block in blocks:
        groups.setdefault(layers[_network(block)], []).append(block)
    return list(groups.values())


def _network(block: Block) -> tuple[str, str]:
    return block.model, block.dataset


def _columns(scope: Scope, blocks: Sequence[Block], layout: TableLayout) -> Iterator[Column]:
    if layout.columns == "metrics":
        yield from (Column(CellPlace(metric=key_of(m)), part=COST if m.is_cost else "") for m in scope.metrics)
    elif layout.columns == "methods":
        yield from (Column(CellPlace(method=row.method), row.method) for row in _methods(blocks))
    elif layout.columns == "layers":
        layers = {block.layer: parts(block)[2] for block in blocks}
        yield from (Column(CellPlace(layer=layer), title) for layer, title in layers.items())
    elif layout.columns == "networks":
        for block in blocks:
            *heads, title = _varying(block, scope.blocks) or [block.model]
            yield Column(_place(block), title, tuple(heads), part=heads[0] if heads else "")
    else:
        labels = short_titles(scope.blocks)
        for block in blocks:
            heads = [labels[block.title]] if labels[block.title] else []
            metrics = [key for m in scope.metrics if (key := key_of(m)) in set(map(key_of, block.metrics))]
            yield from (Column(replace(_place(block), metric=key), "", tuple(heads), block.title) for key in metrics)


def _lines(scope: Scope, blocks: Sequence[Block], layout: TableLayout) -> Iterator[Line]:
    """Each group of rows, with a heading where there are several."""
    groups = list(_groups(scope, blocks, layout))
    for text, place, rows in groups:
        if len(groups) > 1:
            yield Line(text, place, heading=True)
        yield from (replace(row, rule=row.rule and len(groups) == 1) for row in rows)


def _groups(scope: Scope, blocks: Sequence[Block], layout: TableLayout) -> Iterator[tuple[str, CellPlace, list[Line]]]:
    """By what is neither in the rows nor in the columns: its text, its place, and the rows of it."""
    for setting, metric, method in _outer(scope, blocks, layout):
        here = [block for block in blocks if setting in (None, _outer_setting(block, layout))]
        titles = [m.title for m in scope.metrics if key_of(m) == metric and len(scope.metrics) > 1]
        label = ", ".join(_varying(here[0], scope.blocks, layout.columns == "layers")) if setting else ""
        text = ": ".join(part for part in (method, label, *titles) if part)
        base = CellPlace(*(setting or ("", "", "")), method, metric)
        if layout.rows == "methods":
            rows = list(_method_lines(_methods(here), base))
        else:
            rows = list(_network_lines(here, scope, base, without_layer=layout.columns == "layers"))
        yield text, CellPlace(method=method, metric=metric if titles else None), rows


def _outer(
    scope: Scope, blocks: Sequence[Block], layout: TableLayout
) -> Iterator[tuple[tuple[str, str, str] | None, Key | None, str]]:
    """What the groups of rows are of: settings, metrics and methods, as far as rows and columns leave them open."""
    by_setting = layout.rows == "methods" and layout.columns in ("metrics", "layers")
    settings: list[tuple[str, str, str] | None] = [None]
    if by_setting:
        settings = list(dict.fromkeys(_outer_setting(block, layout) for block in blocks))
    metrics: list[Key | None] = [None]
    if layout.columns not in ("metrics", "settings"):
        metrics = [key_of(metric) for metric in scope.metrics]
    by_method = layout.rows == "networks" and layout.columns != "methods"
    methods = [row.method for row in _methods(blocks)] if by_method else [""]
    for setting in settings:
        yield from ((setting, metric, method) for metric in metrics for method in methods)


def _outer_setting(block: Block, layout: TableLayout) -> tuple[str, str, str]:
    """The part of a block's setting that its columns do not say."""
    return block.model, block.dataset, "" if layout.columns == "layers" else block.layer


def _method_lines(rows: Sequence[Row], base: CellPlace) -> Iterator[Line]:
    first_control = next((row.method for row in rows if row.control), "")
    alone = all(row.control for row in rows)
    for row in rows:
        rule = row.method == first_control and not alone
        yield Line(row.method, replace(base, method=row.method), control=row.control, rule=rule)


def _network_lines(blocks: Sequence[Block], scope: Scope, base: CellPlace, without_layer: bool) -> Iterator[Line]:
    lines = {}
    for block in blocks:
        place = replace(_place(block), method=base.method, metric=base.metric)
        text = ", ".join(_varying(block, scope.blocks, without_layer)) or block.model
        line = Line(text, replace(place, layer="") if without_layer else place)
        lines[line.place] = line
    yield from lines.values()


def _methods(blocks: Sequence[Block]) -> list[Row]:
    """The methods of any block, controls last."""
    rows = {row.method: row for block in blocks for row in block.rows}
    return sorted(rows.values(), key=lambda row: row.control)


def _varying(block: Block, blocks: Sequence[Block], without_layer: bool = False) -> list[str]:
    """Of network, data and layer, those that differ among the blocks."""
    every = [parts(each) for each in blocks]
    count = 2 if without_layer else 3
    return [parts(block)[at] for at in range(count) if len({each[at] for each in every}) > 1]


def _place(block: Block) -> CellPlace:
    return CellPlace(block.model, block.dataset, block.layer)
