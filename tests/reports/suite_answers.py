"""Planted answers of a suite in a fake run's folder."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from benchbench.results.record import Record
from benchbench.results.store import Store
from benchbench.results.suite_answer import (
    Question,
    SuiteAnswer,
    SuiteChart,
    SuitePicture,
    SuiteTable,
    store_answer,
)
from benchbench.suites.verdict_rows import absent_row, exact_row, interval_row

from .fake import CAM_REASON, Fake, fake_record

SENTENCE = "Layer-CAM repairs 1 of 2 weaknesses of Grad-CAM (exact scores)."
ABOUT = {"title": "Weaknesses of Grad-CAM", "summary": "Who repairs what.", "paper": "arXiv:1710.11063"}
QUESTIONS = (
    Question("small", "Small objects", "The lowest peak over the highest.", 0.5, "arXiv:1710.11063"),
    Question("saturated", "Saturation", "The share of slopes.", 0.75),
)
SMALL = Fake(
    methods=["cam", "gradcam", "layercam"],
    controls=["random"],
    quality=["deletion"],
    samples=["a", "b", "c", "d"],
)


def asked_record(folder: Path, fake: Fake = SMALL, **changed: Any) -> Record:
    """A fake run with an answer.

    Args:
        changed: ``answer``, ``about`` or ``suite`` in place of the planted ones.
    """
    record = fake_record(folder, fake)
    answer = changed.get("answer") or planted_answer(record)
    info = {**record.info, "study": {**record.info["study"], "suite": changed.get("suite", "weaknesses")}}
    store_answer(Store(folder), answer, "0" * 64, info, changed.get("about", ABOUT))
    return Record.load(folder)


def planted_answer(record: Record, questions: tuple[Question, ...] = QUESTIONS, **changed: Any) -> SuiteAnswer:
    """Exact verdicts without a setting, and verdicts with intervals for each setting; cam is not applicable."""
    rows = pd.DataFrame([row for place in _places(record) for row in _rows(record, questions, place)])
    tables = (_by_layer(record), _shares(record))
    charts = (
        SuiteChart("lines", "Score by layer", "A line per method.", "by-layer", "lines", "layer", "score", "method"),
        SuiteChart(
            "bars", "Shares", "Bars of shares.", "shares", "bars", "group", "share", "network", low="low", high="high"
        ),
        SuiteChart("points", "Points", "Points of shares.", "shares", "points", "x", "share", "group", "network"),
    )
    pictures = (SuitePicture("sheet", "Maps", "A photograph beside its map.", png()),)
    parts: dict[str, Any] = {"tables": tables, "charts": charts, "pictures": pictures}
    parts |= {"findings": ("Layer-CAM repairs saturation.",), "notes": ("The constructions are small.",)}
    return SuiteAnswer(SENTENCE, questions, rows, **{**parts, **changed})


def _places(record: Record) -> Iterator[dict[str, str]]:
    yield {}
    for model in record.info["models"]:
        for dataset in record.info["datasets"]:
            yield from (
                {"model": model["name"], "dataset": dataset["name"], "layer": layer} for layer in model["layers"]
            )


def _rows(record: Record, questions: tuple[Question, ...], place: dict[str, str]) -> Iterator[dict[str, Any]]:
    for asked in questions:
        for number, method in enumerate(record.info["methods"]):
            name, score = method["name"], 0.1 if method["control"] else (0.3 + 0.25 * number) % 1
            if name == "cam":
                yield absent_row(asked, name, CAM_REASON, **place)
            elif place:
                yield interval_row(asked, name, score, (score - 0.08, score + 0.08), 40, **place)
            else:
                yield exact_row(asked, name, score, reason="a small peak is lost" if score < 0.5 else "")


def _by_layer(record: Record) -> SuiteTable:
    rows = [
        {
            "method": m["name"],
            "layer": f"layer{depth}",
            "score": 0.2 * depth,
            "p": 1e-7 * depth,
            "ok": depth > 1,
            "n": 40,
        }
        for m in record.info["methods"]
        for depth in (1, 2, 3, 4)
    ]
    headings = {"method": "Method", "layer": "Layer", "score": "Score", "p": "p", "ok": "Solved", "n": "Images"}
    return SuiteTable("by-layer", "Scores by layer", "A note.", pd.DataFrame(rows), headings)


def _shares(record: Record) -> SuiteTable:
    rows = [
        {"network": network, "group": f"group {i % 40}", "x": i / 40, "share": i / 50, "low": i / 60, "high": i / 40}
        for network in ("biased", "repaired")
        for i in range(40)
    ]
    return SuiteTable(
        "shares", "Shares", "", pd.DataFrame(rows), {"network": "Network", "group": "Group", "share": "Share"}
    )


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 30), "teal").save(out, "PNG")
    return out.getvalue()
