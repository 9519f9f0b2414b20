"""What a run found, metric by metric: the best method, what it is significantly better than, and the sanity check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...formatting import join_some, join_words, plural
from ...stats import Contest
from ..number_format import fixed, interval
from .board import Block, Board, Metric
from .marks import Marked
from .verdicts import Against

ALL_WORSE = "all others"
PASSES = "passes"


@dataclass(frozen=True)
class Finding:
    """One metric in one setting.

    Attributes:
        best: the methods with the best mean; empty where no two methods have means over the same images.
        why_none: why there is no best method, as text; else empty.
        value: the best mean with its 95 % interval, as text.
        better_than: the methods that are significantly worse, as text.
        level_with: the methods that do not differ significantly from the best, as text.
        beaten_by: controls that know nothing of the object or the network's reasons and have a better mean than every
            method: the metric fails the sanity check. Their names, as text.
        unbeaten: what the sanity check says where no control beats every method, as text.
    """

    metric: Metric
    best: tuple[str, ...]
    why_none: str
    value: str
    better_than: str
    level_with: str
    beaten_by: str
    unbeaten: str


def findings_of(marked: Marked, block: Block, most: int | None = None) -> tuple[Finding, ...]:
    """A finding for each quality metric of a setting, in the study's order; texts name ``most`` methods, or all."""
    contests = {tuple(map(str, contest.key)): contest for contest in marked.board.contests}
    keys = ((block.model, block.dataset, block.layer, metric.name, metric.protocol) for metric in block.quality)
    return tuple(
        _finding(marked, metric, contests.get(key), most) for metric, key in zip(block.quality, keys, strict=True)
    )


def _finding(marked: Marked, metric: Metric, contest: Contest | None, most: int | None) -> Finding:
    gamed = join_words(metric.gamed)
    unbeaten = _unbeaten(marked.board, [] if contest is None else [contest])
    if contest is None or not contest.best:
        return Finding(metric, (), _why_none(marked.board, contest), "", "", "", gamed, unbeaten)
    best = marked.board.tidy.loc[list(contest.best)]
    decimals = marked.board.decimals[contest.key]
    span = interval(best["low"].min(), best["high"].max(), decimals)
    value = f"{fixed(best['mean'].iloc[0], decimals)} {span}".strip()
    against = marked.verdicts.against(contest)
    names = tuple(map(str, best["method"]))
    is_tested = tuple(map(str, contest.key)) in marked.pairs_of
    return Finding(metric, names, "", value, _worse(against, most, is_tested), _level(against, most), gamed, unbeaten)


def _why_none(board: Board, contest: Contest | None) -> str:
    """Why no method is the best of a comparison."""
    rows = board.tidy.iloc[:0] if contest is None else board.tidy[_are_of(board, contest)]
    names = list(rows["method"].astype(str))
    if not names:
        return "no method has a value: see Missing values and map health"
    if len(names) == 1:
        return f"only {names[0]} has a value"
    return "no two methods have means over the same images"


def _are_of(board: Board, contest: Contest) -> pd.Series[bool]:
    """Which rows of the leaderboard are of the comparison, and of methods that have a value."""
    columns = ["model", "dataset", "layer", "metric", "protocol"]
    here = (board.tidy[columns] == list(contest.key)).all(axis=1)
    return here & (board.tidy["n"] > 0) & ~board.tidy["method"].isin(list(board.controls))


def _unbeaten(board: Board, contests: Sequence[Contest]) -> str:
    """What the sanity check says of comparisons in which no control beats every method.

    Without a method and a control that have means over the same images, there is nothing to check. A control with the
    mean of the best method does not fail the metric, but the metric does not tell the two apart.
    """
    checked = sum(contest.key in board.guarded for contest in contests)
    level = [name for contest in contests for name in board.levelled.get(contest.key, ())]
    ties = sum(contest.key in board.levelled for contest in contests)
    if not board.uninformed:
        return "no control"
    if not checked:
        return "not checked: no control has the same images as a method"
    if ties == len(contests):
        return f"tie: {join_words(dict.fromkeys(level))} as good as the best"
    parts = [f"{PASSES} in {checked - ties} of {len(contests)}"]
    parts += [f"a control ties with the best in {ties}"] * bool(ties)
    parts += [f"not checked in {len(contests) - checked}"] * (checked < len(contests))
    return "; ".join(parts) if len(parts) > 1 else PASSES


def _worse(against: Against, most: int | None, is_tested: bool) -> str:
    """``is_tested``: whether some pair of methods was tested: where none is left to name, all share the best mean."""
    if against == Against():
        return "none: all tested methods share the best mean" if is_tested else "not tested"
    if not against.level and not against.better:
        return ALL_WORSE
    return join_some(against.worse, most) or "none"


def _level(against: Against, most: int | None) -> str:
    """Those that a test of ranks calls better than the best mean are said as such."""
    level = join_some(against.level, most)
    better = f"{join_words(against.better)} (better by the test of ranks)" if against.better else ""
    return ", ".join(text for text in (level, better) if text) or "–"


@dataclass(frozen=True)
class AcrossSettings:
    """One metric over all settings (network, data, layer).

    Attributes:
        best: who has the best mean in how many settings, as text.
        clear: in how many settings all other methods are significantly worse.
        beaten: in how many settings a control beats every method.
        settings: how many have a best method.
        unbeaten: what the sanity check says where no control beats every method, as text.
    """

    metric: Metric
    best: str
    clear: int
    beaten: int
    settings: int
    unbeaten: str


def across_settings(marked: Marked, most: int | None = None) -> tuple[AcrossSettings, ...]:
    """A row for each quality metric; empty with one setting. Texts name ``most`` methods, or all."""
    board = marked.board
    return tuple(_across(marked, metric, most) for metric in board.of()) if len(board.blocks) > 1 else ()


def _across(marked: Marked, metric: Metric, most: int | None) -> AcrossSettings:
    board = marked.board
    contests = [c for c in board.contests if c.key[3:] == (metric.name, metric.protocol)]
    wins = Counter(str(name) for c in contests for name in board.tidy.loc[list(c.best), "method"])
    best = join_some([f"{name} {count}" for name, count in wins.most_common()], most)
    clear = sum(_clear(marked, contest) for contest in contests)
    beaten = sum(contest.key in board.gamed for contest in contests)
    decided = sum(bool(contest.best) for contest in contests)
    return AcrossSettings(metric, best, clear, beaten, decided, _unbeaten(board, contests))


def _clear(marked: Marked, contest: Contest) -> bool:
    if not contest.best:
        return False
    against = marked.verdicts.against(contest)
    return bool(against.worse) and not against.level and not against.better


def labels_of_pictures(row: Mapping[str, Any]) -> str:
    """How many pictures have several labels, of which one at most can be predicted; empty where none has.

    Args:
        row: an entry of run.json's accuracy.
    """
    pictures = row.get("pictures")
    if not pictures:
        return ""
    return (
        f"{pictures['several']:,} of the {plural(pictures['labelled'], 'picture')} have several labels, and the "
        f"predicted class is one of a picture's labels in {pictures['right']:,} of {pictures['labelled']:,}"
    )


def accuracy(board: Board) -> list[str]:
    """Per network and data set: how many labelled images the network gets right."""
    return [
        f"{row['model']}: {row['right']} of {row['labelled']} {'labels ' if labels_of_pictures(row) else ''}"
        f"correct on {row['dataset']}{'; ' if labels_of_pictures(row) else ''}{labels_of_pictures(row)}"
        for row in board.record.info.get("accuracy", ())
        if row["labelled"]
    ]


def setup(board: Board) -> str:
    """The set-up in one line: how many of what, and where it ran."""
    info = board.record.info
    parts = [
        plural(len(info["models"]), "network"),
        plural(len(info["datasets"]), "data set"),
        plural(len(board.blocks), "setting"),
        f"on {info['device']['name']}",
        f"seed {info['seed']}",
    ]
    return ", ".join(parts)
