"""A suite's answer: asked once for one run, kept in the folder, read back, refused where it is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import Tensor, nn

import benchbench as bb
from benchbench.cli import listing
from benchbench.errors import BenchError
from benchbench.results.suite_answer import Question, SuiteAnswer, SuiteChart, SuitePicture, SuiteTable, valid_verdicts
from benchbench.suites.verdict_rows import absent_row, exact_row, mean_row

from ..networks import Pooled, seeded

pytestmark = pytest.mark.usefixtures("planted")
CALLS: list[int] = []


def answered(method: str = "gradcam", level: float = 0.5, **columns: Any) -> SuiteAnswer:
    row = {"question": "ease", "model": "net", "dataset": "val", "layer": "layer", "method": method, "n": 4}
    row |= {"score": 0.7, "low": 0.6, "high": 0.8, "passes": level < 0.7, "status": "ok", "reason": ""}
    table = SuiteTable("depths", "Depths", "A note.", pd.DataFrame({"method": [method], "x": [1.0]}), {"x": "x"})
    chart = SuiteChart("drawn", "Drawn", "A line.", "depths", "lines", "x", "x")
    picture = SuitePicture("sheet", "Sheet", "A picture.", b"\x89PNG")
    question = Question("ease", "Ease", "Is it easy?", level)
    verdicts = pd.DataFrame([row | columns])
    return SuiteAnswer("It is easy.", (question,), verdicts, ("A finding.",), (), (table,), (chart,), (picture,))


@pytest.fixture
def study(images: Tensor) -> dict[str, Any]:
    @bb.registry.suite("ease", keys=lambda level: {"methods": ["gradcam"], "metrics": ["sparseness"], "samples": 4})
    def ease(study: Any, folder: Path, progress: Any, *, level: float = 0.5) -> SuiteAnswer:
        """Is it easy."""
        CALLS.append(len(bb.Run.load(folder).record.maps))
        return answered(level=level)

    CALLS.clear()
    network: nn.Module = seeded(Pooled)
    return {"models": {"net": network}, "datasets": {"val": (images[:4, :, :32, :32], [0, 1, 0, 1])}}


def test_the_answer_is_kept_and_asked_for_once(study: dict[str, Any], tmp_path: Path) -> None:
    run = bb.Study(suite="ease", **study).run(tmp_path / "run", report=False)
    again = bb.Study(suite="ease", **study).run(tmp_path / "run", report=False)
    assert CALLS == [4]
    for answer in (run.answer(), again.answer()):
        assert answer is not None
        wanted = answered()
        assert answer.sentence == wanted.sentence
        assert answer.questions == wanted.questions
        assert answer.charts == wanted.charts
        assert answer.pictures[0].png == b"\x89PNG"
        pd.testing.assert_frame_equal(answer.verdicts, wanted.verdicts)
        pd.testing.assert_frame_equal(answer.tables[0].rows, wanted.tables[0].rows)


@pytest.mark.parametrize(
    "change",
    [{"suite": {"name": "ease", "level": 0.9}}, {"methods": ["gradcam", "layercam"]}, {"samples": 3}, {"seed": 1}],
)
def test_another_run_is_asked_again(change: dict[str, Any], study: dict[str, Any], tmp_path: Path) -> None:
    bb.Study(suite="ease", **study).run(tmp_path / "run", report=False)
    run = bb.Study(**{"suite": "ease", **study, **change}).run(tmp_path / "run", report=False, overwrite=True)
    assert len(CALLS) == 2
    answer = run.answer()
    assert answer is not None
    assert bool(answer.verdicts["passes"][0]) is ("level" not in str(change))
    assert run.record.info["study"]["suite"] == change.get("suite", "ease")


def test_the_report_and_files_have_the_answer_under_the_suite_s_title(study: dict[str, Any], tmp_path: Path) -> None:
    run = bb.Study(suite={"name": "ease", "level": 0.6}, **study).run(tmp_path / "run", report=False)
    words = run.record.info["suite"]
    assert (words["title"], words["summary"], words["paper"]) == ("ease (level=0.6)", "Is it easy.", "")
    names = {path.name for path in run.write_tables()}
    assert {"suite-verdicts.csv", "suite-verdicts.md", "suite-verdicts.tex", "suite-depths.csv"} <= names
    assert "> It is easy." in (tmp_path / "run" / "tables" / "suite-verdicts.md").read_text(encoding="utf-8")
    assert run.verdicts(wide=True)["ease"].tolist() == ["passes"]
    assert str(run).startswith("It is easy.")


def test_a_listing_shows_how_a_suite_is_run(study: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """``study`` registers the suite."""
    plugin = bb.registry.SUITES["ease"]
    listing.show(listing.entry(plugin))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith("ease")
    assert lines[1:4] == ["Is it easy.", "benchbench run --suite ease:level=...", "parameters: level: float = 0.5"]
    assert lines[4:] == ["methods: gradcam", "metrics: sparseness", "samples: 4"]


def test_a_listing_of_a_suite_that_needs_a_parameter(study: dict[str, Any]) -> None:
    @bb.registry.suite("needy", keys=lambda of: {"methods": [of, {"name": "fusion", "of": of}]})
    def needy(study: Any, folder: Path, progress: Any, *, of: str) -> None:
        """Needs a method."""

    assert listing.entry(bb.registry.SUITES["needy"])["keys"] == {}
    assert listing._listed(["gradcam", {"name": "fusion", "of": "layercam"}]) == "gradcam, fusion:of=layercam"


def test_a_damaged_answer_is_made_again(study: dict[str, Any], tmp_path: Path) -> None:
    bb.Study(suite="ease", **study).run(tmp_path / "run", report=False)
    (tmp_path / "run" / "suite" / "sheet.png").write_bytes(b"other")
    with pytest.raises(BenchError, match=r"sheet\.png"):
        bb.Run.load(tmp_path / "run").answer()
    run = bb.Study(suite="ease", **study).run(tmp_path / "run", report=False)
    assert len(CALLS) == 2
    assert run.answer() is not None


def test_an_edited_file_that_a_parameter_names_is_asked_again(images: Tensor, tmp_path: Path) -> None:
    @bb.registry.suite("versus", keys={"methods": ["gradcam"], "metrics": ["sparseness"], "samples": 4})
    def versus(study: Any, folder: Path, progress: Any, *, other: str = "") -> SuiteAnswer:
        """Against another network."""
        CALLS.append(1)
        return answered()

    CALLS.clear()
    file = tmp_path / "other.py"
    network: nn.Module = seeded(Pooled)
    data = {"val": (images[:4, :, :32, :32], [0, 1, 0, 1])}
    study = bb.Study(suite={"name": "versus", "other": f"{file}:make"}, models={"net": network}, datasets=data)
    for text, calls in (("a = 1", 1), ("a = 1", 1), ("a = 2", 2)):
        file.write_text(text, encoding="utf-8")
        study.run(tmp_path / "run", report=False)
        assert len(CALLS) == calls


def test_a_run_without_a_suite_has_no_answer(study: dict[str, Any], tmp_path: Path) -> None:
    bb.Study(suite="ease", **study).run(tmp_path / "run", report=False)
    keys = {"methods": ["gradcam"], "metrics": ["sparseness"], "samples": 4}
    assert bb.Study(**study, **keys).run(tmp_path / "run", report=False, overwrite=True).answer() is None


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"question": "other"}, "every question"),
        ({"status": "done"}, "status is one of"),
        ({"score": float("nan")}, "finite score"),
        ({"status": "failed", "score": float("nan"), "passes": None}, "has a reason"),
        ({"status": "failed", "reason": "x"}, "has no score"),
    ],
)
def test_broken_verdicts_are_refused(columns: dict[str, Any], rule: str) -> None:
    with pytest.raises(BenchError, match=rule):
        answered(**columns)


def test_a_verdict_needs_an_interval_on_one_side_of_the_threshold() -> None:
    question = Question("ease", "Ease", "Is it easy?", 0.5)
    sure, unsure = (
        mean_row(question, "a", [0.8, 0.9, 0.7, 0.8] * 5, 0),
        mean_row(question, "a", [0.1, 0.9, 0.6, 0.5], 0),
    )
    below = mean_row(question, "a", [0.2, 0.1, 0.2, 0.1] * 5, 0, model="net")
    assert (sure["passes"], unsure["passes"], below["passes"]) == (True, None, False)
    assert (below["model"], below["n"], below["layer"]) == ("net", 20, "")
    assert sure["low"] < sure["score"] < sure["high"]
    few = mean_row(question, "a", [0.9], 0)
    assert (few["passes"], few["low"], few["high"]) == (None, 0.0, 1.0)
    assert exact_row(question, "a", 0.5)["passes"] is False
    rows = [sure, exact_row(question, "b", 0.6), absent_row(question, "c", "no head"), below]
    assert len(valid_verdicts(pd.DataFrame(rows), (question,))) == 4


def test_a_chart_draws_columns_that_are_there() -> None:
    answer = answered()
    chart = SuiteChart("other", "Other", "A line.", "depths", "lines", "x", "z")
    with pytest.raises(BenchError, match=r"\['z'\]"):
        SuiteAnswer("", answer.questions, answer.verdicts, tables=answer.tables, charts=(chart,))
    with pytest.raises(BenchError, match="two parts"):
        SuiteAnswer("", answer.questions, answer.verdicts, tables=answer.tables * 2)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda: 1 / 0, r"suite: broken: it fails: ZeroDivisionError: division by zero"),
        (lambda: 3, "it returned int"),
    ],
)
def test_a_broken_suite_is_an_error_of_one_line(
    returned: Any, message: str, study: dict[str, Any], tmp_path: Path
) -> None:
    @bb.registry.suite("broken", keys={"methods": ["gradcam"], "metrics": ["sparseness"]})
    def broken(study: Any, folder: Path, progress: Any) -> Any:
        """Breaks."""
        return returned()

    with pytest.raises(BenchError, match=message):
        bb.Study(suite="broken", **study).run(tmp_path / "run", report=False)
    assert not bb.Run.load(tmp_path / "run").table.empty


def test_an_unknown_parameter_of_a_suite_is_refused(study: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match="no parameter 'levle'") as caught:
        bb.Study(suite={"name": "ease", "levle": 1}, **study)
    assert "level" in caught.value.hint
