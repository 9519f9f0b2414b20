"""What the page offers for a paper: the choices of a table, as the command line takes them, and the papers' BibTeX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ..latex.bibliography import HEAD, bibliography
from ..leaderboard.board import Board

Choice = tuple[str, str]  # what the command line takes, and what the page shows


@dataclass(frozen=True)
class Paper:
    """The choices of a table of the run, and BibTeX of its methods and metrics; empty where none names a paper.

    Attributes:
        shares: whether the table may have shares of a ceiling.
        names: a file for ``--names``: a line with the display name of each method, metric, network and data set.
    """

    methods: Sequence[Choice]
    metrics: Sequence[Choice]
    networks: Sequence[Choice]
    datasets: Sequence[Choice]
    layers: Sequence[Choice]
    bibtex: str
    shares: bool
    names: str

    @classmethod
    def of(cls, board: Board) -> Paper:
        info = board.record.info
        layers = dict.fromkeys(block.layer for block in board.blocks)
        text = bibliography(info)
        return cls(
            _entries(info["methods"]),
            _metrics(info["metrics"]),
            _entries(info["models"]),
            _entries(info["datasets"]),
            [(layer, layer) for layer in layers],
            "" if text.strip() == HEAD.strip() else text,
            not board.shares.empty,
            _names_file(board),
        )


def _names_file(board: Board) -> str:
    """Of what the tables of the run have; unchanged, it changes no name."""
    here = {column: set(board.tidy[column]) for column in ("method", "model", "dataset")}
    info = {"method": "methods", "model": "models", "dataset": "datasets"}
    named = [(column, *choice) for column, kind in info.items() for choice in _entries(board.record.info[kind])]
    names = {metric.name: metric.title for metric in board.metrics}
    names |= {key: name for column, key, name in named if name in here[column]}
    return yaml.safe_dump(names, sort_keys=False, allow_unicode=True, width=1_000)


def _entries(entries: Sequence[Mapping[str, Any]]) -> list[Choice]:
    return [(entry.get("id") or entry["name"], entry["name"]) for entry in entries]


def _metrics(entries: Sequence[Mapping[str, Any]]) -> list[Choice]:
    """A metric of several protocols with its protocol."""
    times = Counter(entry["name"] for entry in entries)
    chosen = []
    for entry in entries:
        key, title, protocol = entry["name"], entry["title"] or entry["name"], entry["protocol"]
        chosen.append((f"{key}@{protocol}", f"{title} {protocol}") if times[key] > 1 else (key, title))
    return chosen
