"""The suites' verdicts of this code against those that were stored: ``make suites``, or with names of suites.

``python -m tests.suites.stored update`` stores what the last runs in runs/suites said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

import benchbench as bb

HOME = Path(__file__).parent / "stored_verdicts"
RUNS = Path("runs/suites")
NAMES = ("weaknesses", "theorem", "bias", "sanity", "fooling", "trojan", "depth")
KEYS = ["question", "model", "dataset", "layer", "method"]
EXACT = 1e-3


def stored(name: str) -> pd.DataFrame:
    """The verdicts of a suite without arguments, as they were stored."""
    words = dict.fromkeys([*KEYS, "reason"], str)
    return pd.read_csv(HOME / f"{name}.csv", keep_default_na=False, na_values=[""], dtype=words).pipe(_keyed)


def differences(before: pd.DataFrame, now: pd.DataFrame) -> Iterator[str]:
    """What a reader of the first table would not expect in the second; each a line.

    A score with an interval has to lie in the stored interval, an exact one within a thousandth. No method that passed
    fails now, or the other way round; a verdict may become clear, or cease to be.

    Args:
        before, now: verdicts, indexed by question, setting and method.
    """
    for key in before.index.symmetric_difference(now.index):
        yield f"{_words(key)}: {'missing now' if key in before.index else 'new'}"
    for key in before.index.intersection(now.index):
        yield from (f"{_words(key)}: {line}" for line in _changes(before.loc[key], now.loc[key]))


def _changes(before: Any, now: Any) -> Iterator[str]:
    if before["status"] != now["status"]:
        yield f"{before['status']} before, {now['status']} now ({now['reason']})"
        return
    if before["status"] != "ok":
        return
    low, high = before["low"], before["high"]
    if pd.isna(low):
        low, high = before["score"] - EXACT, before["score"] + EXACT
    if not low <= now["score"] <= high:
        yield f"{before['score']:.3f} [{low:.3f}, {high:.3f}] before, {now['score']:.3f} now"
    passed, passes = before["passes"], now["passes"]
    if not pd.isna(passed) and not pd.isna(passes) and bool(passed) != bool(passes):
        yield f"{'passed' if passed else 'failed'} before, {'passes' if passes else 'fails'} now"


def verdicts_of(run: bb.Run) -> pd.DataFrame:
    """The verdicts of a run's suite, indexed as ``differences`` wants them.

    Raises:
        ValueError: the run has no answer.
    """
    answer = run.answer()
    if answer is None:
        raise ValueError(f"{run.folder} has no answer of a suite")
    return answer.verdicts.pipe(_keyed)


def update(name: str) -> None:
    """Store the verdicts of a run in runs/suites."""
    rows = verdicts_of(bb.Run.load(RUNS / name)).reset_index()
    HOME.mkdir(exist_ok=True)
    rows.to_csv(HOME / f"{name}.csv", index=False, float_format="%.5g")


def check(name: str) -> list[str]:
    """Run a suite without arguments and compare."""
    run = bb.Study(suite=name).run(RUNS / name, report=False, progress=True)
    return list(differences(stored(name), verdicts_of(run)))


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    text = rows.assign(**{key: rows[key].fillna("").astype(str) for key in [*KEYS, "reason"]})
    return text.set_index(KEYS).sort_index()


def _words(key: Any) -> str:
    return ", ".join(part for part in key if part)


def main(words: list[str]) -> int:
    names = [word for word in words if word != "update"] or list(NAMES)
    if "update" in words:
        for name in names:
            update(name)
        return 0
    changed = 0
    for name in names:
        lines = check(name)
        changed += len(lines)
        print(f"{name}: {'as stored' if not lines else f'{len(lines)} differences'}", *lines, sep="\n  ", flush=True)
    return int(changed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
