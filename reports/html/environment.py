"""The templates of pages, and what they call; without what draws, which takes seconds to import."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...formatting import plural
from ..escape import visible
from ..leaderboard.board import Metric
from ..number_format import fixed, merged, pairs_in_words, share
from .embedded import folded, packed_json


def link(paper: str) -> str:
    """Where a paper is: from arXiv:ID, a DOI or an https address; empty for anything else."""
    if match := re.fullmatch(r"arXiv:(\d{4}\.\d{4,5})(v\d+)?", paper):
        return f"https://arxiv.org/abs/{match[1]}"
    if match := re.fullmatch(r"(?:doi:)?(10\.\d{4,9}/[\w.()/:;-]+)", paper):
        return f"https://doi.org/{match[1]}"
    return paper if re.fullmatch(r"https://[\w./%#?=&:~-]+", paper) else ""


def header(metric: Metric) -> str:
    """The unit that a column's header shows: those of measured costs, where short."""
    return metric.unit if metric.is_cost and len(metric.unit) < 4 else ""


def first_sentence(text: str) -> str:
    """Of several sentences, the first."""
    return re.split(r"(?<=[.:]) (?=[A-Z])", text, maxsplit=1)[0]


def _shown(value: Any) -> Any:
    """Foreign text cannot reorder the page: see ``visible``. Escaping comes after, by autoescape."""
    return visible(value) if type(value) is str else value


def file_name(words: str) -> str:
    """The name of a file that the page saves, without its suffix."""
    return f"benchbench-{re.sub(r'[^a-z0-9.]+', '-', words.lower()).strip('-.')[:80]}"


@cache
def environment() -> Environment:
    """The page's templates, which escape every text."""
    templates = Environment(
        loader=PackageLoader("benchbench.reports.html", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        link=link,
        header=header,
        pairs=pairs_in_words,
        plural=plural,
        merged=merged,
        visible=visible,
        fixed=fixed,
        share=share,
        first_sentence=first_sentence,
        packed=packed_json,
        folded=folded,
        shell=shlex.quote,
        file_name=file_name,
    )
    return templates
