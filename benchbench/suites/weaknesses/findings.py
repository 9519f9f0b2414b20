"""What a run of the suite ``weaknesses`` shows, in sentences made of its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...vocabulary import INPUT
from .questions import DISTRACTORS, INSTANCES, PLANTED, SATURATION, TRAINED

BASE = "Grad-CAM"
SAME_QUESTION = {  # a trained question, and the planted cases that ask the same
    INSTANCES.name: ("several instances", "several instances, pooled"),
    SATURATION.name: ("saturation",),
    DISTRACTORS.name: ("weight is not contribution",),
}
ORACLE = "oracle"


@dataclass(frozen=True, eq=False)
class WeaknessVerdicts:
    """The verdicts of a run, with Grad-CAM's scores of the planted cases, which every method is compared with.

    Attributes:
        rows: by the columns of VERDICTS.
        base: by planted case, Grad-CAM's score.
        methods: the labels that are no controls and are not Grad-CAM, in the study's order.
        controls: the labels of the study's controls.
        last: by network, the study's last layer.
    """

    rows: pd.DataFrame
    base: Mapping[str, float]
    methods: Sequence[str]
    controls: Sequence[str]
    last: Mapping[str, str]

    @property
    def weaknesses(self) -> list[str]:
        """The planted cases that Grad-CAM does not pass."""
        return [name for name, score in self.base.items() if not score > PLANTED[name].threshold]

    def passing(self, question: str, labels: Iterable[str]) -> list[str]:
        """The labels that pass a question everywhere that it was put to them."""
        return [label for label in labels if self._verdicts(question, label) == {True}]

    def failing(self, question: str, labels: Iterable[str]) -> list[str]:
        """The labels that fail a question somewhere."""
        return [label for label in labels if False in self._verdicts(question, label)]

    def repaired_by(self, question: str) -> list[str]:
        return self.passing(question, self.methods)

    def in_life(self, question: str, label: str) -> pd.DataFrame:
        """The verdicts of a method on a trained question at the last layer of each network, those with a score."""
        rows = self.rows[(self.rows["question"] == question) & (self.rows["method"] == label)]
        shown = (rows["layer"] == rows["model"].map(self.last)) | (rows["layer"] == INPUT)
        return rows[shown & (rows["status"] == "ok")]

    def _verdicts(self, question: str, label: str) -> set[bool | None]:
        rows = self.rows[(self.rows["question"] == question) & (self.rows["method"] == label)]
        rows = rows[rows["status"] == "ok"]
        return {_plainly(value) for value in rows["passes"]}


def repairs_table(verdicts: WeaknessVerdicts) -> pd.DataFrame:
    """A row for each planted case: Grad-CAM's score, the threshold, and who passes and who fails."""
    rows = []
    for name, score in verdicts.base.items():
        passing, failing = verdicts.repaired_by(name), verdicts.failing(name, verdicts.methods)
        rows.append(
            {
                "case": name,
                "gradcam": score,
                "threshold": PLANTED[name].threshold,
                "gradcam_passes": "yes" if score > PLANTED[name].threshold else "no",
                "passes": ", ".join(passing) or "none",
                "fails": ", ".join(failing) or "none",
            }
        )
    return pd.DataFrame(rows)


def findings(verdicts: WeaknessVerdicts) -> tuple[str, ...]:
    """Who repairs which weakness, what repairs cost, and what passes the algebra and fails in life."""
    return (
        *(_repaired(verdicts, name) for name in verdicts.weaknesses),
        *_new_weaknesses(verdicts),
        *_fails_in_life(verdicts),
        *_depths(verdicts),
        *_controls(verdicts),
    )


def sentence(verdicts: WeaknessVerdicts, models: Sequence[str], datasets: Sequence[str]) -> str:
    """The answer that may be quoted."""
    weak = verdicts.weaknesses
    counts = {label: sum(label in verdicts.repaired_by(name) for name in weak) for label in verdicts.methods}
    first = f"{BASE} has {len(weak)} of {len(verdicts.base)} planted weaknesses"
    most = max(counts.values(), default=0)
    if not most:
        return f"{first}; no other method of this run repairs any. {_life(verdicts, models, datasets)}".rstrip()
    best = [label for label, count in counts.items() if count == most]
    open_ones = [name for name in weak if not verdicts.repaired_by(name)]
    left = f"; nobody repairs {_quoted(open_ones)}" if open_ones else "; each of them is repaired by some method"
    verb = "repairs" if len(best) == 1 else "repair"
    return f"{first}: {_list(best)} {verb} the most, {most}{left}. {_life(verdicts, models, datasets)}".rstrip()


def _life(verdicts: WeaknessVerdicts, models: Sequence[str], datasets: Sequence[str]) -> str:
    """In how many networks who passes by algebra passes, and fails, at the last layer too."""
    parts = []
    for question, cases in SAME_QUESTION.items():
        able = [label for label in _all(verdicts) if _by_algebra(verdicts, cases, label)]
        passes = [value for label in able for value in verdicts.in_life(question, label)["passes"]]
        if passes:
            won, lost = (sum(value is wanted for value in map(_plainly, passes)) for wanted in (True, False))
            parts.append(f"{_quoted([_title(question)])} {won} ({lost}) of {len(passes)}")
    if not parts:
        return ""
    where = f"{_list(models)} on {_list(datasets)}"
    return (
        f"Methods that pass by algebra pass (fail) at the last layer of {where}: {', '.join(parts)}; others are open."
    )


def _repaired(verdicts: WeaknessVerdicts, name: str) -> str:
    by = verdicts.repaired_by(name)
    score, threshold = verdicts.base[name], PLANTED[name].threshold
    who = f"repaired by {_list(by)}" if by else "repaired by no method of this run"
    return f"{_quoted([name])}: {BASE} scores {score:.2f} and fails (threshold {threshold:g}); {who}."


def _new_weaknesses(verdicts: WeaknessVerdicts) -> list[str]:
    strong = [name for name in verdicts.base if name not in verdicts.weaknesses]
    losers = {name: verdicts.failing(name, verdicts.methods) for name in strong}
    return [
        f"{_quoted([name])}: {BASE} passes; {_list(by)} {'fails' if len(by) == 1 else 'fail'}."
        for name, by in losers.items()
        if by
    ]


def _fails_in_life(verdicts: WeaknessVerdicts) -> list[str]:
    lines = []
    for question, cases in SAME_QUESTION.items():
        for label in _all(verdicts):
            rows = verdicts.in_life(question, label)
            lost = rows[rows["passes"].eq(False)]
            if len(lost) and _by_algebra(verdicts, cases, label):
                places = ", ".join(f"{row.model} ({row.score:.2f})" for row in lost.itertuples())
                fails = f"{_quoted([_title(question)])} in {len(lost)} of {len(rows)} trained networks: {places}"
                lines.append(f"{label} passes {_quoted(cases)} by algebra and fails {fails}.")
    return lines


def _depths(verdicts: WeaknessVerdicts) -> list[str]:
    depth = TRAINED[-1].name
    rows = verdicts.rows[(verdicts.rows["question"] == depth) & (verdicts.rows["status"] == "ok")]
    rows = rows[~rows["method"].isin(list(verdicts.controls))]
    best = [group.sort_values("score").iloc[-1] for _, group in rows.groupby(["model", "dataset"], sort=False)]
    return [
        f"Depth: on {row['model']} ({row['dataset']}) {row['method']} localises best over all layers, "
        f"{row['score']:.2f} (95 % interval {row['low']:.2f} to {row['high']:.2f})."
        for row in best
    ]


def _controls(verdicts: WeaknessVerdicts) -> list[str]:
    known = list(verdicts.rows["question"].unique())
    lines = []
    for label in verdicts.controls:
        rows = verdicts.rows[verdicts.rows["method"] == label]
        passed = [name for name in known if rows[rows["question"] == name]["passes"].eq(True).any()]
        if label == ORACLE:
            asked = rows[rows["status"] == "ok"]
            lost = sorted(set(asked[~asked["passes"].eq(True)]["question"]))
            does = f"does not clearly pass {_quoted(lost)}" if lost else "passes every question"
            lines.append(f"{label}, the truth itself, {does}.")
        elif passed:
            lines.append(f"{label}, a control, passes {_quoted(passed)}: do not read these alone.")
    return lines


def _all(verdicts: WeaknessVerdicts) -> list[str]:
    labels = verdicts.rows["method"].drop_duplicates()
    return [label for label in labels if label not in verdicts.controls]


def _by_algebra(verdicts: WeaknessVerdicts, cases: Iterable[str], label: str) -> bool:
    return all(verdicts.passing(case, [label]) for case in cases)


def _title(question: str) -> str:
    return question.removesuffix(", trained")


def _plainly(value: Any) -> bool | None:
    return None if pd.isna(value) else bool(value)


def _quoted(names: Iterable[str]) -> str:
    return _list(f"“{name}”" for name in names)


def _list(names: Iterable[str]) -> str:
    words = list(names)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
