"""What a run of the suite ``weaknesses`` shows, in sentences made of its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...formatting import join_words, plural
from ...vocabulary import INPUT
from ..shown_names import ShownNames
from .questions import DEPTH, DISTRACTORS, INSTANCES, PLANTED, QUESTIONS, SATURATION

BASE = "Grad-CAM"
SAME_QUESTION = {  # a trained question, and the planted cases that ask the same
    INSTANCES.name: ("several instances", "several instances, pooled"),
    SATURATION.name: ("saturation",),
    DISTRACTORS.name: ("weight is not contribution",),
}
ORACLE = "oracle"
_TITLE = {question.name: question.title for question in QUESTIONS}


@dataclass(frozen=True, eq=False)
class WeaknessVerdicts:
    """The verdicts of a run, with Grad-CAM's scores of the planted cases, which every method is compared with.

    Attributes:
        rows: by the columns of VERDICTS.
        base: by planted case, Grad-CAM's score.
        methods: the labels that are no controls and are not Grad-CAM, in the study's order.
        controls: the labels of the study's controls.
        last: by network, the study's last layer.
        titles: the display names.
    """

    rows: pd.DataFrame
    base: Mapping[str, float]
    methods: Sequence[str]
    controls: Sequence[str]
    last: Mapping[str, str]
    titles: ShownNames

    @property
    def weaknesses(self) -> list[str]:
        """The planted cases that Grad-CAM does not pass."""
        return [name for name, score in self.base.items() if not score > PLANTED[name].threshold]

    @property
    def subjects(self) -> list[str]:
        """The labels that are no controls, Grad-CAM among them."""
        return [label for label in self.rows["method"].drop_duplicates() if label not in self.controls]

    def passing(self, question: str, labels: Iterable[str]) -> list[str]:
        """The labels that pass a question everywhere that it was put to them."""
        return [label for label in labels if self._verdicts(question, label) == {True}]

    def failing(self, question: str, labels: Iterable[str]) -> list[str]:
        """The labels that fail a question somewhere."""
        return [label for label in labels if False in self._verdicts(question, label)]

    def repaired_by(self, question: str) -> list[str]:
        return self.passing(question, self.methods)

    def passing_planted(self, question: str) -> list[str]:
        """The labels, no controls, that pass every planted case that asks the same as a trained question."""
        cases = SAME_QUESTION[question]
        return [label for label in self.subjects if all(self.passing(case, [label]) for case in cases)]

    def trained(self, question: str, label: str) -> pd.DataFrame:
        """The verdicts of a method on a trained question at the last layer of each network, those with a score."""
        rows = self.rows[(self.rows["question"] == question) & (self.rows["method"] == label)]
        shown = (rows["layer"] == rows["model"].map(self.last)) | (rows["layer"] == INPUT)
        return rows[shown & (rows["status"] == "ok")]

    def named(self, labels: Iterable[str]) -> str:
        """The display names of methods, in a sentence."""
        return join_words(self.titles.methods[label] for label in labels)

    def _verdicts(self, question: str, label: str) -> set[bool | None]:
        rows = self.rows[(self.rows["question"] == question) & (self.rows["method"] == label)]
        rows = rows[rows["status"] == "ok"]
        return {_plainly(value) for value in rows["passes"]}


def sentence(verdicts: WeaknessVerdicts) -> str:
    """The answer that may be quoted."""
    return " ".join(filter(None, [_planted(verdicts), _trained(verdicts)]))


def _planted(verdicts: WeaknessVerdicts) -> str:
    """How many planted tests Grad-CAM fails, and who passes the most of these."""
    weak = verdicts.weaknesses
    first = f"{BASE} fails {len(weak)} of {len(verdicts.base)} planted tests of known weaknesses"
    counts = {label: sum(label in verdicts.repaired_by(name) for name in weak) for label in verdicts.methods}
    most = max(counts.values(), default=0)
    if not most:
        return f"{first}, and no other method of this run passes any of these {len(weak)}."
    best = [label for label, count in counts.items() if count == most]
    unsolved = [name for name in weak if not verdicts.repaired_by(name)]
    rest = f"no other method passes {_quoted(unsolved)}" if unsolved else "each of them is passed by some other method"
    each, verb = ("", "passes") if len(best) == 1 else (" each", "pass")
    return f"{first}; of these {len(weak)}, {verdicts.named(best)} {verb} the most ({most}{each}), and {rest}."


def _trained(verdicts: WeaknessVerdicts) -> str:
    """How often a method that passes a planted test passes, and fails, the same test in a trained network."""
    tallies = [_tally(verdicts, question) for question in SAME_QUESTION]
    won, lost, asked = (sum(numbers) for numbers in zip(*tallies, strict=True))
    if not asked:
        return ""
    rows = pd.concat([verdicts.trained(q, m) for q in SAME_QUESTION for m in verdicts.passing_planted(q)])
    networks = join_words(verdicts.titles.models[str(name)] for name in rows["model"].unique())
    data = join_words(verdicts.titles.datasets[str(name)] for name in rows["dataset"].unique())
    least, most = int(rows["n"].min()), int(rows["n"].max())
    images = plural(most, "image") if least == most else f"{least} to {most} images"
    return (
        f"In trained networks ({networks}, last layer, {images} of {data}), methods that pass a planted test "
        f"pass the same question in {won} of {plural(asked, 'case')} and fail in {lost}; {_open(asked - won - lost)}."
    )


def _open(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'} not clear"


def _tally(verdicts: WeaknessVerdicts, question: str) -> tuple[int, int, int]:
    """Of the methods that pass the planted test: how often they pass and fail in trained networks, and all times."""
    able = verdicts.passing_planted(question)
    passes = [_plainly(value) for label in able for value in verdicts.trained(question, label)["passes"]]
    return passes.count(True), passes.count(False), len(passes)


def findings(verdicts: WeaknessVerdicts) -> tuple[str, ...]:
    """Who repairs which weakness, what repairs cost, and what passes a planted test and fails in trained networks."""
    return (
        *(_repaired(verdicts, name) for name in verdicts.weaknesses),
        *_new_weaknesses(verdicts),
        *_tallies(verdicts),
        *_fails_in_trained(verdicts),
        *_depths(verdicts),
        *_controls(verdicts),
    )


def _repaired(verdicts: WeaknessVerdicts, name: str) -> str:
    score, threshold, by = verdicts.base[name], PLANTED[name].threshold, verdicts.repaired_by(name)
    who = f"{verdicts.named(by)} {'passes' if len(by) == 1 else 'pass'}" if by else "No other method of this run passes"
    return f"{_quoted([name])}: {BASE} fails with {score:.2f} (threshold {threshold:g}). {who}."


def _new_weaknesses(verdicts: WeaknessVerdicts) -> Iterator[str]:
    for name, score in verdicts.base.items():
        lost = verdicts.failing(name, verdicts.methods)
        if name not in verdicts.weaknesses and lost:
            verb = "fails" if len(lost) == 1 else "fail"
            yield f"{_quoted([name])}: {BASE} passes with {score:.2f}, but {verdicts.named(lost)} {verb}."


def _tallies(verdicts: WeaknessVerdicts) -> Iterator[str]:
    for question, cases in SAME_QUESTION.items():
        won, lost, asked = _tally(verdicts, question)
        if asked:
            who = verdicts.named(verdicts.passing_planted(question))
            yield (
                f"{_quoted([question])}, last layers: the methods that pass {_quoted(cases)} ({who}) pass in {won} of "
                f"{plural(asked, 'case')} and fail in {lost}; {_open(asked - won - lost)}."
            )


def _fails_in_trained(verdicts: WeaknessVerdicts) -> Iterator[str]:
    for question, cases in SAME_QUESTION.items():
        for label in verdicts.passing_planted(question):
            rows = verdicts.trained(question, label)
            lost = rows[rows["passes"].eq(False)]
            if len(lost):
                places = join_words(
                    f"{verdicts.titles.models[str(row.model)]} ({row.score:.2f})" for row in lost.itertuples()
                )
                yield (
                    f"{verdicts.named([label])} passes {_quoted(cases)} but fails {_quoted([question])} in {len(lost)} "
                    f"of {plural(len(rows), 'trained network')}: {places}."
                )


def _depths(verdicts: WeaknessVerdicts) -> Iterator[str]:
    rows = verdicts.rows[(verdicts.rows["question"] == DEPTH.name) & (verdicts.rows["status"] == "ok")]
    rows = rows[~rows["method"].isin(list(verdicts.controls))]
    for (model, dataset), group in rows.groupby(["model", "dataset"], sort=False):
        best = group.sort_values("score").iloc[-1]
        where = f"{verdicts.titles.models[str(model)]} with {verdicts.titles.datasets[str(dataset)]}"
        yield (
            f"On {where}, {verdicts.named([str(best['method'])])} localises best over all layers: {best['score']:.2f} "
            f"(95 % interval {best['low']:.2f} to {best['high']:.2f})."
        )


def _controls(verdicts: WeaknessVerdicts) -> Iterator[str]:
    known = list(verdicts.rows["question"].unique())
    for label in verdicts.controls:
        rows = verdicts.rows[verdicts.rows["method"] == label]
        title = verdicts.titles.methods[label]
        passed = [name for name in known if rows[rows["question"] == name]["passes"].eq(True).any()]
        if label == ORACLE:
            asked = rows[rows["status"] == "ok"]
            lost = sorted(set(asked[~asked["passes"].eq(True)]["question"]))
            does = f"does not clearly pass {_quoted(lost)}" if lost else "passes every question"
            yield f"The control {title}, which is given the truth, {does}."
        elif passed:
            yield (
                f"The control {title} passes {_quoted(passed)} at least once: to pass these alone says little about a "
                "method."
            )


def _plainly(value: Any) -> bool | None:
    return None if pd.isna(value) else bool(value)


def _quoted(names: Iterable[str]) -> str:
    """The titles of questions in quotation marks."""
    return join_words(f"“{_TITLE[name]}”" for name in names)
