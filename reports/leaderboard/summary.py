"""What a run found, in sentences that can be quoted, and what must be said loudly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import Any

from ...formatting import join_words, plural
from ...results.unfinished import caution_of
from ...stats import (
    CONTEST,
    MARGIN,
    QUALITY,
    Contest,
    fewest_equivalent,
    fewest_images,
    images_needed,
    smallest_visible_effect,
    trusted,
)
from ..number_format import first_few, fixed, images, interval
from .answer import Answer
from .board import Board, Metric
from .hit_tolerance import wide_tolerances
from .independence import dependence, extended
from .marks import Marked
from .verdicts import Against, counted

FEW_IMAGES = 30
MOST_FAILING = 4  # metrics that a warning names
UNDECIDED = "fewer than two methods have a mean over the same images, so none is called best."
SANITY = "The metric fails the sanity check"


def quotable(marked: Marked) -> list[str]:
    """Three paragraphs, at most, that may be quoted: what was compared, the best methods, what the tests decide."""
    return [opening(marked.board), *_order(marked), *_decided(marked)]


def _order(marked: Marked) -> list[str]:
    """The best method overall, how clearly, and what is not in the order."""
    answer = Answer.of(marked)
    if answer.verdict == "too few images":
        return [" ".join([f"No method is called best overall: {answer.verdict_text}.", *answer.left_out])]
    return [" ".join(answer.quotable)] if answer.quotable else []


def _decided(marked: Marked) -> list[str]:
    """How many comparisons are significant, equivalent or inconclusive."""
    pairs = marked.tested_pairs
    if pairs.empty or not pairs["n"].any():
        return []
    apart, alike, undecided = counted(pairs)
    counts = sorted({int(n) for n in pairs["n"]})
    kind = "image" if not dependence(marked.board.record.info) else "independent image"
    over = plural(counts[0], kind) if len(counts) == 1 else f"{counts[0]:,} to {plural(counts[-1], kind)}"
    return [
        f"Of {plural(len(pairs), 'pairwise comparison')} on the same {over}, "
        f"{apart:,} are significant (Wilcoxon or McNemar, Holm, 5 %), {alike:,} equivalent "
        f"within 1 % of the metric's range, and {undecided:,} inconclusive."
    ]


def opening(board: Board) -> str:
    """The setup, in one sentence."""
    info = board.record.info
    methods = len(info["methods"]) - len(board.controls)
    layers = max((len(model["layers"]) for model in info["models"]), default=0)
    data = join_words(f"{d['name']} ({plural(d['used'], 'image')})" for d in info["datasets"])
    return (
        f"This run compares {plural(methods, 'method')} and {plural(len(board.controls), 'control')} on "
        f"{join_words(m['name'] for m in info['models'])}, at {plural(layers, 'layer')}"
        f"{'' if len(info['models']) == 1 else ' each at most'}, with {data}."
    )


def findings(marked: Marked) -> list[str]:
    """One sentence or two per quality metric: who has the best mean, how certain that is, and the controls."""
    return [_finding(marked, metric) for metric in marked.board.of()]


def caution(board: Board) -> str:
    """How the intervals were made, and what they cannot say."""
    return (
        f"{intervals(board)} An interval shows how far a mean could move on other images of the same kind. "
        "Overlapping intervals do not mean that two methods are equal: their difference is paired. Differences are "
        "tested (Wilcoxon's signed-rank test, McNemar's where values are 0 or 1, Holm's correction over the pairs of "
        "one metric). A non-significant difference is not evidence of equality."
    )


def intervals(board: Board) -> str:
    """Which intervals the quality metrics of this run have."""
    names = {(m.name, m.protocol): m.title for m in board.of()}
    kept = trusted(board.scales, board.record.results)
    free = list(dict.fromkeys(title for key, title in names.items() if not isfinite(kept[key].width)))
    exact = (
        "95 % intervals of means are valid for any number of images (Gaffke 2005; Clopper-Pearson for values of 0 "
        "and 1)."
    )
    if not free:
        return exact
    without = f"{join_words(free)} {'has' if len(free) == 1 else 'have'} no bounded range:"
    student = "on an open side the 95 % interval is Student's, which assumes a nearly normal mean."
    return f"{exact} {without} {student}" if len(free) < len(set(names.values())) else f"{without} {student}"


def loud(board: Board, footnoted: Collection[str] = ()) -> list[str]:
    """What a reader must know before quoting any number.

    Args:
        footnoted: methods whose known faults are left out, as footnotes beside the warnings have them.
    """
    info = board.record.info
    noted = [m for m in info["methods"] if m["name"] in footnoted and m.get("note")]
    told = {f"{m.get('title') or m['name']}: {m['note']}" for m in noted}
    warned = list(dict.fromkeys(m["warning"] for m in info["models"] if m["warning"]))
    sentences = [unfinished] if (unfinished := caution_of(info)) else []
    sentences += [_of_networks(info, warning) for warning in warned]
    repeated = [*warned, *sentences[:1]] if unfinished else warned
    sentences += [w for w in info["warnings"] if w not in told and not any(w in warning for warning in repeated)]
    sentences += [*dependence(info), *extended(info), *_left_ranges(board)]
    sentences += [*failed_checks(board), *tied_checks(board), *wide_tolerances(info)]
    return [*sentences, *_failures(board), *_dead(board), *_few_images(board)]


def failed_checks(board: Board) -> list[str]:
    """The metrics under which a control beats every method, in one sentence; none where none does."""
    names = _with_settings(board, board.gamed)
    if not names:
        return []
    verb, them = ("fails", "it") if len(names) == 1 else ("fail", "them")
    where = " there" if len(board.blocks) > 1 else ""
    listed = first_few(names, MOST_FAILING)
    return [
        f"{listed[:1].upper()}{listed[1:]} {verb} the sanity check: a control beats every method. "
        f"Do not rank by {them}{where}."
    ]


def tied_checks(board: Board) -> list[str]:
    """The metrics under which a control has the mean of the best method, in one sentence; none where none has."""
    names = _with_settings(board, board.levelled)
    if not names:
        return []
    them = "It does" if len(names) == 1 else "They do"
    return [
        f"Under {first_few(names, MOST_FAILING)} a control has the same mean as the best method. "
        f"{them} not tell a method from a control{' there' if len(board.blocks) > 1 else ''}."
    ]


def _with_settings(board: Board, comparisons: Collection[tuple[Any, ...]]) -> list[str]:
    """The titles of the comparisons' metrics, each with the number of settings where a run has several."""
    titles = {(metric.name, metric.protocol): metric.title for metric in board.of(QUALITY)}
    keys = [(str(key[3]), str(key[4])) for key in comparisons]
    counts = Counter(titles[key] for key in keys if key in titles)
    several = len(board.blocks) > 1
    return [f"{name} (in {plural(count, 'setting')})" if several else name for name, count in counts.items()]


def _of_networks(info: Mapping[str, Any], warning: str) -> str:
    """The warning behind the names of its networks; where it begins with its network's name, that name once."""
    models = [model for model in info["models"] if model["warning"] == warning]
    names = join_words(model["name"] for model in models)
    ids = [str(model.get("id", model["name"])) for model in models]
    if len(ids) == 1 and warning.startswith(f"{ids[0]} "):
        return f"{names}{warning.removeprefix(ids[0])}"
    return f"{names}: {warning}"


def _left_ranges(board: Board) -> list[str]:
    """Metrics whose values contradict the range that they state."""
    return [
        f"{name} ({protocol}) has values outside its declared range, {scale.low:g} to {scale.high:g}. Its "
        "intervals are therefore Student's, and no two methods are called equivalent."
        for name, protocol in board.left_ranges
        for scale in [board.scales[name, protocol]]
    ]


def _finding(marked: Marked, metric: Metric) -> str:
    board = marked.board
    contests = [c for c in board.contests if c.key[3:] == (metric.name, metric.protocol)]
    name = f"{metric.title[:1].upper()}{metric.title[1:]} ({metric.protocol}, {metric.direction})"
    if len(contests) == 1:
        return _one_setting(marked, contests[0], name)
    return _many_settings(marked, contests, name)


def _one_setting(marked: Marked, contest: Contest, name: str) -> str:
    board = marked.board
    if not contest.best:
        return " ".join([f"{name}: {UNDECIDED}", *_controls(board, contest)])
    tidy = board.tidy
    best = tidy.loc[list(contest.best)]
    decimals = board.decimals[contest.key]
    tie = len(best) > 1
    span = interval(best["low"].min(), best["high"].max(), decimals)
    value = fixed(best["mean"].iloc[0], decimals)
    value += f", 95 % interval{'s within' if tie else ''} {span}" if span else ""
    verb = "tie for the best mean (at the shown precision)" if tie else "has the best mean"
    over = images(int(best["n"].iloc[0]), int(best["scored"].iloc[0]))
    sentence = f"{name}: {join_words(best['method'])} {verb}, {value}, over {over}."
    return " ".join([sentence, *_against(marked, contest), *_controls(board, contest)])


def _against(marked: Marked, contest: Contest) -> list[str]:
    """From which methods the best differs significantly, and from which it does not."""
    against = marked.verdicts.against(contest)
    worse, level = against.worse, against.level
    if against == Against():
        return ["No pair of methods could be tested."] if len(contest.best) == 1 else []
    alone = len(contest.best) == 1
    sentences = []
    if worse:
        better = "It is significantly better than" if alone else "At least one of them is significantly better than"
        sentences.append(f"{better} {join_words(worse)}.")
    if against.better:
        sentences.append(
            f"{join_words(against.better)} {'is' if len(against.better) == 1 else 'are'} significantly better than "
            f"{'it' if alone else 'one of them'} by the paired test, which compares ranks and not means."
        )
    if level:
        sentences.append(f"No significant difference from {join_words(level)}.")
    return sentences


def _controls(board: Board, contest: Contest) -> list[str]:
    if not contest.above:
        return []
    gamed = board.gamed.get(contest.key, [])
    goal = {m["name"] for m in board.record.info["methods"] if m.get("optimises")}  # to win is what they are made for
    others = [n for n in board.tidy.loc[list(contest.above), "method"] if n not in gamed and n not in goal]
    sentences = []
    if gamed:
        who = f"The control {gamed[0]} has" if len(gamed) == 1 else f"The controls {join_words(gamed)} have"
        sentences.append(
            f"{who} a better mean than every method: the metric fails the sanity check; do not rank by it."
        )
    if others:
        has, uses = ("has", "it uses") if len(others) == 1 else ("have", "they use")
        sentences.append(
            f"{join_words(others)} {has} a better mean than every method; {uses} a mask or a method's map."
        )
    return sentences


def _many_settings(marked: Marked, contests: Sequence[Contest], name: str) -> str:
    board = marked.board
    wins = Counter(method for contest in contests for method in board.tidy.loc[list(contest.best), "method"])
    decided = sum(bool(contest.best) for contest in contests)
    beaten = sum(c.key in board.gamed for c in contests)
    tail = f" {SANITY} in {plural(beaten, 'setting')}: a control beats every method." if beaten else ""
    if not decided:
        return f"{name}: {UNDECIDED}{tail}"
    where = f"{plural(decided, 'setting')} (network × data × layer; ties count for each)"
    ranked = join_words(f"{method} {count}" for method, count in wins.most_common())
    clear = sum(_all_worse(marked, contest) for contest in contests)
    winners = f"{plural(clear, 'setting')} {'has' if clear == 1 else 'have'}" if clear else "No setting has"
    return f"{name}: best in {where}: {ranked}. {winners} a significant winner (all others significantly worse).{tail}"


def _all_worse(marked: Marked, contest: Contest) -> bool:
    if not contest.best:
        return False
    against = marked.verdicts.against(contest)
    return bool(against.worse) and not against.level and not against.better


def _failures(board: Board) -> list[str]:
    counts = board.record.info["counts"]
    if not counts["failed"]:
        return []
    partly = board.tidy[(board.tidy["failed"] > 0)]
    names = join_words(sorted(partly["method"].unique()))
    return [
        f"{plural(counts['failed'], 'value')} could not be computed ({names}). The reasons are under the tables. A "
        "method that failed where others did not is never marked best."
    ]


def _dead(board: Board) -> list[str]:
    """Constant maps: deletion and the like take their pixels in row-major order."""
    counts = board.health.groupby("method", sort=False)[["dead", "maps"]].sum()
    counts = counts[(counts["dead"] > 0) & ~counts.index.isin(board.controls)]
    if counts.empty:
        return []
    who = join_words(f"{row.dead} of {plural(int(row.maps), 'map')} of {method}" for method, row in counts.iterrows())
    removes = any(metric.get("family") == "faithfulness" for metric in board.record.info["metrics"])
    effect = " Deletion removes the image's top rows first on such maps." if removes else ""
    return [f"Dead (constant) maps: {who}.{effect}"]


def _few_images(board: Board) -> list[str]:
    """What so many images cannot show, in the comparison with the fewest."""
    sizes = sorted({(images, methods) for images, methods in _sizes(board) if images and methods > 1})
    hopeless = [(images, methods) for images, methods in sizes if images < fewest_images(methods)]
    if not sizes or sizes[0][0] >= images_needed(max(methods for _, methods in sizes), 0.2):
        return []
    if hopeless:
        images, methods = hopeless[-1]
        some = "" if len(hopeless) == len(sizes) else "In some comparisons: with"
        return [
            f"{some or 'With'} {plural(images, 'image')} and {methods} methods, no paired test of all pairs can be "
            f"significant, whatever the values: this needs at least {plural(fewest_images(methods), 'image')}."
        ]
    images, methods = sizes[0][0], max(methods for _, methods in sizes)
    few = f"Few images ({images}). " if images < FEW_IMAGES else ""
    seen = smallest_visible_effect(methods, images)
    sees = f"detect only differences of at least {seen:.2f}" if seen < inf else "miss most differences, even of 5"
    return [
        f"{few}With {plural(images, 'image')} and {methods} methods, a paired test of all pairs (Wilcoxon, Holm, "
        f"power 80 %) would {sees} standard deviations; detecting 0.2 takes "
        f"{plural(images_needed(methods, 0.2), 'image')}, detecting 0.1 takes {images_needed(methods, 0.1):,}. "
        f"Equivalence within 1 % of a metric's range needs at least {plural(fewest_equivalent(MARGIN), 'image')}."
    ]


def _sizes(board: Board) -> Iterator[tuple[int, int]]:
    """Of each comparison of quality: independent images, and the methods that can be tested on all of them."""
    rows = board.tidy[(board.tidy["kind"] == QUALITY) & ~board.tidy["method"].isin(list(board.controls))]
    for _, part in rows.groupby(CONTEST, sort=False):
        tried = part["n"] + part["failed"]
        whole = (part["not_applicable"] == 0) & (tried > 0)
        yield int(tried.max()), int(whole.sum())
