"""What a run says around its tables: the best method, what is missing, and how accurate the networks are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...formatting import join_some, plural
from ...results.unfinished import caution_of
from ...stats import DECIMALS, QUALITY
from ..number_format import fixed, merged, share
from . import summary
from .answer import COMPARISON, Answer
from .findings import labels_of_pictures
from .footnotes import Remark, over_settings
from .marks import Marked
from .stability import stability_text

MOST_NOTES = 3


def answer(marked: Marked) -> list[str]:
    """Which method is best overall and whether that is clear, or why none is; then what the order rests on."""
    best = Answer.of(marked)
    if best.verdict == "too few images" or not best.best:
        return [best.sentence or _nothing_to_rank(marked), *best.left_out]
    return [best.sentence, " ".join(filter(None, _rests_on(best)))]


def _rests_on(best: Answer) -> Iterator[str]:
    following = f"Next: {best.second} ({fixed(best.second_rank, DECIMALS)}), " if len(best.best) == 1 else ""
    over = f"{following}{best.over_text.replace(COMPARISON, '')}."
    yield f"{over[:1].upper()}{over[1:]}"
    yield best.first_text
    yield best.depends_text
    yield stability_text(best.cases, brief=True)
    yield from best.left_out
    yield best.cost.text if best.cost and len(best.best) == 1 else ""


def _nothing_to_rank(marked: Marked) -> str:
    if not marked.board.of(QUALITY):
        return "No quality metric was computed, so no method is called best."
    return "There are fewer than two methods, so no method is called best."


def settings(marked: Marked) -> str:
    """``8 settings (2 networks × 2 data sets × 2 layers), 20 images each``; of a single setting its names."""
    blocks = marked.board.blocks
    counts = sorted({block.units for block in blocks if block.units})
    many = f", {counts[0]:,} to {plural(counts[-1], 'image')} each" if len(counts) > 1 else ""
    if len(blocks) == 1:
        return f"{blocks[0].title}{f', {blocks[0].counted}' if blocks[0].quality else ''}"
    each = f", {blocks[0].counted} each" if len(counts) == 1 else many
    networks, data = ({getattr(block, part) for block in blocks} for part in ("model", "dataset"))
    layers = {sum(b.model == block.model and b.dataset == block.dataset for b in blocks) for block in blocks}
    if len(layers) > 1 or len(networks) * len(data) * max(layers) != len(blocks):
        return f"{plural(len(blocks), 'setting')} (network × data set × layer){each}"
    factors = (plural(len(networks), "network"), plural(len(data), "data set"), plural(max(layers), "layer"))
    return f"{plural(len(blocks), 'setting')} ({' × '.join(factors)}){each}"


def missing(marked: Marked, folded: Collection[str] = ()) -> list[str]:
    """Remarks on methods, and why numbers are missing or not comparable: each once, the latter with its settings.

    Every remark is listed, as the names of methods point to it; of the reasons for missing numbers the first.

    Args:
        folded: methods of which nothing is said, as the tables do not list them.
    """
    blocks = marked.board.blocks
    if len(blocks) == 1:
        noted = [(at, note.without(folded)) for at, note in enumerate(blocks[0].footnotes, start=1)]
        left = [(f"({number}) {note.text}", isinstance(note.cause, Remark)) for number, note in noted if note]
    else:
        remarks = [(at, note.without(folded)) for at, note in enumerate(marked.remarks, start=1)]
        left = [(f"({number}) {note.text}", True) for number, note in remarks if note]
        gaps = [[note for each in block.footnotes if (note := each.without(folded))] for block in blocks]
        left += [(text, False) for text in over_settings(gaps)]
    return _first_gaps(left)


def _first_gaps(notes: Sequence[tuple[str, bool]]) -> list[str]:
    """The remarks, and the first of the other notes; ``notes``: each with whether it is a remark."""
    gaps = [text for text, is_remark in notes if not is_remark]
    shown, more = set(gaps[:MOST_NOTES]), len(gaps) - MOST_NOTES
    texts = [text for text, is_remark in notes if is_remark or text in shown]
    return texts if more <= 0 else [*texts, f"and {plural(more, 'note')} more in the report"]


def accuracy(info: Mapping[str, Any]) -> list[str]:
    """A sentence for each network: how many labelled images of each data set it classifies correctly.

    Args:
        info: run.json, with the names to show.
    """
    rows = list(info["accuracy"])
    if not any(row["labelled"] for row in rows):
        return ["No image has a label that a network knows, so the networks' accuracy is unknown."] if rows else []
    names = dict.fromkeys(row["model"] for row in rows)
    return [
        f"Accuracy of {name}: {', '.join(_accuracy(row) for row in rows if row['model'] == name)}" for name in names
    ]


def _accuracy(row: Mapping[str, Any]) -> str:
    if not row["labelled"]:
        return f"no label that it knows in {row['dataset']}"
    right, labelled = int(row["right"]), int(row["labelled"])
    other = "".join(f"; {count} with classes: {name}" for name, count in row.get("readings", {}).items())
    several = labels_of_pictures(row)
    what = " labels" if several else ""
    more = f"; {several}" if several else ""
    return f"{right:,} of {labelled:,}{what} ({share(right / labelled)}{other}) on {row['dataset']}{more}"


def network_notes(info: Mapping[str, Any]) -> list[str]:
    """What is taken or left out of networks: a part of the output, a prefix. Networks with equal notes share a line.

    Args:
        info: run.json, with the names to show.
    """
    names: dict[str, list[str]] = {}
    for model in info["models"]:
        if model.get("note"):
            names.setdefault(model["note"], []).append(model["name"])
    return [f"{join_some(known, MOST_NOTES)}: {note}" for note, known in names.items()]


def first_failure(marked: Marked) -> str:
    """How many values could not be computed, with the first reason; empty where none failed."""
    rows = marked.board.record.results
    failed = rows[rows["status"] == "failed"]
    if failed.empty:
        return ""
    first = failed.iloc[0]
    return f"{len(failed):,} of {plural(len(rows), 'value')} failed: {first['method']} ({first['reason']})"


def description(marked: Marked) -> list[str]:
    """What was run, the answer, and what failed, in sentences."""
    return [sentence for sentence in _description(marked) if sentence]


def _description(marked: Marked) -> Iterator[str]:
    yield caution_of(marked.board.record.info)
    yield summary.opening(marked.board)
    yield from answer(marked)
    yield first_failure(marked)
    warnings = summary.loud(marked.board)
    yield f"{plural(len(warnings), 'warning')}: {warnings[0]}" if warnings else ""


def work(info: Mapping[str, Any]) -> str:
    """What a run did: ``40 maps, 2,744 forward passes, 25 s (nothing reused from an earlier run)``.

    Maps are counted where metrics changed images by them; a run without such metrics names none.

    Args:
        info: run.json.
    """
    done = info["work"]
    cells, old = done["cells_computed"] + done["cells_reused"], done["cells_reused"]
    reused = f"{old:,} of {plural(cells, 'cell')}" if old else "nothing"
    passes = plural(done["forwards"], "forward pass", "forward passes")
    parts = [merged(done) if done["maps_asked"] else "", passes, f"{info['seconds']:.0f} s"]
    return f"{', '.join(filter(None, parts))} ({reused} reused from an earlier run)"
