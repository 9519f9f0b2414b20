"""The questions of the suite ``sanity``, and each method's score in each with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...results.record import Record
from ...results.suite_answer import Question
from ...study.spec import StudySpec
from ..verdict_rows import absent_row, interval_row, mean_row
from .label_similarities import LabelSimilarities
from .map_similarities import MEASURES, SETTING, TESTS, absences, image_scores, settings_of, test_of

THRESHOLD = 0.5
PAPER = "arXiv:1810.03292"
OVERALL = Question(
    "overall",
    "All tests",
    "The lowest score of the tests that could be made, with the lowest limits. A method passes if it passes all tests.",
    THRESHOLD,
    PAPER,
)
TEST_QUESTIONS = (
    Question(
        "cascade",
        "Random weights",
        "Every weight of the network is drawn anew. The score is the mean over images of 1 - max(0, similarity) of the "
        "maps before and after.",
        THRESHOLD,
        f"{PAPER}, cascading randomisation",
    ),
    Question(
        "independent",
        "One block random",
        "One block of layers is drawn anew and the others stay, for each block in turn. The score is the mean over "
        "blocks and images of 1 - max(0, similarity).",
        THRESHOLD,
        f"{PAPER}, independent randomisation",
    ),
    Question(
        "labels",
        "Random labels",
        "A network of the same architecture learned permuted labels of the same images by heart. The score is the mean "
        "over images of 1 - max(0, similarity) of the two networks' maps for the same class.",
        THRESHOLD,
        f"{PAPER}, data randomisation test",
    ),
    Question(
        "classes",
        "Another class",
        "Another class, drawn at random, is explained on the same network. The score is the mean over images of "
        "1 - max(0, similarity) of the two maps.",
        THRESHOLD,
        "arXiv:1912.09818",
    ),
)
QUESTIONS = (OVERALL, *TEST_QUESTIONS)
_Key = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SanityVerdicts:
    """Makes the verdicts of one run.

    Attributes:
        study: which has run.
        record: the run.
        similarities: of ``run_similarities``.
        labels: the label test, for its reasons.
        similarity: spearman or ssim, which decides.
    """

    study: StudySpec
    record: Record
    similarities: pd.DataFrame
    labels: LabelSimilarities
    similarity: str

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row per network, data set, layer, method and question: the question over all tests first."""
        missing = absences(self.study, self.record, self.similarity)
        scores: dict[str, dict[_Key, pd.DataFrame]] = {
            test: {
                tuple(map(str, key)): rows
                for key, rows in image_scores(self.similarities, test, self.similarity).groupby(SETTING)
            }
            for test in TESTS
        }
        for where in settings_of(self.study, self.record):
            for method in (choice.label for choice in self.study.methods):
                rows = []
                for question in TEST_QUESTIONS:
                    values = scores[question.name].get((*where.values(), method))
                    if values is None:
                        rows.append(self._absent(question, method, where, missing))
                        continue
                    reason, flat = f"mean similarity {values['y'].mean():.2f}", int(values["constant"].sum())
                    maps = "1 map is" if flat == 1 else f"{flat} maps are"
                    reason += f"; {maps} constant, which counts as similarity 1" if 0 < flat < len(values) else ""
                    reason = "all maps are constant" if flat == len(values) else reason
                    seed, each = self.study.seed, values["score"].tolist()
                    rows.append(mean_row(question, method, each, seed, reason=reason, **where))
                yield overall_row(rows, method, where)
                yield from rows

    def _absent(
        self, question: Question, method: str, where: Mapping[str, str], missing: Mapping[_Key, tuple[str, str]]
    ) -> dict[str, Any]:
        if question.name == "labels":
            return absent_row(question, method, self.labels.reason(where["model"], where["dataset"], method), **where)
        measured = [test_of(metric) for metric in self.study.metrics]
        if (question.name, self.similarity) not in measured:
            reason = f"no metric of the study measures it with {MEASURES[self.similarity]}"
            return absent_row(question, method, reason, **where)
        key = (*where.values(), method, question.name)
        status, why = missing.get(key, ("not_applicable", "no image has a value"))
        return absent_row(question, method, why, status=status, **where)


def overall_row(rows: Sequence[Mapping[str, Any]], method: str, where: Mapping[str, str]) -> dict[str, Any]:
    """The lowest score, with the lowest limits: the method passes if it passes all tests, and fails if it fails one.

    Args:
        rows: of the tests' questions.
        method: its label.
        where: the setting.
    """
    scored = [row for row in rows if row["status"] == "ok"]
    if not scored:
        return absent_row(OVERALL, method, str(rows[0]["reason"]), status=str(rows[0]["status"]), **where)
    lowest = min(scored, key=lambda row: float(row["score"]))
    limits = (min(float(row["low"]) for row in scored), min(float(row["high"]) for row in scored))
    title = next(question.title for question in TEST_QUESTIONS if question.name == lowest["question"])
    reason = f"lowest in {title.lower()}: {lowest['reason']}"
    return interval_row(OVERALL, method, float(lowest["score"]), limits, int(lowest["n"]), reason=reason, **where)
