"""Two runs against each other: ratios of costs, the tables, and the command."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchbench.reports.checks.two_runs import RunComparison
from benchbench.results.record import Record
from benchbench.results.schema import RESULTS, typed
from benchbench.results.store import Store
from benchbench.stats import cost_ratios, versus

from ..cli.commands import benchbench
from .conftest import HOSTILE
from .fake import Fake, fake_record

QUIET = Fake(layers=["last"], methods=["gradcam", "scorecam", "layercam"], samples=[f"s{i}" for i in range(20)])


def with_marks(record: Record, fake: Fake) -> Record:
    """With the fingerprints of samples, as run.json has them; the fake lacks them."""
    info = json.loads(json.dumps(record.info))
    for data in info["datasets"]:
        data["samples"] = {name: f"mark of {name}" for name in fake.samples}
    Store(record.folder).write_results({}, info)
    return Record.load(record.folder)


def pair(folder: Path, fake: Fake = QUIET) -> tuple[Record, Record]:
    """A run, and one with gradcam's deletion 0.1 better, scorecam's 0.1 worse and all runtimes doubled."""
    first = with_marks(fake_record(folder / "a", fake), fake)
    second = with_marks(fake_record(folder / "b", fake), fake)
    rows = second.results.copy()
    for method, shift in (("gradcam", -0.1), ("scorecam", 0.1)):
        chosen = (rows["metric"] == "deletion") & (rows["method"] == method)
        rows.loc[chosen, "value"] += shift
    rows.loc[rows["metric"].isin(["runtime", "runtime.q1", "runtime.q3"]), "value"] *= 2
    Store(second.folder).write_results({"results.parquet": typed(rows, RESULTS)}, second.info)
    return first, Record.load(second.folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Record]:
    return pair(tmp_path_factory.mktemp("runs"))


def test_costs_are_divided_quartile_by_quartile(runs: tuple[Record, Record]) -> None:
    ratios = cost_ratios(*runs)
    row = ratios[(ratios["metric"] == "runtime") & (ratios["method"] == "gradcam")].iloc[0]
    assert row["other_cost"] == pytest.approx(2 * row["cost"])
    assert row["ratio"] == pytest.approx(2)
    assert (row["low"], row["high"]) == (pytest.approx(2 * 40.5 / 43), pytest.approx(2 * 43 / 40.5))
    assert (ratios.loc[ratios["metric"] == "passes", "ratio"] == 1).all()
    assert set(ratios["metric"]) == {"runtime", "peak_memory", "passes"}


def test_costs_of_two_devices_are_not_divided(runs: tuple[Record, Record]) -> None:
    first, second = runs
    other = dataclasses.replace(second, info={**second.info, "device": {"kind": "cuda", "name": "Example GPU"}})
    ratios = cost_ratios(first, other)
    assert ratios["ratio"].isna().all()
    assert set(ratios["reason"]) == {"the devices differ: cpu, Example CPU, 2; cuda, Example GPU"}
    assert ratios["cost"].notna().all()


def test_a_cost_that_one_run_lacks(runs: tuple[Record, Record]) -> None:
    first, second = runs
    less = second.results[~((second.results["method"] == "gradcam") & second.results["sample"].isna())]
    ratios = cost_ratios(first, dataclasses.replace(second, results=less))
    assert set(ratios.loc[ratios["method"] == "gradcam", "reason"]) == {"the second run has no such cost"}
    assert set(ratios.loc[ratios["method"] != "gradcam", "reason"]) == {""}
    back = cost_ratios(dataclasses.replace(second, results=less), first)
    assert set(back.loc[back["method"] == "gradcam", "reason"]) == {"the first run has no such cost"}


def shown(compared: RunComparison) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(compared.renderable())
    return out.getvalue()


def test_the_terminal_has_every_verdict_in_80_columns(runs: tuple[Record, Record]) -> None:
    compared = RunComparison.of(*runs)
    text = shown(compared)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    flat = " ".join(text.split())
    counts = versus(*runs)["verdict"].value_counts()
    tally = ", ".join(f"{counts.get(v, 0)} {v}" for v in ("better", "worse", "equivalent", "inconclusive"))
    assert f"in 25 quality comparisons: {tally} and {counts.get('incomparable', 0)} incomparable." in flat
    assert (counts["better"], counts["worse"]) == (1, 1)
    assert "p < 0.001" in flat
    assert "2.00 [1.88, 2.12]" in flat
    assert "B - A [95 %]" in flat
    assert "B / A [quartiles]" in flat


def test_csv_and_json_are_at_full_precision(runs: tuple[Record, Record]) -> None:
    compared = RunComparison.of(*runs)
    rows = list(csv.DictReader(io.StringIO(compared.text("csv"))))
    quality = [row for row in rows if row["kind"] == "quality"]
    assert [float(row["mean_difference"]) for row in quality] == versus(*runs)["mean_difference"].tolist()
    assert sum(row["kind"] == "cost" for row in rows) == len(cost_ratios(*runs))
    read = json.loads(compared.text("json"))
    assert [row["verdict"] for row in read["quality"]] == versus(*runs)["verdict"].tolist()
    assert read["summary"] == compared.summary


def test_markdown_has_a_row_for_each(runs: tuple[Record, Record]) -> None:
    lines = [line for line in RunComparison.of(*runs).text("markdown").splitlines() if line.startswith("| ")]
    assert len(lines) == 25 + 15 + 2 * 2


def test_hostile_names_fold(tmp_path: Path) -> None:
    compared = RunComparison.of(*pair(tmp_path, HOSTILE))
    text = shown(compared)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "\u202e" not in text + compared.text("markdown")
    assert "<script" not in compared.text("markdown")


def test_the_command(runs: tuple[Record, Record], tmp_path: Path) -> None:
    a, b = (str(run.folder) for run in runs)
    done = benchbench("compare", a, b, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 better, 1 worse" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80
    done = benchbench("compare", a, b, "--format", "json", "--margin", "0.5", "--out", "c.json", cwd=tmp_path)
    assert done.stdout.strip() == "c.json"
    table = json.loads((tmp_path / "c.json").read_text())["quality"]
    assert {row["margin"] for row in table} == {0.5}
    assert benchbench("compare", a, b, "--models", "tinynet=tinynet", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{a}", "nowhere"], "nowhere is not the folder of a finished run"),
        (["{a}", "{b}", "--models", "tinynet=other"], "no model is called other. There are: tinynet"),
        (["{a}", "{b}", "--models", "tinynet"], "cannot read 'tinynet'"),
        (["{a}", "{b}", "--models", "a=b,a=c"], "a model is given twice"),
        (["{a}", "{b}", "--margin", "-1"], "margin is -1.0"),
        (["{a}", "{b}", "--format", "tabel"], "unknown format 'tabel'. Did you mean 'table'"),
        (["{a}", "{b}", "--out", "no/such/folder.csv", "--format", "csv"], "cannot write it"),
    ],
)
def test_a_mistake_is_one_line(runs: tuple[Record, Record], tmp_path: Path, words: list[str], message: str) -> None:
    a, b = (str(run.folder) for run in runs)
    done = benchbench("compare", *(word.format(a=a, b=b) for word in words), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
