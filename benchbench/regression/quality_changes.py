"""Scores of changed maps: worse, better, or no significant change, by the paired tests of ``benchbench.stats``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..results.record import Record
from ..results.schema import CURVES, MAPS, PHOTOS, RESULTS, typed
from ..stats import ALPHA, holm, scales, versus
from .baseline import Baseline
from .changes import Change, Tolerances
from .records import ScoreRecord
from .score_changes import ScoreComparison

ABSENT = ("not_applicable", "it is absent")
FEWEST = 6  # images: fewer cannot be significant at 5 % by a signed-rank test, so their mean alone decides


def quality_changes(
    pairs: Sequence[ScoreComparison], then: Baseline, now: Baseline, tolerances: Tolerances
) -> Iterator[Change]:
    """One per pair. Holm's correction is over all of them.

    Worse is: significantly at 5 %, and the mean by more than the margin. Which pairs are tested depends on the size of
    their differences and not on the signs, on which alone the tests rest.
    """
    if not pairs:
        return
    known = {pair.key: pair for pair in pairs}
    images = {(pair.place.model, pair.place.dataset, name) for pair in pairs for name in (*pair.names, *pair.lost)}
    models = {pair.place.model: pair.place.model for pair in pairs}
    table = versus(as_record(then, known, images), as_record(now, known, images), models)
    table["p_holm"] = holm(table["p"].to_numpy())
    higher = {key: scale.higher for key, scale in scales(then.info).items()}
    for row in table.to_dict("records"):
        key = tuple(str(row[name]) for name in ("model", "dataset", "layer", "method", "metric", "protocol"))
        yield _judged(row, known[key], higher[known[key].metric, known[key].protocol], tolerances)


def _judged(row: Mapping[Any, Any], pair: ScoreComparison, higher: bool, tolerances: Tolerances) -> Change:
    by, n = float(row["mean_difference"]), int(row["n"])
    gain = by if higher else -by
    few = n < FEWEST
    sure = float(row["p_holm"]) < ALPHA and float(row["effect"]) * gain > 0
    settled = abs(gain) > tolerances.margin * pair.width and (few or sure)
    side = "better" if gain > 0 else "worse"
    word = side if settled else f"{side}, within the margin" if sure else "no significant change"
    message = f"{word}: {row['mean']:.4g} -> {row['other_mean']:.4g} over {n} images"
    message += ", too few to test" if few else f", p {row['p_holm']:.2g}"
    moved = pair.moved(tolerances)
    return pair.change("quality", settled and gain < 0, message, moved, by=by, better=settled and gain > 0)


def as_record(
    baseline: Baseline, keys: Collection[tuple[str, ...]], images: Collection[tuple[str, str, str]]
) -> Record:
    """These cells on these images as a run's record, for the statistics; without a folder, curves and maps."""
    rows = [row for cell in baseline.scores if cell.key in keys for row in _rows(baseline, cell)]
    kept = [row for row in rows if (row["model"], row["dataset"], row["sample"]) in images]
    empty = (typed(pd.DataFrame(), columns) for columns in (CURVES, MAPS, PHOTOS))
    return Record(Path("baseline"), baseline.info, typed(pd.DataFrame(kept), RESULTS), *empty)


def _rows(baseline: Baseline, cell: ScoreRecord) -> Iterator[dict[str, Any]]:
    images = next(group for group in baseline.images if group.key == (cell.model, cell.dataset))
    key = dict(zip(("model", "dataset", "layer", "method", "metric", "protocol"), cell.key, strict=True))
    for sample, target, value in zip(images.samples, images.targets, cell.values, strict=True):
        status, reason = ("ok", "") if value is not None else cell.reasons.get(sample, ABSENT)
        outcome = {"label": None, "target": target, "value": value, "status": status, "reason": reason}
        yield {**key, "sample": sample, **outcome}
