"""What several tests read of one record, computed once: its statistics, its page, the files of the page's tables."""

from __future__ import annotations

from functools import cache

from benchbench.reports.html import document
from benchbench.reports.html.page import Page
from benchbench.reports.latex import leaderboard as latex
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from .reading import Element, read


@cache
def marked_of(record: Record) -> Marked:
    """The board of the record with its marks, for tests that only read it."""
    return Marked.of(record)


def board_of(record: Record) -> Board:
    return marked_of(record).board


@cache
def html_of(record: Record) -> str:
    return document.render(marked_of(record))


@cache
def elements_of(record: Record) -> Element:
    return read(html_of(record))


@cache
def downloads_of(record: Record) -> dict[str, dict[str, str]]:
    """The files of the tables of the record's page."""
    return Page(marked_of(record)).downloads


@cache
def latex_of(record: Record, style: str = "full", spread: str = "interval") -> str:
    return latex.render(marked_of(record), style, spread)
