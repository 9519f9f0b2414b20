"""What a suite found out: verdicts on methods, a sentence, and the tables, charts and pictures that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import pandas as pd

from ..errors import BenchError
from .record import Record
from .run_folder import plainly, read_known, read_table
from .schema import typed
from .store import Store

VERDICTS = {
    "question": "string",  # the name of a Question of the answer
    "model": "string",  # empty where a verdict is of several networks, or of a construction without one
    "dataset": "string",
    "layer": "string",
    "method": "string",
    "n": "Int64",  # units that the score is a mean over: images, networks or draws; 1 where the score is exact
    "score": "float64",  # missing unless status is ok
    "low": "float64",  # of the 95 % interval; missing where the score is exact, or of too few units
    "high": "float64",
    "passes": "boolean",  # missing where the interval has the threshold in it, and unless status is ok
    "status": "string",  # ok, failed or not_applicable
    "reason": "string",  # why there is no score; where there is one, why the method passes or fails, or empty
}
FOLDER = "suite"
ChartKind: TypeAlias = Literal["lines", "bars", "points"]


@dataclass(frozen=True)
class Question:
    """What each method is asked.

    Attributes:
        name: its key in verdicts.
        title: a few words, for the head of a column.
        text: what is planted or measured, and what the score is, in a sentence or two.
        threshold: a method passes where its score is above it.
        source: paper or equation.
        range: what scores lie in.
    """

    name: str
    title: str
    text: str
    threshold: float
    source: str = ""
    range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class SuiteTable:
    """A table beside the verdicts.

    Attributes:
        name: of its file, in lower case with hyphens; no other table, chart or picture of the answer has it.
        title: its heading.
        note: how to read it, in a sentence or two.
        rows: the numbers and words. A column ``method`` has the methods' labels, as verdicts do.
        headings: by column that is shown, its heading; the other columns are in the files alone.
    """

    name: str
    title: str
    note: str
    rows: pd.DataFrame
    headings: Mapping[str, str]


@dataclass(frozen=True)
class SuiteChart:
    """A chart of a table's rows.

    Attributes:
        name: of its file, as a table's.
        title: its heading.
        caption: what it shows, for those who do not see it too.
        table: the name of the table whose rows are drawn.
        kind: ``lines`` and ``points`` have a number or a word along x, ``bars`` a word.
        x: a column.
        y: a column of numbers.
        series: the column that tells colours apart, such as ``method``.
        panels: the column that tells charts beside each other apart; empty for one chart.
        low, high: columns with the ends of an interval; empty for none.
    """

    name: str
    title: str
    caption: str
    table: str
    kind: ChartKind
    x: str
    y: str
    series: str = "method"
    panels: str = ""
    low: str = ""
    high: str = ""


@dataclass(frozen=True, eq=False)
class SuitePicture:
    """A picture that the suite drew: photographs and maps beside each other.

    Attributes:
        name: of its file, as a table's.
        title: its heading.
        caption: what it shows, for those who do not see it too.
        png: the file's bytes.
    """

    name: str
    title: str
    caption: str
    png: bytes


@dataclass(frozen=True, eq=False)
class SuiteAnswer:
    """What a suite returns.

    Attributes:
        sentence: the answer in a sentence or two that may be quoted, with numbers, data and networks.
        questions: what was asked, in the order of the columns.
        verdicts: by the columns of VERDICTS, a row per question, setting and method.
        findings: further sentences, such as which method repairs which weakness.
        notes: limits and known criticism that a reader has to know.
        tables, charts, pictures: what is shown beneath, in this order.
    """

    sentence: str
    questions: tuple[Question, ...]
    verdicts: pd.DataFrame
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[SuiteTable, ...] = field(default=())
    charts: tuple[SuiteChart, ...] = ()
    pictures: tuple[SuitePicture, ...] = field(default=())

    def __post_init__(self) -> None:
        parts: tuple[SuiteTable | SuiteChart | SuitePicture, ...] = (*self.tables, *self.charts, *self.pictures)
        names = ["verdicts", *(part.name for part in parts)]
        for name in names:
            if names.count(name) > 1:
                raise BenchError(f"{name!r} names two parts of the answer", where="SuiteAnswer", hint="Rename one")
        known = {table.name: set(table.rows.columns) for table in self.tables}
        for chart in self.charts:
            columns = {chart.x, chart.y, chart.series, chart.panels, chart.low, chart.high} - {""}
            lacking = sorted(columns - known.get(chart.table, set()))
            if lacking:
                message = f"chart {chart.name!r} draws {lacking} of the table {chart.table!r}, which lacks them"
                raise BenchError(message, where="SuiteAnswer", hint="Name a table and columns of the answer")
        object.__setattr__(self, "verdicts", valid_verdicts(self.verdicts, self.questions))


def valid_verdicts(rows: pd.DataFrame, questions: tuple[Question, ...]) -> pd.DataFrame:
    """The verdicts by the columns of VERDICTS, if every row says what a row must.

    Raises:
        BenchError: the first rule that is broken.
    """
    verdicts = typed(rows, VERDICTS).reset_index(drop=True)
    ok = verdicts["status"] == "ok"
    rules = {
        "every question is a Question of the answer": verdicts["question"].isin([each.name for each in questions]),
        "status is one of ok, failed, not_applicable": verdicts["status"].isin(["ok", "failed", "not_applicable"]),
        "an ok row has a finite score": ~ok | verdicts["score"].abs().lt(float("inf")),
        "an exact score passes or fails": ~ok | verdicts["low"].notna() | verdicts["passes"].notna(),
        "a row without a score has a reason": ok | verdicts["reason"].str.len().gt(0),
        "a failed or not applicable row has no score": ok | verdicts["score"].isna(),
        "rows are unique": ~verdicts.duplicated(["question", "model", "dataset", "layer", "method"], keep=False),
    }
    for rule, holds in rules.items():
        if not holds.fillna(False).all():
            row = verdicts[~holds.fillna(False)].iloc[0].to_dict()
            raise BenchError(f"the suite's verdicts are broken ({rule}): {row}", hint="Please report this")
    return verdicts


def store_answer(
    store: Store, answer: SuiteAnswer, key: str, info: Mapping[str, Any], about: Mapping[str, str] | None = None
) -> None:
    """Write an answer into a run's folder: its tables, its pictures, and its words into run.json.

    Args:
        key: a digest of all that the answer depends on, by which ``answer_key`` knows it again.
        info: run.json of the run.
        about: the suite's ``title`` in reports, its ``summary`` and its ``paper``.
    """
    tables = {f"{FOLDER}/{table.name}.parquet": table.rows for table in answer.tables}
    pictures = {f"{FOLDER}/{picture.name}.png": picture.png for picture in answer.pictures}
    words = {
        **(about or {}),
        "key": key,
        "sentence": answer.sentence,
        "findings": answer.findings,
        "notes": answer.notes,
        "questions": [asdict(each) for each in answer.questions],
        "tables": [
            {"name": t.name, "title": t.title, "note": t.note, "headings": dict(t.headings)} for t in answer.tables
        ],
        "charts": [asdict(each) for each in answer.charts],
        "pictures": [{"name": p.name, "title": p.title, "caption": p.caption} for p in answer.pictures],
    }
    files: dict[str, pd.DataFrame | bytes] = {f"{FOLDER}/verdicts.parquet": answer.verdicts, **tables, **pictures}
    store.write_results(files, {**info, "suite": words})


def answer_key(info: Mapping[str, Any] | None) -> str:
    """The key under which run.json has an answer; empty where it has none."""
    return str(((info or {}).get("suite") or {}).get("key", ""))


def load_answer(record: Record) -> SuiteAnswer | None:
    """The answer of a run's suite; None where the run has none.

    Raises:
        BenchError: a file of it is not what the run wrote.
    """
    words = record.info.get("suite")
    return read_answer(record, words) if words else None


def read_answer(record: Record, words: Mapping[str, Any]) -> SuiteAnswer:
    """The answer whose words these are, with its files from the run's folder.

    Raises:
        BenchError: a file of it is not what the run wrote.
    """
    tables = [
        SuiteTable(
            t["name"],
            t["title"],
            t["note"],
            read_table(record.folder, record.info, f"{FOLDER}/{t['name']}.parquet"),
            t["headings"],
        )
        for t in words["tables"]
    ]
    pictures = [
        SuitePicture(p["name"], p["title"], p["caption"], _picture(record, f"{FOLDER}/{p['name']}.png"))
        for p in words["pictures"]
    ]
    return SuiteAnswer(
        words["sentence"],
        tuple(Question(**{**each, "range": tuple(each["range"])}) for each in words["questions"]),
        read_table(record.folder, record.info, f"{FOLDER}/verdicts.parquet"),
        tuple(words["findings"]),
        tuple(words["notes"]),
        tuple(tables),
        tuple(SuiteChart(**each) for each in words["charts"]),
        tuple(pictures),
    )


def _picture(record: Record, name: str) -> bytes:
    with plainly(record.folder):
        return read_known(record.folder, record.info, name)
