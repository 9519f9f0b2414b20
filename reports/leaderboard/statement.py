"""The paragraph on statistics that a paper needs beside the table, in words that are true of this run."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import join_words, plural
from ...results.unfinished import caution_of
from ...stats import ALPHA, QUALITY
from .independence import dependence, extended
from .marks import Marked
from .summary import intervals


def statement(marked: Marked, with_intervals: bool = True) -> str:
    """How many images, what was resampled, which tests, what they were corrected for, and what was left out.

    Args:
        with_intervals: whether the table has intervals.
    """
    return " ".join(_sentences(marked, with_intervals))


def network_warnings(marked: Marked) -> tuple[str, ...]:
    """A sentence for each network that has a warning, such as random weights."""
    return tuple(f"Warning of {name}: {warning.rstrip('.')}." for name, warning in marked.board.warned.items())


def _sentences(marked: Marked, with_intervals: bool) -> Iterator[str]:
    board = marked.board
    info = board.record.info
    if caution := caution_of(info):
        yield caution
    if not board.of(QUALITY):
        yield f"Each method's cost was measured on the method alone (benchbench {info['benchbench']})."
        return
    data = join_words(f"{plural(data['used'], 'image')} of {data['name']}" for data in info["datasets"])
    left_out = list(_left_out(marked))
    yield f"Every method was {'run' if left_out else 'scored'} on the same {data}."
    yield from dependence(info)
    yield from extended(info)
    yield f"Means are over images.{' ' + intervals(board) if with_intervals else ''}"
    yield from _tests(marked)
    yield from left_out
    if board.controls:
        names = join_words(m["name"] for m in info["methods"] if m["name"] in board.controls)
        yield f"The controls ({names}) are neither ranked nor called best."
    yield f"Computed with benchbench {info['benchbench']}, seed {info['seed']}."


def _tests(marked: Marked) -> Iterator[str]:
    board = marked.board
    binary = [m.title for m in board.of(QUALITY) if "mcnemar" in _tests_of(marked, m.name, m.protocol)]
    others = [m for m in board.of(QUALITY) if "wilcoxon" in _tests_of(marked, m.name, m.protocol)]
    if not binary and not others:
        yield "No two methods could be tested against each other."
        return
    names = ["the two-sided Wilcoxon signed-rank test"] if others else []
    if binary:
        names.append(f"McNemar's exact test for {join_words(dict.fromkeys(binary))}, where values are 0 or 1")
    several_places = len(board.blocks) > 1
    place = ", network, dataset and layer" if several_places else ""
    left_out, corrected = marked.methods_left_out, plural(marked.corrected_over, "pair")
    yield (
        f"All pairs of methods were compared on the same images by {join_words(names)}, with Holm's correction over "
        f"the {corrected} of each metric{place} (alpha = {ALPHA}). A method that failed on an "
        "image lost that image to every method that did not fail."
    )
    if left_out:
        yield f"The correction includes the pairs of {plural(len(left_out), 'method')} of the study not shown here."


def _tests_of(marked: Marked, name: str, protocol: str) -> set[str]:
    return {test for key, test in marked.tests.items() if key[3:] == (name, protocol)}


def _left_out(marked: Marked) -> Iterator[str]:
    """What has no value; methods that lost the same stand together."""
    tidy = marked.board.tidy
    quality = tidy[tidy["kind"] == QUALITY]
    rows = quality[(quality["failed"] > 0) | (quality["not_applicable"] > 0)]
    alike: dict[str, list[str]] = {}
    for method, lost in rows.groupby("method", sort=False):
        total = int(quality.loc[quality["method"] == method, ["n", "failed", "not_applicable"]].to_numpy().sum())
        counts = ((int(lost["failed"].sum()), "failed"), (int(lost["not_applicable"].sum()), "not applicable"))
        text = f"{join_words(f'{count:,} {word}' for count, word in counts if count)} of {total:,} scores"
        alike.setdefault(text, []).append(str(method))
    everyone = quality["method"].nunique()
    parts = [
        f"{'each method' if 1 < len(names) == everyone else join_words(names)} ({text}{' each' * (len(names) > 1)})"
        for text, names in alike.items()
    ]
    if parts:
        yield f"Without a value: {join_words(parts)}."
