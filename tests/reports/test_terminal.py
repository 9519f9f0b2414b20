"""The terminal after a run: the answer first, a table for each family of metrics, in the terminal's width."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from benchbench.api.run import Run
from benchbench.reports.leaderboard.family_tables import FamilyTable, family_tables, methods_in_order
from benchbench.reports.leaderboard.findings import accuracy as page_accuracy
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.score_text import score_text
from benchbench.reports.leaderboard.short_answer import accuracy, answer, missing, network_notes, work
from benchbench.reports.leaderboard.short_answer import settings as settings_text
from benchbench.reports.leaderboard.stability import stability_text
from benchbench.reports.leaderboard.summary import loud
from benchbench.reports.terminal.overview import MOST_LINES, Overview
from benchbench.results.record import Record
from benchbench.stats import CELL, OrderCase
from benchbench.stats.order_stability import Change

from .fake import CAM_REASON, Fake, fake_record
from .shared import html_of

METHODS = ("cam", "gradcam", "gradcam++", "scorecam", "layercam", "hirescam")
FAMILIES = {"average_gain": "robustness", "average_drop": "complexity"}


def with_metrics(record: Record, change: dict[str, dict[str, Any]]) -> Record:
    metrics = [{**entry, **change.get(entry["name"], {})} for entry in record.info["metrics"]]
    info = {**record.info, "metrics": metrics}
    return Record(record.folder, info, record.results, record.curves, record.maps, record.photos)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """Two networks, two data sets, two layers, six methods, eight metrics of five families, with a warning."""
    fake = Fake(
        models=["resnet18", "squeezenet1_1"],
        datasets=["photos", "validation"],
        methods=METHODS,
        samples=[f"photo-{i}" for i in range(20)],
        failing="layercam",
        warning="the weights are random, so the maps explain an untrained network and no result is of any use",
    )
    record = fake_record(tmp_path_factory.mktemp("eight"), fake)
    return Marked.of(with_metrics(record, {name: {"family": family} for name, family in FAMILIES.items()}))


def printed(marked: Marked, width: int = 80, verbose: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(Overview(marked, verbose))
    return out.getvalue()


def table(marked: Marked, family: str) -> FamilyTable:
    (only,) = [each for each in family_tables(marked) if each.family == family]
    return only


def test_eight_settings_fit_in_sixty_lines(eight: Marked) -> None:
    lines = printed(eight).splitlines()
    assert len(lines) <= 60 - 3, "the command adds three: the work, the report's path, failed rows"
    assert lines[0].startswith("Best overall: ")
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "8 settings (2 networks × 2 data sets × 2 layers), 20 images each" in text
    assert "Accuracy of resnet18: 10 of 12 (83 %) on photos, 10 of 12 (83 %) on validation" in text
    assert f"cam: not applicable: {CAM_REASON} (8 of 8 settings)" in text
    assert "Warning: resnet18 and squeezenet1_1: the weights are random" in text
    assert len(printed(eight, verbose=True).splitlines()) > 400


@settings(max_examples=20, deadline=None)
@given(width=st.integers(44, 200))
def test_no_number_is_cut_at_any_width(eight: Marked, width: int) -> None:
    text = printed(eight, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    words = Counter(text.split())
    cells = [cell for each in family_tables(eight) for row in each.rows for cell in (row.rank, *row.cells)]
    for word, times in Counter(word for cell in cells for word in cell.text.split()).items():
        assert words[word] >= times or any(other.startswith(word) for other in words)


def test_ranks_are_means_over_the_settings(eight: Marked) -> None:
    ranks = eight.verdicts.leaderboard()
    assert table(eight, "cost").columns[0].metric.name == "runtime"
    faithfulness = table(eight, "faithfulness")
    assert [column.metric.name for column in faithfulness.columns] == ["deletion", "insertion"]
    for row in faithfulness.rows:
        for column, cell in zip(faithfulness.columns, row.cells, strict=True):
            rows = ranks[(ranks["metric"] == column.metric.name) & (ranks["method"] == row.method)]
            if row.method == "cam":
                assert cell.text == "n/a"
                continue
            assert len(rows) == 8
            assert float(cell.text) == pytest.approx(rows["rank"].mean(), abs=0.006)
            keys = rows[CELL].itertuples(index=False, name=None)
            worse = [eight.marks[tuple(map(str, key))].worse for key in keys]
            assert cell.worse == sum(worse)
    assert sum(cell.worse for row in faithfulness.rows for cell in row.cells) > 0


def test_a_family_s_best_rank_is_bold_and_what_lacks_settings_never_is(tmp_path: Path) -> None:
    record = fake_record(
        tmp_path, Fake(methods=["gradcam", "layercam", "hirescam"], samples=[f"p{i}" for i in range(20)])
    )
    results = record.results.copy()
    gone = (results["method"] == "gradcam") & (results["layer"] == "stage3") & (results["metric"] == "deletion")
    results.loc[gone, ["status", "value", "reason"]] = ["not_applicable", None, "as planted"]
    marked = Marked.of(Record(tmp_path, record.info, results, record.curves, record.maps, record.photos))
    cells = {row.method: row.cells[0] for row in table(marked, "faithfulness").rows}
    assert [name for name, cell in cells.items() if cell.partial] == ["gradcam"]
    assert not cells["gradcam"].best
    assert not cells["gradcam"].second
    assert sum(cell.best for cell in cells.values()) >= 1
    text = " ".join(printed(marked).split())
    assert re.search(rf"{cells['gradcam'].text}( †\d)?\*", text)
    assert "* not in all settings, so not comparable" in text
    assert "gradcam: not applicable: as planted (1 of 2 settings)" in text


def test_networks_with_a_warning_are_in_no_rank(tmp_path: Path) -> None:
    fake = Fake(models=["good", "bad"], methods=["gradcam", "layercam"], samples=[f"p{i}" for i in range(12)])
    record = fake_record(tmp_path, fake)
    models = [{**each, "warning": "random weights" * (each["name"] == "bad")} for each in record.info["models"]]
    info = {**record.info, "models": models}
    marked = Marked.of(Record(tmp_path, info, record.results, record.curves, record.maps, record.photos))
    ranks = marked.verdicts.leaderboard()
    good = ranks[(ranks["model"] == "good") & (ranks["metric"] == "deletion")].groupby("method")["rank"].mean()
    for row in table(marked, "faithfulness").rows:
        assert float(row.cells[0].text) == pytest.approx(good[row.method], abs=0.006)
    assert "bad is left out of the order, because it has a warning" in " ".join(printed(marked).split())


def test_a_run_that_says_no_families_has_its_columns(eight: Marked) -> None:
    old = with_metrics(eight.board.record, {name: {"family": ""} for name in ("deletion", "insertion", "increase")})
    assert [column.metric.name for column in table(Marked.of(old), "quality").columns] == [
        "deletion",
        "insertion",
        "increase",
    ]


def test_a_single_setting_has_its_means_marks_and_controls(single: Record) -> None:
    marked = Marked.of(single)
    text = printed(marked)
    for shown in marked.cells.values():
        assert shown.cell.text in text
    assert "random" in text
    daggers = sum(shown.mark.worse for shown in marked.cells.values())
    assert daggers > 0
    assert text.count("†") == daggers + 1, "and once in the legend"


def test_the_methods_stand_in_the_overall_order(eight: Marked) -> None:
    order = [name for name in eight.verdicts.overall["method"] if name != "cam"]
    assert [name for name in methods_in_order(eight) if name in order] == order
    for each in family_tables(eight):
        assert [row.method for row in each.rows if row.method in order] == order


def test_the_lowest_and_the_highest_cost_of_the_settings(eight: Marked) -> None:
    costs = table(eight, "cost")
    tidy = eight.board.tidy
    for row in costs.rows:
        means = tidy[(tidy["method"] == row.method) & (tidy["metric"] == "runtime")]["mean"].dropna()
        if len(means):
            low, _, high = row.cells[0].text.partition(" - ")
            assert (float(low), float(high or low)) == pytest.approx((means.min(), means.max()), abs=0.051)


def test_metrics_that_a_control_wins_everywhere_are_named_and_not_shown(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(methods=["gradcam", "layercam"], samples=[f"p{i}" for i in range(12)]))
    results = record.results.copy()
    rows = (results["metric"] == "deletion") & (results["method"] == "random")
    results.loc[rows, "value"] = 0.0
    marked = Marked.of(Record(tmp_path, record.info, results, record.curves, record.maps, record.photos))
    faithfulness = table(marked, "faithfulness")
    assert [metric.name for metric in faithfulness.left_out] == ["deletion"]
    text = " ".join(printed(marked).split())
    assert "deletion AUC (rise-28) in all settings that count, not shown" in text
    assert "del ↓" not in text


@pytest.mark.parametrize(
    ("fake", "sentence"),
    [
        (
            Fake(samples=["a", "b"]),
            "No method is called best overall: too few images (2; a significant",
        ),
        (Fake(methods=["gradcam"]), "There are fewer than two methods"),
    ],
)
def test_why_no_method_is_best(tmp_path: Path, fake: Fake, sentence: str) -> None:
    assert answer(Marked.of(fake_record(tmp_path, fake)))[0].startswith(sentence)


def test_a_run_of_costs_alone(single: Record) -> None:
    rows = single.results[single.results["sample"].isna()]
    record = Record(single.folder, single.info, rows, single.curves, single.maps, single.photos)
    text = printed(Marked.of(record))
    assert text.startswith("No quality metric was computed")
    assert "Measured costs, tinynet · photos · last" in text
    assert "runtime ms ↓" in text


def test_long_names_fold_and_are_not_markup(tmp_path: Path, hostile: Record) -> None:
    name = "scorecam(" + "variant=torchcam, " * 6 + ")"
    fake = Fake(models=["[bold]net[/]"], methods=["gradcam", name, "[link=x]a", "[/]"], samples=["s", "t", "u"])
    text = printed(Marked.of(fake_record(tmp_path, fake)))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "[link=x]a" in text
    assert "Accuracy of [bold]net[/]" in text
    assert "\u202e" not in printed(Marked.of(hostile))


def test_a_long_protocol_folds(tmp_path: Path, single: Record) -> None:
    protocol = "custom(fill=gaussian-15, order=descending, steps=14, target=logit, unit=superpixel)"
    results = single.results.copy()
    results["protocol"] = results["protocol"].replace("rise-28", protocol)
    metrics = [
        {**entry, "protocol": entry["protocol"].replace("rise-28", protocol)} for entry in single.info["metrics"]
    ]
    info = {**single.info, "metrics": metrics}
    marked = Marked.of(Record(single.folder, info, results, single.curves, single.maps, single.photos))
    text = printed(marked)
    assert "…" not in text
    assert all(shown.cell.text in text for shown in marked.cells.values())
    assert "unit=superpixel)" in text


def test_a_metric_has_the_user_s_name(single: Record) -> None:
    renamed = with_metrics(single, {"deletion": {"title": "Removal", "user_title": "Removal"}})
    assert "Removal ↓" in printed(Marked.of(renamed))
    assert "del ↓" in printed(Marked.of(single))


def test_many_methods_are_cut_short_and_said(tmp_path: Path) -> None:
    fake = Fake(methods=[f"method{i}" for i in range(24)], samples=[f"p{i}" for i in range(3)])
    text = printed(Marked.of(fake_record(tmp_path, fake)))
    assert "4 more methods: see the report" in text


def test_warnings_are_few_lines_and_the_rest_is_counted(eight: Marked) -> None:
    warnings = loud(eight.board)
    text = printed(eight)
    shown = text.count("Warning: ")
    lines = [line for line in text.splitlines()[-MOST_LINES - 1 :] if line]
    assert 0 < shown < len(warnings)
    assert f"{len(warnings) - shown} more warning" in lines[-1]
    assert printed(eight, verbose=True).count("Warning: ") == len(warnings)


def test_the_settings_in_words(tmp_path: Path, single: Record) -> None:
    assert settings_text(Marked.of(single)) == "tinynet · photos · last, 12 images"
    odd = fake_record(tmp_path, Fake(layers=["a", "b", "c"], methods=["gradcam", "layercam"]))
    assert settings_text(Marked.of(odd)) == "3 settings (1 network × 1 data set × 3 layers), 12 images each"
    rows = odd.results[(odd.results["layer"] != "c") | (odd.results["sample"] != "photo-00")]
    fewer = Marked.of(Record(tmp_path, odd.info, rows, odd.curves, odd.maps, odd.photos))
    assert settings_text(fewer).endswith(", 11 to 12 images each")


def test_each_reason_is_said_once(eight: Marked) -> None:
    reasons = missing(eight)
    assert len(reasons) == len(set(reasons)) <= 5


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        ([], []),
        ([("a", "d", 0, 0)], ["No image has a label that a network knows, so the networks' accuracy is unknown."]),
        ([("a", "d", 3, 4), ("a", "e", 0, 0)], ["Accuracy of a: 3 of 4 (75 %) on d, no label that it knows in e"]),
        (
            [("a", "d", 3, 4), ("b", "d", 4, 4)],
            ["Accuracy of a: 3 of 4 (75 %) on d", "Accuracy of b: 4 of 4 (100 %) on d"],
        ),
    ],
)
def test_accuracy(rows: list[tuple[str, str, int, int]], sentences: list[str]) -> None:
    names = ("model", "dataset", "right", "labelled")
    assert accuracy({"accuracy": [dict(zip(names, row, strict=True)) for row in rows]}) == sentences


def test_accuracy_under_other_readings() -> None:
    row = {"model": "a", "dataset": "d", "right": 0, "labelled": 12, "readings": {"one-based": 1, "sorted": 12}}
    assert accuracy({"accuracy": [row]}) == [
        "Accuracy of a: 0 of 12 (0 %; 1 with classes: one-based; 12 with classes: sorted) on d"
    ]


def test_accuracy_of_pictures_with_several_labels(single: Record) -> None:
    row = {"model": "a", "dataset": "d", "right": 6, "labelled": 11}
    row["pictures"] = {"labelled": 6, "several": 5, "right": 6}
    several = "5 of the 6 pictures have several labels, and the predicted class is one of a picture's labels in 6 of 6"
    assert accuracy({"accuracy": [row]}) == [f"Accuracy of a: 6 of 11 labels (55 %) on d; {several}"]
    info = {**single.info, "accuracy": [row]}
    model, data = (single.info[kind][0]["name"] for kind in ("models", "datasets"))
    info["accuracy"] = [{**row, "model": model, "dataset": data}]
    whole = Record(single.folder, info, single.results, single.curves, single.maps, single.photos)
    assert f"6 of 11 labels correct on {data}" in html_of(whole)
    info = {**info, "accuracy": [row]}
    board = Marked.of(Record(single.folder, info, single.results, single.curves, single.maps, single.photos)).board
    assert page_accuracy(board) == [f"a: 6 of 11 labels correct on d; {several}"]


def noted(marked: Marked, notes: list[str]) -> Marked:
    record = marked.board.record
    models = [{**model, "note": note} for model, note in zip(record.info["models"], notes, strict=True)]
    info = {**record.info, "models": models}
    return Marked.of(Record(record.folder, info, record.results, record.curves, record.maps, record.photos))


PREFIX = "The prefix module. of the checkpoint's names was removed"
TAKEN = "The network returns a tuple: its first tensor output[0] is taken"


@pytest.mark.parametrize(
    ("notes", "lines"),
    [
        (["", ""], []),
        (["", TAKEN], [f"squeezenet1_1: {TAKEN}"]),
        ([PREFIX, TAKEN], [f"resnet18: {PREFIX}", f"squeezenet1_1: {TAKEN}"]),
        (["A tuple: its first tensor"] * 2, ["resnet18 and squeezenet1_1: A tuple: its first tensor"]),
    ],
)
def test_what_is_taken_of_networks_is_said_in_few_lines(eight: Marked, notes: list[str], lines: list[str]) -> None:
    """Beside the accuracy; eight settings still fit in sixty lines, as notes and warnings share theirs."""
    shown = printed(noted(eight, notes)).splitlines()
    assert len(shown) <= 60 - 3
    assert [line.strip() for line in shown if "prefix" in line or "tuple" in line] == lines
    assert network_notes(noted(eight, notes).board.record.info) == lines


def test_many_notes_are_counted(eight: Marked) -> None:
    marked = noted(eight, [f"{PREFIX}; 12 tensors outside the network left out (a, b, c, ...)", TAKEN])
    assert "1 more note: see the report" in printed(marked)
    assert TAKEN not in printed(marked)
    assert TAKEN in printed(marked, verbose=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([], ""),
        (["with", "with"], ""),
        (["without"], "The order of the rest stays in 1 of 1 change of one method."),
        (["without", "with"], "The order of the rest stays in 2 of 2 changes of one method."),
    ],
)
def test_two_methods_have_no_rest(changes: list[Change], sentence: str) -> None:
    assert stability_text([OrderCase(change, "random", 1, (), "a") for change in changes], brief=True) == sentence
    assert bool(stability_text([OrderCase(change, "random", 1, (), "a") for change in changes])) == bool(sentence)


def test_what_the_run_did(single: Record) -> None:
    assert work(single.info).startswith("2,016 maps (776 duplicates scored once), 1,234 forward passes, 62 s (nothing")


def test_printing_a_run_says_the_answer_the_failures_and_the_folder(plain: Record) -> None:
    text = str(Run(plain))
    assert text.startswith("This run compares 5 methods and 2 controls on tinynet")
    assert "\nBest overall: " in text
    assert "values failed: layercam (RuntimeError: out of memory)" in text
    assert text.endswith(f"\nFolder: {plain.folder}")
    assert len(text.splitlines()) <= 8
    assert repr(Run(plain)) == f"Run.load({str(plain.folder)!r})"


def test_a_run_without_labels_or_probes_says_so_in_whole_sentences(plain: Record) -> None:
    info = {**plain.info, "accuracy": [{**row, "labelled": 0, "right": 0} for row in plain.info["accuracy"]]}
    assert accuracy(info) == ["No image has a label that a network knows, so the networks' accuracy is unknown."]
    assert accuracy(plain.info)[0].startswith("Accuracy of tinynet: 10 of 12")
    quiet = {**plain.info, "work": {**plain.info["work"], "maps_asked": 0, "maps_scored": 0}}
    assert work(plain.info).startswith("2,016 maps")
    assert work(quiet).startswith("1,234 forward passes, ")


def with_twins(record: Record, twins: list[str]) -> Record:
    info = {**record.info, "study": {**record.info["study"], "twins": twins}}
    return Record(record.folder, info, record.results, record.curves, record.maps, record.photos)


def test_controls_of_twins_are_counted_and_not_listed(tmp_path: Path) -> None:
    """A control that is named is a row; the gaps of those that are not listed are not told of either."""
    controls = ("random", "inverted(of=gradcam)", "inverted(of=layercam)", "coarse(of=gradcam)")
    record = fake_record(tmp_path, Fake(layers=["last"], methods=["gradcam", "layercam"], controls=controls))
    results = record.results.copy()
    for name, reason in (("inverted(of=gradcam)", "as planted"), ("coarse(of=gradcam)", "too small")):
        results.loc[results["method"] == name, ["status", "value", "reason"]] = ["not_applicable", None, reason]
    record = Record(tmp_path, record.info, results, record.curves, record.maps, record.photos)
    marked = Marked.of(with_twins(record, ["inverted"]))
    text = printed(marked, 200)
    assert "Not listed: 2 controls of twins (inverted maps of the methods). See the report, or --verbose." in text
    assert "inverted(of" not in text
    assert "as planted" not in text
    assert "random" in text
    assert "coarse(of=gradcam)" in text
    assert "coarse(of=gradcam): not applicable: too small" in text
    verbose = printed(marked, 200, verbose=True)
    assert all(name in verbose for name in controls)
    assert "Not listed" not in verbose
    assert "inverted(of=layercam)" in printed(Marked.of(record), 200), "the study has no twins"


def test_a_study_of_several_scores_says_how_much_they_matter(tmp_path: Path, eight: Marked) -> None:
    scores = ("", "(score=probability)", "(score=contrast)")
    methods = [f"{name}{score}" for name in ("gradcam", "layercam") for score in scores]
    record = fake_record(tmp_path, Fake(methods=methods))
    results = record.results.copy()
    turned = (results["metric"] == "insertion") & results["method"].str.endswith("(score=probability)")
    results.loc[turned, "value"] = 1 - results.loc[turned, "value"]
    marked = Marked.of(Record(tmp_path, record.info, results, record.curves, record.maps, record.photos))
    lines = printed(marked).splitlines()
    text = " ".join(" ".join(lines).split())
    taus = marked.board.score_agreement.dropna(subset=["tau"]).groupby("score")["tau"]
    low, middle, high = taus.min(), taus.median(), taus.max()
    assert low["probability"] < high["probability"]
    assert low["contrast"] == high["contrast"]
    spans = [f"probability {middle['probability']:.2f} ({low['probability']:.2f} to {high['probability']:.2f})"]
    spans.append(f"contrast {middle['contrast']:.2f}")
    counts = sorted(set(taus.count()))
    over = f"median and range over {' to '.join(map(str, counts))} comparisons"
    sentence = (
        f"Explained score: Kendall's tau of the methods' order with that under logit ({over}; 1 is the same order)"
    )
    assert f"{sentence}: {', '.join(spans)}." in text
    (first,) = [place for place, line in enumerate(lines) if line.startswith("Explained score")]
    assert lines[first + 3].startswith("Accuracy of"), "three lines of 80 columns"
    assert "Explained score" in " ".join(printed(marked, verbose=True).split())
    assert score_text(eight.board) == ""


def test_a_warning_names_its_network_once(single: Record) -> None:
    for warning, sentence in (
        ("tinynet returns numbers that sum to 1", "Tiny Net returns numbers that sum to 1"),
        ("random weights", "Tiny Net: random weights"),
    ):
        models = [{**model, "warning": warning, "title": "Tiny Net"} for model in single.info["models"]]
        info = {**single.info, "models": models, "warnings": [warning, "the data are odd"]}
        record = Record(single.folder, info, single.results, single.curves, single.maps, single.photos)
        assert loud(Marked.of(record).board)[:2] == [sentence, "the data are odd"]
