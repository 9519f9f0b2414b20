"""A suite's answer as people read it: for each setting a table of verdicts, methods down and questions across."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer, load_answer
from ..number_format import fixed, interval
from .display_names import displayed_answer
from .footnotes import Footnote, Notes, Remark, remarks_of
from .missing import listed

SETTING = ["model", "dataset", "layer"]
PASSES, FAILS, UNCLEAR, FAILED, ABSENT = "passes", "fails", "not clear", "failed", "not applicable"
MARKS = {PASSES: "✓", FAILS: "✗", UNCLEAR: "?", FAILED: "failed", ABSENT: "n/a", "": ""}
RULE = (
    "A method passes if the whole 95 % interval of its score is above the threshold, and fails if the whole interval "
    "is at or below it; otherwise the verdict is not clear. A score without an interval is exact."
)
LEGEND = "✓ passes, ✗ fails, ? not clear: the 95 % interval contains the threshold."
MOST_DIGITS = 4


@dataclass(frozen=True)
class VerdictCell:
    """What a method answers to a question.

    Attributes:
        verdict: ``passes``, ``fails``, ``not clear``, ``failed`` or ``not applicable``; empty where it was not asked.
        score: NaN without one; ``text`` is the score in words, ``interval`` empty where it is exact.
        n: units that the score is a mean over.
        reason: why there is no score, or why the method passes or fails.
    """

    verdict: str = ""
    score: float = math.nan
    text: str = ""
    interval: str = ""
    n: int = 0
    reason: str = ""

    @property
    def mark(self) -> str:
        """A sign in place of the verdict: ✓, ✗, ?, ``n/a`` or ``failed``."""
        return MARKS[self.verdict]

    @property
    def short(self) -> str:
        """``0.71 ✓``; ``n/a`` without a score."""
        return f"{self.text} {self.mark}".strip()

    @property
    def has_score(self) -> bool:
        return not math.isnan(self.score)


@dataclass(frozen=True)
class VerdictLine:
    """A method's row, with a cell for each column; ``notes``: numbers of the report's footnotes on it."""

    method: str
    control: bool
    cells: tuple[VerdictCell, ...]
    notes: tuple[int, ...] = ()


@dataclass(frozen=True)
class SharedReason:
    """Cells of a table that have one verdict and one reason.

    Attributes:
        methods, questions: as text, the first six by name.
        cells: how many.
    """

    verdict: str
    reason: str
    methods: str
    questions: str
    cells: int


@dataclass(frozen=True)
class VerdictTable:
    """The verdicts of a network, data set and layer; each is empty where the verdicts are of several or of none."""

    model: str
    dataset: str
    layer: str
    questions: tuple[Question, ...]
    lines: tuple[VerdictLine, ...]

    @property
    def title(self) -> str:
        """``resnet18 · photos · layer4``; empty without a setting."""
        return " · ".join(filter(None, (self.model, self.dataset, self.layer)))

    @property
    def methods(self) -> tuple[VerdictLine, ...]:
        return tuple(line for line in self.lines if not line.control)

    @property
    def controls(self) -> tuple[VerdictLine, ...]:
        return tuple(line for line in self.lines if line.control)

    @cached_property
    def exact(self) -> bool:
        """Whether no score has an interval."""
        return not any(cell.interval for line in self.lines for cell in line.cells)

    @cached_property
    def lost(self) -> tuple[SharedReason, ...]:
        """Why scores are missing, each reason once, the most frequent first."""
        return tuple(sorted(self._reasons(scored=False), key=lambda each: (each.verdict != FAILED, -each.cells)))

    @cached_property
    def because(self) -> tuple[SharedReason, ...]:
        """Why methods pass or fail, where the suite says it."""
        return tuple(self._reasons(scored=True))

    def _reasons(self, scored: bool) -> Iterator[SharedReason]:
        groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for line in self.lines:
            for question, cell in zip(self.questions, line.cells, strict=True):
                if cell.reason and cell.has_score == scored:
                    key = (cell.verdict, cell.reason, question.title if scored else "")
                    groups.setdefault(key, []).append((line.method, question.title))
        for (verdict, reason, _), places in groups.items():
            methods, questions = (listed(list(dict.fromkeys(names))) for names in zip(*places, strict=True))
            yield SharedReason(verdict, reason, methods, questions, len(places))


@dataclass(frozen=True, eq=False)
class SuiteReport:
    """A suite and its answer, under display names.

    Attributes:
        name: what ``--suite`` calls the suite; ``title`` with its parameters, ``summary`` its question.
        stored: the answer under the names of study files.
        methods: the run's, in the study's order.
        remarks: by method, what is known of its implementation.
    """

    name: str
    title: str
    summary: str
    paper: str
    answer: SuiteAnswer
    stored: SuiteAnswer
    methods: tuple[str, ...]
    controls: frozenset[str]
    remarks: Mapping[str, Remark] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """The suite's name in files and labels: lower case, digits and hyphens."""
        return f"suite-{re.sub(r'[^a-z0-9]+', '-', self.name.lower()).strip('-')}"

    @cached_property
    def labelled(self) -> pd.DataFrame:
        """The verdicts under the names of study files, with a column ``verdict``: ``passes``, ``fails``, ..."""
        return with_words(self.stored.verdicts)

    @cached_property
    def footnotes(self) -> tuple[Footnote, ...]:
        """The remarks on methods that have verdicts, each once; their numbers are those of all tables."""
        notes = Notes()
        for method in dict.fromkeys(map(str, self.answer.verdicts["method"])):
            if method in self.remarks:
                notes.number(method, self.remarks[method])
        return notes.footnotes

    @property
    def footnoted(self) -> frozenset[str]:
        """The methods on which the footnotes have a remark."""
        return frozenset(method for note in self.footnotes for method in note.methods)

    @cached_property
    def _numbers(self) -> dict[str, tuple[int, ...]]:
        numbered = enumerate(self.footnotes, start=1)
        return {method: (number,) for number, note in numbered for method in note.methods}

    @cached_property
    def tables(self) -> tuple[VerdictTable, ...]:
        """First the verdicts without a setting, then a table for each setting."""
        rows = self.answer.verdicts.fillna(dict.fromkeys((*SETTING, "reason"), ""))
        groups = [(tuple(map(str, key)), part) for key, part in rows.groupby(SETTING, sort=False, dropna=False)]
        return tuple(self._table(key, part) for key, part in sorted(groups, key=lambda group: any(group[0])))

    def _table(self, setting: tuple[str, ...], rows: pd.DataFrame) -> VerdictTable:
        asked = tuple(each for each in self.answer.questions if (rows["question"] == each.name).any())
        cells: dict[tuple[str, str], VerdictCell] = {}
        for question in asked:
            part = rows[rows["question"] == question.name]
            digits = _digits(question, part["score"])
            cells |= {(question.name, row["method"]): _cell(row, digits) for row in part.to_dict("records")}
        names = [str(name) for name in dict.fromkeys(rows["method"])]
        places = {name: place for place, name in enumerate(self.methods)}
        names.sort(key=lambda name: (name in self.controls, places.get(name, len(places))))
        nothing = VerdictCell()
        lines = (
            VerdictLine(
                name,
                name in self.controls,
                tuple(cells.get((q.name, name), nothing) for q in asked),
                self._numbers.get(name, ()),
            )
            for name in names
        )
        model, dataset, layer = setting
        return VerdictTable(model, dataset, layer, asked, tuple(lines))

    def taken(self, known: Mapping[str, Collection[str]], shown: Mapping[str, Mapping[str, str]]) -> SuiteReport:
        """The verdicts of a selection, under its names.

        Args:
            known: by column, the names of the run, of which a selection may leave some out.
            shown: by column, the names that are left, in order, each with the name to show.
        """
        rows = self.answer.verdicts
        keep = pd.Series(True, index=rows.index)
        for column, names in known.items():
            keep &= ~rows[column].isin([name for name in names if name not in shown[column]])
        renamed = {column: rows[column].replace(dict(names)) for column, names in shown.items()}
        kept, methods = rows.assign(**renamed)[keep], shown["method"]
        controls = frozenset(methods[name] for name in self.controls if name in methods)
        answer = replace(self.answer, verdicts=kept)
        stored = replace(self.stored, verdicts=self.stored.verdicts[keep.to_numpy()])
        remarks = {methods[name]: remark for name, remark in self.remarks.items() if name in methods}
        named = tuple(methods.values())
        return replace(self, answer=answer, stored=stored, methods=named, controls=controls, remarks=remarks)


def suite_report(record: Record, controls: frozenset[str]) -> SuiteReport | None:
    """The answer of a run's suite; None where the run has none.

    Args:
        record: as reports show it.
        controls: the display names of the run's controls.

    Raises:
        BenchError: a file of the answer is not what the run wrote.
    """
    stored = load_answer(record)
    if stored is None:
        return None
    suite: Any = record.info["study"].get("suite") or ""
    name = str(suite if isinstance(suite, str) else suite.get("name", ""))
    words = record.info["suite"]
    title = words.get("title") or name
    methods = tuple(method["name"] for method in record.info["methods"])
    answer = displayed_answer(stored, record.info)
    summary, paper = words.get("summary", ""), words.get("paper", "")
    remarks = remarks_of(record.info)
    return SuiteReport(name, title, summary, paper, answer, stored, methods, controls, remarks)


def with_words(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The rows of an answer's verdicts with a column ``verdict``, which says each in a word or two."""
    pairs = zip(verdicts["passes"], verdicts["status"], strict=True)
    return verdicts.assign(verdict=pd.Series([words_of(*pair) for pair in pairs], verdicts.index, dtype="string"))


def verdict_matrix(verdicts: pd.DataFrame, questions: Sequence[str]) -> pd.DataFrame:
    """A row per setting and method, and a column per question, with the verdicts in words; missing where not asked."""
    rows = with_words(verdicts)
    keys = [*SETTING, "method"]
    order = rows[keys].drop_duplicates()
    wide = order.set_index(keys)
    for name in questions:
        wide[name] = rows[rows["question"] == name].set_index(keys)["verdict"]
    return wide.reset_index()


def words_of(passes: Any, status: str) -> str:
    """The verdict of a row in a word or two: ``passes``, ``fails``, ``not clear``, ``failed``, ``not applicable``."""
    if status != "ok":
        return FAILED if status == "failed" else ABSENT
    return UNCLEAR if pd.isna(passes) else PASSES if passes else FAILS


def _cell(row: Mapping[Any, Any], digits: int) -> VerdictCell:
    score, low, high = (math.nan if pd.isna(row[name]) else float(row[name]) for name in ("score", "low", "high"))
    text = "" if math.isnan(score) else fixed(score, digits)
    n = 0 if pd.isna(row["n"]) else int(row["n"])
    verdict = words_of(row["passes"], row["status"])
    return VerdictCell(verdict, score, text, interval(low, high, digits), n, str(row["reason"]))


def _digits(question: Question, scores: Iterable[float]) -> int:
    """Three digits of the range; one more where a score would look like the threshold and is not."""
    known = [float(score) for score in scores if not pd.isna(score)]
    low, high = question.range
    span = high - low if math.isfinite(high - low) else max(map(abs, [*known, question.threshold]))
    digits = max(0, 2 - math.floor(math.log10(span))) if span > 0 else 2
    digits = min(digits, MOST_DIGITS)
    edge = fixed(question.threshold, digits)
    return digits + any(score != question.threshold and fixed(score, digits) == edge for score in known)


def short_titles(questions: Sequence[Question]) -> list[str]:
    """``Saturation > 0.75``: the title of each question, with the threshold above which a method passes."""
    return [f"{each.title} > {each.threshold:g}" for each in questions]
