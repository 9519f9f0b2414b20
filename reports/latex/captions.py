"""A table's short caption, and the paragraph on its statistics for the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...formatting import join_words
from ...results.unfinished import progress_of
from ..escape import latex, latex_breaking
from ..leaderboard.board import Block, Metric
from ..leaderboard.marks import Marked
from ..leaderboard.statement import network_warnings, statement
from ..number_format import images
from .sheet import Sheet, counts_in_rank, fails_everywhere
from .short_names import short_title
from .table_parts import Scope, Spread, key_of

SPANS: dict[str, str] = {
    "interval": " with 95% interval below",
    "se": " and standard error",
    "pm": " and distances to the ends of the 95% interval",
    "none": "",
}
_PATH = re.compile(r"[a-z0-9_.\[\]]+")  # a module's name in a network


def caption(marked: Marked, scope: Scope, spread: Spread, sheets: Sequence[Sheet]) -> str:
    """What the table shows, and what its marks mean; a mark that it does not have is not mentioned."""
    counted = images_of(scope.blocks)
    what = f"mean over {counted}{SPANS[spread]}" if counted else "measured costs"
    named, mark = subject(sheets)
    place = constant_title(scope.blocks)
    place = place[:1].lower() + place[1:] if named and place.startswith("By ") else place
    opening = f"{latex_breaking(named)}{mark}, {latex_breaking(place)}" if named else latex_breaking(place)
    sentences = [f"{opening}: {latex_breaking(what)}."]
    if remark := subject_remark(sheets):
        sentences.append(latex_breaking(f"{remark}."))
    if progress := progress_of(marked.board.record.info):
        sentences.append(rf"\textbf{{Unfinished run: {latex_breaking(progress)}.}}")
    sentences.append("Best in bold, second best underlined.")
    if any(_worse(marked, scope)):
        sentences.append(r"$\dagger$: significantly worse than the best ($p<0.05$).")
    if any(metric.gamed for metric in _metrics(scope)):
        sentences.append(r"$\ddagger$: fails the sanity check, a control is better than every method.")
    if any(column.share_of for sheet in sheets for column in sheet.columns):
        sentences.append(r"\% of the ceiling: from a random map (0) to the ceiling (100).")
    if any(block.methods and block.controls for block in scope.blocks):
        sentences.append("Controls in grey.")
    names = [f"{short}: {m.title}" for m in scope.metrics if (short := short_title(m)).lower() != m.title.lower()]
    if names and any(sheet.short for sheet in sheets):
        sentences.append(latex_breaking(f"{'; '.join(names)}."))
    return " ".join(sentences)


def subject(sheets: Sequence[Sheet]) -> tuple[str, str]:
    """The metric and the method that all numbers are of, where no heading names them; and the metric's mark."""
    lines = [line for sheet in sheets for line in sheet.lines]
    columns = [column for sheet in sheets for column in sheet.columns if not column.rank]
    headings, lines = [line for line in lines if line.heading], [line for line in lines if not line.heading]
    keys = {line.place.metric for line in lines}
    named: list[str] = []
    mark = ""
    key = next(iter(keys)) if len(keys) == 1 else None
    if key and not any(places.metric for places in [*(c.place for c in columns), *(line.place for line in headings)]):
        metric = sheets[0].metric(key)
        unit = f", {metric.unit}" if metric.is_cost and metric.unit else ""
        named.append(f"{metric.title[:1].upper()}{metric.title[1:]} ({metric.direction}{unit})")
        mark = r"$^{\ddagger}$" if fails_everywhere(sheets[0], key) else ""
    if method := _only_method(sheets):
        named.append(method)
    return " of ".join(named), mark


def subject_remark(sheets: Sequence[Sheet]) -> str:
    """What is known of the method that all numbers are of, where no heading names it; else empty."""
    return sheets[0].remarks.get(_only_method(sheets), "")


def _only_method(sheets: Sequence[Sheet]) -> str:
    """The method that all numbers are of, where no line or heading names it; else empty."""
    lines = [line for sheet in sheets for line in sheet.lines]
    methods = {line.place.method for line in lines if not line.heading}
    named = sheets[0].corner == "Method" or any(line.heading for line in lines)
    return methods.pop() if len(methods) == 1 and not named else ""


def paragraph(marked: Marked, scope: Scope, spread: Spread, *, rank: bool, share: bool) -> str:
    """How the numbers and marks were made, for the text of the paper."""
    shares = _shares(scope) if share else ()
    sentences = [*_sentences(marked, scope, spread, rank), *shares, _protocols(scope.metrics)]
    warnings = map(latex_breaking, network_warnings(marked))  # a warning may have a long path
    return " ".join([*map(latex, sentences), *warnings])


def _sentences(marked: Marked, scope: Scope, spread: Spread, rank: bool) -> Iterator[str]:
    costs_alone = all(metric.is_cost for metric in scope.metrics)
    with_intervals = spread in ("interval", "pm")
    yield "Each method's cost was measured on the method alone." if costs_alone else statement(marked, with_intervals)
    if any(block.methods for block in scope.blocks):
        yield "Best and second best: at the shown precision, among methods with a mean over the same images."
    if any(_worse(marked, scope)):
        yield "A dagger marks a method that is significantly worse than the best."
    if any(metric.is_cost for metric in _metrics(scope)):
        spans = " Their intervals are quartiles." if spread in ("interval", "pm") else ""
        yield f"Costs are measured and not tested.{spans}"
    if rank:
        titles = dict.fromkeys(m.title for m in _metrics(scope) if counts_in_rank(m))
        without = marked.board.disowned
        over = f"the columns ({join_words(titles)})"
        yield f"The rank is the mean over {over} of a method's mean rank over the images; 1 is the best."
        if without:
            yield f"Columns of a network with a warning ({join_words(sorted(without))}) do not count in it."


def _shares(scope: Scope) -> Iterator[str]:
    """What a share of a ceiling is, and what each ceiling is made to win."""
    yield "The share of the ceiling is (mean - random) / (ceiling - random), of the means of these controls."
    yield from (f"The control {name} optimises {join_words(titles)}." for name, titles in scope.ceilings.items())


def _metrics(scope: Scope) -> list[Metric]:
    return [metric for block in scope.blocks for metric in block.metrics if key_of(metric) in scope.keys]


def _worse(marked: Marked, scope: Scope) -> Iterator[bool]:
    for block in scope.blocks:
        for row in block.rows:
            for metric in block.metrics:
                shown = marked.shown(block, row.method, metric.name, metric.protocol)
                yield bool(shown and shown.mark.worse and key_of(metric) in scope.keys)


def _protocols(metrics: Sequence[Metric]) -> str:
    named: dict[str, list[str]] = {}
    for metric in metrics:
        named.setdefault(metric.protocol, []).append(metric.title)
    entries = (f"{protocol} ({join_words(dict.fromkeys(titles))})" for protocol, titles in named.items())
    return f"Protocols: {', '.join(entries)}."


def short_titles(blocks: Sequence[Block]) -> dict[str, str]:
    """By a block's title, the parts of it that differ among the blocks; empty where there is one block."""
    varies = [len({parts(block)[place] for block in blocks}) > 1 for place in range(3)]
    return {
        block.title: ", ".join(part for part, shown in zip(parts(block), varies, strict=True) if shown)
        for block in blocks
    }


def constant_title(blocks: Sequence[Block]) -> str:
    """What the blocks share, and by what they differ: ``tinynet, photos, by layer``."""
    names = ("network", "data", "layer")
    values = [list(dict.fromkeys(parts(block)[place] for block in blocks)) for place in range(3)]
    shared = [distinct[0] for distinct in values if len(distinct) == 1]
    differing = [name for name, distinct in zip(names, values, strict=True) if len(distinct) > 1]
    by = [f"by {join_words(differing)}"] if differing else []
    title = ", ".join([*shared, *by])
    return title[:1].upper() + title[1:] if not shared else title


def images_of(blocks: Sequence[Block]) -> str:
    """``20 images``, ``12 to 20 images``, or ``48 images (6 independent)``; empty where nothing is over images."""
    scored, units = (sorted({n for n in counts if n}) for counts in _counts(blocks))
    if not scored:
        return ""
    if len(scored) == len(units) == 1:
        return images(units[0], scored[0])
    total, independent = (
        f"{span[0]:,} to {span[-1]:,}" if len(span) > 1 else f"{span[0]:,}" for span in (scored, units)
    )
    return f"{total} images" + (f" ({independent} independent)" if scored != units else "")


def _counts(blocks: Sequence[Block]) -> tuple[list[int], list[int]]:
    return [block.images for block in blocks], [block.units for block in blocks]


def parts(block: Block) -> tuple[str, str, str]:
    """The block's network, data and layer; a layer that has a module's name is called ``layer features.16``."""
    bare = bool(_PATH.fullmatch(block.layer)) and not block.layer.startswith("layer")
    return block.model, block.dataset, f"layer {block.layer}" if bare else block.layer
