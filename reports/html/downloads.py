"""Every table of the page as CSV at full precision and as LaTeX, each by one click."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ...stats import COST, QUALITY
from ..escape import csv
from ..figures.agreement import Agreement
from ..figures.depth import Depth, DepthTable
from ..latex import leaderboard as latex
from ..latex.other_tables import plain_table
from ..leaderboard.board import BLOCK, Block, Board
from ..leaderboard.footnotes import Remark
from ..leaderboard.marks import Marked
from ..number_format import fixed
from . import subgroups
from .environment import file_name
from .finding_files import (
    Table,
    finding_tables,
    needed_table,
    order_stability_table,
    pair_table,
    sick_table,
    without_table,
)
from .gap_tables import GapTable
from .images_needed import images_needed
from .matrices_of_methods import TITLES, MethodMatrices
from .score_tables import score_files
from .significance import VERDICTS, Decided

MOST_ROWS = 2_000  # of a table of pairs in the page, whose rows are 20 numbers long
LOST = ["model", "dataset", "layer", "method", "status", "reason"]


def downloads(
    marked: Marked,
    decided: Decided,
    depths: Sequence[Depth],
    agreements: Sequence[Agreement],
    groups: Sequence[subgroups.SubgroupTable],
) -> dict[str, dict[str, str]]:
    """By the table's id in the page: ``name`` (of the file, without suffix), ``csv`` and ``tex``."""
    board, tidy = marked.board, marked.table()
    files: dict[str, dict[str, str]] = {}
    for number, block in enumerate(board.blocks, start=1):
        if block.quality:
            rows = _of(tidy, block)
            tex = latex.block_table(marked, block, f"benchbench-{QUALITY}-{number}", False)
            files[f"block-{number}"] = _file([QUALITY, block.title], rows[rows["kind"] == QUALITY], tex)
    for number, model in enumerate(dict.fromkeys(block.model for block in board.blocks if block.costs), start=1):
        files[f"cost-{number}"] = _costs(marked, tidy, model)
    for number, depth in enumerate(depths, start=1):
        for place, table in enumerate(depth.tables, start=1):
            files[f"depth-{number}-{place}"] = _depth(board, depth, table, f"depth-{number}-{place}")
    for number, agreement in enumerate(agreements, start=1):
        files[f"agreement-{number}"] = _agreement(board, agreement, f"agreement-{number}")
    for number, group in enumerate(groups, start=1):
        files[f"groups-{number}"] = _groups(board, group, f"groups-{number}")
    files |= decided_files(decided) | _whole(marked)
    for id, words, rows, caption in _tables_of_findings(marked, decided):
        if not rows.empty:
            files[id] = _file(words, rows, plain_table(caption, id, list(rows.columns), _texts(rows), board.remarks))
    return files


def _tables_of_findings(marked: Marked, decided: Decided) -> Iterator[Table]:
    """The tables of ``finding_files``."""
    yield from finding_tables(marked)
    yield from score_files(marked.board)
    if len(decided.without) > 1:
        yield without_table(decided.without)
    if decided.cases:
        yield order_stability_table(decided.cases)
    if decided.pair_map:
        yield pair_table(decided.pair_map)
    if needed := images_needed(marked):
        yield needed_table(needed)
    yield sick_table(marked.board.health)


def failures(board: Board) -> pd.DataFrame:
    """One row per layer, method and reason without a value: of how many ``metrics``, how many ``values``."""
    results = board.record.results
    lost = results[results["status"] != "ok"]
    lost = lost.assign(metrics=lost["metric"] + " " + lost["protocol"])
    counts = lost.groupby(LOST, sort=False, dropna=False)["metrics"].agg(metrics="nunique", values="size")
    return counts.reset_index().sort_values("status", kind="stable", ignore_index=True)


def decided_files(decided: Decided) -> dict[str, dict[str, str]]:
    """What the tests decided: the order over metrics, every pair, and what each comparison can show."""
    files, remarks, verdicts = {}, decided.marked.board.remarks, decided.marked.verdicts
    for number, duel in enumerate(decided.duels, start=1):
        caption = f"{duel.block.title}: metrics on which the row is significantly better : worse than the column."
        texts = [
            [name, *("" if cell is None else f"{cell[0]} : {cell[1]}" for cell in row)]
            for name, row in zip(duel.methods, duel.cells, strict=True)
        ]
        tex = plain_table(caption, f"duels-{number}", ["", *duel.methods], texts, remarks)
        rows = duel.rows
        if len(rows) <= MOST_ROWS:
            whole = verdicts.whole_pairs_at((duel.block.model, duel.block.dataset, duel.block.layer))
            rows = whole[~whole["against_control"].astype(bool) & whole["p_holm"].notna()]
        files[f"duels-{number}"] = _pairs(["pairs", duel.block.title], rows, tex, "compare")
    if decided.order:
        rows = verdicts.overall
        caption = "Mean rank over quality, without what a control wins, and Bradley-Terry strength; 95 % intervals."
        tex = plain_table(caption, "order", list(rows.columns), _texts(rows), remarks)
        files["order"] = _file(["order"], rows, tex)
    if decided.contests:
        header = ["Metric", "Network, data, layer", "Images", *VERDICTS, "detectable", "halves agree"]
        texts = [
            [
                f"{c.metric.title} {c.metric.protocol}",
                c.block.title,
                str(c.images),
                *map(str, c.counts),
                c.visible,
                c.halves,
            ]
            for c in decided.contests
        ]
        caption = "Statistical power: pairs of methods by test result, and the difference that the tests can detect."
        files["power"] = _pairs(["power"], verdicts.power, plain_table(caption, "power", header, texts), "power")
    return files


def _costs(marked: Marked, tidy: pd.DataFrame, model: str) -> dict[str, str]:
    """A network's costs in all its blocks: those too that the page leaves out as the same within the noise."""
    blocks = [
        (n, block) for n, block in enumerate(marked.board.blocks, start=1) if block.model == model and block.costs
    ]
    tables = [latex.block_table(marked, block, f"benchbench-{COST}-{number}", True) for number, block in blocks]
    rows = tidy[(tidy["model"] == model) & (tidy["kind"] == COST)]
    return _file([COST, model], rows, "\n\n".join(tables))


def _whole(marked: Marked) -> dict[str, dict[str, str]]:
    """The tables that the page has once: the long one, map health, protocols, what is missing."""
    board = marked.board
    files = {"every": _file(["leaderboard"], marked.table(), latex.render(marked, "supplementary"))}
    health, lost = board.health, failures(board)
    same = board.agreement[board.agreement["metric"] == board.agreement["other_metric"]]
    pooled = board.record.pooled
    for id, rows, caption in (
        ("pooled", pooled[pooled["n"] > 0], "Values pooled over all images, with 95 % bootstrap intervals."),
        ("seeds", board.record.seeds, "IoU of seeds of weakly supervised segmentation."),
        ("health", health, "Map health: dead maps are constant; medians over maps."),
        ("protocols", same, "Kendall's tau between two protocols of one metric, over the methods' means."),
        ("failures", lost, "Missing values, with the reason."),
    ):
        if not rows.empty:
            files[id] = _file([id], rows, plain_table(caption, id, list(rows.columns), _texts(rows), board.remarks))
    return files


def _depth(board: Board, depth: Depth, table: DepthTable, label: str) -> dict[str, str]:
    metric, blocks = table.metric, depth.blocks
    rows = pd.concat([_of(board.tidy, block) for block in blocks])
    rows = rows[(rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol)]
    caption = f"{metric.title} {metric.protocol} ({metric.direction}) by layer, {depth.title}: means over images."
    texts = [[name, *(cell.text if cell else "" for cell in cells)] for name, _, cells in table.rows]
    tex = plain_table(caption, label, ["Method", *depth.layers], texts, board.remarks)
    return _file(["by-layer", metric.title, depth.title], rows, tex)


def _groups(board: Board, table: subgroups.SubgroupTable, label: str) -> dict[str, str]:
    caption = f"Localisation by {table.by}, {table.title}: means with 95 % intervals."
    texts = [
        [line.group, f"{line.metric.title} {line.metric.protocol}", str(line.n), *(" ".join(c) for c in line.cells)]
        for line in table.lines
    ]
    header = [table.by.capitalize(), "Metric", "Images", *table.methods]
    tex = plain_table(caption, label, header, texts, board.remarks)
    return _file([f"by-{table.by}", table.title], table.rows, tex)


def _agreement(board: Board, agreement: Agreement, label: str) -> dict[str, str]:
    caption = f"Kendall's tau between metrics, over the methods' means, {agreement.block.title}."
    texts = [
        [name, *("" if tau != tau else fixed(tau, 2) for tau in row)]
        for name, row in zip(agreement.names, agreement.matrix, strict=True)
    ]
    tex = plain_table(caption, label, ["", *agreement.names], texts)
    return _file(["agreement", agreement.block.title], _of(board.agreement, agreement.block), tex)


def method_agreement_files(
    matrices: Sequence[MethodMatrices], remarks: Mapping[str, Remark]
) -> dict[str, dict[str, str]]:
    """How alike the maps of every two methods are: of each setting and measure the numbers, and the matrix."""
    files = {}
    for number, each in enumerate(matrices, start=1):
        for place, (title, cells) in enumerate(each.matrices, start=1):
            texts = [
                [name, *("" if cell is None else cell.text for cell in row)]
                for name, row in zip(each.methods, cells, strict=True)
            ]
            id = f"method-agreement-{number}-{place}"
            caption = f"{title} of the maps of two methods, {each.title}: means over images."
            tex = plain_table(caption, id, ["", *each.methods], texts, remarks)
            others = tuple(measure for measure, name in TITLES.items() if name != title)
            rows = each.rows[[name for name in each.rows if not str(name).startswith(others)]]
            files[id] = _pairs(["method-agreement", title, each.title], rows, tex, "method_agreement")
    return files


def gap_files(tables: Sequence[GapTable], remarks: Mapping[str, Remark]) -> dict[str, dict[str, str]]:
    """Each method against its own inverted, blurred, ... map: in all settings, and in each."""
    if not tables:
        return {}
    every = pd.concat([each.rows for each in tables], ignore_index=True)
    parts = [("gaps", "all settings", every)]
    parts += [(f"gaps-{number}", each.title, each.rows) for number, each in enumerate(tables, start=1)]
    files = {}
    for id, where, rows in parts:
        caption = f"Methods against controls made of their own maps, {where}: more is better for the method."
        tex = plain_table(caption, id, list(rows.columns), _texts(rows.head(MOST_ROWS)), remarks)
        files[id] = _pairs(["gaps", where], rows, tex, "gaps")
    return files


def _of(rows: pd.DataFrame, block: Block) -> pd.DataFrame:
    here = (rows[key] == value for key, value in zip(BLOCK, (block.model, block.dataset, block.layer), strict=True))
    first, second, third = here
    block_rows: pd.DataFrame = rows[first & second & third]
    return block_rows


def _file(parts: Sequence[str], rows: pd.DataFrame, tex: str) -> dict[str, str]:
    return {"name": file_name(" ".join(parts)), "csv": csv(rows), "tex": tex}


def _pairs(parts: Sequence[str], rows: pd.DataFrame, tex: str, question: str) -> dict[str, str]:
    """The files of a table with a row for each pair; with too many rows, how Python gets them in place of the CSV."""
    whole = _file(parts, rows, tex) if len(rows) <= MOST_ROWS else _file(parts, rows.head(0), tex)
    if len(rows) > MOST_ROWS:
        del whole["csv"]
        whole["elsewhere"] = f"{len(rows):,} pairs are too many for this page: bb.Run.load(RUN).{question}() has them."
    return whole


def _texts(rows: pd.DataFrame) -> list[list[str]]:
    return [
        ["" if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else str(value) for value in row]
        for row in rows.itertuples(index=False, name=None)
    ]
