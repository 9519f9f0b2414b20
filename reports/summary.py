"""What a run found, in sentences that can be quoted, and what must be said loudly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..stats import RESAMPLES, Contest, images_needed, smallest_visible_effect
from .board import Board, Metric
from .numbers import fixed, interval, listed, several

FEW_IMAGES = 30


def opening(board: Board) -> str:
    """What was compared, in one sentence."""
    info = board.record.info
    methods = len(info["methods"]) - len(board.controls)
    layers = max((len(model["layers"]) for model in info["models"]), default=0)
    data = listed(f"{d['name']} ({several(d['used'], 'image')})" for d in info["datasets"])
    return (
        f"This run compares {several(methods, 'method')} and {several(len(board.controls), 'control')} on "
        f"{listed(m['name'] for m in info['models'])}, at {several(layers, 'layer')}"
        f"{'' if len(info['models']) == 1 else ' each at most'}, with {data}."
    )


def findings(board: Board) -> list[str]:
    """One sentence or two per quality metric: who has the best mean, how certain that is, and the controls."""
    return [_finding(board, metric) for metric in board.of()]


def caution(board: Board) -> str:
    """How the intervals were made, and what they cannot say."""
    return (
        f"Intervals are 95 % percentile bootstrap over images ({RESAMPLES:,} resamples, the same for every method). "
        "They say how far a mean could move with other images of the same kind. No significance test is done in this "
        "version: that two intervals overlap, or do not, is not one."
    )


def loud(board: Board) -> list[str]:
    """What a reader must know before quoting any number."""
    info = board.record.info
    said = [f"{m['name']}: {m['warning']}" for m in info["models"] if m["warning"]]
    said += [w for w in info["warnings"] if not any(w in sentence for sentence in said)]
    return [*said, *_failures(board), *_dead(board), *_few_images(board)]


def _finding(board: Board, metric: Metric) -> str:
    found = [c for c in board.contests if c.key[3:] == (metric.name, metric.protocol)]
    name = f"{metric.title[:1].upper()}{metric.title[1:]} ({metric.protocol}, {metric.direction})"
    if len(found) == 1:
        return _one(board, found[0], name)
    return _many(board, found, name)


def _one(board: Board, contest: Contest, name: str) -> str:
    if not contest.best:
        return f"{name}: fewer than two methods have a mean over the same images, so none is called best."
    tidy = board.tidy
    best = tidy.loc[list(contest.best)]
    decimals = board.decimals[contest.key]
    tie = len(best) > 1
    span = interval(best["low"].min(), best["high"].max(), decimals)
    value = fixed(best["mean"].iloc[0], decimals)
    value += f", 95 % interval{'s within' if tie else ''} {span}" if span else ""
    verb = "tie (as far as shown) for the best mean" if tie else "has the best mean"
    said = f"{name}: {listed(best['method'])} {verb}, {value}, over {several(int(best['n'].iloc[0]), 'image')}."
    return " ".join([said, *_overlap(board, contest), *_controls(board, contest)])


def _overlap(board: Board, contest: Contest) -> list[str]:
    tidy = board.tidy
    if contest.overlapping:
        names = listed(tidy.loc[list(contest.overlapping), "method"])
        return [f"The interval overlaps with those of {names}: do not read the order among these as settled."]
    if tidy.loc[list(contest.best), "low"].isna().any():
        return ["One image gives no interval."]
    return ["No other method's interval overlaps with it."] if len(contest.best) == 1 else []


def _controls(board: Board, contest: Contest) -> list[str]:
    if not contest.above:
        return []
    gamed = board.gamed.get(contest.key, [])
    others = [name for name in board.tidy.loc[list(contest.above), "method"] if name not in gamed]
    said = []
    if gamed:
        who = f"The control {gamed[0]} has" if len(gamed) == 1 else f"The controls {listed(gamed)} have"
        said.append(f"{who} a better mean than every method: gameable here, so this order says little.")
    if others:
        who = f"{listed(others)} {'has' if len(others) == 1 else 'have'}"
        said.append(f"Of the controls that know more, {who} a better mean than every method.")
    return said


def _many(board: Board, found: Sequence[Contest], name: str) -> str:
    wins = Counter(method for contest in found for method in board.tidy.loc[list(contest.best), "method"])
    decided = sum(bool(contest.best) for contest in found)
    if not decided:
        return f"{name}: fewer than two methods have a mean over the same images, so none is called best."
    where = f"{several(decided, 'block')} (network × data × layer)"
    ranked = listed(f"{method} in {count}" for method, count in wins.most_common())
    clear = sum(bool(c.best) and not c.overlapping for c in found)
    beaten = sum(c.key in board.gamed for c in found)
    tail = f" It is gameable in {beaten} of them: a control that knows nothing beats every method." if beaten else ""
    return (
        f"{name}: of {where}, the best mean is that of {ranked}. "
        f"In {clear} of them no other method's interval overlaps with it.{tail}"
    )


def _failures(board: Board) -> list[str]:
    counts = board.record.info["counts"]
    if not counts["failed"]:
        return []
    partly = board.tidy[(board.tidy["failed"] > 0)]
    names = listed(sorted(partly["method"].unique()))
    return [
        f"{several(counts['failed'], 'value')} could not be computed ({names}). The reasons are under the tables. A "
        "method that failed where others did not is never marked best."
    ]


def _dead(board: Board) -> list[str]:
    """Maps that are the same everywhere: whatever is measured on them is measured in row-major order."""
    found = board.health.groupby("method", sort=False)[["dead", "maps"]].sum()
    found = found[(found["dead"] > 0) & ~found.index.isin(board.controls)]
    if found.empty:
        return []
    who = listed(f"{row.dead} of {several(int(row.maps), 'map')} of {method}" for method, row in found.iterrows())
    return [f"Dead maps, the same everywhere: {who}. What is removed from them first is the image's top rows."]


def _few_images(board: Board) -> list[str]:
    methods = len(board.record.info["methods"]) - len(board.controls)
    images = min((block.images for block in board.blocks if block.images), default=0)
    if methods < 2 or images < 1 or images >= images_needed(methods, 0.2):
        return []
    few = f"Few images ({images}). " if images < FEW_IMAGES else ""
    seen = smallest_visible_effect(methods, images)
    return [
        f"{few}With {several(images, 'image')} and {methods} methods, a paired test of all pairs (Wilcoxon, Holm, "
        f"power 80 %) would see only differences of at least {seen:.2f} standard deviations; for 0.2 it needs "
        f"{several(images_needed(methods, 0.2), 'image')}, for 0.1 {images_needed(methods, 0.1):,}."
    ]
